//! Sessions of the web console.

use postrider_domain::time::Timestamp;
use postrider_identity::{
    CallerIdentity, ConsoleEntryKind, ConsoleId, ConsoleSession, Grant, GrantScope, Principal,
    Role, TokenId,
};
use postrider_store::{ConsoleBounds, ConsoleCreation};

use crate::engine::conformance;
use crate::fixture::SECOND;

const MOST: ConsoleBounds = ConsoleBounds { all: 100, of_tenant: 100, of_caller: 100 };

fn session(number: u8, caller: &str, tenant: Option<&str>, now: Timestamp) -> ConsoleSession {
    let scope = match tenant {
        Some(tenant) => GrantScope::tenant(tenant.parse().unwrap()),
        None => GrantScope::Installation,
    };
    let identity = CallerIdentity {
        principal: Principal::Token(TokenId::from_stored(caller)),
        grants: vec![Grant { role: Role::Reader, scope }],
        expire_time: None,
    };
    let id = ConsoleId::new(&[number; 32]);
    ConsoleSession::new(&id, ConsoleEntryKind::Session, identity, now, 60 * SECOND)
}

conformance! {
    async fn a_console_session_is_read_back_as_it_was_made(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = session(1, "a", Some("acme"), now);
        let created = store.create_console_session(&made, MOST).await.unwrap();
        assert_eq!(created, ConsoleCreation::Created);
        let kind = ConsoleEntryKind::Session;
        let found = store.get_console_session(kind, &made.hash).await.unwrap();
        assert_eq!(found.as_ref(), Some(&made));
        let code = ConsoleEntryKind::PortalCode;
        assert_eq!(store.get_console_session(code, &made.hash).await.unwrap(), None);
        store.note_console_use(&made.hash, now + SECOND).await.unwrap();
        store.note_console_use(&made.hash, now).await.unwrap();
        let used = store.get_console_session(kind, &made.hash).await.unwrap().unwrap();
        assert_eq!(used.last_use_time, now + SECOND);
    }

    async fn a_code_is_taken_once(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let kind = ConsoleEntryKind::PortalCode;
        let made = ConsoleSession { kind, ..session(1, "a", Some("acme"), now) };
        store.create_console_session(&made, MOST).await.unwrap();
        let session = ConsoleEntryKind::Session;
        assert_eq!(store.take_console_session(session, &made.hash).await.unwrap(), None);
        let (first, second) = tokio::join!(
            store.take_console_session(kind, &made.hash),
            store.take_console_session(kind, &made.hash),
        );
        let taken = [first.unwrap(), second.unwrap()];
        assert_eq!(taken.iter().flatten().collect::<Vec<_>>(), [&made]);
    }

    async fn there_are_not_more_console_sessions_than_allowed(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let make = async |number: u8, caller: &str, tenant: Option<&str>, bounds| {
            let made = session(number, caller, tenant, now + u32::from(number) * SECOND);
            store.create_console_session(&made, bounds).await.unwrap()
        };
        let is_there = async |number: u8| {
            let hash = ConsoleId::new(&[number; 32]).hash();
            store.get_console_session(ConsoleEntryKind::Session, &hash).await.unwrap().is_some()
        };
        use ConsoleCreation::{Created, TooMany, TooManyOfTenant};
        let two_of_caller = ConsoleBounds { of_caller: 2, ..MOST };
        for number in 1..=3 {
            assert_eq!(make(number, "a", Some("acme"), two_of_caller).await, Created);
        }
        assert_eq!((is_there(1).await, is_there(2).await, is_there(3).await), (false, true, true));
        let two_of_tenant = ConsoleBounds { of_tenant: 2, ..MOST };
        assert_eq!(make(4, "b", Some("acme"), two_of_tenant).await, TooManyOfTenant);
        assert_eq!(make(5, "b", Some("other"), two_of_tenant).await, Created);
        assert_eq!(make(6, "c", None, two_of_tenant).await, Created);
        let four = ConsoleBounds { all: 4, ..MOST };
        assert_eq!(make(7, "d", None, four).await, TooMany);
        assert!(!is_there(7).await && is_there(6).await);
    }

    async fn ended_and_unused_console_sessions_are_forgotten(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let kind = ConsoleEntryKind::Session;
        let ended = ConsoleSession { expire_time: now, ..session(1, "a", None, now + SECOND) };
        let unused = session(2, "b", None, now);
        let kept = session(3, "c", None, now + SECOND);
        for made in [&ended, &unused, &kept] {
            store.create_console_session(made, MOST).await.unwrap();
        }
        store.forget_console_sessions(now, now).await.unwrap();
        assert!(store.get_console_session(kind, &ended.hash).await.unwrap().is_some());
        store.forget_console_sessions(now + SECOND, now + SECOND).await.unwrap();
        for (session, is_there) in [(&ended, false), (&unused, false), (&kept, true)] {
            let found = store.get_console_session(kind, &session.hash).await.unwrap();
            assert_eq!(found.is_some(), is_there, "{session:?}");
        }
    }
}
