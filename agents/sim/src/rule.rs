//! Who behaves how: `PATTERN[@STAGE]=KIND[:ARGUMENT]`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use glob::{MatchOptions, Pattern};
use xrdtest_model::StageId;
use xrdtest_model::size::parse_size;
use xrdtest_model::time::parse_duration;

/// Hypervisor agents are matched by this and their name; a pattern for hosts never matches them.
pub const HYPERVISOR: &str = "hypervisor/";

const KINDS: &str = "prompt, slow:DURATION, output:SIZE, fails:CODE, dead, gone, lying, flooding, flapping:DURATION, \
                     late:DURATION";

/// How agents behave that match a pattern.
///
/// The pattern is a glob (`*`, `?`, `[ab]`) over host names, `ds*.xrd.test`, or over `hypervisor/NAME`; the optional
/// stage is a glob over the stage's short name: `suite-initialize`, `0-run`, `*-run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    agents: Pattern,
    stage: Option<Pattern>,
    kind: Kind,
    text: String,
}

/// What an agent does. For a hypervisor agent an order is one to start an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Passes at once, without output.
    Prompt,
    /// Passes after this time.
    Slow(Duration),
    /// Passes at once with this many bytes of output.
    Output(u64),
    /// Ends at once with this exit code.
    Fails(i32),
    /// Accepts, and says nothing more; the connection lives.
    Dead,
    /// Closes the connection without goodbye, and never comes back.
    Gone,
    /// Speaks for other machines, reports what was not ordered, contradicts itself.
    Lying,
    /// Sends thousands of reports and unknown messages, and output without end.
    Flooding,
    /// Drops its connection and makes it again, each time after about this time.
    Flapping(Duration),
    /// Connects this late.
    Late(Duration),
}

/// The text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` is no rule of the form PATTERN[@STAGE]=KIND[:ARGUMENT]: {problem}")]
pub struct ParseRuleError {
    rule: String,
    problem: String,
}

