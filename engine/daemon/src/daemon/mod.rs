//! The daemon: an engine with configuration, log, lock, socket and signals.

pub mod ask;
pub mod background;
pub(crate) mod log;
mod owner;
mod pid_file;
pub mod users;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use xrdtest_model::with_causes;
use xrdtest_protocol::open_files;
use xrdtest_web::access::Access;

use self::log::Log;
use self::pid_file::PidFile;
use crate::backup::is_unfinished;
use crate::config::Config;
use crate::controls::Controls;
use crate::dashboard::Dashboard;
use crate::handle::EngineHandle;
use crate::lock::Lock;
use crate::socket::{Socket, make_way};
use crate::start::start;
use crate::{reports, secret};

/// What is being sent when the engine ends has so long: taken, but not noted as sent, it would be sent again.
const LAST_DELIVERY: Duration = Duration::from_secs(5);

/// Runs the engine that a configuration describes until it is told to end, or can't go on.
///
/// # Errors
/// Where it can't start, or stopped by itself, in words for people.
pub fn run(path: &Path, detached: bool) -> anyhow::Result<()> {
    let config = Config::load(path)?;
    if detached {
        anyhow::ensure!(
            config.log.is_some(),
            "an engine in the background needs a log file: set `log` in {}",
            path.display()
        );
        background::leave_session()?;
    }
    owner::become_owner(&config.state)?;
    let log = Log::start(&config)?;
    open_files::raise_limit();
    let lock = Lock::take(&config.state)?;
    anyhow::ensure!(
        !is_unfinished(&config.state),
        "a restore into {} was not finished: do it again (`xrdtest-engine restore`), or remove the folder `restoring` there",
        config.state.display()
    );
    let runtime = tokio::runtime::Runtime::new().context("no threads for the engine")?;
    let result = runtime.block_on(serve(path, config, log, detached));
    // Whatever a client still waits for must not hold up the end.
    runtime.shutdown_background();
    drop(lock);
    result
}

async fn serve(path: &Path, config: Config, log: Log, detached: bool) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("signals can't be caught")?;
    make_way(&config.socket).await?;
    let _pid_file = config.pid_file.as_deref().map(PidFile::write).transpose()?;
    let engine = start(config.engine()).await.context("the engine can't start")?;
    let key = secret::open_or_create(&config.state, secret::WEB)?;
    let _ = engine.access.set(Arc::new(Access::new(config.web.settings(), &key)));
    let socket = Socket::bind(&config.socket, config.socket_group.as_deref())?;
    let dashboard =
        config.web.listen.map(|listen| Dashboard::bind(listen, &config.web, &engine)).transpose()?;
    let end = CancellationToken::new();
    let daemon = Arc::new(Daemon {
        path: path.to_owned(),
        config: Mutex::new(config.clone()),
        log,
        engine: engine.clone(),
        end: end.clone(),
    });
    let _ = engine.controls.set(daemon.controls());
    let targets = config.targets().map_err(anyhow::Error::msg)?;
    engine.look_what_waits(&targets).await.context("cannot read what is not sent yet")?;
    let serving = tokio::spawn(socket.serve(engine.clone(), end.clone()));
    let showing = dashboard.map(|dashboard| {
        info!(address = %dashboard.address(), "the dashboard is ready");
        tokio::spawn(dashboard.serve(engine.clone(), end.clone()))
    });
    tokio::spawn(engine.clone().keep_tidy(config.retention.clone()));
    let delivering = tokio::spawn(engine.clone().deliver(targets, end.clone()));
    tokio::spawn(reports::keep(engine.clone(), config.reports.clone()));
    tokio::spawn(engine.clone().count_waits());
    tokio::spawn(watchdog(engine.clone()));
    info!(
        agents = %engine.address(), socket = %config.socket.display(), state = %config.state.display(),
        version = env!("CARGO_PKG_VERSION"), "the engine is ready"
    );
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    if detached {
        background::report_ready()?;
    }
    let failure = loop {
        tokio::select! {
            failure = engine.stopped() => break failure,
            () = end.cancelled() => break None,
            _ = signals.end.recv() => break None,
            _ = signals.interrupt.recv() => break None,
            _ = signals.reload.recv() => if let Err(why) = daemon.reload().await {
                error!(%why, "not reloaded: what was in force before stays in force");
            },
        }
    };
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    info!("the engine stops; machines and their scripts go on");
    end.cancel();
    let _ = tokio::time::timeout(LAST_DELIVERY, delivering).await;
    engine.stop().await;
    let _ = serving.await;
    if let Some(showing) = showing {
        let _ = showing.await;
    }
    match failure {
        Some(why) => Err(anyhow::anyhow!("the engine stopped: {why}")),
        None => Ok(()),
    }
}

struct Signals {
    end: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            end: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
}

struct Daemon {
    path: PathBuf,
    config: Mutex<Config>,
    log: Log,
    engine: EngineHandle,
    end: CancellationToken,
}

impl Daemon {
    fn controls(self: &Arc<Self>) -> Controls {
        let (reloading, ending, setting, telling) = (self.clone(), self.clone(), self.clone(), self.clone());
        Controls {
            reload: Box::new(move || {
                let daemon = reloading.clone();
                async move { daemon.reload().await.map_err(|error| with_causes(error.as_ref())) }.boxed()
            }),
            stop: Box::new(move || ending.end.cancel()),
            set_log_level: Box::new(move |level| setting.set_log_level(level)),
            log_level: Box::new(move || telling.log.level()),
        }
    }

    fn set_log_level(&self, level: &str) -> Result<(), String> {
        self.log.set_level(level).map_err(|error| error.to_string())?;
        info!(level, "the log's level was changed");
        Ok(())
    }

    /// Reads configuration and definitions again, and opens the log's file anew.
    async fn reload(&self) -> anyhow::Result<()> {
        self.log.reopen()?;
        let new = Config::load(&self.path)?;
        let old = self.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if new.log_level != old.log_level {
            self.log.set_level(&new.log_level)?;
        }
        if at_start(&new) != at_start(&old) {
            warn!(
                "only repositories, scripts, what definitions and files may take, schedules, limits of runs and the \
                 log's level are taken over while the engine runs; other changes of the configuration wait for its next \
                 start"
            );
        }
        self.engine.reload_definitions(new.definitions()).await;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }
}

/// What is only read at the start.
fn at_start(config: &Config) -> Config {
    let mut rest = config.clone();
    rest.repository.clear();
    rest.scripts = Default::default();
    rest.definitions = Default::default();
    rest.schedule = Default::default();
    rest.log_level.clear();
    let limits = crate::config::LimitsSection::default();
    rest.limits = crate::config::LimitsSection {
        kept: config.limits.kept,
        queue: config.limits.queue,
        agents: config.limits.agents,
        frame: config.limits.frame,
        console: config.limits.console,
        ..limits
    };
    rest
}

/// Tells systemd that the engine lives, as often as it wants to know, as long as the engine's own task answers.
async fn watchdog(engine: EngineHandle) {
    let Some(within) = sd_notify::watchdog_enabled() else { return };
    loop {
        if !engine.is_alive().await {
            return;
        }
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
        tokio::time::sleep(within / 3).await;
    }
}
