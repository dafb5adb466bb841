//! What libvirt is told, held against its own schemas and kept as it is.

use std::io::Write;
use std::process::{Command, Stdio};

use xrdtest_model::definition::Forward;
use xrdtest_model::plan::{ClusterPlan, DiskPlan, HostPlan, NetworkPlan};

use super::domain::{Boot, Machine};
use super::names::Owner;
use super::probe::Accelerator;
use super::{images, network, volume};

pub(super) fn cluster() -> ClusterPlan {
    let host = |number: u8, name: &str| HostPlan {
        name: name.to_owned(),
        ip: [192, 168, 127, number].into(),
        mac: format!("52:54:00:00:00:{number:02x}"),
        uuid: None,
        ram_kib: 1 << 20,
        arch: None,
        boot_image: Some("debian12.qcow2".to_owned()),
        cache_boot_image: true,
        vcpus: 1,
        kernel: None,
        initrd: None,
        cmdline: None,
        emulator_path: None,
        aliases: vec!["data & more.xrd.test".to_owned()],
        in_dns: true,
        disks: vec![DiskPlan {
            name: "disk1".to_owned(),
            bytes: 20 << 30,
            device: "vda".to_owned(),
            mount_point: "/data".to_owned(),
            cache: false,
        }],
    };
    ClusterPlan {
        name: "cluster_002_frm".to_owned(),
        network: NetworkPlan {
            name: "frm_net".to_owned(),
            bridge_name: "virbr_frm".to_owned(),
            ip: [192, 168, 127, 1].into(),
            prefix: 24,
            dhcp_range: Some(([192, 168, 127, 2].into(), [192, 168, 127, 254].into())),
            lb_alias: Some(("lb.xrd.test".to_owned(), vec![[192, 168, 127, 11].into()])),
            forward: Forward::Nat,
        },
        hosts: vec![host(11, "ds1.xrd.test"), host(12, "ds2.xrd.test")],
        external: false,
        hypervisor: None,
    }
}

/// libvirt's own judgement of a document, by `virt-xml-validate`.
fn validate(document: &str, schema: &str) {
    let mut child = Command::new("virt-xml-validate")
        .args(["-", schema])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("virt-xml-validate, of Debian's libvirt-clients and libxml2-utils");
    child.stdin.take().unwrap().write_all(document.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}\n{document}", String::from_utf8_lossy(&said));
}

#[test]
fn a_network_is_valid() {
    let document = network::definition(&Owner::for_tests(), "0a1b", &"r1.0".into(), &cluster()).document();
    insta::assert_snapshot!(document);
    // A name with a blank is no host name for the schema; libvirt is not asked for one by definitions that are checked.
    validate(&document.replace("data &amp; more", "data"), "network");
    let mut isolated = cluster();
    isolated.network.forward = Forward::Isolated;
    let document = network::definition(&Owner::for_tests(), "0a1b", &"r1.0".into(), &isolated).document();
    assert!(!document.contains("<forward"), "{document}");
    validate(&document.replace("data &amp; more", "data"), "network");
}

#[test]
fn machines_are_valid() {
    let cluster = cluster();
    let disks = [("disk1".to_owned(), "/pool/disk1.qcow2".to_owned())];
    let boot = Boot {
        kernel: "/pool/debian12.vmlinuz".to_owned(),
        initrd: Some("/pool/debian12.initrd".to_owned()),
    };
    for (name, accelerator, arch, boot) in [
        ("emulated", Accelerator::Tcg, None, Some(boot.clone())),
        ("native", Accelerator::Kvm, None, None),
        ("foreign", Accelerator::Kvm, Some("aarch64"), Some(boot)),
    ] {
        let host = HostPlan { arch: arch.map(str::to_owned), ..cluster.hosts[0].clone() };
        let machine = Machine {
            owner: &Owner::for_tests(),
            engine: "0a1b",
            instance: &"r1.0".into(),
            host: &host,
            accelerator,
            native: "x86_64",
            emulator: None,
            boot,
            root: Some("/pool/root.qcow2"),
            drive: "/pool/drive.cidata",
            disks: &disks,
            console: "/var/lib/xrdtest/consoles/x.log",
            vnc: name == "native",
        };
        let document = machine.definition().document();
        insta::assert_snapshot!(name, document);
        validate(&document, "domain");
    }
}

