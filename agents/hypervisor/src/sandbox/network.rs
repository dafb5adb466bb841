//! The network of an instance: a bridge in a namespace of its own, and a cable to each machine's namespace.

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;

use xrdtest_model::plan::{ClusterPlan, HostPlan, NetworkPlan};

use super::error::SandboxError;
use super::namespace;
use crate::provider::RelaySockets;
use crate::relay::{AGENT_PORT, HTTP_PORT};

/// Makes the calling thread's network namespace the instance's, with its bridge and the relay's sockets.
pub(crate) fn create(network: &NetworkPlan) -> Result<(OwnedFd, RelaySockets), SandboxError> {
    let namespace =
        namespace::new_network().map_err(|e| SandboxError::step("make a network namespace", e))?;
    let (bridge, ip, prefix) = (&network.bridge_name, network.ip, network.prefix);
    let commands = format!(
        "link set lo up\n\
         link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n\
         link set {bridge} addrgenmode none\n\
         addr add {ip}/{prefix} dev {bridge}\n\
         link set {bridge} up\n"
    );
    batch(&format!("network {}", network.name), &commands)?;
    Ok((namespace, sockets(network.ip)?))
}

fn sockets(ip: Ipv4Addr) -> Result<RelaySockets, SandboxError> {
    let fail =
        |port: u16| move |error| SandboxError::step(format!("listen at {ip}:{port} for the machines"), error);
    let udp = UdpSocket::bind((ip, AGENT_PORT)).map_err(fail(AGENT_PORT))?;
    let tcp = TcpListener::bind((ip, HTTP_PORT)).map_err(fail(HTTP_PORT))?;
    udp.set_nonblocking(true).map_err(fail(AGENT_PORT))?;
    tcp.set_nonblocking(true).map_err(fail(HTTP_PORT))?;
    Ok(RelaySockets { udp, tcp })
}

/// Lays the cables: one end at the bridge, the other as `eth0` in each machine's namespace, in the order of the hosts.
/// The calling thread is in the instance's namespace.
pub(crate) fn connect(cluster: &ClusterPlan, machines: &[Arc<OwnedFd>]) -> Result<(), SandboxError> {
    let bridge = &cluster.network.bridge_name;
    let mut commands = String::new();
    for (number, (host, namespace)) in cluster.hosts.iter().zip(machines).enumerate() {
        let (mac, namespace) = (&host.mac, namespace::path_of(namespace));
        commands.push_str(&format!(
            "link add port{number} type veth peer name eth0 address {mac} netns {}\n\
             link set port{number} master {bridge} addrgenmode none up\n",
            namespace.display()
        ));
    }
    batch(&format!("network {}", cluster.network.name), &commands)
}

/// Sets up the machine's end. The calling thread is in the machine's namespace.
pub(crate) fn configure(network: &NetworkPlan, host: &HostPlan) -> Result<(), SandboxError> {
    let (ip, prefix) = (host.ip, network.prefix);
    let commands = format!(
        "link set lo up\n\
         link set eth0 addrgenmode none\n\
         addr add {ip}/{prefix} broadcast + dev eth0\n\
         link set eth0 up\n"
    );
    batch(&format!("machine {}", host.name), &commands)
}

/// Many commands of `ip` in one process, which takes the namespace of the calling thread.
fn batch(of: &str, commands: &str) -> Result<(), SandboxError> {
    let start = |error| SandboxError::step("run `ip` (Debian package iproute2)", error);
    let mut child = Command::new("ip")
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(start)?;
    let sent = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(commands.as_bytes()));
    let output = child.wait_with_output().map_err(start)?;
    if output.status.success() && sent.is_ok() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(SandboxError::Network { of: of.to_owned(), output: said.trim().to_owned() })
}
