//! `stoa events`

use std::process::ExitCode;

use clap::Args;
use platform::{bus, outbox};

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// Which events to show.
#[derive(Debug, Args)]
pub(super) struct Events {
    /// A module, e.g. order; without one, how far each subscription has come
    module: Option<String>,
    /// Events after this place
    #[arg(long, default_value_t = 0)]
    after: i64,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

/// Shows events as JSON lines, or the lag of every subscription.
pub(super) async fn events(settings: Settings, which: Events) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    if let Some(module) = which.module {
        let db = shop.database(&module)?;
        for event in outbox::read_after(db, which.after, which.limit).await? {
            let envelope = serde_json::to_value(&event.envelope)?;
            say(serde_json::json!({"pos": event.pos, "event": envelope}));
        }
        return Ok(ExitCode::SUCCESS);
    }
    for subscription in shop.bus.subscriptions() {
        for source in subscription.sources() {
            let lag = bus::lag(subscription, source, shop.bus.publisher(source)?).await?;
            say(format!("{} <- {source}: {} of {}", lag.subscription, lag.pos, lag.last));
        }
    }
    Ok(ExitCode::SUCCESS)
}
