//! What any back-end has to do: everything that the interface promises, asked of a real store.
//!
//! A back-end's own tests call [`check`]. What only its process can show (killed while it writes, a full disk) they show
//! themselves.

mod access;
mod concurrent;
mod journal;
mod live;
mod outbox;
mod records;
mod removal;
mod schedules;
mod states;
pub mod story;
mod tokens;
mod trends;

use std::sync::Arc;

use crate::{Store, StoreError};

/// Holds a back-end to the interface. `open` opens the store of a name, after the one of that name was closed, with
/// everything that it held; under a name that was not used before it is empty.
///
/// # Errors
/// What the store answered where it should have carried something out.
///
/// # Panics
/// Where it answered something else than it should, with the place here.
pub async fn check<O, F>(open: O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    journal::is_kept_in_order(&open).await?;
    journal::refuses_gaps_as_a_whole(open("gaps").await?).await?;
    journal::is_told_by_run(open("by-run").await?).await?;
    live::follows_runs_and_instances(&open).await?;
    live::follows_instances_without_a_run(&open).await?;
    live::keeps_what_people_hold(&open).await?;
    records::follow_events(open("records").await?).await?;
    records::are_found_by_filter(open("filter").await?).await?;
    records::index_outputs(open("outputs").await?).await?;
    records::keep_pins_and_archives(open("pins").await?).await?;
    trends::of_many_runs(open("trends").await?).await?;
    trends::machines_that_are_asked_for(open("machines").await?).await?;
    removal::leaves_nothing_of_a_run(&open).await?;
    removal::takes_what_was_started_by_hand(open("by-hand").await?).await?;
    removal::refuses_what_is_not_over(open("not-over").await?).await?;
    states::have_a_present_and_a_history(&open).await?;
    tokens::are_used_once(&open).await?;
    tokens::are_revoked_by_prefix(open("revoked").await?).await?;
    tokens::of_the_revoked_are_void(&open).await?;
    schedules::are_kept(&open).await?;
    outbox::deliveries_are_kept_until_made(&open).await?;
    outbox::targets_do_not_meddle(&open).await?;
    access::accounts_and_sessions(&open).await?;
    access::tokens_of_programs(&open).await?;
    access::who_has_done_what(&open).await?;
    concurrent::writes_all_become_durable(&open).await?;
    concurrent::a_closed_store_says_so(open("closed").await?).await
}

/// Closes a store and opens it again.
async fn again<O, F>(
    open: &O,
    name: &'static str,
    store: Arc<dyn Store>,
) -> Result<Arc<dyn Store>, StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    store.close().await;
    drop(store);
    open(name).await
}
