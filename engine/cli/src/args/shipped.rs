//! What a package ships beside a program: completions for shells and manual pages, from clap's own definitions. Each of
//! the four programs has this file as a module of its own, and the hidden commands `completions` and `man`. `--help` is
//! made here too: what stands below the options is to be as wide as the terminal, and as a page of the manual.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Command, Parser, Subcommand};
use clap_complete::{Shell, generate};
use clap_mangen::Man;

/// Columns of `--help`, where the terminal has them.
const WIDTH: usize = 100;

/// Reads the command line of a program, as `Parser::parse` does.
pub(crate) fn parse<P: Parser>() -> P {
    let mut command = flowing(P::command());
    let matches = command.get_matches_mut();
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// A command, and all below it, whose paragraphs clap fits to the terminal.
fn flowing(command: Command) -> Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(text) => command.after_help(paragraphs(&text)),
        None => command,
    };
    command.max_term_width(WIDTH).mut_subcommands(flowing)
}

/// A text with each paragraph in one line: in the source lines have an end. Examples and tables are indented, and stay
/// as they are.
fn paragraphs(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut before = "";
    for (at, line) in text.lines().enumerate() {
        let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
        let goes_on = is_prose(before) && is_prose(line);
        if at > 0 {
            joined.push(if goes_on { ' ' } else { '\n' });
        }
        joined.push_str(line);
        before = line;
    }
    joined
}

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

/// One page. Examples stay as they are: they are not to be filled into paragraphs.
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
        Some(more) => out.write_all(notes(&more).as_bytes()),
        None => Ok(()),
    }
}

/// A section of roff: what is indented as it is, without filling, and paragraphs.
fn notes(text: &str) -> String {
    // Names of options and files are neither to be hyphenated nor to be stretched.
    let mut roff = String::from(".SH NOTES\n.nh\n.ad l\n");
    let mut as_it_is = false;
    for line in paragraphs(text).lines() {
        if line.is_empty() {
            roff.push_str(if as_it_is { "\n" } else { ".PP\n" });
            continue;
        }
        if line.starts_with(' ') != as_it_is {
            as_it_is = !as_it_is;
            roff.push_str(if as_it_is { ".nf\n" } else { ".fi\n" });
        }
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
        roff.push_str(guard);
        roff.push_str(&line);
        roff.push('\n');
    }
    if as_it_is { roff + ".fi\n" } else { roff }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_the_options_is_as_wide_as_the_terminal() {
        let text = "One two\nthree.\n\nExamples:\n  a  b\n  c\nand\nthen:\n  d";
        assert_eq!(paragraphs(text), "One two three.\n\nExamples:\n  a  b\n  c\nand then:\n  d");
        let long = ["word"; 60].join(" ").replacen("word word word", "word\nword\nword", 1);
        let child = Command::new("do").after_help(format!("{long}\n\n  a  b"));
        let mut command = flowing(Command::new("prog").subcommand(child));
        command.build();
        let help = command.find_subcommand_mut("do").unwrap().render_help().to_string();
        assert!(help.lines().all(|line| line.chars().count() <= WIDTH), "{help}");
        assert!(help.contains("\n\nword word word word") && help.ends_with("\n  a  b\n"), "{help}");
    }

    #[test]
    fn pages_of_all_commands_with_examples_as_they_are() {
        let child = Command::new("do").about("Does it").after_help(".a  b\n'c -d \\\n\n'e:\n  .f  g\n  -h");
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
        let notes = ".SH NOTES\n.nh\n.ad l\n\\&.a  b 'c \\-d \\e\n.PP\n\\&'e:\n.nf\n  .f  g\n  \\-h\n.fi\n";
        assert!(page.ends_with(notes), "{page}");
    }
}
