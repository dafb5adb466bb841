//! Mails that are not sent yet.

use std::sync::Arc;

use xrdtest_model::{RunId, Timestamp};

use super::again;
use crate::outbox::NewMail;
use crate::{Store, StoreError};

/// Each mail is kept once, in the order of its time, until it is sent; over a restart too.
pub(super) async fn mails_are_kept_until_sent<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let mail = |about: &str, recipient: &str, queued: u64| NewMail {
        run: RunId::new("r1"),
        about: about.to_owned(),
        recipient: recipient.to_owned(),
        content: format!("{about} at {queued}"),
        queued: Timestamp::from_millis(queued),
    };
    let store = open("mails").await?;
    assert_eq!((store.mail_considered().await?, store.mails_waiting().await?), (None, (0, String::new())));
    let mails = vec![mail("run", "a@b", 20), mail("case-0", "a@b", 10), mail("case-0", "c@d", 10)];
    store.keep_mails(Some(7), mails.clone()).await?;
    // What is kept already stays as it is.
    store.keep_mails(Some(9), vec![mail("run", "a@b", 30)]).await?;
    let store = again(open, "mails", store).await?;
    assert_eq!(store.mail_considered().await?, Some(9));
    let kept = store.mails(10).await?;
    let (first, second, third) = (&kept[0], &kept[1], &kept[2]);
    assert_eq!([&first.mail, &second.mail, &third.mail], [&mails[1], &mails[2], &mails[0]]);
    assert_eq!(
        (kept.len(), first.attempts, first.due, &*first.error),
        (3, 0, Timestamp::from_millis(10), "")
    );
    assert_eq!(store.mails(1).await?, kept[..1]);

    store.mail_failed(first.id, "refused".to_owned(), Timestamp::from_millis(50)).await?;
    store.remove_mail(second.id).await?;
    let store = again(open, "mails", store).await?;
    let left = store.mails(10).await?;
    assert_eq!(left.iter().map(|mail| mail.id).collect::<Vec<_>>(), [third.id, first.id]);
    assert_eq!((left[1].attempts, &*left[1].error), (1, "refused"));
    assert_eq!(store.mails_waiting().await?, (2, "refused".to_owned()));
    // Where nobody considers any more, what is kept is still sent.
    store.keep_mails(None, Vec::new()).await?;
    assert_eq!((store.mail_considered().await?, store.mails(10).await?.len()), (None, 2));
    store.close().await;
    Ok(())
}
