//! What a cart costs: the catalogue's prices, the coupon, shipping and tax.

use kernel::ports::Wanted;
use kernel::problem::{Problem, code};
use kernel::{Address, Currency, Money};
use platform::fault;
use rust_decimal::Decimal;

use crate::domain::cart::{CartLine, PricedLine, price};
use crate::domain::totals::{Priced, Totals, totals};
use crate::error::OrderError;
use crate::store::cart::Cart;
use crate::store::coupon::{self, Coupon};
use crate::{Orders, Settings};

/// A cart with everything that decides its total.
pub struct Quote {
    /// The lines with their prices.
    pub lines: Vec<PricedLine>,
    /// The coupon that was taken into account.
    pub coupon: Option<Coupon>,
    /// The sums.
    pub totals: Totals,
}

impl Orders {
    /// Adds a cart up for an address and a shipping method.
    pub async fn quote(
        &self,
        cart: &Cart,
        address: &Address,
        method: &str,
        coupon: Option<&str>,
    ) -> Result<Quote, OrderError> {
        let wanted: Vec<Wanted> = cart.lines.iter().map(CartLine::wanted).collect();
        let offers = self.inner.catalog.offers(&wanted).await?;
        let (currency, lines) = price(&cart.lines, &offers)?;
        let coupon = self.usable_coupon(coupon.or(cart.coupon.as_deref())).await?;
        let mut shipping = shipping_price(&self.inner.settings, method, currency)?;
        if fault::bug("shipping_is_left_out") {
            shipping = Money::zero(currency);
        }
        let priced: Vec<Priced> = lines.iter().map(PricedLine::priced).collect();
        // All prices are of one market.
        let tax_included = lines.first().is_some_and(|line| line.offer.tax_included);
        let percent = coupon.as_ref().map_or(Decimal::ZERO, |coupon| coupon.percent);
        let tax = tax_percent(&self.inner.settings, &address.country);
        let totals = totals(currency, &priced, percent, shipping, tax, tax_included)?;
        Ok(Quote { lines, coupon, totals })
    }

    async fn usable_coupon(&self, code: Option<&str>) -> Result<Option<Coupon>, OrderError> {
        let Some(code) = code else { return Ok(None) };
        match coupon::find(&self.inner.db, code).await? {
            Some(coupon) if coupon.uses < coupon.uses_max => Ok(Some(coupon)),
            Some(_) => Err(coupon_refused("It has been used up.").into()),
            None => Err(coupon_refused("There is no such coupon.").into()),
        }
    }
}

/// The refusal of a coupon.
pub fn coupon_refused(detail: &str) -> Problem {
    Problem::new(code::COUPON_REFUSED, detail).field("coupon", detail)
}

fn shipping_price(settings: &Settings, method: &str, currency: Currency) -> Result<Money, Problem> {
    let ids = || settings.shipping.iter().map(|s| s.id.as_str()).collect::<Vec<_>>().join(", ");
    let method =
        settings.shipping.iter().find(|shipping| shipping.id == method).ok_or_else(|| {
            Problem::invalid("shipping_method", format!("must be one of: {}", ids()))
        })?;
    Money::rounded(method.price, currency)
        .map_err(|error| Problem::new(code::INVALID_VALUE, error.to_string()))
}

fn tax_percent(settings: &Settings, country: &str) -> Decimal {
    settings.tax_percent.get(country).copied().unwrap_or(Decimal::ZERO)
}
