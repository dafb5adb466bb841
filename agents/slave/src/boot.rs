//! Which life of the machine this is.

/// Names the boot in the environment of an agent whose machine shares its kernel with others.
pub const BOOT_ID_VARIABLE: &str = "XRDTEST_BOOT_ID";

/// A text that is another one after every start of this machine: from the environment where the machine's own first
/// process set it, else from the kernel.
///
/// # Errors
/// Where neither knows.
pub fn boot_id() -> std::io::Result<String> {
    if let Ok(id) = std::env::var(BOOT_ID_VARIABLE)
        && !id.is_empty()
    {
        return Ok(id);
    }
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What the boot ids of sandbox machines begin with.
const SANDBOX: &str = "sandbox-";

/// A new boot id for a sandbox machine.
pub fn sandbox_boot_id() -> String {
    format!("{SANDBOX}{}", uuid::Uuid::new_v4())
}

/// Whether this is the boot id of a sandbox machine: one that can't be booted, because it has no kernel of its own.
pub fn is_sandbox(boot_id: &str) -> bool {
    boot_id.starts_with(SANDBOX)
}
