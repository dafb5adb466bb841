//! Accounts, sessions, tokens of programs, who has done what.

use std::sync::Arc;

use xrdtest_model::Timestamp;
use xrdtest_model::api::{AuditEntry, AuditFilter, Role, Via};

use super::again;
use crate::access::{Account, ApiToken, Session};
use crate::{Store, StoreError};

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn account(name: &str, role: Role) -> Account {
    Account {
        name: name.to_owned(),
        role,
        password: format!("$argon2id${name}"),
        by: "root".to_owned(),
        created: at(1),
    }
}

fn session(digest: &str, account: &str, created: u64, ends: u64) -> Session {
    Session { digest: digest.to_owned(), account: account.to_owned(), created: at(created), ends: at(ends) }
}

/// A session is somebody's as long as they are there, have the password that they had, and time is left.
pub(super) async fn accounts_and_sessions<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let store = open("accounts").await?;
    let (alice, bob) = (account("alice", Role::Viewer), account("bob", Role::Admin));
    assert!(store.add_account(bob.clone()).await? && store.add_account(alice.clone()).await?);
    let other = Account { role: Role::Admin, ..alice.clone() };
    assert!(!store.add_account(other).await?, "a name is given once");
    assert_eq!(store.account("alice".to_owned()).await?, Some(alice.clone()));
    assert_eq!(store.account("Alice".to_owned()).await?, None);

    for (digest, of, password, ends, expected) in [
        ("a1", "alice", &alice.password, 100, true),
        ("a2", "alice", &alice.password, 20, true),
        ("b1", "bob", &bob.password, 100, true),
        ("b2", "bob", &alice.password, 100, false),
        ("c1", "carol", &alice.password, 100, false),
    ] {
        let begun = store.add_session(session(digest, of, 10, ends), password.clone()).await?;
        assert_eq!(begun, expected, "{digest}");
    }
    let store = again(open, "accounts", store).await?;
    let of = async |digest: &str, now: u64| store.session(digest.to_owned(), at(now)).await;
    assert_eq!(of("a1", 50).await?, Some((session("a1", "alice", 10, 100), Role::Viewer)));
    assert_eq!((of("a2", 19).await?.is_some(), of("a2", 20).await?, of("b2", 11).await?), (true, None, None));
    assert_eq!(
        store.accounts(at(30)).await?,
        [(alice, 1), (bob.clone(), 1)],
        "by name, with what is not over"
    );

    store.prolong_session("a1".to_owned(), at(200)).await?;
    store.prolong_session("gone".to_owned(), at(200)).await?;
    assert!(store.change_account("alice".to_owned(), Some(Role::Operator), None).await?);
    assert_eq!(of("a1", 150).await?, Some((session("a1", "alice", 10, 200), Role::Operator)), "at once");
    assert!(store.change_account("alice".to_owned(), None, Some("new".to_owned())).await?);
    assert_eq!(of("a1", 150).await?, None, "another password");
    assert_eq!(store.account("alice".to_owned()).await?.map(|one| one.role), Some(Role::Operator));
    assert!(!store.change_account("carol".to_owned(), Some(Role::Admin), None).await?);

    assert!(store.add_session(session("b3", "bob", 60, 90), bob.password.clone()).await?);
    store.end_session("b1".to_owned()).await?;
    assert_eq!((of("b1", 70).await?, of("b3", 70).await?.is_some()), (None, true));
    assert!(store.remove_account("bob".to_owned()).await?);
    assert!(!store.remove_account("bob".to_owned()).await?);
    // Whoever has the name next has none of its sessions.
    assert!(store.add_account(bob).await?);
    assert_eq!(of("b3", 70).await?, None);
    store.close().await;
    Ok(())
}

/// Tokens are good until they expire or are revoked, and tell when they were used.
pub(super) async fn tokens_of_programs<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let token = |digest: &str, role, created, expires| ApiToken {
        digest: digest.to_owned(),
        name: "ci".to_owned(),
        role,
        by: "root".to_owned(),
        created: at(created),
        expires: at(expires),
        used: None,
    };
    let store = open("api-tokens").await?;
    let (old, new) = (token("aa", Role::Operator, 1, 50), token("ab", Role::Viewer, 2, 100));
    store.add_api_token(old.clone()).await?;
    store.add_api_token(new.clone()).await?;
    assert_eq!(store.api_tokens(at(10)).await?, [new.clone(), old.clone()], "newest first");
    assert_eq!(store.api_token("aa".to_owned(), at(49)).await?, Some(old));
    assert_eq!(store.api_token("aa".to_owned(), at(50)).await?, None);
    assert_eq!(store.api_token("a".to_owned(), at(10)).await?, None);
    store.note_use("ab".to_owned(), at(60)).await?;
    let store = again(open, "api-tokens", store).await?;
    assert_eq!(store.api_tokens(at(60)).await?, [ApiToken { used: Some(at(60)), ..new }]);
    assert!(store.revoke_api_token("ab".to_owned()).await?);
    assert!(!store.revoke_api_token("ab".to_owned()).await?);
    assert_eq!(store.api_token("ab".to_owned(), at(61)).await?, None);
    store.close().await;
    Ok(())
}

/// Entries are numbered by the store, and are told newest first.
pub(super) async fn who_has_done_what<O, F>(open: &O) -> Result<(), StoreError>
where
    O: Fn(&'static str) -> F,
    F: Future<Output = Result<Arc<dyn Store>, StoreError>>,
{
    let entry = |id: u64, who: &str, role: Option<Role>, via: Via, status: u16| AuditEntry {
        id,
        at: at(id * 10),
        who: who.to_owned(),
        role,
        via,
        address: "192.0.2.1".to_owned(),
        action: "POST /api/v1/runs".to_owned(),
        target: "ts_001_mm".to_owned(),
        reason: "a test".to_owned(),
        status,
    };
    let all = [
        entry(1, "root", Some(Role::Admin), Via::Socket, 201),
        entry(2, "alice", Some(Role::Viewer), Via::Session, 403),
        entry(3, "", None, Via::Nobody, 401),
        entry(4, "root", Some(Role::Operator), Via::Token, 409),
    ];
    let store = open("audit").await?;
    for one in &all {
        store.note(AuditEntry { id: 77, ..one.clone() }).await?;
    }
    let store = again(open, "audit", store).await?;
    let [one, two, three, four] = all;
    let asked = |who: Option<&str>, before, limit| AuditFilter { who: who.map(str::to_owned), before, limit };
    for (filter, expected) in [
        (asked(None, None, None), vec![&four, &three, &two, &one]),
        (asked(Some("root"), None, None), vec![&four, &one]),
        (asked(Some("root"), Some(4), None), vec![&one]),
        (asked(None, Some(4), Some(2)), vec![&three, &two]),
        (asked(Some("roo"), None, None), vec![]),
    ] {
        let told = store.audit(filter.clone()).await?;
        assert_eq!(told.iter().collect::<Vec<_>>(), expected, "{filter:?}");
    }
    store.close().await;
    Ok(())
}
