use actix_web::web::{Data, Path};
use kernel::id::{ProductId, SavedCartId};
use kernel::{Problem, Timestamp};
use platform::http::{Answer, Body, Caller, created, no_content, ok};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cart::{CartView, view};
use crate::Orders;
use crate::store::saved::{self, Saved};
use crate::usecase::saved::demand_account;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "For the kitchen"}))]
pub(super) struct SaveCart {
    /// 1 to 100 printable characters; one name for one cart.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
}

/// A cart that was put aside.
#[derive(Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "name": "For the kitchen",
    "created_at": "2026-11-28T10:00:00Z",
    "lines": [{"product_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b11", "quantity": 2}]
}))]
pub(super) struct SavedView {
    id: SavedCartId,
    name: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    lines: Vec<SavedLine>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SavedLine {
    product_id: ProductId,
    quantity: i64,
}

/// All saved carts of a shopper.
#[derive(Serialize, ToSchema)]
pub(super) struct SavedCarts {
    /// The oldest first; at most 50.
    items: Vec<SavedView>,
}

impl From<Saved> for SavedView {
    fn from(Saved { id, name, created_at, lines }: Saved) -> Self {
        let line = |(product_id, quantity)| SavedLine { product_id, quantity };
        Self { id, name, created_at, lines: lines.into_iter().map(line).collect() }
    }
}

fn saved_id(text: &str) -> Result<SavedCartId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such saved cart"))
}

/// The carts that the caller has put aside.
#[utoipa::path(get, path = "/v1/cart/saved", tag = "cart",
    responses((status = 200, description = "All of them", body = SavedCarts)))]
pub(super) async fn list(orders: Data<Orders>, caller: Caller) -> Answer {
    let found = saved::list(&orders.inner.db, caller.id).await?;
    ok(&SavedCarts { items: found.into_iter().map(SavedView::from).collect() })
}

/// Puts the cart aside under a name; it is empty then.
#[utoipa::path(post, path = "/v1/cart/saved", tag = "cart", request_body = SaveCart,
    responses(
        (status = 201, description = "The saved cart", body = SavedView, headers(("Location"))),
        (status = 409, description = "`cart_empty`, `cart_in_checkout`, or `conflict`: there is one of this name, or 50", body = Problem),
    ))]
pub(super) async fn save(orders: Data<Orders>, caller: Caller, body: Body<SaveCart>) -> Answer {
    demand_account(&caller)?;
    let id = orders.save_cart(caller.id, &body.value.name).await?;
    let found = saved::list(&orders.inner.db, caller.id).await?;
    let saved = found.into_iter().find(|saved| saved.id == id).map(SavedView::from);
    created("/v1/cart/saved", &saved)
}

/// Brings a saved cart back: its units come on top of what is in the cart.
#[utoipa::path(post, path = "/v1/cart/saved/{id}/restore", tag = "cart",
    params(("id" = Uuid, Path, description = "The saved cart")),
    responses(
        (status = 200, description = "The cart", body = CartView),
        (status = 409, description = "`cart_in_checkout`, or `conflict`: the cart would be too large", body = Problem),
    ))]
pub(super) async fn restore(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    orders.restore_cart(caller.id, saved_id(&id)?).await?;
    ok(&view(&orders, &caller, None).await?)
}

/// Throws a saved cart away.
#[utoipa::path(delete, path = "/v1/cart/saved/{id}", tag = "cart",
    params(("id" = Uuid, Path, description = "The saved cart")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 409, description = "`cart_in_checkout`", body = Problem),
    ))]
pub(super) async fn delete(orders: Data<Orders>, caller: Caller, id: Path<String>) -> Answer {
    orders.delete_saved_cart(caller.id, saved_id(&id)?).await?;
    no_content()
}
