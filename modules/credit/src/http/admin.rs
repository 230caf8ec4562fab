use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use kernel::id::{CreditAccountId, CustomerId};
use kernel::ports::{CreditKind, GiftCode};
use kernel::{Currency, Money, Page, PageQuery, Problem, Timestamp};
use platform::http::{Answer, Body, Editor, Failure, Params, RequiredKey, Staff, ok};
use platform::sql::retry;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::view::{CardView, MovementView, StoreCreditView, of_path, statement};
use crate::Credits;
use crate::domain::account::{Account, State};
use crate::store;
use crate::usecase::issue as issuing;

/// The longest reason, in characters.
const REASON_MAX: usize = 200;
/// What one command moves at most, in minor units.
const AMOUNT_MAX: i64 = 100_000_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": "50.00", "currency": "EUR"}, "expires_at": "2028-11-29T00:00:00Z"}))]
pub(super) struct IssueCard {
    /// What is on it.
    amount: Money,
    /// When its time is over; without it it has none.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// What it is for. It stays in the books for good and is to name nobody.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": "-5.00", "currency": "EUR"}, "reason": "It was issued with too much."}))]
pub(super) struct AdjustCredit {
    /// Above zero it is added, below it is taken away.
    amount: Money,
    /// Why; of store credit the customer can read it. It stays in the books for good and is to name nobody.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": {"amount": "10.00", "currency": "EUR"}, "reason": "For the trouble."}))]
pub(super) struct GrantCredit {
    /// What the customer gets.
    amount: Money,
    /// Why; the customer can read it. It stays in the books for good and is to name nobody.
    #[schema(min_length = 1, max_length = 200)]
    reason: String,
}

fn within(minor: i64, currency: Currency) -> Result<(), Problem> {
    if (1..=AMOUNT_MAX).contains(&minor) {
        return Ok(());
    }
    let most = Money::from_minor(AMOUNT_MAX, currency);
    Err(Problem::invalid("amount", format!("must move something, and {most} at most")))
}

fn short(reason: Option<&str>) -> Result<(), Problem> {
    let is_short = |text: &str| !text.trim().is_empty() && text.chars().count() <= REASON_MAX;
    if reason.is_none_or(is_short) {
        return Ok(());
    }
    Err(Problem::invalid("reason", format!("must be 1 to {REASON_MAX} characters")))
}

/// What a command of the staff is known by: nothing of it is done twice.
fn command(editor: &Editor, what: &str, key: &RequiredKey) -> String {
    format!("{what}/{}/{}", editor.id, key.0)
}

/// Issues a gift card.
///
/// Its `code` is in this answer and nowhere else. The same `Idempotency-Key` issues nothing more and is answered 200
/// without the code: block a card whose code was lost, and issue another one.
#[utoipa::path(post, path = "/v1/admin/gift-cards", tag = "admin", request_body = IssueCard,
    params(("Idempotency-Key" = String, Header, description = "New for each card")),
    responses(
        (status = 201, description = "The card and its code", body = CardView),
        (status = 200, description = "It was issued before", body = CardView),
        (status = 422, description = "`invalid_value`, `idempotency_key_reused`", body = Problem),
    ))]
pub(super) async fn issue(
    credits: Data<Credits>,
    editor: Editor,
    key: RequiredKey,
    body: Body<IssueCard>,
) -> Answer {
    let IssueCard { amount, expires_at, reason } = body.value;
    within(amount.minor(), amount.currency())?;
    short(reason.as_deref())?;
    if expires_at.is_some_and(|end| end <= credits.db.clock().now()) {
        return Err(Problem::invalid("expires_at", "must be in the future").into());
    }
    let (key, actor, why) = (command(&editor, "issue", &key), editor.actor(), reason.as_deref());
    let (card, code) = credits.issue(amount, expires_at, why, &key, &actor).await?;
    Ok(shown_once(card, code.as_ref()))
}

fn shown_once(card: Account, code: Option<&GiftCode>) -> HttpResponse {
    let mut answer = if code.is_some() { HttpResponse::Created() } else { HttpResponse::Ok() };
    answer.json(CardView::new(card, code))
}

