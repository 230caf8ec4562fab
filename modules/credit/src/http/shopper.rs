use actix_web::web::{Data, Path};
use kernel::ports::GiftCode;
use kernel::{Page, PageQuery, Problem};
use platform::http::{Answer, Body, Caller, Params, ok};
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{BalanceView, MovementView, StoreCreditView, of_path, statement};
use crate::Credits;
use crate::domain::account::State;
use crate::error::Error;
use crate::store;

/// A code is asked about in the body: what is in an address is kept by browsers and proxies.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "7M2KX-90QRT-4ZV1C-HB8WE"}))]
pub(super) struct AskBalance {
    /// The code; small letters, spaces and dashes do not matter.
    code: GiftCode,
}

/// What is left of a gift card.
///
/// A code that nobody has and one of a card that is blocked are answered alike.
#[utoipa::path(post, path = "/v1/gift-cards/balance", tag = "credit", request_body = AskBalance,
    responses(
        (status = 200, description = "What is left of it", body = BalanceView),
        (status = 404, description = "`not_found`: no gift card of this code can be used", body = Problem),
    ))]
pub(super) async fn balance(credits: Data<Credits>, _: Caller, body: Body<AskBalance>) -> Answer {
    let card = credits.card(&body.value.code).await?;
    if card.state == State::Blocked {
        return Err(Error::Refused(kernel::ports::CreditReason::Unknown, None).into());
    }
    ok(&BalanceView { balance: card.balance(), expires_at: card.expires_at })
}

/// The caller's store credit, by currency.
#[utoipa::path(get, path = "/v1/me/store-credit", tag = "credit",
    responses((status = 200, description = "One for each currency", body = [StoreCreditView])))]
pub(super) async fn store_credit(credits: Data<Credits>, caller: Caller) -> Answer {
    let found = store::of_customer(&credits.db, caller.id).await?;
    let views: Vec<StoreCreditView> = found.into_iter().map(Into::into).collect();
    ok(&views)
}

/// What came to the caller's store credit and what went, the newest first.
#[utoipa::path(get, path = "/v1/me/store-credit/{id}/movements", tag = "credit",
    params(("id" = Uuid, Path, description = "The store credit"), PageQuery),
    responses(
        (status = 200, description = "A page of movements", body = Page<MovementView>),
        (status = 404, description = "`not_found`", body = Problem),
    ))]
pub(super) async fn movements(
    credits: Data<Credits>,
    caller: Caller,
    id: Path<String>,
    query: Params<PageQuery>,
) -> Answer {
    let account = of_path(&credits, &id, |it| it.customer_id == Some(caller.id)).await?;
    statement(&credits, &account, &query.0).await
}
