//! Plans for tests.

use std::net::Ipv4Addr;

use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan, NetworkPlan};

pub(crate) fn cluster(name: &str, hosts: u8) -> ClusterPlan {
    ClusterPlan {
        external: false,
        hypervisor: None,
        name: name.to_owned(),
        network: NetworkPlan {
            name: format!("{name}_net"),
            bridge_name: format!("br_{name}"),
            ip: Ipv4Addr::new(192, 168, 127, 1),
            prefix: 24,
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::Nat,
        },
        hosts: (1..=hosts).map(host).collect(),
    }
}

fn host(number: u8) -> HostPlan {
    HostPlan {
        name: format!("m{number}.xrd.test"),
        ip: Ipv4Addr::new(192, 168, 127, 10 + number),
        mac: format!("52:54:00:00:00:{number:02x}"),
        uuid: None,
        ram_kib: 256 << 10,
        arch: None,
        boot_image: None,
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: Vec::new(),
        in_dns: true,
        disks: Vec::new(),
    }
}

pub(crate) fn disk(name: &str, at: &str) -> DiskPlan {
    DiskPlan {
        name: name.to_owned(),
        bytes: 1 << 30,
        device: "vda".to_owned(),
        mount_point: at.to_owned(),
        cache: false,
    }
}
