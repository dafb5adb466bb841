//! How a stage goes on and ends, as a state machine without clock and processes: time and facts go in, deeds come
//! out.

use std::time::{Duration, Instant};

use xrdtest_model::limits::KILL_GRACE;
use xrdtest_model::order::EndCause;

/// What still has the output open when the script's own process has ended gets this long to say its last words
/// (`exec > >(tee log)` is such a process), before the outcome is stated and it is named as a left-over.
pub const LEFTOVER_GRACE: Duration = Duration::from_millis(200);
/// Between two rounds of killing: the system needs a moment to carry out the first.
const KILL_AGAIN: Duration = Duration::from_millis(50);
/// After this long processes count as unkillable (stuck in the kernel); the outcome is stated without waiting more.
pub const KILL_LIMIT: Duration = Duration::from_secs(10);

/// A script that announced a boot and was then ended by a signal was probably ended by the machine going down, and so
/// will its supervisor be within this time. Where that does not happen, it was an outcome.
pub const GOING_DOWN: Duration = Duration::from_secs(5);

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Ask everything that the stage started to end.
    Terminate,
    /// Kill everything that the stage started.
    Kill,
    /// State the outcome.
    Conclude,
}

/// What is known about the processes of the stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The script's own process has ended.
    pub exited: bool,
    /// No process of the stage is left.
    pub none_left: bool,
    /// Nobody has the output open any more.
    pub output_closed: bool,
    /// The script's own process has ended as it would where the machine goes down, which it announced.
    pub going_down: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Running,
    GoingDown { until: Instant },
    LastWords { until: Instant },
    Terminating { until: Instant },
    Killing { again: Instant, limit: Instant },
    Over,
}

/// The course of one stage.
#[derive(Debug)]
pub struct Course {
    deadline: Option<Instant>,
    state: State,
    /// Why the script was ended, where it was, and in whose words.
    ended: Option<(EndCause, String)>,
    killed: bool,
}

impl Course {
    /// The script was started; it may run up to `deadline` (`None`: the limit is beyond what a clock can say).
    pub fn new(deadline: Option<Instant>) -> Self {
        Self { deadline, state: State::Running, ended: None, killed: false }
    }

    /// Why the script was ended by the system, where it was.
    pub fn ended(&self) -> Option<&(EndCause, String)> {
        self.ended.as_ref()
    }

    /// Whether asking was not enough.
    pub fn killed(&self) -> bool {
        self.killed
    }

    /// Whether the outcome is stated.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Somebody wants the script to end. It means nothing once the script has ended by itself, or is being ended.
    pub fn end(&mut self, now: Instant, cause: EndCause, reason: String) -> Option<Deed> {
        if self.state != State::Running {
            return None;
        }
        self.ended = Some((cause, reason));
        self.state = State::Terminating { until: now + KILL_GRACE };
        Some(Deed::Terminate)
    }

    /// Looks at facts and clock; `limit_words` says what the time limit is, where it is over now.
    pub fn step(&mut self, now: Instant, facts: Facts, limit_words: impl FnOnce() -> String) -> Option<Deed> {
        match self.state {
            State::Running if facts.exited && facts.going_down => {
                self.state = State::GoingDown { until: now + GOING_DOWN };
                None
            }
            State::GoingDown { until } if now >= until => self.conclude(),
            State::Running if facts.exited && facts.output_closed => self.conclude(),
            State::Running if facts.exited => {
                self.state = State::LastWords { until: now + LEFTOVER_GRACE };
                None
            }
            State::Running if self.deadline.is_some_and(|deadline| now >= deadline) => {
                self.end(now, EndCause::TimedOut, limit_words())
            }
            State::LastWords { until } if facts.output_closed || now >= until => self.conclude(),
            State::Terminating { .. } | State::Killing { .. } if facts.none_left => self.conclude(),
            State::Terminating { until } if now >= until => {
                self.killed = true;
                self.state = State::Killing { again: now + KILL_AGAIN, limit: now + KILL_LIMIT };
                Some(Deed::Kill)
            }
            State::Killing { limit, .. } if now >= limit => self.conclude(),
            State::Killing { again, limit } if now >= again => {
                self.state = State::Killing { again: now + KILL_AGAIN, limit };
                Some(Deed::Kill)
            }
            _ => None,
        }
    }

