//! States and their history: what is kept of them, and the steps that the events of a run tell again.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use xrdtest_model::RunId;
use xrdtest_model::chronicle::{Chronicle, StateWord, Subject, SubjectKind, Transition};

use super::read::{Reader, time};
use super::rows::uint;
use super::spelling;
use crate::StoreError;

/// The last transition of each subject of kind ?1. The names are found one after the other in the index.
const STATES: &str = "WITH RECURSIVE names(name) AS ( \
         SELECT min(name) FROM transitions WHERE kind = ?1 \
         UNION ALL SELECT (SELECT min(name) FROM transitions WHERE kind = ?1 AND name > names.name) \
         FROM names WHERE names.name IS NOT NULL) \
     SELECT t.* FROM names JOIN transitions t \
     ON t.id = (SELECT max(id) FROM transitions WHERE kind = ?1 AND name = names.name) \
     ORDER BY t.name";

impl Reader<'_> {
    /// The present states of all subjects of a kind.
    pub(super) async fn states(&self, kind: SubjectKind) -> Result<Vec<Transition>, StoreError> {
        let rows = sqlx::query(STATES).bind(spelling::subject_kind(kind)).fetch_all(self.pool).await;
        let kept = self.all(rows, |row| transition(row, kind))?;
        let mut latest: BTreeMap<Subject, Transition> =
            kept.into_iter().map(|kept| (kept.subject.clone(), kept)).collect();
        self.take_over_steps(kind, &mut latest, |_| true);
        Ok(latest.into_values().collect())
    }

    /// Puts steps in the place of what is kept, where they are newer; of the subjects whose names are wanted.
    pub(super) fn take_over_steps(
        &self,
        kind: SubjectKind,
        latest: &mut BTreeMap<Subject, Transition>,
        wanted: impl Fn(&str) -> bool,
    ) {
        for step in self.steps.of(kind).into_iter().filter(|step| wanted(&step.subject.name)) {
            // Of one event's transitions the step is the first.
            if latest.get(&step.subject).is_none_or(|kept| kept.event < step.event) {
                latest.insert(step.subject.clone(), step);
            }
        }
    }

    /// The states of a subject, newest first.
    pub(super) async fn history(&self, subject: Subject, limit: u32) -> Result<Vec<Transition>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM transitions WHERE kind = ?1 AND name = ?2 ORDER BY id DESC LIMIT ?3")
                .bind(spelling::subject_kind(subject.kind))
                .bind(subject.name.clone())
                .bind(limit)
                .fetch_all(self.pool)
                .await;
        let kept = self.all(rows, |row| transition(row, subject.kind))?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut told: Vec<Transition> = Vec::new();
        let mut done: Vec<RunId> = Vec::new();
        for (run, goes_on) in self.runs_with_steps(&subject, &kept).await? {
            let newest = kept.iter().find(|kept| kept.run.as_ref() == Some(&run));
            let enough = told.get(limit.saturating_sub(1)).map(|last| last.event);
            if !goes_on && enough.zip(newest).is_some_and(|(last, newest)| newest.event < last) {
                continue;
            }
            let of_run = self.tell(&run, &subject).await?;
            // A run whose record was removed has no events; what is kept of it stays.
            if !of_run.is_empty() {
                done.push(run);
            }
            told.extend(of_run);
            told.sort_by_key(|transition| Reverse(transition.event));
        }
        let is_told = |kept: &Transition| kept.run.as_ref().is_some_and(|run| done.contains(run));
        told.extend(kept.into_iter().filter(|kept| !is_told(kept)));
        told.sort_by_key(|transition| Reverse(transition.event));
        told.truncate(limit);
        Ok(told)
    }

    /// The runs whose events tell steps of a subject, of the time that its newest `kept` states cover, and whether they
    /// may go on: those first, then the newest. A step is followed by a kept state of its run, unless the run goes on.
    async fn runs_with_steps(
        &self,
        subject: &Subject,
        kept: &[Transition],
    ) -> Result<Vec<(RunId, bool)>, StoreError> {
        let of = match (subject.kind, subject.name.split_once('/')) {
            (SubjectKind::Suite, _) => sqlx::query(
                "SELECT id AS run FROM runs WHERE suite = ?1 AND finished IS NULL ORDER BY event DESC",
            )
            .bind(subject.name.clone()),
            (SubjectKind::Slave, Some((instance, _))) => {
                // What was started by hand has no run, and no steps.
                sqlx::query("SELECT run FROM instances WHERE id = ?1 AND run <> id").bind(instance.to_owned())
            }
            _ => return Ok(Vec::new()),
        };
        let rows = of.fetch_all(self.pool).await;
        let mut runs = self.all(rows, |row| Ok((RunId::from(row.try_get::<&str, _>("run")?), true)))?;
        for run in kept.iter().filter_map(|kept| kept.run.as_ref()) {
            if !runs.iter().any(|(known, _)| known == run) {
                runs.push((run.clone(), false));
            }
        }
        Ok(runs)
    }

    /// All that the events of a run tell of a subject, newest first.
    async fn tell(&self, run: &RunId, subject: &Subject) -> Result<Vec<Transition>, StoreError> {
        let mut chronicle = Chronicle::default();
        let events = self.events(Some(run.clone()), 0, u32::MAX).await?;
        let told = events.iter().flat_map(|event| chronicle.apply(event));
        let mut told: Vec<Transition> = told.filter(|transition| transition.subject == *subject).collect();
        told.reverse();
        Ok(told)
    }
}

pub(super) fn transition(row: &SqliteRow, kind: SubjectKind) -> Result<Transition, sqlx::Error> {
    let run: Option<&str> = row.try_get("run")?;
    Ok(Transition {
        event: uint(row.try_get("event")?),
        at: time(row, "at")?.unwrap_or_default(),
        subject: Subject { kind, name: row.try_get("name")? },
        state: StateWord::of_constant(row.try_get("word")?),
        detail: row.try_get("detail")?,
        run: run.map(RunId::from),
        is_step: false,
    })
}
