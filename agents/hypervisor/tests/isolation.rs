//! What happens in a machine stays in it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::{Lab, cluster, instance};
use xrdtest_hypervisor::provider::Provider;

const M1: &str = "m1.xrd.test";

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_disks_clock_and_kernel_are_out_of_reach() {
    let lab = Lab::new().await;
    let id = instance("kernel");
    let _sockets = lab.start(&id, &cluster(1)).await.unwrap();
    let before = mounts();
    for script in [
        "mount /dev/vda /mnt",
        "mknod /tmp/disk b 254 0",
        "[ -e /dev/vda ] && mount /dev/vda /mnt",
        "mount -t tmpfs none /mnt",
        "mount -t devtmpfs none /mnt",
        "mount --bind /etc /mnt",
        "mount -o remount,rw /sys",
        "umount /proc/sysrq-trigger",
        "unshare -r -m mount -t tmpfs none /mnt",
        "unshare -U true",
        "nsenter -t 1 -m -- true && unshare -m true",
        "date -s '2001-01-01 00:00:00'",
        "hwclock -w",
        "reboot -f",
        "insmod /tmp/any.ko",
        "rmmod loop",
        "echo b > /proc/sysrq-trigger",
        "echo 1 > /proc/sys/kernel/panic",
        "echo core > /proc/sys/kernel/core_pattern",
        "echo 1 > /sys/class/net/lo/mtu",
        "dmesg",
        "cat /proc/kcore | head -c 1 | grep -q .",
        "swapoff -a && swapon /dev/vda",
        "renice -n -20 1",
        "chattr +i /etc/hostname",
        "python3 -c 'import os; os.open(\"/dev/mem\", os.O_RDONLY)'",
        "ls /sys/fs/cgroup/* | grep -q .",
    ] {
        lab.bad(&id, M1, script);
    }
    assert_eq!(mounts(), before);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert!(now > Duration::from_secs(1_500_000_000), "the clock was set");
    let block = lab.good(&id, M1, "find /dev -type b -o -type c -printf '%f\\n' | sort | tr '\\n' ' '");
    assert_eq!(block, "full null ptmx random tty urandom zero");
    assert!(lab.good(&id, M1, "ls /proc | grep -c '^[0-9]'").parse::<u32>().unwrap() < 10);
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
}

/// The calls themselves, as the programs above may fail for reasons of their own.
#[tokio::test(flavor = "multi_thread")]
#[cfg(target_arch = "x86_64")]
async fn dangerous_system_calls_are_refused() {
    let lab = Lab::new().await;
    let id = instance("calls");
    let _sockets = lab.start(&id, &cluster(1)).await.unwrap();
    let script = r#"
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(b"/proc", 256)
address = ctypes.addressof(buffer)
NEWUSER, NEWNS = 0x10000000, 0x00020000
calls = {
    "mount": (165, address, address, address, 0, address), "umount2": (166, address, 0),
    "swapon": (167, address, 0), "swapoff": (168, address),
    "reboot": (169, 0xfee1dead, 672274793, 0x89abcdef, 0),
    "init_module": (175, address, 1, address), "delete_module": (176, address, 0),
    "finit_module": (313, 0, address, 0), "settimeofday": (164, address, 0), "clock_settime": (227, 0, address),
    "adjtimex": (159, address), "kexec_load": (246, 0, 0, 0, 0), "syslog": (103, 3, address, 256),
    "bpf": (321, 0, address, 8), "perf_event_open": (298, address, 0, -1, -1, 0), "keyctl": (250, 0, -3, 0),
    "open_by_handle_at": (304, -100, address, 0), "unshare user": (272, NEWUSER), "unshare mount": (272, NEWNS),
    "clone user": (56, NEWUSER | 17, 0, 0, 0, 0), "pivot_root": (155, address, address),
    "acct": (163, address), "iopl": (172, 3),
}
for name, (number, *arguments) in calls.items():
    result = libc.syscall(number, *[ctypes.c_long(a) for a in arguments])
    said = errno.errorcode.get(ctypes.get_errno(), "?") if result < 0 else "worked"
    # A kernel without the call has no need to refuse it.
    if said not in ("EPERM", "ENOSYS"):
        print(name, said)
"#;
    assert_eq!(lab.good(&id, M1, &format!("python3 - <<'END'{script}END")), "");
    lab.sandbox.stop(&id).await.unwrap();
}

fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn useful_rights_are_there() {
    let lab = Lab::new().await;
    let id = instance("rights");
    let _sockets = lab.start(&id, &cluster(2)).await.unwrap();
    for script in [
        "chown nobody /tmp && chmod 700 /tmp && touch /tmp/still-writable",
        "su -s /bin/sh -c 'sleep 100 & echo $! > /dev/shm/pid' nobody; readlink /proc/$(cat /dev/shm/pid)/fd/1; \
         kill $(cat /dev/shm/pid)",
        "chroot / true",
        "ip link set eth0 down && ip link set eth0 up",
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); socket.create_server((\"\", 80))'",
        "setcap cap_net_raw+ep $(cp /bin/true /tmp/true; echo /tmp/true) || [ ! -x \"$(command -v setcap)\" ]",
    ] {
        lab.good(&id, M1, script);
    }
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_bomb_hits_its_own_limit() {
    let lab = Lab::with(|config| config.processes = 100).await;
    let id = instance("bomb");
    let _sockets = lab.start(&id, &cluster(2)).await.unwrap();
    let bomb = "python3 -c 'import os, time\nn = 0\nwhile True:\n try: pid = os.fork()\n except OSError: break\n \
                if pid == 0: os.close(1); os.close(2); time.sleep(1000)\n n += 1\nprint(n)'";
    let forked: usize = lab.good(&id, M1, bomb).parse().unwrap();
    assert!((50..100).contains(&forked), "{forked}");
    lab.sh(&id, M1, "true");
    assert!(support::processes(id.as_str()).len() < 150);
    assert_eq!(lab.good(&id, "m2.xrd.test", "echo fine"), "fine");
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_limited() {
    let lab = Lab::new().await;
    let id = instance("memory");
    let mut cluster = cluster(2);
    cluster.hosts[0].ram_kib = 64 << 10;
    let _sockets = lab.start(&id, &cluster).await.unwrap();
    lab.good(&id, M1, "python3 -c 'bytearray(16 << 20)'");
    let output = lab.sh(&id, M1, "python3 -c 'bytearray(200 << 20)'");
    assert_eq!(output.status.code(), Some(137), "{}", support::text(&output));
    lab.bad(&id, M1, "head -c 200M /dev/zero > /dev/shm/much");
    assert_eq!(lab.good(&id, M1, "echo fine"), "fine");
    lab.sandbox.stop(&id).await.unwrap();
    assert_eq!(lab.left(&id), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outside_of_the_network_is_reached() {
    let lab = Lab::new().await;
    let id = instance("outside");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _sockets = lab.start(&id, &cluster(1)).await.unwrap();
    lab.bad(&id, M1, &format!("timeout 5 bash -c '</dev/tcp/127.0.0.1/{port}'"));
    lab.bad(&id, M1, &format!("timeout 5 bash -c '</dev/tcp/192.168.127.1/{port}'"));
    lab.bad(&id, M1, "timeout 5 bash -c '</dev/tcp/192.0.2.1/80'");
    assert!(!Path::new("/sys/class/net/virbr_test").exists());
    // Abstract sockets belong to a network too, so those of this machine's daemons are not there either.
    assert_eq!(lab.good(&id, M1, "grep -c @ /proc/net/unix || true"), "0");
    lab.sandbox.stop(&id).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_this_process_holds_the_lifelines() {
    let lab = Lab::new().await;
    let id = instance("lifeline");
    let _sockets = lab.start(&id, &cluster(4)).await.unwrap();
    // A child that outlives us must not keep machines alive.
    let child = std::process::Command::new("sh").args(["-c", "ls /proc/$$/fd"]).output().unwrap();
    let open = String::from_utf8_lossy(&child.stdout).into_owned();
    assert_eq!(
        open.split_whitespace().filter(|number| number.parse::<u32>().unwrap() < 10).count(),
        3,
        "{open}"
    );
    lab.sandbox.stop(&id).await.unwrap();
}
