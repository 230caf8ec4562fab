use std::collections::HashMap;

use actix_web::web::{Data, Path};
use kernel::id::{LineId, ProductId};
use kernel::ports::{
    Availability, Buyer, CreditPart, CreditWish, GiftCode, Offer, Principal, Wanted,
};
use kernel::{Address, Money, Problem, Timestamp};
use platform::http::{Answer, Body, Caller, ok};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Orders;
use crate::domain::address;
use crate::domain::bundle::{Units, exploded};
use crate::domain::cart::{CartLine, Obstacle, PricedLine, obstacles};
use crate::domain::promotion::Told;
use crate::domain::shipping::{Offered, Refused};
use crate::domain::tax::{LineTax, TaxLine};
use crate::domain::totals::Totals;
use crate::error::OrderError;
use crate::store::cart;

/// A cart with today's prices.
#[derive(Serialize, ToSchema)]
pub(super) struct CartView {
    lines: Vec<CartLineView>,
    coupon: Option<String>,
    /// The sum of the lines that have a price; null when the cart is empty.
    items: Option<Money>,
    /// Why it cannot be bought as it is.
    obstacles: Vec<Obstacle>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct CartLineView {
    id: LineId,
    product_id: ProductId,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    quantity: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit_price: Option<Money>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Money>,
    #[serde(flatten)]
    stock: LineStock,
}

/// Where the units of a line would come from.
#[derive(Serialize, ToSchema)]
struct LineStock {
    /// How many units could be had now.
    available: i64,
    /// How many of the line's units would come later.
    #[serde(skip_serializing_if = "is_none")]
    backordered: i64,
    /// Nothing of it is sent before, where that is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    available_from: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_none(units: &i64) -> bool {
    *units == 0
}

impl LineStock {
    fn of(stock: &HashMap<ProductId, Availability>, units: Units<'_>) -> Self {
        let stock = units.available(stock);
        let later = (units.quantity - stock.on_hand).max(0);
        Self {
            available: stock.on_hand,
            backordered: later.min(stock.backorder),
            available_from: stock.from,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"product_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "quantity": 1}))]
pub(super) struct AddLine {
    product_id: ProductId,
    /// 1 to 10,000 units.
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeLine {
    /// 1 to 10,000 units.
    #[schema(minimum = 1, maximum = 10_000)]
    quantity: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetCoupon {
    /// The coupon's code; null takes it away.
    code: Option<String>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "shipping_address": {"name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
                         "postal_code": "10117", "country": "DE"},
    "shipping_method": "standard"
}))]
pub(super) struct AskQuote {
    shipping_address: Address,
    /// One of the shipping methods; the cheapest that goes there when it is left out.
    #[serde(default)]
    shipping_method: Option<String>,
    #[serde(default)]
    coupon: Option<String>,
    /// Codes of gift cards that are to pay, the first one first.
    #[serde(default)]
    #[schema(max_items = 5)]
    gift_cards: Vec<GiftCode>,
    /// Whether store credit is to pay what they leave.
    #[serde(default)]
    store_credit: bool,
}

/// What a cart would cost: an order of it that meets this total costs this.
#[derive(Serialize, ToSchema)]
pub(super) struct QuoteView {
    totals: Totals,
    /// What gift cards and store credit would pay of the total; nothing is taken.
    credit: Vec<CreditPart>,
    /// What is left to be paid by card.
    due: Money,
    /// The tax by its rates.
    tax_lines: Vec<TaxLine>,
    /// The code that took something off.
    #[serde(skip_serializing_if = "Option::is_none")]
    coupon: Option<String>,
    lines: Vec<QuoteLine>,
    /// Each promotion that was in play, and why it did not apply.
    promotions: Vec<Told>,
    /// How it is sent.
    shipping_method: String,
    /// How it could be sent.
    shipping_methods: Vec<Offered>,
    /// How it cannot be sent, and why.
    unavailable_methods: Vec<Refused>,
    /// Why it could not be ordered now, though it has a price.
    obstacles: Vec<Obstacle>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct QuoteLine {
    line_id: LineId,
    product_id: ProductId,
    sku: String,
    name: String,
    quantity: i64,
    unit_price: Money,
    /// The price of all units.
    total: Money,
    /// What promotions take off that.
    discount: Money,
    /// The tax of what is left.
    tax: LineTax,
    #[serde(flatten)]
    stock: LineStock,
}

/// What could be promised of each product that the lines of a cart take out of stock.
async fn available(
    orders: &Orders,
    lines: impl Iterator<Item = Units<'_>> + Send,
) -> Result<HashMap<ProductId, Availability>, OrderError> {
    let products: Vec<ProductId> = exploded(lines).iter().map(|line| line.product_id).collect();
    let found = orders.inner.stock.available(&products).await?;
    Ok(found.into_iter().map(|stock| (stock.product_id, stock)).collect())
}

/// What the catalogue offers of the lines of a cart. It is not asked again for what is `known`.
async fn offers(
    orders: &Orders,
    caller: &Principal,
    cart: &cart::Cart,
    known: Option<(Wanted, Offer)>,
) -> Result<Vec<Offer>, OrderError> {
    let wanted = || cart.lines.iter().map(CartLine::wanted);
    let known = known.filter(|(of, _)| wanted().any(|line| line == *of));
    let is_known = |line: &Wanted| known.as_ref().is_some_and(|(of, _)| of == line);
    let asked: Vec<Wanted> = wanted().filter(|line| !is_known(line)).collect();
    let mut offers = Vec::new();
    if !asked.is_empty() {
        let buyer = Buyer { country: None, group: caller.group.as_deref() };
        offers = orders.inner.catalog.offers(buyer, &asked).await?;
    }
    offers.extend(known.map(|(_, offer)| offer));
    Ok(offers)
}

/// The shopper's cart; with an offer that is `known`, since it was asked for just now.
pub(super) async fn view(
    orders: &Orders,
    caller: &Principal,
    known: Option<(Wanted, Offer)>,
) -> Result<CartView, OrderError> {
    let Some(cart) = cart::find(&orders.inner.db, caller.id).await? else {
        return Ok(CartView { lines: vec![], coupon: None, items: None, obstacles: vec![] });
    };
    let offers = offers(orders, caller, &cart, known).await?;
    let offers: HashMap<ProductId, &Offer> =
        offers.iter().map(|offer| (offer.product_id, offer)).collect();
    let units = |line: &CartLine| line.units(offers.get(&line.product_id).copied());
    let stock = available(orders, cart.lines.iter().map(units)).await?;
    let obstacles = obstacles(&cart.lines, &offers, Some(&stock));
    let mut view = CartView { lines: vec![], coupon: cart.coupon, items: None, obstacles };
    for line in &cart.lines {
        let offer = offers.get(&line.product_id);
        let total = offer.map(|offer| offer.price.times(line.quantity)).transpose()?;
        if let Some(total) = total {
            let sum = view.items.unwrap_or(Money::zero(total.currency()));
            view.items = sum.checked_add(total).ok();
        }
        view.lines.push(CartLineView {
            id: line.id,
            product_id: line.product_id,
            sku: offer.map(|offer| offer.sku.clone()),
            name: offer.map(|offer| offer.name.clone()),
            quantity: line.quantity,
            unit_price: offer.map(|offer| offer.price),
            total,
            stock: LineStock::of(&stock, units(line)),
        });
    }
    Ok(view)
}

/// The shopper's cart.
#[utoipa::path(get, path = "/v1/cart", tag = "cart",
    responses((status = 200, description = "The cart", body = CartView)))]
pub(super) async fn show(orders: Data<Orders>, caller: Caller) -> Answer {
    ok(&view(&orders, &caller, None).await?)
}

/// Puts units of a product into the cart; a product that is there gets more of them.
#[utoipa::path(post, path = "/v1/cart/lines", tag = "cart", request_body = AddLine,
    responses(
        (status = 200, description = "The cart", body = CartView),
        (status = 404, description = "There is no such product in the shop", body = Problem),
        (status = 409, description = "`not_sellable`, `cart_in_checkout`, or `conflict`", body = Problem),
    ))]
