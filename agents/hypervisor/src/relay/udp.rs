//! Forwarding of datagrams between the machines of a network and the engine.
//!
//! Each address of a machine that sends gets a socket of its own towards the engine, as a home router does it, until
//! neither side has used it for a while. What the system hands over as a train of equal datagrams is passed on as such,
//! so bulk output costs few system calls. Datagrams that can't be sent are lost, as datagrams are.
//!
//! That nobody listens at the engine's port right now changes nothing: the way stays, and when the engine is back at the
//! same port, whatever it answers to the packets of an old connection (QUIC's stateless reset) goes to the agent that
//! sent them.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A way that neither side has used for so long is given up. Agents send more often than that.
const IDLE: Duration = Duration::from_secs(120);
/// Ways at a time; a machine has one or two.
const WAYS: usize = 1024;
/// The longest datagram, or train of datagrams.
const LONGEST: usize = 64 << 10;
/// Datagrams, or trains, that are taken at a time.
const BATCH: usize = 4;
/// Bytes that wait in a socket while the relay is busy. The system counts more than the datagrams' own bytes, so that
/// its default is full after a few trains.
const BUFFER: usize = 4 << 20;

/// A socket that sends and receives trains of datagrams.
#[derive(Debug)]
struct Socket {
    socket: UdpSocket,
    state: UdpSocketState,
}

/// The way of one address of a machine.
#[derive(Debug)]
struct Way {
    engine: SocketAddr,
    upstream: Arc<Socket>,
    used: Arc<Used>,
}

/// When a way was used last, in milliseconds since it was opened.
#[derive(Debug)]
struct Used {
    opened: Instant,
    last: AtomicU64,
}

/// The forwarder of a network.
pub(super) struct Forwarder {
    downstream: Arc<Socket>,
    engine: watch::Receiver<Option<SocketAddr>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Forwarder {
    pub(super) fn new(
        socket: std::net::UdpSocket,
        engine: watch::Receiver<Option<SocketAddr>>,
        stop: CancellationToken,
        tasks: TaskTracker,
    ) -> io::Result<Self> {
        let downstream = Arc::new(Socket::new(UdpSocket::from_std(socket)?)?);
        Ok(Self { downstream, engine, stop, tasks })
    }

    /// Forwards until told to stop.
    pub(super) async fn run(self) {
        let (expired, mut expiries) = mpsc::unbounded_channel();
        let mut ways: HashMap<SocketAddr, Way> = HashMap::new();
        let mut trains = Trains::new();
        loop {
            let count = tokio::select! {
                () = self.stop.cancelled() => return,
                Some(machine) = expiries.recv() => {
                    ways.remove(&machine);
                    continue;
                }
                received = self.downstream.receive(&mut trains) => match received {
                    Ok(count) => count,
                    Err(error) => {
                        tracing::debug!(%error, "receiving from the machines");
                        continue;
                    }
                },
            };
            for index in 0..count {
                let (meta, datagrams) = trains.get(index);
                let Some(way) = self.way(&mut ways, meta.addr, &expired).await else { continue };
                way.used.now();
                way.upstream.send(way.engine, meta, datagrams).await;
            }
        }
    }

    /// The way of a machine's address, opened where it is new.
    async fn way<'a>(
        &self,
        ways: &'a mut HashMap<SocketAddr, Way>,
        machine: SocketAddr,
        expired: &mpsc::UnboundedSender<SocketAddr>,
    ) -> Option<&'a Way> {
        if !ways.contains_key(&machine) {
            if ways.len() >= WAYS {
                tracing::warn!(%machine, "a machine uses too many ports; its datagrams are dropped");
                return None;
            }
            match self.open(machine, expired.clone()).await {
                Ok(way) => ways.insert(machine, way),
                Err(error) => {
                    tracing::warn!(%machine, %error, "no socket towards the engine");
                    return None;
                }
            };
        }
        ways.get(&machine)
    }

    async fn open(&self, machine: SocketAddr, expired: mpsc::UnboundedSender<SocketAddr>) -> io::Result<Way> {
        let engine = *self.engine.borrow();
        let engine = engine.ok_or_else(|| io::Error::other("the engine's address is not known yet"))?;
        let any: SocketAddr = match engine {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(engine).await?;
        let upstream = Arc::new(Socket::new(socket)?);
        let used = Arc::new(Used { opened: Instant::now(), last: AtomicU64::new(0) });
        let back = Back {
            machine,
            upstream: upstream.clone(),
            downstream: self.downstream.clone(),
            used: used.clone(),
            expired,
        };
        self.tasks.spawn(self.stop.clone().run_until_cancelled_owned(back.run()));
        Ok(Way { engine, upstream, used })
    }
}

