//! The tables of stored value: accounts and movements here, what pays orders in [`orders`].

use kernel::id::{CreditAccountId, CreditMovementId, CustomerId, OrderId};
use kernel::ports::CreditKind;
use kernel::{Currency, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde_json::json;
use uuid::Uuid;

use crate::domain::account::{Account, State};
use crate::domain::code::Code;
use crate::domain::movement::{Kind, Movement, NewMovement};

macro_rules! account {
    ($rest:literal) => {
        concat!(
            "select id, kind, code_hash, last4, customer_id, currency, value_minor, spent_minor, state, \
             expires_at, version, created_at from account ",
            $rest
        )
    };
}

macro_rules! movement {
    ($rest:literal) => {
        concat!(
            "select id, account_id, kind, amount_minor, order_id, change_id, reason, at \
             from movement ",
            $rest
        )
    };
}

pub mod orders;
pub mod people;

platform::statements! {
    INSERT_CARD = "insert into account (id, kind, code_hash, last4, currency, value_minor, state, expires_at,
                                        version, created_at)
                   values ($1, 'gift_card', $2, $3, $4, $5, 'active', $6, 1, $7)";
    MAKE_STORE_CREDIT = "insert into account (id, kind, customer_id, currency, value_minor, state, version, created_at)
                         values ($1, 'store_credit', $2, $3, 0, 'active', 0, $4)
                         on conflict (customer_id, currency) where customer_id is not null do nothing";
    FIND = account!("where id = $1");
    HELD = account!("where id = $1"), account!("where id = $1 for update");
    ALL_HELD =
        account!("where id in (select unhex(value, '-') from json_each($1)) order by id"),
        account!("where id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1))) order by id for update");
    BY_HASHES = account!("where code_hash in (select value from json_each($1))"),
        account!("where code_hash = any(array(select value from jsonb_array_elements_text($1)))");
    OF_CUSTOMER = account!("where customer_id = $1 order by currency");
    THEIRS = account!("where customer_id = $1 and currency = $2");
    CARDS = account!("where kind = 'gift_card' and id < $1 order by id desc limit $2");
    /// What comes to an account, or is taken away again, of one that goes on: what pays orders stays paid.
    ADD = "update account set value_minor = value_minor + $2, version = version + 1
            where id = $1 and value_minor + $2 >= spent_minor and state <> 'expired'
           returning version";
    SWITCH = "update account set state = $2 where id = $1";
    /// What comes back to a gift card whose time is over can be spent for a while.
    PROLONG =
        "update account set state = case state when 'expired' then 'active' else state end, expires_at = $2
          where expires_at <= $3 and id in (select unhex(value, '-') from json_each($1))",
        "update account set state = case state when 'expired' then 'active' else state end, expires_at = $2
          where expires_at <= $3 and id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    EXPIRING =
        account!("where state = 'active' and expires_at <= $1 order by expires_at limit $2"),
        account!("where state = 'active' and expires_at <= $1 order by expires_at limit $2
                  for update skip locked");
    EXPIRE =
        "update account set state = 'expired', version = version + case when value_minor > spent_minor then 1 else 0 end,
                value_minor = spent_minor
          where id in (select unhex(value, '-') from json_each($1))",
        "update account set state = 'expired', version = version + case when value_minor > spent_minor then 1 else 0 end,
                value_minor = spent_minor
          where id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))";
    POST =
        "insert into movement (id, account_id, kind, amount_minor, order_id, change_id, key, reason, at)
         select unhex(value->>'id', '-'), unhex(value->>'account_id', '-'), value->>'kind', value->>'amount_minor',
                unhex(value->>'order_id', '-'), unhex(value->>'change_id', '-'), value->>'key', value->>'reason', $2
           from json_each($1) where true on conflict (key) do nothing",
        "insert into movement (id, account_id, kind, amount_minor, order_id, change_id, key, reason, at)
         select m.id, m.account_id, m.kind, m.amount_minor, m.order_id, m.change_id, m.key, m.reason, $2
           from jsonb_to_recordset($1) as m(id uuid, account_id uuid, kind text, amount_minor bigint, order_id uuid,
                change_id uuid, key text, reason text)
         on conflict (key) do nothing";
    /// What is left in all, and when the last of it moved.
    LEFT_IN_ALL = "select a.kind, a.currency, cast(sum(m.amount_minor) as bigint) as left_minor, max(m.at) as moved_at
              from movement m join account a on a.id = m.account_id group by a.kind, a.currency order by a.kind, a.currency";
    BY_KEY = movement!("where key = $1");
    OF_ORDER = movement!("where order_id = $1 order by id limit $2");
    STATEMENT = movement!("where account_id = $1 and id < $2 order by id desc limit $3");
}

