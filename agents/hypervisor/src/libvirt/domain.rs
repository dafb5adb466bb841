//! A virtual machine as libvirt is told to make it.

use xrdtest_model::InstanceId;
use xrdtest_model::plan::HostPlan;

use super::names::Owner;
use super::probe::Accelerator;
use super::xml::Element;

/// All that makes a machine.
#[derive(Clone, Debug)]
pub(super) struct Machine<'a> {
    pub(super) owner: &'a Owner,
    pub(super) engine: &'a str,
    pub(super) instance: &'a InstanceId,
    pub(super) host: &'a HostPlan,
    pub(super) accelerator: Accelerator,
    /// Of this machine's processor.
    pub(super) native: &'a str,
    /// Program; libvirt's choice where there is none.
    pub(super) emulator: Option<&'a str>,
    /// Kernel and initial root file system; the image boots by itself where there is none.
    pub(super) boot: Option<Boot>,
    /// Path of the disk that it starts from; one that boots a kernel directly may have none.
    pub(super) root: Option<&'a str>,
    /// Path of the read-only drive with its agent.
    pub(super) drive: &'a str,
    /// Serial numbers and paths of further disks.
    pub(super) disks: &'a [(String, String)],
    /// File that its serial console goes to.
    pub(super) console: &'a str,
    /// With a screen, at the loopback interface of libvirt's machine.
    pub(super) vnc: bool,
}

/// Where a kernel that is booted directly finds its root, where its definition names no command line.
const ROOT: &str = "root=LABEL=root rw";

/// Kernel and initial root file system, by their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) kernel: String,
    pub(super) initrd: Option<String>,
}

impl Machine<'_> {
    /// Its definition.
    pub(super) fn definition(&self) -> Element {
        let arch = self.host.arch.as_deref().unwrap_or(self.native);
        let kvm = self.accelerator == Accelerator::Kvm && arch == self.native;
        let memory = Element::new("memory").with("unit", "KiB").text(self.host.ram_kib);
        let mut domain = Element::new("domain")
            .with("type", if kvm { "kvm" } else { "qemu" })
            .of(Element::new("name").text(self.owner.machine(self.instance, &self.host.name)));
        if let Some(uuid) = &self.host.uuid {
            domain = domain.of(Element::new("uuid").text(uuid));
        }
        domain
            .of(Element::new("title").text(&self.host.name))
            .of(self.owner.metadata(self.engine, self.instance, Some(&self.host.name)))
            .of(memory)
            .of(Element::new("vcpu").text(self.host.vcpus))
            .of(self.os(arch))
            // Others than PCs have it from firmware only, which a kernel that is booted directly does without.
            .of_all(is_pc(arch).then(|| Element::new("features").of(Element::new("acpi"))))
            .of(Element::new("cpu").with("mode", if kvm { "host-passthrough" } else { "maximum" }))
            .of(Element::new("clock").with("offset", "utc"))
            // What ends is not started again by itself: the run has to know.
            .of(Element::new("on_poweroff").text("destroy"))
            .of(Element::new("on_reboot").text("restart"))
            .of(Element::new("on_crash").text("destroy"))
            .of(self.devices(arch))
    }

    fn os(&self, arch: &str) -> Element {
        let machine = if is_pc(arch) { "q35" } else { "virt" };
        let mut os = Element::new("os")
            .of(Element::new("type").with("arch", arch).with("machine", machine).text("hvm"));
        if let Some(boot) = &self.boot {
            os = os
                .of(Element::new("kernel").text(&boot.kernel))
                .of_all(boot.initrd.iter().map(|initrd| Element::new("initrd").text(initrd)))
                .of(Element::new("cmdline").text(self.command_line(arch)));
        }
        os
    }

    /// What the kernel is told where it is booted directly.
    fn command_line(&self, arch: &str) -> String {
        // A kernel that panics ends its machine: the device for that is told before.
        let console = format!("console={} panic=-1", if is_pc(arch) { "ttyS0" } else { "ttyAMA0" });
        match (&self.host.cmdline, self.root) {
            (Some(written), _) => written.clone(),
            (None, Some(_)) => format!("{ROOT} {console}"),
            (None, None) => console,
        }
    }

    fn devices(&self, arch: &str) -> Element {
        let mut devices = Element::new("devices");
        if let Some(emulator) = self.host.emulator_path.as_deref().or(self.emulator) {
            devices = devices.of(Element::new("emulator").text(emulator));
        }
        devices = devices.of_all(self.root.map(|root| disk(root, "qcow2", 'a'))).of(drive(self.drive));
        for ((serial, path), letter) in self.disks.iter().zip('c'..='z') {
            devices = devices.of(disk(path, "qcow2", letter).of(Element::new("serial").text(serial)));
        }
        let interface = Element::new("interface")
            .with("type", "network")
            .of(Element::new("mac").with("address", &self.host.mac))
            .of(Element::new("source").with("network", self.owner.network(self.instance)))
            .of(Element::new("model").with("type", "virtio"))
            // Nobody boots from it, and its program costs a second on an emulated processor.
            .of(Element::new("rom").with("enabled", "no"));
        let console = Element::new("serial")
            .with("type", "pty")
            .of(Element::new("log").with("file", self.console).with("append", "off"))
            .of(Element::new("target").with("port", 0));
        let random = Element::new("rng")
            .with("model", "virtio")
            .of(Element::new("backend").with("model", "random").text("/dev/urandom"));
        devices = devices.of(interface).of(console).of(random);
        if self.vnc {
            let vnc = Element::new("graphics").with("type", "vnc").with("autoport", "yes");
            devices = devices.of(vnc.with("listen", "127.0.0.1")).of(screen());
        }
        if is_pc(arch) {
            devices = devices.of(Element::new("panic").with("model", "isa"));
        }
        devices.of(Element::new("memballoon").with("model", "none"))
    }
}

fn is_pc(arch: &str) -> bool {
    matches!(arch, "x86_64" | "i686")
}

fn screen() -> Element {
    Element::new("video").of(Element::new("model").with("type", "virtio"))
}

fn disk(path: &str, format: &str, letter: char) -> Element {
    Element::new("disk")
        .with("type", "file")
        .with("device", "disk")
        // What a machine writes is gone after its run: nobody needs it on the disk sooner.
        .of(Element::new("driver")
            .with("name", "qemu")
            .with("type", format)
            .with("cache", "unsafe")
            .with("discard", "unmap"))
        .of(Element::new("source").with("file", path))
        .of(Element::new("target").with("dev", format!("vd{letter}")).with("bus", "virtio"))
}

fn drive(path: &str) -> Element {
    Element::new("disk")
        .with("type", "file")
        .with("device", "disk")
        .of(Element::new("driver").with("name", "qemu").with("type", "raw"))
        .of(Element::new("source").with("file", path))
        .of(Element::new("target").with("dev", "vdb").with("bus", "virtio"))
        .of(Element::new("readonly"))
}
