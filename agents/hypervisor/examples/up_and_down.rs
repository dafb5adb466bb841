//! How long machines take to come and go: `up_and_down [MACHINES [ROUNDS]]`, as root. Their PID 1 is a shell.
#![allow(clippy::print_stdout, reason = "its purpose")]

use std::error::Error;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use xrdtest_hypervisor::provider::{Provider, StartOrder};
use xrdtest_hypervisor::sandbox::{Sandbox, SandboxConfig};
use xrdtest_model::InstanceId;
use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{ClusterPlan, HostPlan, NetworkPlan};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<u8>());
    let (machines, rounds) = (number(8)?, number(5)?);
    let config = SandboxConfig {
        init: "/bin/sh".into(),
        init_arguments: vec!["-c".to_owned(), "while read -r line; do :; done".to_owned()],
        ..SandboxConfig::default()
    };
    let (sandbox, _gone) = Sandbox::open(config).await?;
    let cluster = Arc::new(cluster(machines));
    for round in 0..rounds {
        let instance = InstanceId::new(format!("bench-{}-{round}", std::process::id()));
        let (steps, _seen) = mpsc::unbounded_channel();
        let begin = Instant::now();
        let order = StartOrder {
            instance: instance.clone(),
            engine: "".into(),
            cluster: cluster.clone(),
            tokens: Vec::new(),
        };
        sandbox.start(order, steps).await?;
        let up = begin.elapsed();
        sandbox.stop(&instance).await?;
        println!("{machines} machines: up {up:.0?}, down {:.0?}", begin.elapsed() - up);
    }
    Ok(())
}

fn cluster(machines: u8) -> ClusterPlan {
    let host = |number: u8| HostPlan {
        name: format!("m{number}.xrd.test"),
        ip: Ipv4Addr::new(192, 168, 127, 10 + number),
        mac: format!("52:54:00:00:00:{number:02x}"),
        uuid: None,
        ram_kib: 1 << 20,
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
    };
    ClusterPlan {
        external: false,
        hypervisor: None,
        name: "bench".to_owned(),
        network: NetworkPlan {
            name: "bench_net".to_owned(),
            bridge_name: "virbr_bench".to_owned(),
            ip: Ipv4Addr::new(192, 168, 127, 1),
            prefix: 24,
            dhcp_range: None,
            lb_alias: None,
            forward: Forward::Nat,
        },
        hosts: (1..=machines).map(host).collect(),
    }
}