platform::guard! {
    /// Of a gift card or store credit no more is spent than there is.
    CREDIT_SPENT: "account.spent", table "account", key uuid "id", used "spent_minor", limit "value_minor"
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    kind: String,
    code_hash: Option<String>,
    last4: Option<String>,
    customer_id: Option<Uuid>,
    currency: String,
    value_minor: i64,
    spent_minor: i64,
    state: String,
    expires_at: Option<Timestamp>,
    version: i64,
    created_at: Timestamp,
}

impl Row {
    fn account(self) -> Result<Account> {
        let nonsense = || Error::Inconsistent(format!("credit account {}: a word", self.id));
        Ok(Account {
            id: self.id.into(),
            kind: CreditKind::from_word(&self.kind).ok_or_else(nonsense)?,
            currency: self.currency.parse().map_err(|_| nonsense())?,
            state: State::from_word(&self.state).ok_or_else(nonsense)?,
            last4: self.last4,
            customer_id: self.customer_id.map(Into::into),
            value_minor: self.value_minor,
            spent_minor: self.spent_minor,
            expires_at: self.expires_at,
            version: self.version,
            created_at: self.created_at,
        })
    }
}

#[derive(platform::sql::Record)]
struct MovementRow {
    id: Uuid,
    account_id: Uuid,
    kind: String,
    amount_minor: i64,
    order_id: Option<Uuid>,
    change_id: Option<Uuid>,
    reason: Option<String>,
    at: Timestamp,
}

impl MovementRow {
    fn movement(self) -> Result<Movement> {
        let nonsense = || Error::Inconsistent(format!("credit movement {}: its kind", self.id));
        Ok(Movement {
            id: self.id.into(),
            account_id: self.account_id.into(),
            kind: Kind::from_word(&self.kind).ok_or_else(nonsense)?,
            amount_minor: self.amount_minor,
            order_id: self.order_id.map(Into::into),
            change_id: self.change_id.map(Into::into),
            reason: self.reason,
            at: self.at,
        })
    }
}

/// What is left of all gift cards or all store credit in a currency.
#[derive(Debug, Clone, PartialEq, Eq, platform::sql::Record)]
pub struct Left {
    /// `gift_card` or `store_credit`.
    pub kind: String,
    /// The currency.
    pub currency: String,
    /// How much, in minor units.
    pub left_minor: i64,
    /// When the last of it moved.
    pub moved_at: Timestamp,
}

/// What is left, by kind and currency.
pub async fn left(db: &Db) -> Result<Vec<Left>> {
    db.query(LEFT_IN_ALL).all().await
}

fn accounts(rows: Vec<Row>) -> Result<Vec<Account>> {
    rows.into_iter().map(Row::account).collect()
}

fn ids(accounts: &[CreditAccountId]) -> Json<Vec<String>> {
    Json(accounts.iter().map(ToString::to_string).collect())
}

/// Makes a gift card, whose version is 1.
pub async fn insert_card(tx: &mut Tx, card: &Account, code: &Code) -> Result<()> {
    let query = tx.query(INSERT_CARD).bind(card.id.uuid()).bind(code.hash()).bind(code.last4());
    let query = query.bind(card.currency.code()).bind(card.value_minor).bind(card.expires_at);
    query.bind(card.created_at).execute().await.map(drop)
}

/// The store credit of a customer in a currency, which is made if there is none.
pub async fn store_credit(
    tx: &mut Tx,
    customer: CustomerId,
    currency: Currency,
) -> Result<Account> {
    let (id, now) = (CreditAccountId::new(), tx.now());
    let query = tx.query(MAKE_STORE_CREDIT).bind(id.uuid()).bind(customer.uuid());
    query.bind(currency.code()).bind(now).execute().await?;
    let query = tx.query(THEIRS).bind(customer.uuid()).bind(currency.code());
    query.one::<Row>().await?.account()
}

/// An account.
pub async fn find(db: &Db, id: CreditAccountId) -> Result<Option<Account>> {
    let row: Option<Row> = db.query(FIND).bind(id.uuid()).optional().await?;
    row.map(Row::account).transpose()
}

/// An account that nobody changes before the commit.
pub async fn held(tx: &mut Tx, id: CreditAccountId) -> Result<Option<Account>> {
    let row: Option<Row> = tx.query(HELD).bind(id.uuid()).optional().await?;
    row.map(Row::account).transpose()
}

