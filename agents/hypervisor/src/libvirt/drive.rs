//! The small read-only drive that brings a machine its agent: a FAT file system with the label `CIDATA`, as cloud-init's
//! data source NoCloud wants it. What is on it is described in `packaging/image/start`.

use std::io::{self, Cursor, Write};
use std::net::Ipv4Addr;

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions};
use serde::Serialize;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan};

use super::error::LibvirtError;
use crate::relay::{AGENT_PORT, HTTP_PORT};

const START: &str = include_str!("../../../../packaging/image/start");
const UNIT: &str = include_str!("../../../../packaging/image/xrdtest-machine.service");
const USER_DATA: &str = include_str!("../../../../packaging/image/user-data");

/// Cloud-init and the machines' own unit look for it.
const LABEL: &[u8; 11] = b"CIDATA     ";
/// Room for the file system itself, and for the small files.
const OVERHEAD: usize = 1 << 20;

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

/// The drive's content. `agent`: the agent's program.
pub(super) fn make(
    agent: &[u8],
    cluster: &ClusterPlan,
    host: &HostPlan,
    instance: &str,
    token: &str,
) -> Result<Vec<u8>, LibvirtError> {
    let config = slave_config(cluster.network.ip, &host.disks).map_err(|error| {
        LibvirtError::Unsuitable(format!("the agent's configuration can't be written: {error}"))
    })?;
    let meta = format!("instance-id: {instance}-{}\nlocal-hostname: {}\n", host.name, host.name);
    let files = [
        ("meta-data", meta.as_bytes()),
        ("user-data", USER_DATA.as_bytes()),
        ("xrdtest/start", START.as_bytes()),
        ("xrdtest/xrdtest-machine.service", UNIT.as_bytes()),
        ("xrdtest/slave.toml", config.as_bytes()),
        ("xrdtest/token", token.as_bytes()),
        ("xrdtest/xrdtest-slave", agent),
    ];
    file_system(&files)
        .map_err(|error| LibvirtError::Unsuitable(format!("the drive with the agent can't be made: {error}")))
}

/// A FAT file system with these files, and room for the small ones.
fn file_system(files: &[(&str, &[u8])]) -> io::Result<Vec<u8>> {
    let content: usize = files.iter().map(|(_, content)| content.len()).sum();
    let mut disk = Cursor::new(vec![0; (content + OVERHEAD).next_multiple_of(1 << 20)]);
    fatfs::format_volume(&mut disk, FormatVolumeOptions::new().volume_label(*LABEL))?;
    let system = FileSystem::new(&mut disk, FsOptions::new())?;
    let root = system.root_dir();
    for (path, content) in files {
        if let Some((folder, _)) = path.rsplit_once('/') {
            root.create_dir(folder)?;
        }
        root.create_file(path)?.write_all(content)?;
    }
    drop(root);
    system.unmount()?;
    Ok(disk.into_inner())
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
    fn the_drive_has_all_files() {
        let cluster = crate::libvirt::tests::cluster();
        let program = vec![7; 3 << 20];
        let drive = make(&program, &cluster, &cluster.hosts[0], "r1.0", "secret").unwrap();
        assert_eq!(drive.len() % (1 << 20), 0);
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("drive");
        std::fs::write(&image, &drive).unwrap();
        let mut blkid = std::process::Command::new("blkid");
        let blkid = blkid.args(["-p", "-o", "value", "-s", "LABEL"]).arg(&image);
        let label = blkid.output().expect("blkid, of Debian's util-linux");
        assert_eq!(String::from_utf8_lossy(&label.stdout), "CIDATA\n");
        let system = FileSystem::new(Cursor::new(drive), FsOptions::new()).unwrap();
        let read = |path: &str| {
            let mut text = Vec::new();
            io::Read::read_to_end(&mut system.root_dir().open_file(path).unwrap(), &mut text).unwrap();
            text
        };
        assert_eq!(read("xrdtest/xrdtest-slave"), program);
        assert_eq!(read("xrdtest/token"), b"secret");
        assert_eq!(read("meta-data"), b"instance-id: r1.0-ds1.xrd.test\nlocal-hostname: ds1.xrd.test\n");
        assert!(read("user-data").starts_with(b"#cloud-config\n"));
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