impl Kind {
    /// Whether it is about the connection and not about orders.
    fn is_about_connection(self) -> bool {
        matches!(self, Self::Flapping(_) | Self::Late(_))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Rule {
    type Err = ParseRuleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| ParseRuleError { rule: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Rule, String> {
    let (who, what) = text.split_once('=').ok_or("there is no `=`")?;
    let (agents, stage) = match who.split_once('@') {
        Some((agents, stage)) => (agents, Some(stage)),
        None => (who, None),
    };
    if agents.is_empty() {
        return Err("the pattern is empty; `*` means every host".to_owned());
    }
    let glob = |pattern: &str| {
        Pattern::new(pattern).map_err(|error| format!("the pattern `{pattern}` is wrong: {}", error.msg))
    };
    let kind = parse_kind(what)?;
    let is_hypervisor = agents.starts_with(HYPERVISOR);
    if is_hypervisor && matches!(kind, Kind::Output(_) | Kind::Lying | Kind::Flooding) {
        return Err(
            "a hypervisor agent can't do that; it has prompt, slow, fails, dead, gone, flapping and \
                    late"
                .to_owned(),
        );
    }
    if stage.is_some() && (kind.is_about_connection() || is_hypervisor) {
        return Err("that has nothing to do with stages; leave `@STAGE` out".to_owned());
    }
    Ok(Rule { agents: glob(agents)?, stage: stage.map(glob).transpose()?, kind, text: text.to_owned() })
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let argument_of = |what: &str| argument.ok_or_else(|| format!("`{name}` needs {what}: `{name}:…`"));
    let duration = || {
        let text = argument_of("a duration")?;
        let milliseconds =
            parse_duration(text).ok_or_else(|| format!("`{text}` is no duration such as 500ms or 2s"))?;
        Ok::<_, String>(Duration::from_millis(milliseconds))
    };
    let kind = match name {
        "slow" => return Ok(Kind::Slow(duration()?)),
        "flapping" => return Ok(Kind::Flapping(duration()?)),
        "late" => return Ok(Kind::Late(duration()?)),
        "output" => {
            let size = parse_size(argument_of("a size")?, 1);
            return size.map(Kind::Output).map_err(|error| format!("{error} such as 64K or 1M"));
        }
        "fails" => {
            let text = argument_of("an exit code")?;
            return match text.parse() {
                Ok(code @ 1..=255) => Ok(Kind::Fails(code)),
                _ => Err(format!("`{text}` is no exit code from 1 to 255")),
            };
        }
        "prompt" => Kind::Prompt,
        "dead" => Kind::Dead,
        "gone" => Kind::Gone,
        "lying" => Kind::Lying,
        "flooding" => Kind::Flooding,
        _ => return Err(format!("`{name}` is no kind; there are {KINDS}")),
    };
    match argument {
        Some(argument) => Err(format!("`{name}` takes no argument, so `:{argument}` is too much")),
        None => Ok(kind),
    }
}

/// All rules of a fleet. For each question the first rule that matches counts.
#[derive(Clone, Debug, Default)]
pub struct Behaviours {
    rules: Vec<Rule>,
}

impl Behaviours {
    /// These rules, in order.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { rules }
    }

    /// What an agent does with an order; for a hypervisor agent `stage` is `None`.
    pub fn on_order(&self, agent: &str, stage: Option<StageId>) -> Kind {
        let fits = |rule: &&Rule| match (&rule.stage, stage) {
            (None, _) => true,
            (Some(pattern), Some(stage)) => pattern.matches(&stage.slug()),
            (Some(_), None) => false,
        };
        let mut rules = self.of(agent).filter(|rule| !rule.kind.is_about_connection());
        rules.find(fits).map_or(Kind::Prompt, |rule| rule.kind)
    }

    /// About how long an agent's connections live; `None`: they are not dropped on purpose.
    pub fn flapping(&self, agent: &str) -> Option<Duration> {
        self.of(agent).find_map(|rule| match rule.kind {
            Kind::Flapping(mean) => Some(mean),
            _ => None,
        })
    }

    /// How late an agent connects.
    pub fn late(&self, agent: &str) -> Duration {
        let delay = self.of(agent).find_map(|rule| match rule.kind {
            Kind::Late(delay) => Some(delay),
            _ => None,
        });
        delay.unwrap_or_default()
    }

    fn of(&self, agent: &str) -> impl Iterator<Item = &Rule> {
        let options = MatchOptions { require_literal_separator: true, ..MatchOptions::new() };
        self.rules.iter().filter(move |rule| rule.agents.matches_with(agent, options))
    }
}

#[cfg(test)]
mod tests {
    use xrdtest_model::StageKind;

    use super::*;

    fn kind(text: &str) -> Kind {
        text.parse::<Rule>().unwrap().kind
    }

    #[test]
    fn rules_are_read() {
        let second = Duration::from_secs(1);
        for (text, expect) in [
            ("*=prompt", Kind::Prompt),
            ("ds*.xrd.test=slow:1500ms", Kind::Slow(second * 3 / 2)),
            ("ds1@*-run=output:64M", Kind::Output(64 << 20)),
            ("ds[12]=fails:3", Kind::Fails(3)),
            ("*=dead", Kind::Dead),
            ("*=gone", Kind::Gone),
            ("*=lying", Kind::Lying),
            ("*=flooding", Kind::Flooding),
            ("*=flapping:1s", Kind::Flapping(second)),
            ("hypervisor/*=late:1m", Kind::Late(second * 60)),
        ] {
            assert_eq!(kind(text), expect, "{text}");
        }
    }

    #[test]
    fn mistakes_are_explained() {
        for (text, words) in [
            ("", "there is no `=`"),
            ("ds1", "there is no `=`"),
            ("=dead", "the pattern is empty"),
            ("[=dead", "the pattern `[` is wrong"),
            ("*@[=dead", "the pattern `[` is wrong"),
            ("*=ded", "`ded` is no kind; there are prompt"),
            ("*=slow", "`slow` needs a duration"),
            ("*=slow:soon", "`soon` is no duration"),
            ("*=output:much", "`much` is not a size such as 64K"),
            ("*=fails:0", "`0` is no exit code from 1 to 255"),
            ("*=dead:5", "`dead` takes no argument"),
            ("*@*-run=flapping:1s", "leave `@STAGE` out"),
            ("hypervisor/h1=lying", "a hypervisor agent can't do that"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(text), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_rule_that_matches_counts() {
        let rules =
            ["ds1@*-run=fails:1", "ds1=slow:1s", "ds*=flapping:5s", "hypervisor/h*=late:2s", "*=dead"];
        let all = Behaviours::new(rules.map(|rule| rule.parse().unwrap()).to_vec());
        let run = Some(StageId::of_case(3, StageKind::Run));
        assert_eq!(all.on_order("ds1", run), Kind::Fails(1));
        assert_eq!(all.on_order("ds1", Some(StageId::SUITE_INITIALIZE)), Kind::Slow(Duration::from_secs(1)));
        assert_eq!(all.on_order("mgr", run), Kind::Dead);
        assert_eq!(all.flapping("ds2"), Some(Duration::from_secs(5)));
        assert_eq!(all.flapping("mgr"), None);
        assert_eq!(all.late("hypervisor/h1"), Duration::from_secs(2));
        assert_eq!(all.on_order("hypervisor/h1", None), Kind::Prompt, "rules for hosts are for hosts");
        assert_eq!(Behaviours::default().on_order("x", run), Kind::Prompt);
    }
}
