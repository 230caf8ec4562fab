//! What a cart costs: the catalogue's prices, promotions, shipping and tax.

use kernel::ports::{Buyer, CreditPart, Principal, TaxRequest, Taxed, Wanted};
use kernel::problem::{Problem, code};
use kernel::{Address, Money, MoneyError};
use platform::fault;
use platform::sql::Error;

use crate::Orders;
use crate::domain::cart::{CartLine, PricedLine, price};
use crate::domain::discount::{self, Item};
use crate::domain::promotion::{Promotion, Reason, Told};
use crate::domain::tax::{TaxLine, by_rate};
use crate::domain::totals::{Priced, Totals, items, totals};
use crate::error::OrderError;
use crate::store::cart::Cart;
use crate::store::promotion::{self, Taken};
use crate::usecase::promotions::AUTOMATIC_MAX;
use crate::usecase::shipping::Ways;

/// A cart with everything that decides its total.
pub struct Quote {
    /// The lines with their prices.
    pub lines: Vec<PricedLine>,
    /// The code that was given, if it took something off.
    pub coupon: Option<String>,
    /// What became of each promotion that the cart was up for.
    pub promotions: Vec<Told>,
    /// What an order of it takes of the promotions that apply.
    pub taken: Vec<Taken>,
    /// The shipping method that was asked for, or chosen.
    pub method: String,
    /// How else it could be sent.
    pub ways: Ways,
    /// The tax of the shipping.
    pub shipping_tax: Taxed,
    /// The sums.
    pub totals: Totals,
    /// What gift cards and store credit would pay of the total.
    pub credit: Vec<CreditPart>,
}

impl Quote {
    /// The tax by its rates.
    pub fn tax_lines(&self) -> Result<Vec<TaxLine>, MoneyError> {
        let mut taxes = Vec::with_capacity(self.lines.len() + 1);
        for line in &self.lines {
            taxes.push((line.total.checked_sub(line.discount)?, line.tax.into()));
        }
        taxes.push((self.totals.shipping, self.shipping_tax.into()));
        let included = self.lines.first().is_some_and(|line| line.offer.tax.included);
        by_rate(self.totals.total.currency(), taxes, included)
    }
}

impl Orders {
    /// Adds a shopper's cart up for an address and a shipping method, the cheapest when none is named.
    pub async fn quote(
        &self,
        shopper: &Principal,
        cart: &Cart,
        address: &Address,
        method: Option<&str>,
        coupon: Option<&str>,
    ) -> Result<Quote, OrderError> {
        let group = shopper.group.as_deref();
        let buyer = Buyer { country: Some(&address.country), group };
        let wanted: Vec<Wanted> = cart.lines.iter().map(CartLine::wanted).collect();
        let offers = self.inner.catalog.offers(buyer, &wanted).await?;
        let (currency, mut lines) = price(&cart.lines, &offers)?;
        let priced: Vec<Priced> = lines.iter().map(PricedLine::priced).collect();
        // Promotions add lines up, so that must be possible.
        let worth = items(currency, &priced)?;
        let ways = self.ways(address, &lines, worth).await?;
        let chosen = ways.choose(method)?;
        let (method, mut shipping) = (chosen.id.clone(), chosen.price);
        if fault::bug("shipping_is_left_out") {
            shipping = Money::zero(currency);
        }
        let typed = coupon.or(cart.coupon.as_deref());
        let in_play = self.promotions(typed, group).await?;
        let goods: Vec<Item> = lines.iter().map(PricedLine::item).collect();
        let applied = discount::apply(
            &discount::Cart {
                currency,
                items: &goods,
                shipping_minor: shipping.minor(),
                used: &promotion::used_by(&self.inner.db, shopper.id, &in_play).await?,
                group,
                now: self.inner.db.clock().now(),
            },
            &in_play,
        );
        let of_typed = applied.told.iter().find(|told| Some(told.code.as_str()) == typed);
        if let Some(reason) = of_typed.and_then(|told| told.reason)
            && reason.is_final()
        {
            return Err(coupon_refused(reason).into());
        }
        for (line, off) in lines.iter_mut().zip(&applied.lines) {
            line.discount = Money::from_minor(*off, currency);
        }
        let discount = Money::sum(currency, lines.iter().map(|line| line.discount))?;
        let shipping = shipping.checked_sub(Money::from_minor(applied.shipping, currency))?;
        // All prices are of one market.
        let terms = lines.first().map(|line| line.offer.tax).unwrap_or_default();
        let request = TaxRequest {
            country: address.country.clone(),
            region: address.region.clone(),
            postal_code: address.postal_code.clone(),
            at: self.inner.db.clock().now(),
            terms,
            lines: lines.iter().map(PricedLine::taxable).collect::<Result<_, _>>()?,
            shipping,
        };
        let taxed = self.inner.tax.assess(&request).await?;
        if taxed.lines.len() != lines.len() {
            let told = format!("{} of {} lines were taxed", taxed.lines.len(), lines.len());
            return Err(Error::Inconsistent(told).into());
        }
        for (line, tax) in lines.iter_mut().zip(&taxed.lines) {
            line.tax = *tax;
        }
        let shipping_tax = taxed.shipping;
        let taxes = taxed.lines.iter().map(|taxed| taxed.tax).chain([shipping_tax.tax]);
        let tax = Money::sum(currency, taxes)?;
        let totals = totals(currency, &priced, discount, shipping, tax, terms.included)?;
        Ok(Quote {
            lines,
            coupon: of_typed.filter(|told| told.applied).map(|told| told.code.clone()),
            taken: taken(&in_play, &applied.told),
            promotions: applied.told,
            method,
            ways,
            shipping_tax,
            totals,
            credit: vec![],
        })
    }

    /// The automatic promotions for a customer group and that of the code.
    async fn promotions(
        &self,
        typed: Option<&str>,
        group: Option<&str>,
    ) -> Result<Vec<Promotion>, OrderError> {
        let automatic =
            self.inner.automatic.get(promotion::automatic(&self.inner.db, AUTOMATIC_MAX)).await?;
        // Nobody is told of what is given to others without being asked for.
        let is_for =
            |it: &&Promotion| it.customer_group.is_none() || it.customer_group.as_deref() == group;
        let mut all: Vec<Promotion> = automatic.iter().filter(is_for).cloned().collect();
        if let Some(typed) = typed {
            // It may be known already, but not how it stands now.
            all.retain(|promotion| promotion.code != typed);
            let found = promotion::find(&self.inner.db, typed).await?;
            all.push(found.ok_or_else(|| coupon_refused(Reason::Unknown))?.promotion);
        }
        Ok(all)
    }
}

fn taken(promotions: &[Promotion], told: &[Told]) -> Vec<Taken> {
    let of = |told: &Told| promotions.iter().find(|promotion| promotion.code == told.code);
    told.iter()
        .filter(|told| told.applied)
        .filter_map(|told| {
            Some(Taken {
                code: told.code.clone(),
                amount_minor: told.amount.minor(),
                per_customer_max: of(told)?.per_customer_max,
            })
        })
        .collect()
}

/// The refusal of a coupon.
pub fn coupon_refused(reason: Reason) -> Problem {
    let detail = reason.detail();
    Problem::new(code::COUPON_REFUSED, detail).field("coupon", detail).with("reason", reason)
}
