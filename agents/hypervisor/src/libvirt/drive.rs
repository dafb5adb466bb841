//! The small read-only drive that brings a machine its agent: a FAT file system with the label `CIDATA`, as cloud-init's
//! data source NoCloud wants it. What is on it is described in `packaging/image/start`.

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use serde::Serialize;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan};

use super::error::{LibvirtError, OnFile};
use crate::relay::{AGENT_PORT, HTTP_PORT};

const START: &str = include_str!("../../../../packaging/image/start");
const UNIT: &str = include_str!("../../../../packaging/image/xrdtest-machine.service");
const USER_DATA: &str = include_str!("../../../../packaging/image/user-data");

/// Room for the file system itself, and for the small files.
const OVERHEAD: u64 = 2 << 20;

/// The slave agent's configuration file.
#[derive(Debug, Serialize)]
struct SlaveConfig {
    engine: String,
    join_token_file: &'static str,
    set_clock: bool,
    tags: Tags,
}

#[derive(Debug, Serialize)]
struct Tags {
    port: String,
    proto: &'static str,
    diskmounts: String,
}

fn slave_config(engine: Ipv4Addr, disks: &[DiskPlan]) -> Result<String, toml::ser::Error> {
    toml::to_string(&SlaveConfig {
        engine: format!("{engine}:{AGENT_PORT}"),
        join_token_file: "/etc/xrdtest/token",
        set_clock: true,
        tags: Tags { port: HTTP_PORT.to_string(), proto: "http", diskmounts: diskmounts(disks) },
    })
}

/// The @diskmounts@ of a machine. Disks are known by their serial number: the guest may call them otherwise than the
/// definition does. One that was never used gets its file system first.
fn diskmounts(disks: &[DiskPlan]) -> String {
    let mount = |disk: &DiskPlan| {
        let (device, at) =
            (format!("/dev/disk/by-id/virtio-{}", serial(&disk.name)), quote(&disk.mount_point));
        format!(
            "mkdir -p {at}; mountpoint -q {at} || {{ blkid {device} > /dev/null || \
             mkfs.ext4 -q -E nodiscard {device}; mount -t ext4 -o user_xattr {device} {at}; }}\n\
             if [ -n \"${{XROOTD_USER:-}}\" ]; then chown \"$XROOTD_USER:${{XROOTD_GROUP:-}}\" {at}; fi"
        )
    };
    disks.iter().map(mount).collect::<Vec<_>>().join("\n")
}

/// The serial number of a disk: virtio's have 20 characters.
pub(super) fn serial(disk: &str) -> String {
    disk.chars().filter(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).take(20).collect()
}

/// A word for the shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Makes the drive's content as a file in `folder`; answers its bytes.
pub(super) fn make(
    folder: &Path,
    agent: &Path,
    cluster: &ClusterPlan,
    host: &HostPlan,
    instance: &str,
    token: &str,
) -> Result<Vec<u8>, LibvirtError> {
    let config = slave_config(cluster.network.ip, &host.disks).map_err(|error| {
        LibvirtError::Unsuitable(format!("the agent's configuration can't be written: {error}"))
    })?;
    let program = fs::metadata(agent).on("find the slave agent", agent)?.len();
    let image = folder.join("drive");
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&image);
    file.and_then(|file| file.set_len((program + OVERHEAD).next_multiple_of(1 << 20))).on("write", &image)?;
    let path = image.to_string_lossy().into_owned();
    mtools("mformat", &["-i", &path, "-v", "CIDATA", "::"], None)?;
    mtools("mmd", &["-i", &path, "::/xrdtest"], None)?;
    let meta = format!("instance-id: {instance}-{}\nlocal-hostname: {}\n", host.name, host.name);
    for (name, content) in [
        ("meta-data", meta.as_str()),
        ("user-data", USER_DATA),
        ("xrdtest/start", START),
        ("xrdtest/xrdtest-machine.service", UNIT),
        ("xrdtest/slave.toml", &config),
        ("xrdtest/token", token),
    ] {
        mtools("mcopy", &["-i", &path, "-", &format!("::/{name}")], Some(content))?;
    }
    mtools("mcopy", &["-i", &path, &agent.to_string_lossy(), "::/xrdtest/xrdtest-slave"], None)?;
    let bytes = fs::read(&image).on("read", &image);
    fs::remove_file(&image).on("remove", &image)?;
    bytes
}

fn mtools(program: &'static str, arguments: &[&str], input: Option<&str>) -> Result<(), LibvirtError> {
    let failed = |what: String| LibvirtError::Program { program, package: "mtools", what };
    let mut command = Command::new(program);
    // It asks nothing, and knows no other drives.
    command.args(arguments).env("MTOOLSRC", "/dev/null").env("MTOOLS_SKIP_CHECK", "1");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("can't be run: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // An error in writing is seen by its exit code.
        let _ = stdin.write_all(input.unwrap_or_default().as_bytes());
    }
    let output = child.wait_with_output().map_err(|error| failed(format!("can't be waited for: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("refuses: {}", words.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(name: &str, at: &str) -> DiskPlan {
        DiskPlan {
            name: name.to_owned(),
            bytes: 1 << 30,
            device: "vda".to_owned(),
            mount_point: at.to_owned(),
            cache: false,
        }
    }

    #[test]
    fn serial_numbers_fit() {
        assert_eq!(serial("disk1"), "disk1");
        assert_eq!(serial("a disk with a very long name"), "adiskwithaverylongna");
    }

    #[test]
    fn disks_are_mounted_by_their_serial_numbers() {
        let text = diskmounts(&[disk("disk1", "/data"), disk("d2", "/it's")]);
        assert!(text.contains("/dev/disk/by-id/virtio-disk1 '/data'"), "{text}");
        assert!(text.contains("mkdir -p '/it'\\''s'"), "{text}");
        let config = slave_config("192.168.1.1".parse().unwrap(), &[]).unwrap();
        assert!(config.contains("engine = \"192.168.1.1:20220\""), "{config}");
    }
}