/// Gift cards, the newest first.
#[utoipa::path(get, path = "/v1/admin/gift-cards", tag = "admin", params(PageQuery),
    responses((status = 200, description = "A page of gift cards", body = Page<CardView>)))]
pub(super) async fn list(credits: Data<Credits>, _: Staff, query: Params<PageQuery>) -> Answer {
    let limit = query.0.limit()?;
    let before = query.0.position()?.unwrap_or(CreditAccountId::from(Uuid::max()));
    let found = store::cards(&credits.db, before, i64::from(limit) + 1).await?;
    let page = Page::cut(found, limit, |card: &Account| card.id);
    ok(&page.map(|card| CardView::new(card, None)))
}

async fn card(credits: &Credits, id: &str) -> Result<Account, Failure> {
    of_path(credits, id, |it| it.kind == CreditKind::GiftCard).await
}

/// A gift card.
#[utoipa::path(get, path = "/v1/admin/gift-cards/{id}", tag = "admin",
    params(("id" = Uuid, Path, description = "The gift card")),
    responses(
        (status = 200, description = "The gift card", body = CardView),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
pub(super) async fn show(credits: Data<Credits>, _: Staff, id: Path<String>) -> Answer {
    ok(&CardView::new(card(&credits, &id).await?, None))
}

/// Blocks a gift card: nothing is paid with it any more. What it pays already stays paid.
#[utoipa::path(post, path = "/v1/admin/gift-cards/{id}/block", tag = "admin",
    params(("id" = Uuid, Path, description = "The gift card")),
    responses(
        (status = 200, description = "The gift card as it is now", body = CardView),
        (status = 409, description = "`conflict`: it has expired", body = Problem),
    ))]
pub(super) async fn block(credits: Data<Credits>, editor: Editor, id: Path<String>) -> Answer {
    switch(&credits, &editor, &id, State::Blocked).await
}

/// Lets a gift card that was blocked be used again.
#[utoipa::path(post, path = "/v1/admin/gift-cards/{id}/unblock", tag = "admin",
    params(("id" = Uuid, Path, description = "The gift card")),
    responses(
        (status = 200, description = "The gift card as it is now", body = CardView),
        (status = 409, description = "`conflict`: it has expired", body = Problem),
    ))]
pub(super) async fn unblock(credits: Data<Credits>, editor: Editor, id: Path<String>) -> Answer {
    switch(&credits, &editor, &id, State::Active).await
}

async fn switch(credits: &Credits, editor: &Editor, id: &str, to: State) -> Answer {
    let id = card(credits, id).await?.id;
    let actor = editor.actor();
    let card = retry(|| issuing::switch(credits, id, to, &actor)).await?;
    ok(&CardView::new(card, None))
}

/// Corrects what is left of a gift card.
#[utoipa::path(post, path = "/v1/admin/gift-cards/{id}/adjust", tag = "admin", request_body = AdjustCredit,
    params(
        ("id" = Uuid, Path, description = "The gift card"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The gift card as it is now", body = CardView),
        (status = 409, description = "`conflict`: only `balance` is left of it, or it has expired", body = Problem),
        (status = 422, description = "`invalid_value`, `idempotency_key_reused`", body = Problem),
    ))]
pub(super) async fn adjust(
    credits: Data<Credits>,
    editor: Editor,
    id: Path<String>,
    key: RequiredKey,
    body: Body<AdjustCredit>,
) -> Answer {
    let card = card(&credits, &id).await?;
    let currency = card.currency;
    if body.value.amount.currency() != currency {
        return Err(Problem::invalid("amount", format!("must be in {}", currency.code())).into());
    }
    let adjusted = adjusted(&credits, &editor, card, &key, body.value).await?;
    ok(&CardView::new(adjusted, None))
}

async fn adjusted(
    credits: &Credits,
    editor: &Editor,
    account: Account,
    key: &RequiredKey,
    AdjustCredit { amount, reason }: AdjustCredit,
) -> Result<Account, Failure> {
    within(amount.minor().checked_abs().unwrap_or_default(), amount.currency())?;
    short(Some(&reason))?;
    let key = command(editor, &format!("adjust/{}", account.id), key);
    let actor = editor.actor();
    Ok(retry(|| issuing::adjust(credits, account.id, amount, &reason, &key, &actor)).await?)
}