/// The way back to one machine.
struct Back {
    machine: SocketAddr,
    upstream: Arc<Socket>,
    downstream: Arc<Socket>,
    used: Arc<Used>,
    expired: mpsc::UnboundedSender<SocketAddr>,
}

impl Back {
    /// Forwards until neither side has used the way for long.
    async fn run(self) {
        let mut trains = Trains::new();
        let mut deadline = self.used.expiry();
        loop {
            tokio::select! {
                received = self.upstream.receive(&mut trains) => match received {
                    Ok(count) => {
                        self.used.now();
                        for index in 0..count {
                            let (meta, datagrams) = trains.get(index);
                            self.downstream.send(self.machine, meta, datagrams).await;
                        }
                    }
                    // The engine is not there right now; it may come back, and the machine decides when to give up.
                    Err(error) => tracing::debug!(%error, "receiving from the engine"),
                },
                () = tokio::time::sleep_until(deadline) => {
                    deadline = self.used.expiry();
                    if deadline <= Instant::now() {
                        // The forwarder listens for as long as its tasks run.
                        let _ = self.expired.send(self.machine);
                        return;
                    }
                }
            }
        }
    }
}

impl Used {
    fn now(&self) {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(elapsed, Ordering::Relaxed);
    }

    fn expiry(&self) -> Instant {
        self.opened + Duration::from_millis(self.last.load(Ordering::Relaxed)) + IDLE
    }
}

impl Socket {
    fn new(socket: UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        // Root may exceed the system's limit. Less room is no reason to give up: then more has to be sent again.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            let _ = state.set_recv_buffer_size((&socket).into(), BUFFER);
        }
        let _ = state.set_send_buffer_size((&socket).into(), BUFFER);
        Ok(Self { socket, state })
    }

    async fn receive(&self, trains: &mut Trains) -> io::Result<usize> {
        self.socket
            .async_io(Interest::READABLE, || {
                let mut buffers = trains.buffers.each_mut().map(|buffer| IoSliceMut::new(buffer));
                self.state.recv((&self.socket).into(), &mut buffers, &mut trains.metas)
            })
            .await
    }

    async fn send(&self, destination: SocketAddr, meta: &RecvMeta, datagrams: &[u8]) {
        let stride = meta.stride.max(1);
        for contents in datagrams.chunks(stride * self.state.max_gso_segments()) {
            let segment_size = (contents.len() > stride).then_some(stride);
            let transmit = Transmit { destination, ecn: meta.ecn, contents, segment_size, src_ip: None };
            let mut sent = self.try_send(&transmit).await;
            if sent.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
                // That is about an earlier datagram, and this one was not sent.
                sent = self.try_send(&transmit).await;
            }
            if let Err(error) = sent {
                tracing::trace!(%destination, %error, "datagram lost");
            }
        }
    }

    async fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let send = || self.state.try_send((&self.socket).into(), transmit);
        self.socket.async_io(Interest::WRITABLE, send).await
    }
}

/// Room for what is received at a time.
struct Trains {
    buffers: [Vec<u8>; BATCH],
    metas: [RecvMeta; BATCH],
}

impl Trains {
    fn new() -> Self {
        Self { buffers: std::array::from_fn(|_| vec![0; LONGEST]), metas: [RecvMeta::default(); BATCH] }
    }

