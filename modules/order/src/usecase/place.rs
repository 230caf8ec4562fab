//! Placing an order: one commit holds the order, its event, its checkout saga and the claim on the
//! idempotency key.

use std::collections::HashSet;
use std::net::IpAddr;

use chrono::TimeDelta;
use kernel::events::OrderPlaced;
use kernel::id::{CustomerId, LineId, OrderId, ProductId};
use kernel::ports::{CreditWish, GiftCode, Principal};
use kernel::problem::{Problem, code};
use kernel::{Address, Money};
use platform::idempotency::{self, Answer, Claim, Key};
use platform::saga::Running;
use platform::{fault, random, trace};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::domain::address;
use crate::domain::cart::PricedLine;
use crate::domain::contact;
use crate::domain::difference::{Expected, ShownLine, difference};
use crate::domain::number::number;
use crate::domain::order::{Line, Order};
use crate::domain::status::Status;
use crate::error::OrderError;
use crate::saga::checkout::Checkout;
use crate::store::cart::{self, Cart};
use crate::store::{orders, personal, promotion};
use crate::usecase::quote::Quote;
use crate::{ExpectedTotal, GuestEmail, Orders, Settings};

/// The longest payment token, in bytes.
const TOKEN_MAX: usize = 255;

/// What a shopper orders with; the goods are those of the cart.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "shipping_address": {"name": "Ada Lovelace", "line1": "Unter den Linden 1", "city": "Berlin",
                         "postal_code": "10117", "country": "DE"},
    "shipping_method": "standard",
    "payment": {"token": "tok_4f1c"}
}))]
pub struct PlaceOrder {
    /// Where the goods go.
    pub shipping_address: Address,
    /// Where the invoice goes, when that is elsewhere.
    #[serde(default)]
    pub billing_address: Option<Address>,
    /// One of the shop's shipping methods, e.g. `standard`.
    pub shipping_method: String,
    /// How it is paid; not asked for when nothing is left to be paid by card.
    #[serde(default)]
    pub payment: Option<PayWith>,
    /// Codes of gift cards, which pay in this order as much of it as there is.
    #[serde(default)]
    #[schema(max_items = 5)]
    pub gift_cards: Vec<GiftCode>,
    /// Whether store credit pays what gift cards leave.
    #[serde(default)]
    pub store_credit: bool,
    /// Where letters about the order go. Without it they go to the account's address, and guests get
    /// none.
    #[serde(default)]
    #[schema(format = Email, max_length = 254)]
    pub email: Option<String>,
    /// The language of these letters, e.g. `de` or `de-AT`; the shop's own when it is left out.
    #[serde(default)]
    #[schema(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")]
    pub locale: Option<String>,
    /// A coupon; that of the cart when it is left out.
    #[serde(default)]
    pub coupon: Option<String>,
    /// What the shopper was shown. An order that would cost anything else is refused.
    #[serde(default)]
    pub expected_total: Option<Money>,
    /// The lines of the quote: if anything has changed, the refusal tells it line by line.
    #[serde(default)]
    #[schema(max_items = 1000)]
    pub expected_lines: Option<Vec<ShownLine>>,
}

/// How an order is paid.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayWith {
    /// A token from `POST /v1/payment-tokens`.
    pub token: String,
}

impl std::fmt::Debug for PayWith {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayWith(..)")
    }
}

/// What came of placing an order.
pub enum Placed {
    /// The answer is final; `replayed` when the command came again.
    Answered {
        /// The stored answer.
        answer: Answer,
        /// Whether the command had been done before.
        replayed: bool,
    },
    /// The checkout goes on; look at the order.
    Running(OrderId),
}