#[test]
fn a_machine_of_a_kernel_alone_is_valid() {
    let host = HostPlan {
        boot_image: None,
        vcpus: 4,
        kernel: Some("tiny.vmlinuz".to_owned()),
        initrd: Some("tiny.initrd".to_owned()),
        ..cluster().hosts[0].clone()
    };
    let machine = Machine {
        owner: &Owner::for_tests(),
        engine: "0a1b",
        instance: &"r1.0".into(),
        host: &host,
        accelerator: Accelerator::Tcg,
        native: "x86_64",
        emulator: None,
        boot: Some(Boot { kernel: "/pool/tiny.vmlinuz".to_owned(), initrd: None }),
        root: None,
        drive: "/pool/drive.cidata",
        disks: &[],
        console: "/var/lib/xrdtest/consoles/x.log",
        vnc: false,
    };
    let document = machine.definition().document();
    insta::assert_snapshot!("kernel_alone", document);
    validate(&document, "domain");
    let quiet = HostPlan { cmdline: Some("console=ttyS0 quiet".to_owned()), ..host.clone() };
    let document = Machine { host: &quiet, ..machine }.definition().document();
    assert!(document.contains("<cmdline>console=ttyS0 quiet</cmdline>"), "{document}");
}

#[test]
fn volumes_are_valid() {
    let overlay = volume::overlay("a.qcow2", 1 << 30, "/pool/base.qcow2", "qcow2").document();
    insta::assert_snapshot!(overlay);
    validate(&overlay, "storagevol");
    validate(&volume::volume("b", 1, "raw").document(), "storagevol");
}

/// Against libvirt's own driver for tests, which is part of the library and needs no daemon.
#[test]
fn images_and_disks_in_a_pool() {
    let connect = virt::connect::Connect::open(Some("test:///default")).unwrap();
    let pool = images::pool(&connect, "default-pool").unwrap();
    let host = |image: Option<&str>, kernel: Option<&str>| HostPlan {
        boot_image: image.map(str::to_owned),
        kernel: kernel.map(str::to_owned),
        ..cluster().hosts[0].clone()
    };
    let refused = |host| images::sources(&pool, &host).unwrap_err().to_string();
    let missing = refused(host(Some("nothing.qcow2"), None));
    assert!(missing.contains("boot image nothing.qcow2 is not in storage pool default-pool"), "{missing}");
    let missing = refused(host(None, Some("nothing.vmlinuz")));
    assert!(missing.contains("kernel nothing.vmlinuz is not in storage pool default-pool"), "{missing}");
    let missing = refused(host(None, None));
    assert!(missing.contains("ds1.xrd.test names neither bootImage nor kernel"), "{missing}");
    let base = volume::volume("debian.qcow2", 1 << 30, "qcow2").document();
    virt::storage_vol::StorageVol::create_xml(&pool, &base, 0).unwrap();
    let debian = host(Some("debian.qcow2"), None);
    let sources = images::sources(&pool, &debian).unwrap();
    assert_eq!((sources.image.unwrap().bytes, sources.boot.is_some()), (1 << 30, false));
    for ending in ["vmlinuz", "initrd"] {
        let beside = volume::volume(&format!("debian.{ending}"), 1 << 20, "raw").document();
        virt::storage_vol::StorageVol::create_xml(&pool, &beside, 0).unwrap();
    }
    let boot = |host| images::sources(&pool, &host).unwrap().boot.unwrap();
    assert!(boot(debian).kernel.ends_with("debian.vmlinuz"));
    let diskless = boot(host(None, Some("debian.vmlinuz")));
    assert!(diskless.kernel.ends_with("debian.vmlinuz") && diskless.initrd.is_none());
    let kept = images::disk(&pool, "kept.qcow2", 1 << 20, true).unwrap();
    assert_eq!(images::disk(&pool, "kept.qcow2", 1 << 20, true).unwrap(), kept, "it is taken again");
    assert!(images::disk(&pool, "kept.qcow2", 1 << 20, false).is_err(), "it exists");
    let nowhere = images::pool(&connect, "nothing").unwrap_err().to_string();
    assert!(nowhere.contains("storage pool nothing does not exist, and default neither"), "{nowhere}");
    assert!(nowhere.contains("there are: default-pool"), "{nowhere}");
    let network = network::definition(&Owner::for_tests(), "0a1b", &"r1.0".into(), &cluster()).document();
    connect.create_network_xml(&network).unwrap();
}