pub(super) async fn add_line(orders: Data<Orders>, caller: Caller, body: Body<AddLine>) -> Answer {
    let AddLine { product_id, quantity } = body.value;
    let offer =
        orders.add_to_cart(caller.id, caller.group.as_deref(), product_id, quantity).await?;
    let known = Some((Wanted { product_id, quantity }, offer));
    ok(&view(&orders, &caller, known).await?)
}

/// Changes how many units a line has.
#[utoipa::path(patch, path = "/v1/cart/lines/{id}", tag = "cart", request_body = ChangeLine,
    params(("id" = Uuid, Path, description = "The line")),
    responses(
        (status = 200, description = "The cart", body = CartView),
        (status = 409, description = "`cart_in_checkout` or `conflict`", body = Problem),
    ))]
pub(super) async fn change_line(
    orders: Data<Orders>,
    caller: Caller,
    line: Path<String>,
    body: Body<ChangeLine>,
) -> Answer {
    orders.change_line(caller.id, line_id(&line)?, body.value.quantity).await?;
    ok(&view(&orders, &caller, None).await?)
}

/// Takes a line out of the cart.
#[utoipa::path(delete, path = "/v1/cart/lines/{id}", tag = "cart", params(("id" = Uuid, Path, description = "The line")),
    responses(
        (status = 200, description = "The cart", body = CartView),
        (status = 409, description = "`cart_in_checkout` or `conflict`", body = Problem),
    ))]