impl Orders {
    /// Places an order of the shopper's cart `from` an address, and waits a moment for its checkout.
    pub async fn place(
        &self,
        shopper: &Principal,
        key: &Key,
        request: PlaceOrder,
        from: Option<IpAddr>,
    ) -> Result<Placed, OrderError> {
        if let Some(known) = self.known(key).await? {
            return Ok(known);
        }
        let placed = platform::sql::retry(|| self.try_place(shopper, key, &request, from)).await;
        match placed {
            Ok((order, running)) => {
                running.settled(self.inner.settings.answer_wait()).await;
                match idempotency::find(&self.inner.db, key).await? {
                    Some(Claim::Done(answer)) => Ok(Placed::Answered { answer, replayed: false }),
                    _ => Ok(Placed::Running(order)),
                }
            }
            // The same command may have been done meanwhile, and emptied or held the cart.
            Err(error) => self.known(key).await?.ok_or(error),
        }
    }

    pub(super) async fn known(&self, key: &Key) -> Result<Option<Placed>, OrderError> {
        match idempotency::find(&self.inner.db, key).await? {
            None => Ok(None),
            Some(Claim::Done(answer)) => Ok(Some(Placed::Answered { answer, replayed: true })),
            Some(claim) => match claim.problem() {
                Some(problem) => Err(problem.into()),
                None => Ok(None),
            },
        }
    }

    async fn try_place(
        &self,
        shopper: &Principal,
        key: &Key,
        request: &PlaceOrder,
        from: Option<IpAddr>,
    ) -> Result<(OrderId, Running), OrderError> {
        check(shopper, request, &self.inner.settings)?;
        let cart = cart::find(&self.inner.db, shopper.id).await?;
        let empty = || Problem::new(code::CART_EMPTY, "Put a product into the cart first.");
        let cart = cart.ok_or_else(empty)?;
        if cart.order_id.is_some() {
            return Err(OrderError::CartHeld);
        }
        let (address, method) = (&request.shipping_address, &request.shipping_method);
        let coupon = request.coupon.as_deref();
        let quote = self.quote(shopper, &cart, address, Some(method), coupon).await?;
        expect(request, &quote)?;
        let wish =
            CreditWish { codes: request.gift_cards.clone(), store_credit: request.store_credit };
        let quote = self.covered(shopper.id, quote, &wish).await?;
        let due = quote.due();
        if request.payment.is_none() && due.minor() > 0 {
            let detail = format!("must say how it is paid: {due} is left to pay");
            return Err(Problem::invalid("payment", detail).into());
        }
        self.commit(shopper.id, key, request, &cart, quote, from).await
    }

    async fn commit(
        &self,
        customer: CustomerId,
        key: &Key,
        request: &PlaceOrder,
        cart: &Cart,
        quote: Quote,
        from: Option<IpAddr>,
    ) -> Result<(OrderId, Running), OrderError> {
        // Had before the unit of work begins: it may be made in another database.
        let person = personal::key(&self.inner.db, customer).await?;
        let mut tx = self.inner.db.begin("order.place").await?;
        match idempotency::claim(&mut tx, key).await? {
            Claim::Fresh => {}
            // If it is done or running, `place` finds that once it is on disk.
            _ => return Err(OrderError::Stale),
        }
        let order = new_order(customer, request, cart, &quote, tx.now());
        if !cart::hold(&mut tx, cart, order.id).await? {
            return Err(OrderError::Stale);
        }
        if !promotion::claim(&mut tx, customer, &quote.taken).await? {
            // Somebody else was first: what is left is asked anew.
            self.inner.automatic.forget();
            return Err(OrderError::Stale);
        }
        if !orders::insert(&mut tx, &order, &person).await? {
            // The next try draws another number.
            return Err(OrderError::Stale);
        }
        promotion::keep(&mut tx, order.id, customer, &quote.taken).await?;
        let placed = OrderPlaced {
            order_id: order.id,
            number: order.number.clone(),
            customer_id: customer,
            total: order.totals.total,
        };
        tx.emit(&placed, order.version)?;
        let token = request.payment.as_ref().map_or("", |payment| payment.token.as_str());
        let checkout = Checkout::of(&order, (token, from), key, trace::current(), &person)?;
        let deadline = tx.now() + TimeDelta::seconds(self.inner.settings.checkout_deadline_s);
        let running =
            self.inner.checkouts.start(&mut tx, order.id.uuid(), &checkout, deadline).await?;
        tx.commit().await?;
        Ok((order.id, running))
    }
}