/// What came to a gift card and what went, the newest first.
#[utoipa::path(get, path = "/v1/admin/gift-cards/{id}/movements", tag = "admin",
    params(("id" = Uuid, Path, description = "The gift card"), PageQuery),
    responses(
        (status = 200, description = "A page of movements", body = Page<MovementView>),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
pub(super) async fn movements(
    credits: Data<Credits>,
    _: Staff,
    id: Path<String>,
    query: Params<PageQuery>,
) -> Answer {
    statement(&credits, &card(&credits, &id).await?, &query.0).await
}

fn customer(id: &str) -> Result<CustomerId, Problem> {
    id.parse().map_err(|_| Problem::not_found("such customer"))
}

/// Gives a customer store credit.
#[utoipa::path(post, path = "/v1/admin/customers/{id}/store-credit", tag = "admin", request_body = GrantCredit,
    params(
        ("id" = Uuid, Path, description = "The customer"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The store credit as it is now", body = StoreCreditView),
        (status = 404, description = "`not_found`: nobody with an account has this id", body = Problem),
        (status = 422, description = "`invalid_value`, `idempotency_key_reused`", body = Problem),
    ))]
pub(super) async fn grant(
    credits: Data<Credits>,
    editor: Editor,
    id: Path<String>,
    key: RequiredKey,
    body: Body<GrantCredit>,
) -> Answer {
    let customer = customer(&id)?;
    if !credits.knows(customer).await? {
        return Err(Problem::not_found("such customer").into());
    }
    let GrantCredit { amount, reason } = body.value;
    within(amount.minor(), amount.currency())?;
    short(Some(&reason))?;
    let key = command(&editor, &format!("grant/{customer}"), &key);
    let granted = credits.grant(customer, amount, &reason, &key, &editor.actor()).await?;
    ok(&StoreCreditView::from(granted))
}

/// Corrects what is left of a customer's store credit, such as a rest that nobody will spend.
#[utoipa::path(post, path = "/v1/admin/customers/{id}/store-credit/adjust", tag = "admin", request_body = AdjustCredit,
    params(
        ("id" = Uuid, Path, description = "The customer"),
        ("Idempotency-Key" = String, Header, description = "New for each command"),
    ),
    responses(
        (status = 200, description = "The store credit as it is now", body = StoreCreditView),
        (status = 404, description = "`not_found`: they have none in this currency", body = Problem),
        (status = 409, description = "`conflict`: only `balance` is left of it", body = Problem),
        (status = 422, description = "`invalid_value`, `idempotency_key_reused`", body = Problem),
    ))]
pub(super) async fn adjust_store_credit(
    credits: Data<Credits>,
    editor: Editor,
    id: Path<String>,
    key: RequiredKey,
    body: Body<AdjustCredit>,
) -> Answer {
    let (customer, amount) = (customer(&id)?, body.value.amount);
    // Nobody could spend what is given to somebody who was erased.
    if amount.minor() > 0 && !credits.knows(customer).await? {
        return Err(Problem::not_found("such customer").into());
    }
    let theirs = store::theirs(&credits.db, customer, amount.currency()).await?;
    let theirs = theirs.ok_or_else(|| Problem::not_found("such store credit"))?;
    let adjusted = adjusted(&credits, &editor, theirs, &key, body.value).await?;
    ok(&StoreCreditView::from(adjusted))
}

/// A customer's store credit, by currency.
#[utoipa::path(get, path = "/v1/admin/customers/{id}/store-credit", tag = "admin",
    params(("id" = Uuid, Path, description = "The customer")),
    responses((status = 200, description = "One for each currency", body = [StoreCreditView])))]
pub(super) async fn store_credit(credits: Data<Credits>, _: Staff, id: Path<String>) -> Answer {
    let found = store::of_customer(&credits.db, customer(&id)?).await?;
    let views: Vec<StoreCreditView> = found.into_iter().map(Into::into).collect();
    ok(&views)
}
