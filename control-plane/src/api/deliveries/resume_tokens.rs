//! Resume tokens of watches: sealed as page tokens are, and bound to what is watched.
//!
//! Fed by `watching`; feeds it where to go on. Guarantees an answer for any text, and that a
//! watch goes on only where one was told that it may: whoever could make a token would have
//! the whole history read again and again.

use postrider_domain::assignment_key::AssignmentKey;
use postrider_proto::v1;
use tonic::Status;

use crate::api::lists::page_tokens::{PageTokens, QueryHasher, TokenFault};
use crate::api::rpc::errors;

/// Makes and reads the tokens of watches of the same tenants and subscription.
pub struct ResumeTokens(PageTokens);

impl ResumeTokens {
    pub fn of(request: &v1::WatchAttemptsRequest, installation: &AssignmentKey) -> Self {
        let mut query = QueryHasher::new("WatchAttempts", installation);
        query.add(&request.parent);
        query.add(&request.subscription);
        Self(query.finish())
    }

    pub fn encode(&self, position: i64) -> Result<String, Status> {
        self.0.encode(Some(&position))
    }

    /// A token's position; `None` without a token.
    pub fn decode(&self, token: &str) -> Result<Option<i64>, Status> {
        self.0.open(token).map_err(|fault| {
            let problem = match fault {
                TokenFault::Unknown => "is not a token of WatchAttempts",
                TokenFault::OtherQuery => "belongs to a watch of other attempts",
            };
            errors::invalid("resume_token", problem)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(key: u8, parent: &str, subscription: &str) -> ResumeTokens {
        let request = v1::WatchAttemptsRequest {
            parent: parent.to_owned(),
            subscription: subscription.to_owned(),
            ..Default::default()
        };
        ResumeTokens::of(&request, &AssignmentKey::new([key; 32]))
    }

    #[test]
    fn a_token_is_read_back_and_nothing_else_is() {
        let own = tokens(1, "tenants/acme", "");
        for position in [0, 7, i64::MAX] {
            assert_eq!(own.decode(&own.encode(position).unwrap()).unwrap(), Some(position));
        }
        assert_eq!(own.decode("").unwrap(), None);
        let good = own.encode(7).unwrap();
        // The last was the form of tokens that anybody could make.
        for bad in ["x", "AAAA", "!!", &good[..good.len() - 2], &format!("{good}A"), "AQAAAAAAAAAH"]
        {
            assert!(own.decode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_token_is_good_only_for_the_same_watch_of_the_same_installation() {
        let token = tokens(1, "tenants/acme", "").encode(7).unwrap();
        for other in [
            tokens(1, "tenants/other", ""),
            tokens(1, "tenants/acme", "tenants/acme/subscriptions/erp"),
            tokens(2, "tenants/acme", ""),
        ] {
            assert!(other.decode(&token).is_err());
        }
    }
}
