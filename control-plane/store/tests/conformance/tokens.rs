//! Callers' tokens.

use postrider_domain::time::Timestamp;
use postrider_identity::{Grant, GrantScope, IssuedToken, Role, TokenId, TokenKind, TokenRecord};
use postrider_store::{Store, StoreError, TokenBounds, TokenCreation, TokenQuery, WriteError};

use crate::database::Database;
use crate::engine::conformance;
use crate::fixture::{SECOND, audit};

const MOST: TokenBounds = TokenBounds { all: 100, of_tenant: 100, of_maker: 100 };

fn token(number: u8, kind: TokenKind, now: Timestamp) -> TokenRecord {
    let acme = GrantScope::tenant("acme".parse().unwrap());
    let grants = vec![
        Grant { role: Role::Reader, scope: acme },
        Grant { role: Role::Operator, scope: GrantScope::Installation },
    ];
    let mut record = IssuedToken::new([number; 10], &[number; 32], kind, grants, now).record;
    record.display_name = format!("Töken {number}");
    record.created_by = "token:1".to_owned();
    record
}

/// What must be the same: hashes say nothing when they are printed.
fn shown(token: &TokenRecord) -> (String, Vec<u8>) {
    (format!("{token:?}"), token.hash.as_bytes().to_vec())
}

async fn listed(store: &dyn Store, after: Option<&TokenId>, limit: u32) -> Vec<TokenId> {
    let query = TokenQuery { after: after.cloned(), limit, ..all() };
    let listed = store.list_tokens(&query).await.unwrap();
    listed.into_iter().map(|token| token.id).collect()
}

fn all() -> TokenQuery {
    TokenQuery { show_portal: true, after: None, limit: 50 }
}

