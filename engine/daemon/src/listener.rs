//! Agents' connections: from the first packet to inputs of the core.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::{debug, info, warn};
use xrdtest_model::ids::EXTERNAL;
use xrdtest_model::size::human_bytes;
use xrdtest_model::{HypervisorName, MachineId};
use xrdtest_protocol::authority::{Authority, now_ms};
use xrdtest_protocol::client::{Receiver, Sender};
use xrdtest_protocol::message::{
    EngineToHypervisor, EngineToSlave, Hello, HypervisorToEngine, SlaveToEngine, Spoken,
};
use xrdtest_protocol::server::{Arrival, Link, Listener, PendingStream, greet};
use xrdtest_protocol::stream::{FetchReply, IncomingStream, StreamHeader};
use xrdtest_protocol::version;
use xrdtest_protocol::{Identity, JoinToken, ProtocolError};

use crate::command::{Command, HypervisorHello, SlaveHello};
use crate::context::Context;
use crate::fetch;
use crate::registry::Connected;
use crate::run_files::RunFiles;
use crate::uploads::{EvidenceFile, UploadError};

/// Output may exceed its limit by the mark that says how much was left out.
const MARK: u64 = 4096;

/// Accepts agents until the listener is closed.
pub(crate) async fn serve(listener: Arc<Listener>, context: Arc<Context>) {
    while let Some(incoming) = listener.accept().await {
        let context = context.clone();
        tokio::spawn(async move {
            let from = incoming.remote_address();
            let welcome = async { welcome(&context, greet(incoming).await?).await };
            match welcome.await {
                Ok(()) => {}
                Err(error @ ProtocolError::Full { .. }) => warn!(%from, %error, "an agent was turned away"),
                Err(error) => info!(%from, %error, "an agent's connection was not accepted"),
            }
        });
    }
}

async fn welcome(context: &Arc<Context>, arrival: Arrival) -> Result<(), ProtocolError> {
    let Some(version) = arrival.version() else {
        let (oldest, newest) = arrival.hello.versions();
        let (our_oldest, our_newest) = version::range();
        return arrival
            .refuse(format!(
                "it speaks protocol versions {oldest} to {newest}, this engine {our_oldest} to {our_newest}; \
                 install agent and engine of neighbouring releases"
            ))
            .await;
    };
    let issued = arrival.issued_ms;
    let joins = matches!(arrival.hello, Hello::Join { .. });
    let shown = arrival.identity.as_ref().filter(|_| !joins);
    if let Some(why) = shown.and_then(|identity| context.revocations.refusal(identity, issued)) {
        warn!(%why, from = %arrival.address, "an agent was refused");
        return arrival.refuse(why).await;
    }
    if let Some(identity) = shown {
        context.revocations.in_contact(identity, issued).await;
    }
    match (arrival.identity.clone(), arrival.hello.clone()) {
        (_, Hello::Join { token, request, .. }) => join(context, arrival, &token, &request).await,
        (Some(Identity::Slave(machine)), Hello::Slave { .. })
            if !machine.is_physical() && !context.runs.knows(&machine.instance) =>
        {
            arrival.refuse(format!("its instance {} is over", machine.instance)).await
        }
        (Some(Identity::Slave(machine)), Hello::Slave { software, boot_id, known, .. }) => {
            let hello = SlaveHello { software, boot_id, known };
            slave(context, (machine, issued), hello, arrival.accept(version).await?).await;
            Ok(())
        }
        (Some(Identity::Hypervisor(name)), Hello::Hypervisor { .. }) if name.as_str() == EXTERNAL => {
            arrival.refuse(format!("`{EXTERNAL}` stands for physical machines; give it another name")).await
        }
        (Some(Identity::Hypervisor(name)), Hello::Hypervisor { software, abilities, instances, .. }) => {
            let hello = HypervisorHello { software, abilities, instances };
            hypervisor(context, (name, issued), hello, arrival.accept(version).await?).await;
            Ok(())
        }
        (Some(identity), _) => {
            arrival.refuse(format!("its certificate is for {identity}, which has another role")).await
        }
        (None, _) => arrival.refuse("it has no certificate; it must join with a token first").await,
    }
}

async fn join(context: &Context, arrival: Arrival, token: &str, request: &str) -> Result<(), ProtocolError> {
    let began = now_ms();
    let taken = async {
        let token: JoinToken = token.parse()?;
        let key = Authority::request_key(request)?;
        context.tokens.take(&token, key, context.clock.now()).await
    };
    let identity = match taken.await {
        Ok(Some(identity)) => identity,
        Ok(None) => return arrival.refuse("the join token is unknown, used up or expired").await,
        Err(error) => return arrival.refuse(error.to_string()).await,
    };
    match context.authority.sign(request, &identity) {
        // The token was used while the agent's certificates were made void: this one is meant too.
        Ok(_) if context.revocations.refusal(&identity, began).is_some() => {
            arrival.refuse("the join token was made void just now").await
        }
        Ok(certificate) => {
            debug!(%identity, "joined");
            arrival.joined(certificate, context.authority.certificate().to_owned()).await
        }
        Err(error) => arrival.refuse(error.to_string()).await,
    }
}

