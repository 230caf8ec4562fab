//! What a client does in one turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::bare;
use crate::client::{Answer, Client};
use crate::error::{Error, Result};

/// How long an order may take to be confirmed, and how often it is looked at: less and less often.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);
const FIRST_LOOK_AFTER: Duration = Duration::from_millis(10);
const LOOKS_APART_MAX: Duration = Duration::from_millis(500);
/// The sandbox processor never answers when an amount ends like this.
const NEVER_ANSWERED: &str = ".51";
/// Strides over the paths, so that clients are not in step with each other.
const STRIDE: usize = 37;

/// What came of a turn.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// It did not, and how that is called in the report.
    Other(String),
}

impl Outcome {
    /// Nothing is left to buy: the scenario ends.
    pub const SOLD_OUT: &str = "the shelf is empty";
    /// A busy shop refused a cart line, or the order of what is in the cart.
    pub const CART_REFUSED: &str = "cart line 503 overloaded";
    pub const ORDER_REFUSED: &str = "order 503 overloaded";

    fn other(name: impl Into<String>) -> Self {
        Self::Other(name.into())
    }

    fn refused(what: &str, answer: &Answer) -> Self {
        let problem = answer.json::<Value>().unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or("no code");
        Self::Other(format!("{what} {} {code}", answer.status))
    }
}

/// How many shoppers there have been.
static ARRIVED: AtomicUsize = AtomicUsize::new(0);

/// A guest with a card in the vault.
pub struct Buyer {
    access_token: String,
    card: String,
    /// Where the goods go: shoppers of a shop do not all live in one house.
    house: usize,
}

impl Buyer {
    /// Opens a guest session and puts a card that is approved in the vault; the client is theirs.
    pub async fn arrive(client: &mut Client) -> Result<Self> {
        let house = ARRIVED.fetch_add(1, Ordering::Relaxed);
        let before = client.access_token.take();
        let guest = client.must_post("/v1/auth/guest", &json!({})).await;
        let guest = guest.inspect_err(|_| client.access_token = before)?;
        let access_token = text(&guest, "access_token")?;
        client.access_token = Some(access_token.clone());
        let card = json!({
            "number": card_number(house), "exp_month": 12, "exp_year": 2030, "cvc": "123",
            "name": "Ada",
        });
        let card = text(&client.must_post("/v1/payment-tokens", &card).await?, "token")?;
        Ok(Self { access_token, card, house })
    }
}