/// Refuses what is no token for a payment, by the name of its field.
pub(super) fn check_token(field: &str, token: &str) -> Result<(), Problem> {
    if (1..=TOKEN_MAX).contains(&token.len()) {
        return Ok(());
    }
    Err(Problem::invalid(field, "must be a token of /v1/payment-tokens"))
}

fn check(shopper: &Principal, request: &PlaceOrder, settings: &Settings) -> Result<(), Problem> {
    address::check(&request.shipping_address, "shipping_address")?;
    if let Some(address) = &request.billing_address {
        address::check(address, "billing_address")?;
    }
    if let Some(payment) = &request.payment {
        check_token("payment.token", &payment.token)?;
    }
    contact::check_email(request.email.as_deref())?;
    contact::check_locale(request.locale.as_deref())?;
    let has_address = request.email.is_some() || contact::has_account(shopper);
    if !has_address && settings.guest_email == GuestEmail::Required {
        return Err(Problem::invalid("email", "must be given by whoever has no account"));
    }
    if request.expected_total.is_none() && settings.expected_total == ExpectedTotal::Required {
        return Err(Problem::invalid("expected_total", "must be the total of the quote"));
    }
    let lines = request.expected_lines.as_deref().unwrap_or_default();
    let products: HashSet<ProductId> = lines.iter().map(|line| line.product_id).collect();
    if products.len() < lines.len() {
        return Err(Problem::invalid("expected_lines", "must name each product once"));
    }
    Ok(())
}

/// Refuses what is not the order that the shopper was shown.
fn expect(request: &PlaceOrder, quote: &Quote) -> Result<(), Problem> {
    let expected =
        Expected { lines: request.expected_lines.as_deref(), total: request.expected_total };
    let lines: Vec<ShownLine> = quote.lines.iter().map(PricedLine::shown).collect();
    let total = quote.totals.total;
    let changes = difference(expected, &lines, total);
    if changes.is_empty() {
        return Ok(());
    }
    let detail = match request.expected_total.filter(|expected| *expected != total) {
        Some(expected) => format!("The order would cost {total}, not {expected}."),
        None => "The lines are not those that were shown.".to_owned(),
    };
    Err(Problem::new(code::PRICE_CHANGED, detail)
        .with("totals", quote.totals)
        .with("lines", lines)
        .with("promotions", &quote.promotions)
        .with("differences", changes))
}

fn new_order(
    customer: CustomerId,
    request: &PlaceOrder,
    cart: &Cart,
    quote: &Quote,
    now: kernel::Timestamp,
) -> Order {
    let mut totals = quote.totals;
    if fault::bug("total_is_wrong") {
        totals.tax = Money::zero(totals.tax.currency());
    }
    Order {
        id: OrderId::new(),
        number: number(random::between(0, (1 << 50) - 1)),
        customer_id: customer,
        cart_id: cart.id,
        status: Status::Pending,
        lines: quote.lines.iter().map(|line| Line::new(LineId::new(), line)).collect(),
        totals,
        coupon: quote.coupon.clone(),
        promotions: quote.promotions.clone(),
        credit: quote.credit.clone(),
        shipments: vec![],
        shipping_address: request.shipping_address.clone(),
        billing_address: request.billing_address.clone(),
        shipping_method: request.shipping_method.clone(),
        shipping_tax: Some(quote.shipping_tax.into()),
        email: request.email.as_deref().and_then(kernel::email),
        locale: request.locale.clone(),
        failure: None,
        version: 1,
        editing: None,
        replaces: None,
        created_at: now,
        updated_at: now,
        confirmed_at: None,
    }
}
