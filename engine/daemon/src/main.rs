//! `xrdtest-engine`: the daemon, and the commands of its administrator.

mod backup_command;
#[path = "../../cli/src/args/shipped.rs"]
mod shipped;
mod user;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{CommandFactory, Parser, Subcommand};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use xrdtest_engine::config::{Config, DEFAULT_PATH};
use xrdtest_engine::daemon::ask::{ask, get_within};
use xrdtest_engine::daemon::{self, background};
use xrdtest_engine::doctor::examine;
use xrdtest_engine::{Webhook, lock};
use xrdtest_model::api::{DeliveryInfo, MailInfo};
use xrdtest_model::with_causes;
use xrdtest_report::findings::plural;

const EXAMPLES: &str = "\
Examples:
  xrdtest-engine                            run with /etc/xrdtest/engine.toml
  xrdtest-engine --config /tmp/engine.toml  run with another configuration
  xrdtest-engine --background               start, and return when it is ready
  xrdtest-engine status                     whether it runs (exit code 1: no)
  xrdtest-engine reload                     read configuration and definitions
  xrdtest-engine log-level info,xrdtest_engine=debug
  xrdtest-engine doctor                     what is wrong, why, and what to do
  xrdtest-engine backup /srv/backup/engine.tar.zst
  xrdtest-engine user add alice --role operator
  xrdtest-engine mail test ops@example.org  whether mail about runs would arrive
  xrdtest-engine webhook test               whether webhooks would be called
  xrdtest-engine stop                       end it; machines and scripts go on

Everything that it knows is on the disk at any moment: an engine that was ended in whatever way goes on where it was
when it is started again. `xrdtest` is the command for runs, suites, clusters and agents.";

/// The engine of xrdtest: schedules runs, has machines made, orders stages, keeps results.
#[derive(Parser)]
#[command(name = "xrdtest-engine", version, after_help = EXAMPLES)]
struct Args {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH, global = true)]
    config: PathBuf,
    /// Leave the terminal, and come back when the engine is ready
    #[arg(long, conflicts_with = "detached")]
    background: bool,
    /// Be the engine that `--background` started.
    #[arg(long, hide = true)]
    detached: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Say whether the engine runs
    Status,
    /// End the engine; machines and their scripts go on
    Stop {
        /// Seconds to wait for its end
        #[arg(long, value_name = "S", default_value_t = 30)]
        wait: u64,
    },
    /// Read configuration and definitions again
    Reload,
    /// Change the level of its log while it runs
    LogLevel {
        /// error, warn, info, debug, trace, or a filter such as info,xrdtest_engine=debug
        level: String,
    },
    /// Look whether the configuration is valid
    CheckConfig,
    /// Look at everything that an engine needs, whether one runs or not; nothing is changed
    #[command(after_help = "\
Exit codes: 0 nothing is a problem; 1 something is. As another user than root it says what it may not look at.")]
    Doctor {
        /// How to tell it
        #[arg(long, value_enum, default_value_t = DoctorFormat::Text)]
        format: DoctorFormat,
    },
    Backup(backup_command::BackupArgs),
    Restore(backup_command::RestoreArgs),
    User(user::UserArgs),
    /// Mail about runs, as `[mail]` in the configuration says
    Mail {
        #[command(subcommand)]
        command: MailCommand,
    },
    /// Webhooks, as `[[webhooks]]` in the configuration says
    Webhook {
        #[command(subcommand)]
        command: WebhookCommand,
    },
    #[command(flatten)]
    Shipped(shipped::Shipped),
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum DoctorFormat {
    /// For people
    Text,
    /// The document `xrdtest.doctor/1`
    Json,
}

#[derive(Subcommand)]
enum MailCommand {
    /// Send a mail now, and say whether it went or what went wrong; the engine need not run
    Test {
        /// Whom to
        address: String,
    },
}

