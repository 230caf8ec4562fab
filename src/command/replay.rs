//! `stoa replay`

use std::process::ExitCode;

use platform::audit::Actor;
use platform::bus::{self, Handler};

use super::{Failure, say};
use crate::app::Shop;
use crate::settings::Settings;

/// Rebuilds a projection; a server that runs carries on from there.
pub(super) async fn replay(settings: Settings, name: Option<String>) -> Result<ExitCode, Failure> {
    let shop = Shop::beside(settings).await?;
    let Some(name) = name else {
        say("search");
        for subscription in shop.bus.subscriptions() {
            if matches!(subscription.handler, Handler::Reaction(_)) {
                say(subscription.name);
            }
        }
        return Ok(ExitCode::SUCCESS);
    };
    if name == "search" {
        let db = shop.database("catalog")?;
        catalog::Catalog::request_search_rebuild(db, &Actor::OPERATOR).await?;
        say("the search index is rebuilt by the server, or when it starts");
        return Ok(ExitCode::SUCCESS);
    }
    let found = shop.bus.subscriptions().iter().find(|known| known.name == name);
    let subscription = found.ok_or_else(|| format!("there is no subscription {name}"))?;
    bus::replay(subscription, &Actor::OPERATOR).await?;
    say(format!("{name} starts over from the first event"));
    Ok(ExitCode::SUCCESS)
}
