//! The subscriptions to choose from.
//!
//! Fed by the API; feeds forms with ids and names, so many at most.

use postrider_proto::v1;

use crate::console::failure::PageFailure;
use crate::console::visit::{Visit, id_of};

/// With more of them their ids are given by the links of their pages.
const MAX_CHOICES: i32 = 200;

/// Ids and names, all of them first; `chosen` is among them in any case.
pub async fn subscriptions(
    visit: &Visit,
    tenant: &str,
    chosen: &str,
) -> Result<Vec<(String, String)>, PageFailure> {
    let request = v1::ListSubscriptionsRequest {
        parent: format!("tenants/{tenant}"),
        page_size: MAX_CHOICES,
        order_by: "display_name".to_owned(),
        ..v1::ListSubscriptionsRequest::default()
    };
    let listed = visit.calls.subscriptions().list_subscriptions(request).await?.into_inner();
    let mut choices = vec![(String::new(), "All".to_owned())];
    choices.extend(listed.subscriptions.iter().map(|subscription| {
        let id = id_of(&subscription.name);
        let name = match subscription.display_name.as_str() {
            "" => id.to_owned(),
            name => format!("{name} ({id})"),
        };
        (id.to_owned(), name)
    }));
    if !choices.iter().any(|(id, _)| id == chosen) {
        choices.push((chosen.to_owned(), chosen.to_owned()));
    }
    Ok(choices)
}