    /// When [`Course::step`] must be called again though nothing happened.
    pub fn wake_up(&self) -> Option<Instant> {
        match self.state {
            State::Running => self.deadline,
            State::GoingDown { until } | State::LastWords { until } | State::Terminating { until } => {
                Some(until)
            }
            State::Killing { again, limit } => Some(again.min(limit)),
            State::Over => None,
        }
    }

    fn conclude(&mut self) -> Option<Deed> {
        self.state = State::Over;
        Some(Deed::Conclude)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXITED: Facts = Facts { exited: true, none_left: false, output_closed: false, going_down: false };
    const CLOSED: Facts = Facts { exited: true, none_left: false, output_closed: true, going_down: false };
    const GONE: Facts = Facts { exited: true, none_left: true, output_closed: true, going_down: false };
    const ALIVE: Facts = Facts { exited: false, none_left: false, output_closed: false, going_down: false };

    /// Steps at moments in milliseconds, with the deeds expected; the limit is 1 s.
    fn check(steps: &[(u64, Facts, Option<Deed>)]) -> Course {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut course = Course::new(Some(at(1000)));
        for (ms, facts, deed) in steps {
            assert_eq!(course.step(at(*ms), *facts, || "limit".to_owned()), *deed, "at {ms} ms");
        }
        course
    }

    #[test]
    fn the_script_ends_by_itself() {
        let course = check(&[(1, ALIVE, None), (2, CLOSED, Some(Deed::Conclude)), (5000, GONE, None)]);
        assert!(course.is_over() && course.ended().is_none());
        // A left-over gets its grace and no more; the limit means nothing then.
        let course =
            check(&[(900, EXITED, None), (1099, EXITED, None), (1100, EXITED, Some(Deed::Conclude))]);
        assert!(course.ended().is_none());
        check(&[(900, EXITED, None), (950, CLOSED, Some(Deed::Conclude))]);
    }

    #[test]
    fn an_announced_end_of_the_machine_is_waited_for() {
        let down = Facts { going_down: true, ..CLOSED };
        let course = check(&[
            (900, down, None),
            (1000, down, None),
            (5899, down, None),
            (5900, down, Some(Deed::Conclude)),
        ]);
        assert!(course.ended().is_none());
    }

    #[test]
    fn the_limit_ends_it() {
        let course = check(&[
            (999, ALIVE, None),
            (1000, ALIVE, Some(Deed::Terminate)),
            (1001, EXITED, None),
            (1500, GONE, Some(Deed::Conclude)),
        ]);
        assert_eq!(course.ended(), Some(&(EndCause::TimedOut, "limit".to_owned())));
        assert!(!course.killed());
    }

    #[test]
    fn who_does_not_obey_is_killed_again_and_again() {
        let course = check(&[
            (1000, ALIVE, Some(Deed::Terminate)),
            (5999, ALIVE, None),
            (6000, ALIVE, Some(Deed::Kill)),
            (6010, ALIVE, None),
            (6050, EXITED, Some(Deed::Kill)),
            (6060, GONE, Some(Deed::Conclude)),
        ]);
        assert!(course.killed());
        check(&[
            (1000, ALIVE, Some(Deed::Terminate)),
            (6000, ALIVE, Some(Deed::Kill)),
            (16_000, ALIVE, Some(Deed::Conclude)),
        ]);
    }

    #[test]
    fn the_first_cause_counts() {
        let now = Instant::now();
        let mut course = Course::new(Some(now + Duration::from_secs(1)));
        assert_eq!(course.end(now, EndCause::Cancelled, "by ann".to_owned()), Some(Deed::Terminate));
        assert_eq!(course.end(now, EndCause::TimedOut, "limit".to_owned()), None);
        assert_eq!(course.step(now + Duration::from_secs(2), ALIVE, String::new), None);
        assert_eq!(course.ended(), Some(&(EndCause::Cancelled, "by ann".to_owned())));

        let mut course = Course::new(None);
        assert_eq!(course.step(now, EXITED, String::new), None);
        assert_eq!(course.end(now, EndCause::Cancelled, String::new()), None);
        assert!(course.ended().is_none());
    }
}