pub(super) async fn remove_line(
    orders: Data<Orders>,
    caller: Caller,
    line: Path<String>,
) -> Answer {
    orders.remove_line(caller.id, line_id(&line)?).await?;
    ok(&view(&orders, &caller, None).await?)
}

fn line_id(text: &str) -> Result<LineId, Problem> {
    text.parse().map_err(|_| Problem::not_found("such line in your cart"))
}

/// Puts a coupon to the cart, or takes it away.
#[utoipa::path(put, path = "/v1/cart/coupon", tag = "cart", request_body = SetCoupon,
    responses(
        (status = 200, description = "The cart", body = CartView),
        (status = 409, description = "`coupon_refused`, `cart_in_checkout` or `conflict`", body = Problem),
    ))]
pub(super) async fn set_coupon(
    orders: Data<Orders>,
    caller: Caller,
    body: Body<SetCoupon>,
) -> Answer {
    orders.set_coupon(caller.id, body.value.code.as_deref()).await?;
    ok(&view(&orders, &caller, None).await?)
}

/// What the cart would cost, sent this way to this address.
#[utoipa::path(post, path = "/v1/cart/quote", tag = "cart", request_body = AskQuote,
    responses(
        (status = 200, description = "What it would cost", body = QuoteView),
        (status = 409, description = "`cart_empty`, `not_sellable`, `coupon_refused`, `credit_refused` or `shipping_not_available`", body = Problem),
    ))]
pub(super) async fn quote(orders: Data<Orders>, caller: Caller, body: Body<AskQuote>) -> Answer {
    let AskQuote { shipping_address, shipping_method, coupon, gift_cards, store_credit } =
        body.value;
    address::check(&shipping_address, "shipping_address")?;
    let empty =
        || Problem::new(kernel::problem::code::CART_EMPTY, "Put a product into the cart first.");
    let cart = cart::find(&orders.inner.db, caller.id).await?.ok_or_else(empty)?;
    let coupon = coupon.as_deref();
    let method = shipping_method.as_deref();
    let quote = orders.quote(&caller, &cart, &shipping_address, method, coupon).await?;
    let wish = CreditWish { codes: gift_cards, store_credit };
    let quote = orders.covered(caller.id, quote, &wish).await?;
    let stock = available(&orders, quote.lines.iter().map(PricedLine::units)).await?;
    let offers: HashMap<ProductId, &Offer> =
        quote.lines.iter().map(|line| (line.line.product_id, &line.offer)).collect();
    let obstacles = obstacles(&cart.lines, &offers, Some(&stock));
    let line = |priced: &PricedLine| QuoteLine {
        line_id: priced.line.id,
        product_id: priced.line.product_id,
        sku: priced.offer.sku.clone(),
        name: priced.offer.name.clone(),
        quantity: priced.line.quantity,
        unit_price: priced.offer.price,
        total: priced.total,
        discount: priced.discount,
        tax: priced.tax.into(),
        stock: LineStock::of(&stock, priced.units()),
    };
    ok(&QuoteView {
        tax_lines: quote.tax_lines()?,
        due: quote.due(),
        credit: quote.credit,
        totals: quote.totals,
        lines: quote.lines.iter().map(line).collect(),
        shipping_method: quote.method,
        shipping_methods: quote.ways.offered,
        unavailable_methods: quote.ways.refused,
        coupon: quote.coupon,
        promotions: quote.promotions,
        obstacles,
    })
}