conformance! {
    async fn a_token_is_read_back_as_it_was_made(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let mut made = token(1, TokenKind::Portal, now);
        made.expire_time = Some(now + SECOND);
        let created = store.create_token(&made, MOST, audit()).await.unwrap();
        assert_eq!(created, TokenCreation::Created);
        let found = store.get_token(&made.id).await.unwrap().unwrap();
        assert_eq!(shown(&found), shown(&made));
        let again = store.create_token(&made, MOST, audit()).await.unwrap_err();
        assert!(matches!(again, WriteError::AlreadyExists), "{again}");
        let other = TokenId::from_stored("0".repeat(20));
        assert!(store.get_token(&other).await.unwrap().is_none());
    }

    async fn there_are_not_more_tokens_than_allowed(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = async |number, maker: &str, tenant: Option<&str>, bounds| {
            let mut made = token(number, TokenKind::Service, now);
            made.created_by = maker.to_owned();
            if let Some(tenant) = tenant {
                let scope = GrantScope::tenant(tenant.parse().unwrap());
                made.grants = vec![Grant { role: Role::Reader, scope }];
            }
            store.create_token(&made, bounds, audit()).await.unwrap()
        };
        use TokenCreation::{Created, TooMany, TooManyOfMaker, TooManyOfTenant};
        let one = TokenBounds { all: 1, ..MOST };
        assert_eq!(made(1, "a", None, one).await, Created);
        assert_eq!(made(2, "a", None, one).await, TooMany);
        let one_of_tenant = TokenBounds { of_tenant: 1, ..MOST };
        assert_eq!(made(3, "b", Some("acme"), one_of_tenant).await, Created);
        assert_eq!(made(4, "b", Some("acme"), one_of_tenant).await, TooManyOfTenant);
        assert_eq!(made(5, "c", Some("other"), one_of_tenant).await, Created);
        // What holds in the installation counts for no tenant.
        assert_eq!(made(6, "c", None, one_of_tenant).await, Created);
        assert_eq!(made(7, "d", None, one_of_tenant).await, Created);
        let two_of_maker = TokenBounds { of_maker: 2, ..MOST };
        assert_eq!(made(8, "c", Some("third"), two_of_maker).await, TooManyOfMaker);
        assert_eq!(made(9, "d", Some("third"), two_of_maker).await, Created);
        assert_eq!(store.list_tokens(&all()).await.unwrap().len(), 6);
    }

    async fn tokens_are_listed_by_id_and_by_kind(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        for (number, kind) in
            [(3, TokenKind::Service), (1, TokenKind::Service), (2, TokenKind::Portal)]
        {
            store.create_token(&token(number, kind, now), MOST, audit()).await.unwrap();
        }
        let ids = |found: Vec<TokenRecord>| found.into_iter().map(|t| t.id).collect::<Vec<_>>();
        let id = |number| token(number, TokenKind::Service, now).id;
        let every = ids(store.list_tokens(&all()).await.unwrap());
        assert_eq!(every, [id(1), id(2), id(3)]);
        let services = TokenQuery { show_portal: false, ..all() };
        assert_eq!(ids(store.list_tokens(&services).await.unwrap()), [id(1), id(3)]);
        let next = TokenQuery { after: Some(id(1)), limit: 1, ..all() };
        assert_eq!(ids(store.list_tokens(&next).await.unwrap()), [id(2)]);
    }

    async fn a_token_is_revoked_once(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = token(1, TokenKind::Service, now);
        assert!(!store.revoke_token(&made.id, now, audit()).await.unwrap());
        store.create_token(&made, MOST, audit()).await.unwrap();
        assert!(store.revoke_token(&made.id, now, audit()).await.unwrap());
        assert!(!store.revoke_token(&made.id, now + SECOND, audit()).await.unwrap());
        let found = store.get_token(&made.id).await.unwrap().unwrap();
        assert_eq!(found.revoke_time, Some(now));
    }

    async fn the_last_use_never_goes_back(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = token(1, TokenKind::Service, now);
        store.create_token(&made, MOST, audit()).await.unwrap();
        let gone = (token(2, TokenKind::Service, now).id, now);
        for (used, last) in [(now + SECOND, now + SECOND), (now, now + SECOND)] {
            store.note_token_uses(&[(made.id.clone(), used), gone.clone()]).await.unwrap();
            let found = store.get_token(&made.id).await.unwrap().unwrap();
            assert_eq!(found.last_use_time, Some(last));
        }
        store.note_token_uses(&[]).await.unwrap();
    }

    async fn a_token_that_cannot_be_read_is_left_out_of_lists(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = [1, 2, 3].map(|number| token(number, TokenKind::Service, now));
        for token in &made {
            store.create_token(token, MOST, audit()).await.unwrap();
        }
        let [first, sick, last] = made.map(|token| token.id);
        let junk = format!("UPDATE tokens SET grants = 'zz' WHERE id = '{sick}'");
        Database::of(engine).await.execute(&junk).await;
        let both = [first.clone(), last.clone()];
        assert_eq!(listed(&**store, None, 9).await, both);
        assert_eq!(listed(&**store, None, 2).await, both, "a page is full");
        assert_eq!(listed(&**store, Some(&first), 1).await, std::slice::from_ref(&last));
        assert!(listed(&**store, Some(&last), 1).await.is_empty());
        let refused = store.get_token(&sick).await.unwrap_err();
        let StoreError::UnreadableRow { row, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(row, format!("tokens/{sick}"));
    }

    async fn ended_tokens_are_forgotten_by_kind(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let mut expired = token(1, TokenKind::Service, now);
        expired.expire_time = Some(now);
        let mut revoked = token(2, TokenKind::Service, now);
        revoked.expire_time = Some(now + SECOND * 60);
        let lasting = token(3, TokenKind::Service, now);
        let mut portal = token(4, TokenKind::Portal, now);
        portal.expire_time = Some(now);
        for made in [&expired, &revoked, &lasting, &portal] {
            store.create_token(made, MOST, audit()).await.unwrap();
        }
        store.revoke_token(&revoked.id, now, audit()).await.unwrap();
        store.forget_tokens(TokenKind::Service, now).await.unwrap();
        assert_eq!(store.list_tokens(&all()).await.unwrap().len(), 4);
        store.forget_tokens(TokenKind::Service, now + SECOND).await.unwrap();
        let left = store.list_tokens(&all()).await.unwrap();
        let left: Vec<_> = left.into_iter().map(|token| token.id).collect();
        assert_eq!(left, [lasting.id, portal.id]);
    }
}