/// The same of several, by id.
pub async fn all_held(tx: &mut Tx, accounts_of: &[CreditAccountId]) -> Result<Vec<Account>> {
    accounts(tx.query(ALL_HELD).bind(ids(accounts_of)).all().await?)
}

/// The gift cards of some codes, each with the hash of its code.
pub async fn by_hashes(db: &Db, hashes: &[String]) -> Result<Vec<(String, Account)>> {
    let rows: Vec<Row> = db.query(BY_HASHES).bind(Json(hashes)).all().await?;
    let hashed = |mut row: Row| Ok((row.code_hash.take().unwrap_or_default(), row.account()?));
    rows.into_iter().map(hashed).collect()
}

/// The store credit of a customer, by currency.
pub async fn of_customer(db: &Db, customer: CustomerId) -> Result<Vec<Account>> {
    accounts(db.query(OF_CUSTOMER).bind(customer.uuid()).all().await?)
}

/// The store credit of a customer in a currency.
pub async fn theirs(db: &Db, customer: CustomerId, currency: Currency) -> Result<Option<Account>> {
    let query = db.query(THEIRS).bind(customer.uuid()).bind(currency.code());
    query.optional::<Row>().await?.map(Row::account).transpose()
}

/// Gift cards before one, the newest first.
pub async fn cards(db: &Db, before: CreditAccountId, limit: i64) -> Result<Vec<Account>> {
    accounts(db.query(CARDS).bind(before.uuid()).bind(limit).all().await?)
}

/// Adds to an account that goes on, or takes away what does not pay an order. Its version now; none when it does not
/// allow that.
pub async fn add(tx: &mut Tx, id: CreditAccountId, minor: i64) -> Result<Option<i64>> {
    let row: Option<(i64,)> = tx.query(ADD).bind(id.uuid()).bind(minor).optional().await?;
    Ok(row.map(|(version,)| version))
}

/// Blocks a card that is held, or lets it be used again.
pub async fn switch(tx: &mut Tx, id: CreditAccountId, to: State) -> Result<()> {
    tx.query(SWITCH).bind(id.uuid()).bind(to.word()).execute().await.map(drop)
}

/// Lets those of the cards whose time is over be spent until then.
pub async fn prolong(tx: &mut Tx, cards: &[CreditAccountId], until: Timestamp) -> Result<()> {
    let now = tx.now();
    tx.query(PROLONG).bind(ids(cards)).bind(until).bind(now).execute().await.map(drop)
}

/// Active cards whose time is over, held.
pub async fn expiring(tx: &mut Tx, limit: i64) -> Result<Vec<Account>> {
    let now = tx.now();
    accounts(tx.query(EXPIRING).bind(now).bind(limit).all().await?)
}

/// Ends cards that are held; nothing is left of them. A version moves where something was left.
pub async fn expire(tx: &mut Tx, cards: &[CreditAccountId]) -> Result<()> {
    tx.query(EXPIRE).bind(ids(cards)).execute().await.map(drop)
}

/// Writes movements. False when there is one of these keys: the unit of work is then to be dropped.
pub async fn post(tx: &mut Tx, movements: &[NewMovement]) -> Result<bool> {
    let row = |it: &NewMovement| {
        json!({"id": CreditMovementId::new(), "account_id": it.account_id, "kind": it.kind.word(),
               "amount_minor": it.amount_minor, "order_id": it.order_id, "change_id": it.change_id,
               "key": it.key, "reason": it.reason})
    };
    let rows: Vec<_> = movements.iter().map(row).collect();
    let now = tx.now();
    let written = tx.query(POST).bind(Json(rows)).bind(now).execute().await?;
    Ok(written == movements.len() as u64)
}

/// The movement of a key.
pub async fn by_key(tx: &mut Tx, key: &str) -> Result<Option<Movement>> {
    let row: Option<MovementRow> = tx.query(BY_KEY).bind(key).optional().await?;
    row.map(MovementRow::movement).transpose()
}

/// Movements of an order, the first one first.
pub async fn of_order(db: &Db, order: OrderId, limit: i64) -> Result<Vec<Movement>> {
    let rows: Vec<MovementRow> = db.query(OF_ORDER).bind(order.uuid()).bind(limit).all().await?;
    rows.into_iter().map(MovementRow::movement).collect()
}

/// Movements of an account before one, the newest first.
pub async fn statement(
    db: &Db,
    id: CreditAccountId,
    before: CreditMovementId,
    limit: i64,
) -> Result<Vec<Movement>> {
    let query = db.query(STATEMENT).bind(id.uuid()).bind(before.uuid()).bind(limit);
    let rows: Vec<MovementRow> = query.all().await?;
    rows.into_iter().map(MovementRow::movement).collect()
}
