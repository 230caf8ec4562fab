use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::Data;
use kernel::{Currency, Money};
use platform::http::{Answer, Failure, Staff, ok};
use platform::sql;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Ledger;
use crate::domain::Kind;
use crate::store::pages::{self, Sum};

/// A part of the money at risk.
#[derive(Serialize, ToSchema)]
#[schema(as = PartAtRisk)]
pub(super) struct PartView {
    amount: Money,
    /// How many things it is of.
    items: i64,
}

/// The money at risk in a currency: what the shop has earned and does not have yet.
#[derive(Serialize, ToSchema)]
#[schema(as = MoneyAtRisk, example = json!({
    "currency": "EUR", "total": {"amount": "143.80", "currency": "EUR"},
    "uncaptured": {"amount": {"amount": "23.80", "currency": "EUR"}, "items": 1},
    "unsettled": {"amount": {"amount": "100.00", "currency": "EUR"}, "items": 4},
    "differences": {"amount": {"amount": "20.00", "currency": "EUR"}, "items": 2},
    "disputes": {"amount": {"amount": "0.00", "currency": "EUR"}, "items": 0}
}))]
pub(super) struct AtRiskView {
    #[schema(value_type = String)]
    currency: Currency,
    /// The sum of the parts.
    total: Money,
    /// What is owed for orders that are confirmed: set aside by the processor, and not taken.
    uncaptured: PartView,
    /// What the processor took and has not settled.
    unsettled: PartView,
    /// What open differences are about beside that: lines of money that the shop knows nothing of.
    differences: PartView,
    /// What cardholders dispute.
    disputes: PartView,
}

/// One figure of money at risk for each currency, with its parts.
#[derive(Serialize, ToSchema)]
#[schema(as = MoneyAtRiskList)]
pub(super) struct AtRiskList {
    items: Vec<AtRiskView>,
}

/// How much money is at risk, in each currency in which some is: the sum of what is owed for confirmed orders and not
/// taken, what the processor took and has not settled, what open differences are about beside that, and what
/// cardholders dispute.
#[utoipa::path(get, path = "/v1/admin/ledger/at-risk", tag = "ledger",
    responses((status = 200, description = "By currency", body = AtRiskList)))]
pub(super) async fn at_risk(ledger: Data<Ledger>, _: Staff) -> Answer {
    let mut parts: [BTreeMap<Currency, Sum>; 4] = Default::default();
    let db = &ledger.db;
    let found = [
        pages::open_debits(db, Kind::Receivable).await?,
        pages::open_debits(db, Kind::Clearing).await?,
        pages::exposed(db).await?,
        pages::open_debits(db, Kind::Disputes).await?,
    ];
    for (part, sums) in parts.iter_mut().zip(found) {
        part.extend(sums.into_iter().map(|sum| (sum.amount.currency(), sum)));
    }
    let currencies: BTreeSet<Currency> = parts.iter().flat_map(BTreeMap::keys).copied().collect();
    let view = |currency| in_currency(&parts, currency);
    let items = currencies.into_iter().map(view).collect::<sql::Result<_>>();
    ok(&AtRiskList { items: items.map_err(Failure::from)? })
}

fn in_currency(
    parts: &[BTreeMap<Currency, Sum>; 4],
    currency: Currency,
) -> sql::Result<AtRiskView> {
    let none = Money::zero(currency);
    let amounts = parts.iter().map(|part| part.get(&currency).map_or(none, |sum| sum.amount));
    let total = Money::sum(currency, amounts);
    let part = |part: &BTreeMap<Currency, Sum>| {
        let sum = part.get(&currency);
        let (amount, items) = sum.map_or((none, 0), |sum| (sum.amount, sum.items));
        PartView { amount, items }
    };
    let [uncaptured, unsettled, differences, disputes] = parts.each_ref().map(part);
    Ok(AtRiskView {
        currency,
        total: total.map_err(|error| sql::Error::Inconsistent(format!("at risk: {error}")))?,
        uncaptured,
        unsettled,
        differences,
        disputes,
    })
}
