//! A tenant's subscriptions, to choose from and to call by their names.
//!
//! Fed by the API; feeds forms and lists with ids and names, so many at most.

use postrider_identity::Permission;
use postrider_proto::v1;

use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of};

/// With more of them their ids are given by the links of their pages.
const MAX_CHOICES: i32 = 200;

/// Ids, and names that may be empty.
#[derive(Default)]
pub struct SubscriptionChoices {
    names: Vec<(String, String)>,
}

impl SubscriptionChoices {
    pub async fn read(visit: &Visit, tenant: &str) -> Result<Self, PageFailure> {
        let request = v1::ListSubscriptionsRequest {
            parent: format!("tenants/{tenant}"),
            page_size: MAX_CHOICES,
            order_by: "display_name".to_owned(),
            ..v1::ListSubscriptionsRequest::default()
        };
        let listed = visit.calls.subscriptions().list_subscriptions(request).await?.into_inner();
        let names = listed
            .subscriptions
            .into_iter()
            .map(|subscription| (id_of(&subscription.name).to_owned(), subscription.display_name));
        Ok(Self { names: names.collect() })
    }

    /// For a page that is of use without names: none, where they cannot be read.
    pub async fn read_names(visit: &Visit, tenant: &str) -> Self {
        match visit.may_in(Permission::ReadSubscriptions, tenant) {
            true => Self::read(visit, tenant).await.unwrap_or_default(),
            false => Self::default(),
        }
    }

    /// As people call it; its id where there is no name.
    pub fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        let named = self.names.iter().find(|(known, name)| known == id && !name.is_empty());
        named.map_or(id, |(_, name)| name.as_str())
    }

    /// For a field of a form, all of them first; `chosen` is among them in any case.
    pub fn options(&self, chosen: &str) -> Vec<(String, String)> {
        let mut options = vec![(String::new(), "All".to_owned())];
        options.extend(self.names.iter().map(|(id, name)| {
            let words = if name.is_empty() { id.clone() } else { format!("{name} ({id})") };
            (id.clone(), words)
        }));
        if !options.iter().any(|(id, _)| id == chosen) {
            options.push((chosen.to_owned(), chosen.to_owned()));
        }
        options
    }
}
