//! `xrdtest-engine user`.

use std::io::{BufRead, IsTerminal, Write};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use xrdtest_engine::config::Config;
use xrdtest_engine::daemon::users::{Order, carry_out};
use xrdtest_model::api::{Role, UserChange, UserInfo, UserRequest};
use xrdtest_model::time::utc;
use xrdtest_web::access::password::generate;

const EXAMPLES: &str = "\
Examples:
  xrdtest-engine user add alice --role operator           asks for the password
  xrdtest-engine user add admin --role admin --generate   makes and prints one
  xrdtest-engine user list
  xrdtest-engine user role alice admin
  xrdtest-engine user password alice                      ends alice's sessions
  xrdtest-engine user remove alice";

/// Accounts of the dashboard, whether the engine runs or not
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make an account
    Add {
        /// Its name: letters, digits and . _ @ -
        name: String,
        /// What it may do: viewer reads; operator runs and cancels; admin does everything
        #[arg(long)]
        role: Role,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List accounts
    List,
    /// Remove an account; its sessions end
    Remove {
        /// Its name
        name: String,
    },
    /// Change what an account may do, from now on
    Role {
        /// Its name
        name: String,
        /// viewer, operator or admin
        role: Role,
    },
    /// Change the password of an account; its sessions end
    Password {
        /// Its name
        name: String,
        #[command(flatten)]
        password: PasswordSource,
    },
}

/// Where the password comes from; without any of them it is asked for on the terminal.
#[derive(Args)]
struct PasswordSource {
    /// Read it from standard input, up to the first line break
    #[arg(long, conflicts_with = "generate")]
    password_stdin: bool,
    /// Make one, and print it on standard output
    #[arg(long)]
    generate: bool,
}

impl PasswordSource {
    fn get(&self) -> anyhow::Result<String> {
        if self.generate {
            return Ok(generate()?);
        }
        if self.password_stdin {
            return line();
        }
        if !std::io::stdin().is_terminal() {
            bail!("there is no terminal to ask for the password; use --password-stdin or --generate");
        }
        let password = asked("Password: ")?;
        if asked("Again:    ")? != password {
            bail!("that was not the same; nothing was changed");
        }
        Ok(password)
    }

    /// Tells it to who has not chosen it.
    fn tell(&self, password: &str) -> anyhow::Result<()> {
        if self.generate { say(password) } else { Ok(()) }
    }
}

pub(crate) fn user(config: &Config, args: &UserArgs) -> anyhow::Result<()> {
    match &args.command {
        UserCommand::Add { name, role, password } => {
            let secret = password.get()?;
            let request = UserRequest { name: name.clone(), role: *role, password: secret.clone() };
            done(config, Order::Add(request), "is there")?;
            password.tell(&secret)
        }
        UserCommand::List => {
            let all = block_on(carry_out(config, Order::List))?;
            all.iter().try_for_each(|one| say(&line_of(one)))
        }
        UserCommand::Remove { name } => done(config, Order::Remove(name.clone()), "is removed"),
        UserCommand::Role { name, role } => {
            let change = UserChange { role: Some(*role), ..UserChange::default() };
            done(config, Order::Change(name.clone(), change), "is changed")
        }
        UserCommand::Password { name, password } => {
            let secret = password.get()?;
            let change = UserChange { password: Some(secret.clone()), ..UserChange::default() };
            done(config, Order::Change(name.clone(), change), "has the new password, and no session")?;
            password.tell(&secret)
        }
    }
}

fn done(config: &Config, order: Order, what: &str) -> anyhow::Result<()> {
    for one in block_on(carry_out(config, order))? {
        let _ = writeln!(std::io::stderr(), "account {} ({}) {what}", one.name, one.role);
    }
    Ok(())
}

fn line_of(user: &UserInfo) -> String {
    let UserInfo { name, role, by, created, sessions } = user;
    format!("{name:20} {role:9} {sessions} sessions, made by {by} at {}", utc(*created))
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password can't be read")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks without showing what is typed.
fn asked(words: &str) -> anyhow::Result<String> {
    let terminal = std::io::stdin();
    let shown = tcgetattr(&terminal).context("the terminal can't be asked")?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let mut talk = std::io::stderr();
    write!(talk, "{words}")?;
    talk.flush()?;
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).context("the terminal can't be changed")?;
    let typed = line();
    let back = tcsetattr(&terminal, OptionalActions::Flush, &shown);
    writeln!(talk)?;
    back.context("the terminal can't be changed back; `stty echo` does it")?;
    typed
}

fn say(words: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{words}").context("standard output is closed")
}

fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(future)
}