/// A card that the sandbox approves, of each shopper another: decisions about fraud ask for what was paid with it before.
fn card_number(nth: usize) -> String {
    let digits = format!("424242{:09}", nth % 1_000_000_000);
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(n, digit)| {
            let digit = u32::from(digit - b'0') * if n % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A field that the contract promises.
pub fn text(answer: &Value, field: &str) -> Result<String> {
    let found = answer[field].as_str().map(str::to_owned);
    found.ok_or_else(|| Error::Setup(format!("an answer lacks {field}: {answer}")))
}

/// What there is to buy; it hands out each unit once, product by product, round by round.
pub struct Shelf {
    product_ids: Vec<String>,
    units_of_each: usize,
    first: usize,
    handed_out: AtomicUsize,
}

impl Shelf {
    /// A shelf with so many units of each product.
    pub fn new(product_ids: Vec<String>, units_of_each: usize) -> Self {
        Self::numbered(0, product_ids, units_of_each)
    }

    /// The same, whose units are numbered from `first` on.
    pub fn numbered(first: usize, product_ids: Vec<String>, units_of_each: usize) -> Self {
        Self { product_ids, units_of_each, first, handed_out: AtomicUsize::new(0) }
    }

    /// The next unit: its number, and its product. None when the shelf is empty.
    fn next(&self) -> Option<(usize, &str)> {
        let number = self.handed_out.fetch_add(1, Ordering::Relaxed);
        let round = number.checked_div(self.product_ids.len())?;
        let product = self.product_ids.get(number % self.product_ids.len())?;
        (round < self.units_of_each).then_some((self.first + number, product.as_str()))
    }
}

/// What is measured.
pub enum Scenario {
    /// GET of one path after the other.
    Read {
        /// Its name in the report.
        name: &'static str,
        /// The paths.
        paths: Arc<Vec<String>>,
        /// Who asks; nobody in particular when it is empty.
        guests: Vec<Arc<Buyer>>,
    },
    /// Cart line and order, until it is confirmed.
    Checkout {
        /// Its name in the report.
        name: &'static str,
        /// Whether the shopper asks for a quote first, and orders what it says.
        quoted: bool,
        /// What is bought.
        shelf: Arc<Shelf>,
        /// Who buys; at least as many as there are clients.
        buyers: Vec<Arc<Buyer>>,
    },
    /// A login by the right password.
    Login {
        /// Whose.
        email: &'static str,
        /// It.
        password: &'static str,
    },
}

impl Scenario {
    /// The bare handler with the bytes of a scenario.
    pub fn bare(name: &'static str, number: usize) -> Self {
        Self::Read { name, paths: Arc::new(vec![bare::path(number)]), guests: Vec::new() }
    }

    /// What the bare handler has to answer too: the first of the bodies that are read.
    pub async fn body(&self, client: &mut Client) -> Result<Option<Bytes>> {
        match self {
            Self::Read { paths, .. } => Ok(Some(client.get(&paths[0]).await?.body)),
            Self::Checkout { .. } | Self::Login { .. } => Ok(None),
        }
    }

    /// Its name in the report.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Read { name, .. } | Self::Checkout { name, .. } => name,
            Self::Login { .. } => "login",
        }
    }

    /// What the client with this number does.
    pub fn step(&self, client: usize) -> Step {
        match self {
            Self::Read { paths, guests, .. } => Step::Read {
                paths: Arc::clone(paths),
                client,
                guest: guests.get(client % guests.len().max(1)).cloned(),
            },
            Self::Checkout { quoted, shelf, buyers, .. } => Step::Checkout {
                quoted: *quoted,
                shelf: Arc::clone(shelf),
                buyer: Arc::clone(&buyers[client % buyers.len()]),
                waits: None,
            },
            Self::Login { email, password } => {
                Step::Login { credentials: json!({"email": email, "password": password}) }
            }
        }
    }
}

/// What one client does, turn by turn.
pub enum Step {
    /// GET of one path after the other.
    Read {
        /// The paths.
        paths: Arc<Vec<String>>,
        /// The client's number.
        client: usize,
        /// Who the client is.
        guest: Option<Arc<Buyer>>,
    },
    /// Cart line and order.
    Checkout {
        /// Whether a quote is asked for first.
        quoted: bool,
        /// What is bought.
        shelf: Arc<Shelf>,
        /// Who buys.
        buyer: Arc<Buyer>,
        /// The unit that is in the cart, because a shop that was busy refused the order.
        waits: Option<usize>,
    },
    /// A login.
    Login {
        /// The body of the request.
        credentials: Value,
    },
}

impl Step {
    /// Before the clock starts.
    pub fn prepare(&self, client: &mut Client) {
        let who = match self {
            Self::Read { guest, .. } => guest.as_ref(),
            Self::Checkout { buyer, .. } => Some(buyer),
            Self::Login { .. } => None,
        };
        if let Some(buyer) = who {
            client.access_token = Some(buyer.access_token.clone());
        }
    }

    /// One turn; an error is an outcome of its own.
    pub async fn once(&mut self, client: &mut Client, turn: usize) -> Outcome {
        let outcome = match self {
            Self::Read { paths, client: number, .. } => {
                read(client, &paths[(*number * STRIDE + turn) % paths.len()]).await
            }
            Self::Checkout { quoted, buyer, waits: Some(number), .. } => {
                order(client, buyer, *number, *quoted).await
            }
            Self::Checkout { quoted, shelf, buyer, waits } => match shelf.next() {
                None => return Outcome::other(Outcome::SOLD_OUT),
                Some((number, product)) => {
                    *waits = Some(number);
                    buy(client, buyer, product, number, *quoted).await
                }
            },
            Self::Login { credentials } => log_in(client, credentials).await,
        };
        let outcome = outcome.unwrap_or_else(|error| Outcome::Other(error.to_string()));
        if let Self::Checkout { buyer, waits, .. } = self {
            match &outcome {
                Outcome::Done => *waits = None,
                Outcome::Other(name) if name == Outcome::CART_REFUSED => *waits = None,
                Outcome::Other(name) if name == Outcome::ORDER_REFUSED => {}
                // The line may still be in the cart; a new guest begins with an empty one.
                Outcome::Other(_) => {
                    *waits = None;
                    if let Ok(new) = Buyer::arrive(client).await {
                        *buyer = Arc::new(new);
                    }
                }
            }
        }
        outcome
    }
}