#[derive(Subcommand)]
enum WebhookCommand {
    /// Call webhooks now, and say whether they took it or what went wrong; the engine need not run
    Test {
        /// Which one; without it, all
        name: Option<String>,
    },
}

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let args = shipped::parse::<Args>();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "xrdtest-engine: {}", with_causes(error.as_ref()));
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let path = args.config.as_path();
    match &args.command {
        None if args.background => {
            let pid = background::start(path)?;
            say(&format!("the engine runs (process {pid})"))?;
        }
        None => daemon::run(path, args.detached)?,
        Some(Command::Status) => return status(&Config::load(path)?),
        Some(Command::Stop { wait }) => stop(&Config::load(path)?, Duration::from_secs(*wait))?,
        Some(Command::Reload) => tell(&Config::load(path)?, "POST", "/api/v1/reload", None)?,
        Some(Command::LogLevel { level }) => {
            let body = serde_json::json!({ "log_level": level });
            tell(&Config::load(path)?, "PUT", "/api/v1/log-level", Some(body))?;
        }
        Some(Command::Backup(args)) => backup_command::backup(path, args)?,
        Some(Command::Restore(args)) => backup_command::restore(path, args)?,
        Some(Command::User(args)) => user::user(&Config::load(path)?, args)?,
        Some(Command::Mail { command: MailCommand::Test { address } }) => {
            let Some(mail) = Config::load(path)?.mail().map_err(anyhow::Error::msg)? else {
                bail!(
                    "no mail is sent: set `from`, and `smtp` or `sendmail`, in [mail] of {}",
                    path.display()
                );
            };
            let way = block_on(async { Ok(mail.test(address).await?) })?;
            say(&format!("{way} took a mail to {address}"))?;
        }
        Some(Command::Webhook { command: WebhookCommand::Test { name } }) => {
            return webhook_test(&Config::load(path)?, path, name.as_deref());
        }
        Some(Command::Doctor { format }) => return doctor(path, *format),
        Some(Command::Shipped(what)) => what.write(Args::command(), "8")?,
        Some(Command::CheckConfig) => {
            if let Some(why) = Config::load(path)?.obstacle() {
                bail!("{}: {why}", path.display());
            }
            say(&format!("{} is valid", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn doctor(path: &Path, format: DoctorFormat) -> anyhow::Result<ExitCode> {
    let found = block_on(async { Ok(examine(path).await) })?;
    let text = match format {
        DoctorFormat::Text => found.to_string(),
        DoctorFormat::Json => serde_json::to_string(&found)?,
    };
    say(text.trim_end())?;
    Ok(if found.healthy { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{words}").context("standard output is closed")
}

fn running(config: &Config) -> anyhow::Result<Pid> {
    match holder(config)? {
        Some(pid) => Ok(Pid::from_raw(pid)),
        None => bail!("no engine runs with the state in {}", config.state.display()),
    }
}

/// How long an engine may take to say how it is.
const LIMIT: Duration = Duration::from_secs(5);

fn holder(config: &Config) -> anyhow::Result<Option<i32>> {
    let hidden = || {
        let state = config.state.display();
        format!(
            "whether an engine runs with the state in {state} can't be seen by this user; ask as its owner or root"
        )
    };
    lock::holder(&config.state).with_context(hidden)
}

fn status(config: &Config) -> anyhow::Result<ExitCode> {
    let Some(pid) = holder(config)? else {
        say(&format!("no engine runs with the state in {}", config.state.display()))?;
        return Ok(ExitCode::from(1));
    };
    let answer = block_on(get_within(LIMIT, &config.socket, "/api/v1/status"))?;
    let info: xrdtest_model::api::EngineInfo =
        serde_json::from_slice(&answer).context("the engine's answer can't be read")?;
    let errors = info.definitions.diagnostics.iter().filter(|found| found.is_error()).count();
    say(&format!(
        "the engine runs (process {pid}, version {})\n\
         agents connect to {} (UDP); {} and {} are in contact\n\
         {} {} a place, {} {}\n\
         {}, {}, {} in definitions\n\
         state in {}, log level {}",
        info.version,
        info.agents_address,
        plural(info.hypervisors, "hypervisor agent"),
        plural(info.slaves, "slave"),
        plural(info.runs_running, "run"),
        if info.runs_running == 1 { "has" } else { "have" },
        info.runs_waiting,
        if info.runs_waiting == 1 { "waits" } else { "wait" },
        plural(info.definitions.suites, "suite"),
        plural(info.definitions.clusters, "cluster"),
        plural(errors, "error"),
        info.state,
        info.log_level,
    ))?;
    if let Some(MailInfo { waiting, error }) = info.mail
        && waiting > 0
    {
        let why = if error.is_empty() { String::new() } else { format!(": {error}") };
        let are = if waiting == 1 { "is" } else { "are" };
        say(&format!("{} {are} not sent yet{why}", plural(waiting, "mail")))?;
    }
    info.deliveries.iter().filter_map(of_webhook).try_for_each(|line| say(&line))?;
    Ok(ExitCode::SUCCESS)
}

/// What there is to say of a webhook that does not take all that it is sent.
fn of_webhook(info: &DeliveryInfo) -> Option<String> {
    let DeliveryInfo { target, waiting, failed, error, .. } = info;
    let name = target.strip_prefix("webhook/")?;
    let mut words = Vec::new();
    if *waiting > 0 {
        words.push(format!("{waiting} not sent yet"));
    }
    if *failed > 0 {
        words.push(format!("{failed} given up"));
    }
    let why = if error.is_empty() { String::new() } else { format!(": {error}") };
    (!words.is_empty()).then(|| format!("webhook {name}: {}{why}", words.join(", ")))
}

/// Calls webhooks; exit code 2 where one does not take it.
fn webhook_test(config: &Config, path: &Path, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let all = config.webhooks().map_err(anyhow::Error::msg)?;
    if all.is_empty() {
        bail!("there is no webhook: write [[webhooks]] into {}", path.display());
    }
    let meant = || all.iter().filter(|webhook| name.is_none_or(|name| webhook.name() == name));
    if meant().next().is_none() {
        let names: Vec<&str> = all.iter().map(Webhook::name).collect();
        bail!("there is no webhook `{}`; there are {}", name.unwrap_or_default(), names.join(", "));
    }
    let mut code = ExitCode::SUCCESS;
    for webhook in meant() {
        match block_on(async { Ok(webhook.test().await?) }) {
            Ok(words) => say(&format!("{}: {words}", webhook.name()))?,
            Err(error) => {
                writeln!(std::io::stderr(), "xrdtest-engine: webhook {}: {error}", webhook.name())?;
                code = ExitCode::from(2);
            }
        }
    }
    Ok(code)
}

fn stop(config: &Config, wait: Duration) -> anyhow::Result<()> {
    let pid = running(config)?;
    kill(pid, Signal::SIGTERM).with_context(|| format!("cannot end process {pid}"))?;
    let state = config.state.clone();
    let (ended, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || ended.send(lock::wait_until_free(&state)));
    match end.recv_timeout(wait) {
        Ok(free) => free.context("cannot wait for the engine's end"),
        Err(_) => bail!("process {pid} has not ended within {} s", wait.as_secs()),
    }
}

/// Asks the running engine for something that has no answer but that it was done.
fn tell(config: &Config, method: &str, path: &str, body: Option<serde_json::Value>) -> anyhow::Result<()> {
    running(config)?;
    block_on(ask(&config.socket, method, path, body.as_ref())).map(drop)
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}

#[cfg(test)]
#[path = "../../cli/src/args/reference.rs"]
mod reference;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_reference_is_current() {
        super::reference::check(super::Args::command());
    }
}
