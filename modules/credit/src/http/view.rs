//! What is shown of stored value.

use kernel::id::{ChangeId, CreditAccountId, CreditMovementId, OrderId};
use kernel::ports::GiftCode;
use kernel::{Currency, Money, Page, PageQuery, Problem, Timestamp};
use platform::http::{Answer, ok};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::Credits;
use crate::domain::account::{Account, State};
use crate::domain::movement::{Kind, Movement};
use crate::store;

/// A gift card as the staff sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = GiftCard, example = json!({
    "id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "last4": "7QK3", "state": "active",
    "balance": {"amount": "30.00", "currency": "EUR"}, "spent": {"amount": "20.00", "currency": "EUR"},
    "expires_at": "2028-11-29T00:00:00Z", "created_at": "2026-11-29T16:00:00Z"
}))]
pub(super) struct CardView {
    id: CreditAccountId,
    /// Its code, which this answer alone tells: only its hash is kept. A repetition of the command has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "7M2KX-90QRT-4ZV1C-HB8WE")]
    code: Option<String>,
    /// The last four characters of its code.
    #[schema(example = "7QK3")]
    last4: String,
    state: State,
    /// What is left of it.
    balance: Money,
    /// What of it pays orders.
    spent: Money,
    /// When its time is over; without it it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl CardView {
    pub(super) fn new(card: Account, code: Option<&GiftCode>) -> Self {
        Self {
            id: card.id,
            code: code.map(|code| code.typed().to_owned()),
            balance: card.balance(),
            spent: Money::from_minor(card.spent_minor, card.currency),
            last4: card.last4.unwrap_or_default(),
            state: card.state,
            expires_at: card.expires_at,
            created_at: card.created_at,
        }
    }
}

/// A gift card as whoever has its code sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = GiftCardBalance, example = json!({
    "balance": {"amount": "30.00", "currency": "EUR"}, "expires_at": "2028-11-29T00:00:00Z"
}))]
pub(super) struct BalanceView {
    /// What is left of it.
    pub(super) balance: Money,
    /// When its time is over; without it it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) expires_at: Option<Timestamp>,
}

/// What a customer has in one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = StoreCredit, example = json!({
    "id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "balance": {"amount": "15.00", "currency": "EUR"}
}))]
pub(super) struct StoreCreditView {
    id: CreditAccountId,
    /// What is left.
    balance: Money,
}

impl From<Account> for StoreCreditView {
    fn from(account: Account) -> Self {
        Self { id: account.id, balance: account.balance() }
    }
}

/// What came to a gift card or store credit (above zero), or went.
#[derive(Serialize, ToSchema)]
#[schema(as = CreditMovement, example = json!({
    "id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d11", "kind": "spend",
    "amount": {"amount": "-20.00", "currency": "EUR"},
    "order_id": "0198f2a4-6f0e-7c3a-9d61-0a4f3c1b2d12", "at": "2026-11-29T16:00:00Z"
}))]
pub(super) struct MovementView {
    id: CreditMovementId,
    kind: Kind,
    amount: Money,
    /// The order that it pays, or whose money it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
    /// The change of that order that it came back for.
    #[serde(skip_serializing_if = "Option::is_none")]
    change_id: Option<ChangeId>,
    /// Why, in the staff's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl MovementView {
    fn new(movement: Movement, currency: Currency) -> Self {
        Self {
            id: movement.id,
            kind: movement.kind,
            amount: Money::from_minor(movement.amount_minor, currency),
            order_id: movement.order_id,
            change_id: movement.change_id,
            reason: movement.reason,
            at: movement.at,
        }
    }
}

/// A page of the movements of an account, the newest first.
pub(super) async fn statement(credits: &Credits, account: &Account, query: &PageQuery) -> Answer {
    let limit = query.limit()?;
    let before = query.position()?.unwrap_or(CreditMovementId::from(Uuid::max()));
    let found = store::statement(&credits.db, account.id, before, i64::from(limit) + 1).await?;
    let page = Page::cut(found, limit, |movement: &Movement| movement.id);
    ok(&page.map(|movement| MovementView::new(movement, account.currency)))
}

/// An account of a path, or 404.
pub(super) async fn of_path(
    credits: &Credits,
    id: &str,
    is_it: impl Fn(&Account) -> bool,
) -> Result<Account, platform::http::Failure> {
    let missing = || Problem::not_found("such gift card or store credit");
    let id: CreditAccountId = id.parse().map_err(|_| missing())?;
    let found = store::find(&credits.db, id).await?;
    Ok(found.filter(is_it).ok_or_else(missing)?)
}
