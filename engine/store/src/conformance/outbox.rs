//! What is to be delivered and is not yet.

use std::sync::Arc;

use xrdtest_model::{RunId, Timestamp};

use super::again;
use crate::outbox::{DeliveriesWaiting, DeliveryOrder, KeptDelivery, NewDelivery};
use crate::{Store, StoreError};

fn new(target: &str, about: &str, recipient: &str, queued: u64) -> NewDelivery {
    NewDelivery {
        target: target.to_owned(),
        run: RunId::new("r1"),
        about: about.to_owned(),
        recipient: recipient.to_owned(),
        content: format!("{about} at {queued}"),
        queued: Timestamp::from_millis(queued),
    }
}

fn waiting(target: &str, count: u64, error: &str) -> DeliveriesWaiting {
    DeliveriesWaiting { target: target.to_owned(), count, error: error.to_owned() }
}

async fn of_mail(store: &Arc<dyn Store>, limit: u32) -> Result<Vec<KeptDelivery>, StoreError> {
    store.deliveries("mail".to_owned(), DeliveryOrder::Due, limit).await
}

/// Each delivery is kept once, in the order of its time, until it is made; over a restart too.
pub(super) async fn deliveries_are_kept_until_made<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let mail = |about: &str, recipient: &str, queued: u64| new("mail", about, recipient, queued);
    let only = || vec!["mail".to_owned()];
    let store = open("deliveries").await?;
    assert_eq!(store.deliveries_waiting().await?, []);
    assert_eq!(store.tell_targets(only(), 5).await?, [5]);
    let mails = vec![mail("run", "a@b", 20), mail("case-0", "a@b", 10), mail("case-0", "c@d", 10)];
    store.keep_deliveries(only(), 7, mails.clone()).await?;
    // What is kept already stays as it is.
    store.keep_deliveries(only(), 9, vec![mail("run", "a@b", 30)]).await?;
    let store = again(open, "deliveries", store).await?;
    assert_eq!(store.tell_targets(only(), 20).await?, [9]);
    let kept = of_mail(&store, 10).await?;
    let (first, second, third) = (&kept[0], &kept[1], &kept[2]);
    assert_eq!([&first.delivery, &second.delivery, &third.delivery], [&mails[1], &mails[2], &mails[0]]);
    assert_eq!(
        (kept.len(), first.attempts, first.due, &*first.error),
        (3, 0, Timestamp::from_millis(10), "")
    );
    assert_eq!(of_mail(&store, 1).await?, kept[..1]);

    store.delivery_failed(first.id, "refused".to_owned(), Timestamp::from_millis(50)).await?;
    store.remove_delivery(second.id).await?;
    let store = again(open, "deliveries", store).await?;
    let left = of_mail(&store, 10).await?;
    assert_eq!(left.iter().map(|mail| mail.id).collect::<Vec<_>>(), [third.id, first.id]);
    assert_eq!((left[1].attempts, &*left[1].error), (1, "refused"));
    assert_eq!(store.deliveries_waiting().await?, [waiting("mail", 2, "refused")]);
    // Where nobody considers any more, what is kept is still sent.
    assert_eq!(store.tell_targets(Vec::new(), 30).await?, [0; 0]);
    assert_eq!(of_mail(&store, 10).await?.len(), 2);
    // Who is told again is told nothing of the time between.
    assert_eq!(store.tell_targets(only(), 40).await?, [40]);
    store.close().await;
    Ok(())
}

/// Each target has its own deliveries, and its own time from which on it is told anything.
pub(super) async fn targets_do_not_meddle<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let store = open("targets").await?;
    assert_eq!(store.tell_targets(names(&["webhook/a", "mail"]), 3).await?, [3, 3]);
    let all = vec![
        new("webhook/a", "started", "", 5),
        new("webhook/a", "run", "", 6),
        new("mail", "run", "a@b", 6),
    ];
    store.keep_deliveries(names(&["webhook/a", "mail"]), 6, all.clone()).await?;
    let store = again(open, "targets", store).await?;
    assert_eq!(store.tell_targets(names(&["mail", "webhook/b", "webhook/a"]), 8).await?, [6, 8, 6]);
    let of_a = || store.deliveries("webhook/a".to_owned(), DeliveryOrder::Kept, 10);
    let kept = of_a().await?;
    assert_eq!(kept.iter().map(|kept| &kept.delivery).collect::<Vec<_>>(), [&all[0], &all[1]]);
    // What failed stays where it was in the order in which it was kept.
    store.delivery_failed(kept[0].id, "503".to_owned(), Timestamp::from_millis(500)).await?;
    assert_eq!(of_a().await?.iter().map(|kept| kept.id).collect::<Vec<_>>(), [kept[0].id, kept[1].id]);
    assert_eq!(store.deliveries_waiting().await?, [waiting("mail", 1, ""), waiting("webhook/a", 2, "503")]);
    assert_eq!(store.remove_deliveries("webhook/a".to_owned()).await?, 2);
    assert_eq!(store.remove_deliveries("webhook/a".to_owned()).await?, 0);
    assert_eq!(store.deliveries_waiting().await?, [waiting("mail", 1, "")]);
    store.close().await;
    Ok(())
}
