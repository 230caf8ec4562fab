//! The ways that an order can go.

use std::time::Duration;

use kernel::problem::{Problem, code};
use kernel::{Address, Currency, Money};

use crate::domain::cart::PricedLine;
use crate::domain::shipping::{
    Destination, Method, MethodKind, Offered, Parcel, Refused, ShippingRate, offers,
};
use crate::error::OrderError;
use crate::{Orders, Settings};

/// How long zones and methods are remembered: so late another process may know of a change.
pub const REMEMBERED: Duration = Duration::from_secs(10);

/// How a cart can be sent to an address.
pub struct Ways {
    /// The methods that go there.
    pub offered: Vec<Offered>,
    /// Those that do not, each with why.
    pub refused: Vec<Refused>,
}

impl Orders {
    /// How lines that are worth so much can be sent to an address.
    pub async fn ways(
        &self,
        address: &Address,
        lines: &[PricedLine],
        items: Money,
    ) -> Result<Ways, OrderError> {
        let currency = items.currency();
        let load = crate::store::shipping::shipping(&self.inner.db);
        let kept = self.inner.shipping.get(load).await?;
        let parcel = Parcel {
            to: Destination::from(address),
            currency,
            weight_g: lines.iter().map(PricedLine::weight_g).sum(),
            items_minor: items.minor(),
        };
        let (offered, refused) = if kept.is_kept {
            offers(&kept.methods, &parcel)
        } else {
            offers(&of_settings(&self.inner.settings, currency)?, &parcel)
        };
        Ok(Ways { offered, refused })
    }
}

impl Ways {
    /// The method of this code, or the cheapest when none is named.
    pub fn choose(&self, method: Option<&str>) -> Result<&Offered, Problem> {
        let Some(method) = method else {
            let cheapest = self.offered.iter().min_by_key(|it| it.price.minor());
            let detail = "No shipping method goes to this address with these goods.";
            return cheapest.ok_or_else(|| self.unavailable(detail));
        };
        if let Some(offered) = self.offered.iter().find(|it| it.id == method) {
            return Ok(offered);
        }
        if let Some(refused) = self.refused.iter().find(|it| it.id == method) {
            return Err(self.unavailable(refused.detail));
        }
        let all = self.offered.iter().map(|it| &it.id).chain(self.refused.iter().map(|it| &it.id));
        let all = all.map(String::as_str).collect::<Vec<_>>().join(", ");
        Err(Problem::invalid("shipping_method", format!("must be one of: {all}")))
    }

    fn unavailable(&self, detail: &str) -> Problem {
        Problem::new(code::SHIPPING_NOT_AVAILABLE, detail)
            .field("shipping_method", detail)
            .with("allowed", &self.offered)
            .with("refused", &self.refused)
    }
}

/// The methods of the settings, which go anywhere.
fn of_settings(settings: &Settings, currency: Currency) -> Result<Vec<Method>, OrderError> {
    let method = |method: &crate::ShippingMethod| {
        let rate = ShippingRate {
            places: None,
            currency,
            min_weight_g: 0,
            max_weight_g: None,
            min_items_minor: 0,
            max_items_minor: None,
            price_minor: Money::rounded(method.price, currency)?.minor(),
            free_above_minor: None,
        };
        Ok(Method {
            code: method.id.clone(),
            name: method.id.clone(),
            kind: MethodKind::Carrier,
            rates: vec![rate],
        })
    };
    settings.shipping.iter().map(method).collect()
}