async fn read(client: &mut Client, path: &str) -> Result<Outcome> {
    let answer = client.get(path).await?;
    Ok(if answer.status == 200 { Outcome::Done } else { Outcome::refused("read", &answer) })
}

async fn log_in(client: &mut Client, credentials: &Value) -> Result<Outcome> {
    let answer = client.post("/v1/auth/login", credentials, None).await?;
    Ok(if answer.status == 200 { Outcome::Done } else { Outcome::refused("login", &answer) })
}

/// One checkout of one unit: cart line, a quote if it is wanted, order, and waiting for its
/// confirmation.
pub async fn buy(
    client: &mut Client,
    buyer: &Buyer,
    product_id: &str,
    number: usize,
    quoted: bool,
) -> Result<Outcome> {
    let line = json!({ "product_id": product_id, "quantity": 1 });
    let answer = client.post("/v1/cart/lines", &line, None).await?;
    if !(200..300).contains(&answer.status) {
        return Ok(Outcome::refused("cart line", &answer));
    }
    order(client, buyer, number, quoted).await
}

/// Orders what is in the cart, and waits for its confirmation.
async fn order(client: &mut Client, buyer: &Buyer, number: usize, quoted: bool) -> Result<Outcome> {
    let mut order = json!({
        "shipping_address": {
            "name": "Ada", "line1": format!("Unter den Linden {}", buyer.house), "city": "Berlin",
            "postal_code": "10117", "country": "DE",
        },
        "shipping_method": "standard",
    });
    if quoted {
        let answer = client.post("/v1/cart/quote", &order, None).await?;
        if answer.status != 200 {
            return Ok(Outcome::refused("quote", &answer));
        }
        order["expected_total"] = answer.json::<Value>()?["totals"]["total"].take();
    }
    order["payment"] = json!({ "token": buyer.card });
    let key = format!("load-{number}");
    let answer = client.post("/v1/orders", &order, Some(&key)).await?;
    if !matches!(answer.status, 201 | 202) {
        return Ok(Outcome::refused("order", &answer));
    }
    confirmed(client, answer.json()?).await
}

async fn confirmed(client: &mut Client, mut order: Value) -> Result<Outcome> {
    let path = format!("/v1/orders/{}", text(&order, "id")?);
    let (until, mut pause) = (Instant::now() + CONFIRMED_WITHIN, FIRST_LOOK_AFTER);
    loop {
        let total = order["totals"]["total"]["amount"].as_str().unwrap_or_default();
        if total.ends_with(NEVER_ANSWERED) {
            return Ok(Outcome::other("order with a total on which the sandbox times out"));
        }
        match order["status"].as_str() {
            Some("CONFIRMED") => return Ok(Outcome::Done),
            Some("PENDING") | None if Instant::now() < until => {}
            status => return Ok(Outcome::Other(format!("order {}", status.unwrap_or("unknown")))),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LOOKS_APART_MAX);
        let answer = client.get(&path).await?;
        match answer.status {
            200 => order = answer.json()?,
            // Refused by a busy shop: the order goes on, and it is looked at again.
            503 => {}
            _ => return Ok(Outcome::refused("look", &answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shelf_hands_out_each_unit_once() {
        let shelf = Shelf::new(vec!["a".into(), "b".into()], 2);
        let handed: Vec<_> = std::iter::from_fn(|| shelf.next()).collect();
        assert_eq!(handed, [(0, "a"), (1, "b"), (2, "a"), (3, "b")]);
        assert_eq!(shelf.next(), None);
        assert_eq!(Shelf::new(vec![], 2).next(), None);
    }
}
