//! What a package ships beside a program: completions for shells and manual pages, from clap's own definitions. Each of
//! the four programs has this file as a module of its own, and the hidden commands `completions` and `man`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Command, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// What to write.
#[derive(Debug, Subcommand)]
pub(crate) enum Shipped {
    /// Write completions for a shell to standard output
    #[command(hide = true, after_help = "Example: source <(xrdtest completions bash)")]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Write the manual page to standard output, or those of all commands to a folder
    #[command(hide = true, after_help = "Example: xrdtest man --output /usr/local/share/man/man1")]
    Man {
        /// Folder for the page of each command; made where it is not there
        #[arg(long, value_name = "DIR")]
        output: Option<PathBuf>,
    },
}

impl Shipped {
    /// Writes it for a program whose manual pages are in a section: 1 for everybody's, 8 for administrators'.
    pub(crate) fn write(&self, command: Command, section: &str) -> io::Result<()> {
        match self {
            Self::Completions { shell } => {
                let (mut command, mut text) = (command, Vec::new());
                let name = command.get_name().to_owned();
                generate(*shell, &mut command, name, &mut text);
                io::stdout().write_all(&text)
            }
            Self::Man { output: None } => page(prepared(command), section, &mut io::stdout()),
            Self::Man { output: Some(folder) } => {
                fs::create_dir_all(folder)?;
                pages(&prepared(command), section, folder)
            }
        }
    }
}

/// With the names of all commands, but without `help`: `--help` and the manual say the same.
fn prepared(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
}

/// A page of a command and of each below it.
fn pages(command: &Command, section: &str, folder: &Path) -> io::Result<()> {
    for child in command.get_subcommands().filter(|child| !child.is_hide_set()) {
        pages(child, section, folder)?;
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut file = fs::File::create(folder.join(format!("{name}.{section}")))?;
    page(command.clone(), section, &mut file)
}

/// One page. What `--help` shows as it is, stays as it is: examples are not to be filled into paragraphs.
fn page(command: Command, section: &str, out: &mut dyn Write) -> io::Result<()> {
    let more = command.get_after_help().map(ToString::to_string);
    let name = command.get_display_name().unwrap_or(command.get_name()).to_uppercase();
    let command = command.after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let mut roff = Vec::new();
    Man::new(command).section(section).render(&mut roff)?;
    let roff = String::from_utf8_lossy(&roff);
    let lines: Vec<_> = roff.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let beside =
            |other: Option<usize>| other.and_then(|at| lines.get(at)).is_some_and(|line| *line == ".sp");
        match *line {
            // Without a date: the page of one version is the same wherever it is made.
            title if title.starts_with(".TH ") => {
                let version = env!("CARGO_PKG_VERSION");
                writeln!(out, ".TH \"{name}\" \"{section}\" \"\" \"xrdtest {version}\" \"xrdtest\"")?;
            }
            // The space ends the line already, and formatters complain.
            ".br" if beside(at.checked_sub(1)) || beside(Some(at + 1)) => {}
            line => writeln!(out, "{line}")?,
        }
    }
    match more {
        Some(more) => out.write_all(as_it_is(&more).as_bytes()),
        None => Ok(()),
    }
}

/// A section of roff without filling.
fn as_it_is(text: &str) -> String {
    let mut roff = String::from(".SH NOTES\n.nf\n");
    for line in text.lines() {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        roff.push_str(guard);
        roff.push_str(&line);
        roff.push('\n');
    }
    roff + ".fi\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_all_commands_with_examples_as_they_are() {
        let child = Command::new("do").about("Does it").after_help(".a  b\n'c -d \\");
        let command =
            Command::new("prog").about("A program").subcommands([child, Command::new("x").hide(true)]);
        let folder = tempfile::tempdir().unwrap();
        pages(&prepared(command), "8", folder.path()).unwrap();
        let mut names: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["prog-do.8", "prog.8"]);
        let page = fs::read_to_string(folder.path().join("prog-do.8")).unwrap();
        assert!(page.contains(".TH \"PROG-DO\" \"8\""), "{page}");
        assert!(page.ends_with(".SH NOTES\n.nf\n\\&.a  b\n\\&'c \\-d \\e\n.fi\n"), "{page}");
    }
}
