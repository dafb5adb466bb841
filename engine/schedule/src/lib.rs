//! When a suite starts: a schedule and a time zone in, the next starts out. And the schedule in plain words.
//!
//! ```
//! use xrdtest_model::{Timestamp, definition::Schedule};
//! use xrdtest_schedule::{Timetable, Zone};
//!
//! let timetable = Timetable::new(&Schedule::Cron("30 2 * * *".to_owned())).unwrap();
//! assert_eq!(timetable.words(), "every night at 02:30");
//! let zone = Zone::find("Europe/Zurich").unwrap();
//! let start = timetable.next_after(Timestamp::from_millis(1_774_740_000_000), &zone).unwrap();
//! // There is no 02:30 on 29 March 2026.
//! assert_eq!(zone.show(start), "2026-03-29 03:00:00 CEST");
//! ```
//!
//! Nothing here reads a clock, a file or a variable of the environment, and nothing panics. Work is bounded: a schedule
//! that never fires is found out within the few kinds of years that there are.
//!
//! **Maps** are APScheduler's: all fields have to hold. **Strings** are Vixie's cron: where both day fields are
//! restricted (neither begins with `*`), one of them is enough. Both are worked out on the wall clock of a zone first,
//! and wall-clock times become instants so: a time that does not exist, as clocks are put forward, is the first moment
//! after the gap (and several such times are one start); one that exists twice, as clocks are put back, is the first of
//! the two.

pub mod agenda;
mod calendar;
mod field;
mod timetable;
mod values;
mod words;
mod zone;

pub use field::{FIELDS, Field, check_cron, field};
pub use timetable::{Problem, Timetable};
pub use zone::Zone;