/// What an agent's message means to its connection.
enum Heard {
    Command(Command),
    Goodbye,
    Unknown,
}

/// How a connection ended.
struct Farewell {
    /// The agent said goodbye.
    orderly: bool,
    /// How long nothing had been heard before.
    silence: Duration,
}

/// The connection of an agent after both hellos.
struct Conversation<Out, In> {
    link: Link,
    sender: Sender<Out>,
    receiver: Receiver<In>,
    outgoing: mpsc::UnboundedReceiver<Out>,
}

/// Sends messages in their order; those that are there at once travel together.
async fn say<Out>(mut sender: Sender<Out>, mut outgoing: mpsc::UnboundedReceiver<Out>)
where
    Out: Spoken + Send + 'static,
{
    while let Some(mut message) = outgoing.recv().await {
        loop {
            if let Err(error) = sender.feed(&message).await {
                // A broken connection is noticed by its reader; a message that is too long is worth a word.
                warn!(%error, "a message could not be sent");
            }
            match outgoing.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        let _ = sender.flush().await;
    }
}

impl<Out, In> Conversation<Out, In>
where
    Out: Spoken + Send + 'static,
    In: serde::de::DeserializeOwned,
{
    /// Carries messages and streams until the connection is over.
    async fn run(
        self,
        agent: &str,
        commands: &mpsc::Sender<Command>,
        hear: impl Fn(In) -> Heard,
        stream: impl Fn(PendingStream, &mut JoinSet<()>),
    ) -> Farewell {
        let Self { link, sender, mut receiver, outgoing } = self;
        let mut tasks = JoinSet::new();
        tasks.spawn(say(sender, outgoing));
        let mut orderly = false;
        let mut why = "the control stream is over".to_owned();
        loop {
            tokio::select! {
                message = receiver.recv() => match message.map(|message| message.map(&hear)) {
                    Ok(Some(Heard::Command(command))) => drop(commands.send(command).await),
                    Ok(Some(Heard::Goodbye)) => orderly = true,
                    Ok(Some(Heard::Unknown)) => warn!("a message of an unknown kind was ignored"),
                    Err(error @ ProtocolError::MessageTooLong { .. }) => {
                        warn!(agent, %error, "an agent's connection is ended");
                        why = error.to_string();
                        break;
                    }
                    Ok(None) | Err(_) => break,
                },
                opened = link.accept_stream() => match opened {
                    Ok(opened) => stream(opened, &mut tasks),
                    Err(_) => break,
                },
            }
            while tasks.try_join_next().is_some() {}
        }
        // Closing would hide why it broke.
        let silence = link.close_reason().map_or(Duration::ZERO, |reason| reason.silence());
        link.close(&why);
        tasks.shutdown().await;
        Farewell { orderly, silence }
    }
}

async fn slave(
    context: &Arc<Context>,
    (machine, issued): (MachineId, u64),
    hello: SlaveHello,
    (link, sender, receiver): (Link, Sender<EngineToSlave>, Receiver<SlaveToEngine>),
) {
    let serial = context.serials.fetch_add(1, Ordering::Relaxed);
    let (messages, outgoing) = mpsc::unbounded_channel();
    let connected = Connected { serial, messages, link: link.clone() };
    let command = Command::SlaveConnected { machine: machine.clone(), connected, hello };
    if context.commands.send(command).await.is_err() {
        return;
    }
    context.end_if_revoked(&link, &Identity::Slave(machine.clone()), issued);
    let hear = |message| match message {
        SlaveToEngine::Report { attempt, report } => {
            Heard::Command(Command::SlaveReport { machine: machine.clone(), serial, attempt, report })
        }
        SlaveToEngine::Goodbye => Heard::Goodbye,
        SlaveToEngine::Unknown => Heard::Unknown,
    };
    let own = (Identity::Slave(machine.clone()), issued);
    let stream = |stream, tasks: &mut JoinSet<()>| spawn_slave_stream(context, &machine, &own, stream, tasks);
    let conversation = Conversation { link, sender, receiver, outgoing };
    let agent = machine.to_string();
    let Farewell { orderly, silence } = conversation.run(&agent, &context.commands, hear, stream).await;
    let _ = context.commands.send(Command::SlaveDisconnected { machine, serial, orderly, silence }).await;
}

fn spawn_slave_stream(
    context: &Arc<Context>,
    machine: &MachineId,
    own: &(Identity, u64),
    stream: PendingStream,
    tasks: &mut JoinSet<()>,
) {
    let (context, machine, own) = (context.clone(), machine.clone(), own.clone());
    tasks.spawn(async move {
        let result = async { slave_stream(&context, &machine, &own, stream.header().await?).await };
        match result.await {
            Ok(()) => {}
            // The connection broke: the upload goes on with the next one.
            Err(UploadError::Protocol(error)) => debug!(%machine, %error, "an upload was interrupted"),
            Err(error) => warn!(%machine, %error, "an upload was given up"),
        }
    });
}

async fn slave_stream(
    context: &Context,
    machine: &MachineId,
    own: &(Identity, u64),
    stream: IncomingStream,
) -> Result<(), UploadError> {
    let (attempt, log) = match stream.header.clone() {
        StreamHeader::Renew { request, ends } => return context.renew(own, &request, ends, stream).await,
        StreamHeader::Output { attempt } => (attempt, None),
        StreamHeader::Log { attempt, index, path, artifact } => (attempt, Some((index, path, artifact))),
        header => {
            warn!(%machine, ?header, "a stream that a slave agent may not open was refused");
            return Ok(());
        }
    };
    let Some(plan) = context.runs.of_attempt(machine, &attempt) else {
        // Its run is over, or it is not this machine's: the core will tell the agent to forget it.
        debug!(%machine, %attempt, "an upload that nobody waits for was refused");
        return Ok(());
    };
    let host = &attempt.machine.host;
    let uploads = &context.uploads;
    let (file, length) = match log {
        None => {
            let path = RunFiles::output(&plan, attempt.stage, host, attempt.number);
            let limit = plan.limits.output_bytes + MARK;
            let length = uploads.receive(&attempt.run, &path, Some(&attempt), limit, stream).await?;
            (EvidenceFile::Output, length)
        }
        Some((index, path, artifact)) => {
            let path = RunFiles::collected(&plan, attempt.stage, host, &path, artifact);
            // What is whole may be a core dump.
            let core = if artifact { plan.limits.core_bytes } else { 0 };
            let limit = plan.limits.log_bytes.max(core) + MARK;
            (EvidenceFile::Log(index), uploads.receive(&attempt.run, &path, None, limit, stream).await?)
        }
    };
    let command = Command::EvidenceStored { attempt, file, length };
    let _ = context.commands.send(command).await;
    Ok(())
}

async fn hypervisor(
    context: &Arc<Context>,
    (name, issued): (HypervisorName, u64),
    hello: HypervisorHello,
    (link, sender, receiver): (Link, Sender<EngineToHypervisor>, Receiver<HypervisorToEngine>),
) {
    let serial = context.serials.fetch_add(1, Ordering::Relaxed);
    let (messages, outgoing) = mpsc::unbounded_channel();
    let connected = Connected { serial, messages, link: link.clone() };
    let hello = Box::new(hello);
    let command = Command::HypervisorConnected { name: name.clone(), connected, hello };
    if context.commands.send(command).await.is_err() {
        return;
    }
    context.end_if_revoked(&link, &Identity::Hypervisor(name.clone()), issued);
    let hear = |message| match message {
        HypervisorToEngine::Goodbye => Heard::Goodbye,
        HypervisorToEngine::Unknown => Heard::Unknown,
        message => Heard::Command(Command::HypervisorReport { name: name.clone(), serial, message }),
    };
    let own = (Identity::Hypervisor(name.clone()), issued);
    let stream = |stream: PendingStream, tasks: &mut JoinSet<()>| {
        let (context, name, own) = (context.clone(), name.clone(), own.clone());
        tasks.spawn(async move {
            if let Err(error) = hypervisor_stream(&context, &name, &own, stream).await {
                debug!(%error, "a stream of a hypervisor agent was interrupted");
            }
        });
    };
    let conversation = Conversation { link, sender, receiver, outgoing };
    let Farewell { orderly, .. } = conversation.run(name.as_str(), &context.commands, hear, stream).await;
    let _ = context.commands.send(Command::HypervisorDisconnected { name, serial, orderly }).await;
}

async fn hypervisor_stream(
    context: &Context,
    name: &HypervisorName,
    own: &(Identity, u64),
    stream: PendingStream,
) -> Result<(), UploadError> {
    let stream = stream.header().await?;
    match stream.header.clone() {
        StreamHeader::Renew { request, ends } => context.renew(own, &request, ends, stream).await,
        StreamHeader::Fetch { instance, host, path } => {
            let (reply, content) = match context.runs.repository_of(name, &instance) {
                Some(repository) => {
                    debug!(%instance, %host, %path, "a machine asks for a file");
                    fetch::read(repository.into(), path, context.definitions.fetched_file()).await
                }
                None => {
                    let reason = "the run is over, or the cluster is another agent's".to_owned();
                    (FetchReply::Refused { reason }, bytes::Bytes::new())
                }
            };
            Ok(stream.answer(&reply, content).await?)
        }
        StreamHeader::Credential { instance, host, wanted } => {
            let (reply, content) = context.trust.ask(name, &instance, &host, wanted).await;
            Ok(stream.answer(&reply, content).await?)
        }
        StreamHeader::Console { instance, host } => {
            let Some(run) = context.runs.run_of_host(name, &instance, &host) else {
                debug!(%instance, %host, "a console that nobody waits for was refused");
                return Ok(());
            };
            let path = RunFiles::console(&host);
            if context.uploads.receive_console(&run, &path, context.console, stream).await? {
                info!(%instance, %host, limit = %human_bytes(context.console), "a console is full (key limits.console)");
            }
            Ok(())
        }
        header => {
            warn!(?header, "a stream that a hypervisor agent may not open was refused");
            Ok(())
        }
    }
}