    fn get(&self, index: usize) -> (&RecvMeta, &[u8]) {
        let meta = &self.metas[index];
        (meta, &self.buffers[index][..meta.len])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; LONGEST];
        let (length, from) =
            tokio::time::timeout(LIMIT, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    struct Lab {
        engine: UdpSocket,
        relay: SocketAddr,
        address: watch::Sender<Option<SocketAddr>>,
        stop: CancellationToken,
        tasks: TaskTracker,
    }

    async fn lab() -> Lab {
        let engine = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let relay = socket.local_addr().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let to = engine.local_addr().unwrap();
        let (address, _) = watch::channel(Some(to));
        let engine_at = address.subscribe();
        tasks.spawn(Forwarder::new(socket, engine_at, stop.clone(), tasks.clone()).unwrap().run());
        tasks.close();
        Lab { engine, relay, address, stop, tasks }
    }

    #[tokio::test]
    async fn datagrams_go_both_ways_and_stay_apart() {
        let lab = lab().await;
        let machines =
            [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let mut seen = Vec::new();
        for (number, machine) in machines.iter().enumerate() {
            for text in [format!("hello from {number}"), format!("again from {number}")] {
                machine.send_to(text.as_bytes(), lab.relay).await.unwrap();
                let (content, from) = receive(&lab.engine).await;
                assert_eq!(content, text.as_bytes());
                seen.push(from);
            }
        }
        assert_eq!(seen[0], seen[1], "one way per machine");
        assert_ne!(seen[0], seen[2], "and each machine its own");
        for (machine, way) in machines.iter().zip([seen[0], seen[2]]) {
            lab.engine.send_to(way.to_string().as_bytes(), way).await.unwrap();
            let (content, from) = receive(machine).await;
            assert_eq!((content, from), (way.to_string().into_bytes(), lab.relay));
        }
        lab.stop.cancel();
        tokio::time::timeout(LIMIT, lab.tasks.wait()).await.unwrap();
    }

    #[tokio::test]
    async fn trains_arrive_as_the_datagrams_that_they_are() {
        let lab = lab().await;
        let machine = Socket::new(UdpSocket::bind("127.0.0.1:0").await.unwrap()).unwrap();
        let content: Vec<u8> = (0..5u8).flat_map(|number| vec![number; 1200]).collect();
        let meta = RecvMeta { stride: 1200, len: content.len() - 700, ..RecvMeta::default() };
        machine.send(lab.relay, &meta, &content[..meta.len]).await;
        for number in 0..5u8 {
            let (content, _) = receive(&lab.engine).await;
            assert_eq!(content, vec![number; if number == 4 { 500 } else { 1200 }]);
        }
    }

    /// Sends until something arrives: what was refused meanwhile is lost, as datagrams are.
    async fn send_until_received(machine: &UdpSocket, relay: SocketAddr, engine: &UdpSocket) -> SocketAddr {
        let mut buffer = [0; 16];
        let arrived = async {
            loop {
                machine.send_to(b"packet", relay).await.unwrap();
                let wait = Duration::from_millis(50);
                if let Ok(Ok((_, from))) = tokio::time::timeout(wait, engine.recv_from(&mut buffer)).await {
                    return from;
                }
            }
        };
        tokio::time::timeout(LIMIT, arrived).await.unwrap()
    }

    #[tokio::test]
    async fn an_engine_that_was_away_finds_the_same_ways_and_resets_the_right_agent() {
        let lab = lab().await;
        let address = lab.engine.local_addr().unwrap();
        let machines =
            [UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap()];
        let mut ways = Vec::new();
        for machine in &machines {
            ways.push(send_until_received(machine, lab.relay, &lab.engine).await);
        }
        drop(lab.engine);
        for machine in &machines {
            for _ in 0..5 {
                machine.send_to(b"lost", lab.relay).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
        let engine = UdpSocket::bind(address).await.unwrap();
        for (machine, way) in machines.iter().zip(&ways) {
            // The next packet of a connection that the new engine does not know, and its answer.
            assert_eq!(send_until_received(machine, lab.relay, &engine).await, *way, "the way is the same");
            engine.send_to(way.to_string().as_bytes(), way).await.unwrap();
            assert_eq!(receive(machine).await, (way.to_string().into_bytes(), lab.relay));
        }
    }

    #[tokio::test]
    async fn new_connections_go_where_the_engine_is_now() {
        let lab = lab().await;
        let (old, new) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        send_until_received(&old, lab.relay, &lab.engine).await;
        let moved = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        lab.address.send_replace(Some(moved.local_addr().unwrap()));
        send_until_received(&new, lab.relay, &moved).await;
        send_until_received(&old, lab.relay, &lab.engine).await;
    }
}
