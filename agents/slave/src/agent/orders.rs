//! An order comes: is it ours, is it new, and what must be there before the script is started.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};
use std::{fs, io};

use xrdtest_model::AttemptId;
use xrdtest_model::order::{StageOrder, StageReport};

use super::attend::lost_without_trace;
use super::desk::Desk;
use crate::stage::Assignment;
use crate::tags::Tags;

impl Desk {
    /// Carries an order out, unless the attempt is known: then the answer is what is known.
    pub(super) fn on_order(&mut self, order: StageOrder) -> StageReport {
        if let Some(stage) = self.stages.get(&order.attempt) {
            return stage.says();
        }
        let attempt = order.attempt.clone();
        match self.accept(order) {
            Ok(()) => StageReport::Accepted,
            Err(why) => {
                tracing::error!(%attempt, %why, "an order was not carried out");
                StageReport::Finished(Box::new(lost_without_trace(why)))
            }
        }
    }

    fn accept(&mut self, order: StageOrder) -> Result<(), String> {
        let attempt = &order.attempt;
        if attempt.machine != self.machine {
            return Err(format!("the order is for {}, this is {}", attempt.machine, self.machine));
        }
        if order.boot_id != self.place.boot_id {
            return Err("the machine was started anew since the stage was ordered".to_owned());
        }
        let name = attempt.folder_name();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if name.starts_with('.') || !name.chars().all(plain) {
            return Err(format!("`{name}` cannot name a folder"));
        }
        let work =
            self.begin_run(attempt.run.as_str()).map_err(|error| format!("no working directory: {error}"))?;
        let mut order = order;
        let mut of_machine = self.config.tags.clone();
        of_machine.insert("slavename".to_owned(), self.machine.host.clone());
        let tags = Tags::new(&order.tags, &of_machine);
        let mut script = (*order.script).clone();
        script.text = tags.replace(&script.text);
        order.script = Arc::new(script);
        order.logs = order.logs.iter().map(|path| tags.replace(path)).collect();
        let folder = self.place.stage(&name);
        let assignment = Assignment { order, work };
        folder.create(&assignment).map_err(|error| format!("the order could not be journaled: {error}"))?;
        tracing::info!(attempt = %assignment.order.attempt, "a stage begins");
        self.take_up(folder, assignment);
        Ok(())
    }

    /// The run's working directory. With the first order of a run, what earlier runs left is cleared away.
    fn begin_run(&self, run: &str) -> io::Result<PathBuf> {
        let work = self.place.work(run);
        if !work.exists() {
            // A script may have deleted it.
            fs::create_dir_all(self.place.runs())?;
            for entry in fs::read_dir(self.place.runs())?.flatten() {
                let name = entry.file_name();
                let in_use = |attempt: &AttemptId| name.to_str() == Some(attempt.run.as_str());
                if !self.stages.keys().any(in_use) {
                    tokio::task::spawn_blocking(move || fs::remove_dir_all(entry.path()));
                }
            }
            let mut book = self.place.book.lock().unwrap_or_else(PoisonError::into_inner);
            book.begin_run();
            self.place.save_book(&book);
            fs::create_dir_all(&work)?;
        }
        Ok(work)
    }
}
