//! Whether suites start by themselves, and by which clock.

use serde::{Deserialize, Deserializer, de};
use xrdtest_schedule::Zone;

use crate::definitions::Schedules;

/// Whether suites start by themselves, and by which clock.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSection {
    /// They do. Runs by hand are taken in any case.
    pub enabled: bool,
    /// The time zone of schedules that name none.
    #[serde(deserialize_with = "timezone")]
    pub timezone: String,
}

impl Default for ScheduleSection {
    fn default() -> Self {
        Self { enabled: true, timezone: "UTC".to_owned() }
    }
}

impl ScheduleSection {
    pub(super) fn schedules(&self) -> Schedules {
        Schedules { enabled: self.enabled, timezone: Some(self.timezone.clone()) }
    }
}

fn timezone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    match Zone::find(&name) {
        Some(zone) => Ok(zone.name().to_owned()),
        None => Err(de::Error::custom(format!(
            "`{name}` is no time zone of the IANA's list, such as `Europe/Zurich`"
        ))),
    }
}
