//! One round: load, changes and strikes, then rest, judgement and a replay.
//!
//! Fed by a site and a round's number; feeds the soak with how many events were published.
//! Guarantees that nothing is under way when it ends, and that nothing of it is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use futures::future::try_join4;
use postrider_proto::v1::DeleteTenantRequest;
use postrider_tests::api::Api;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::sleep;

use crate::load::{self, SoakedTenant};
use crate::options::Options;
use crate::persistence::persist;
use crate::site::Site;
use crate::{changes, replay, story, strikes};

/// Whoever draws random numbers in a round has a sequence of his own.
enum Drawer {
    Load,
    Changes,
    Strikes,
    Replay,
}

fn random(options: &Options, round: u64, drawer: Drawer) -> StdRng {
    StdRng::seed_from_u64(options.seed.wrapping_add(round << 8).wrapping_add(drawer as u64))
}

/// Runs it, and answers how many events were published.
pub async fn run(options: &Options, site: &mut Site, number: u64) -> Result<u64> {
    let (begun, apis) = (SystemTime::now(), site.apis());
    let mut random_load = random(options, number, Drawer::Load);
    let tenants = load::prepare(&apis, &site.receiver, &mut random_load, number).await?;

    let stop = AtomicBool::new(false);
    let until_stop = async {
        sleep(options.load_time()).await;
        stop.store(true, Ordering::Relaxed);
        anyhow::Ok(())
    };
    let (promises, changed, struck, ()) = try_join4(
        Box::pin(load::publish(&apis, &tenants, options.events_per_second, &stop)),
        Box::pin(changes::change(&apis, &tenants, random(options, number, Drawer::Changes), &stop)),
        Box::pin(strikes::strike(site, random(options, number, Drawer::Strikes), &stop)),
        until_stop,
    )
    .await?;
    let events: usize = promises.iter().map(|promises| promises.events.len()).sum();
    ensure!(events > 0, "nothing was published");

    let api = apis.first().context("a replica")?;
    story::settled(api, &tenants).await?;
    let story = story::read(api, &site.receiver, &tenants, &promises, begun).await?;
    story::tell(number, &story);
    story::judge(&story)?;
    let random_replay = random(options, number, Drawer::Replay);
    let resends = Box::pin(replay::replay(site, &tenants, random_replay, begun)).await?;
    println!("round {number}: {events} events, {resends} resends, {changed:?}, {struck:?}");
    forget(site, &apis, &tenants).await?;
    Ok(u64::try_from(events)?)
}

/// Deletes the tenants, whose history stays as every history does.
async fn forget(site: &Site, apis: &[Api], tenants: &[SoakedTenant]) -> Result<()> {
    for tenant in tenants {
        let deleted = persist(apis, 0, |mut api| {
            let name = tenant.name.clone();
            async move {
                let request = DeleteTenantRequest { name, etag: String::new(), force: true };
                match api.tenants.delete_tenant(request).await {
                    Err(status) if changes::is_gone(&status) => Ok(()),
                    deleted => deleted.map(drop),
                }
            }
        });
        deleted.await?;
        for subscription in &tenant.subscriptions {
            site.receiver.script(&subscription.path, []);
        }
    }
    site.receiver.forget();
    Ok(())
}
