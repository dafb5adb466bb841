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

/// A new boot id.
pub fn fresh_boot_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
