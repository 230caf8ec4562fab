//! Changes of orders after the sale.

use std::collections::HashMap;

use kernel::id::{ChangeId, LineId, OrderId};
use kernel::{Currency, Money, Timestamp};
use platform::sql::{Db, Error, Json, Result, Tx};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::domain::after_sale::{ActorKind, Change, ChangeLine, Condition, Kind, Reason, RefundTo};
use crate::domain::change_state::State;
use crate::domain::edit::AddedLine;
use crate::domain::exchange::Exchange;

macro_rules! change {
    ($rest:literal) => {
        concat!(
            "select c.id, c.order_id, c.kind, c.state, c.actor_kind, c.actor, c.reason, c.answer, \
             c.due_minor, c.detail, c.refund_to, c.replacement, c.price_minor, c.credit_minor, c.pay_until, \
             c.paying, o.currency, c.created_at, c.updated_at \
             from order_change c join orders o on o.id = c.order_id ",
            $rest
        )
    };
}

platform::statements! {
    /// Whoever changes an order after its sale has its row. SQLite has one writer.
    LOCK_ORDER =
        "select id from orders where id = $1",
        "select id from orders where id = $1 for update";
    INSERT = "insert into order_change (id, order_id, kind, state, actor_kind, actor, reason,
                     due_minor, created_at, updated_at, ended_at, detail, refund_to)
              values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)";
    INSERT_CHANGE_LINES =
        "insert into order_change_line (change_id, order_line_id, quantity, reason_code,
                amount_minor)
         select $1, unhex(value->>'line_id', '-'), value->>'quantity', value->>'reason',
                value->>'amount' from json_each($2)",
        "insert into order_change_line (change_id, order_line_id, quantity, reason_code,
                amount_minor)
         select $1, l.line_id, l.quantity, l.reason, l.amount
           from jsonb_to_recordset($2) as l(line_id uuid, quantity bigint, reason text,
                amount bigint)";
    FIND_CHANGE = change!("where c.id = $1");
    OF_ORDER = change!("where c.order_id = $1 order by c.id");
    CHANGES_OF_ORDERS =
        change!("where c.order_id in (select unhex(value, '-') from json_each($1)) order by c.id"),
        change!("where c.order_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
                 order by c.id");
    RETURNS = change!("where c.kind = 'return' and c.state = $1 and c.id < $2
                       order by c.id desc limit $3");
    CHANGE_LINES =
        "select change_id, order_line_id, quantity, reason_code, accepted, condition, restock,
                amount_minor
           from order_change_line
          where change_id in (select unhex(value, '-') from json_each($1))
          order by change_id, order_line_id",
        "select change_id, order_line_id, quantity, reason_code, accepted, condition, restock,
                amount_minor
           from order_change_line
          where change_id = any(array(select cast(value as uuid) from jsonb_array_elements_text($1)))
          order by change_id, order_line_id";
    MOVE_CHANGE = "update order_change set state = $3, answer = $4, due_minor = $5,
                          updated_at = $6, ended_at = $7
                    where id = $1 and state = $2";
    INSPECT_LINES =
        "update order_change_line
            set accepted = l.accepted, condition = l.condition, restock = l.restock,
                amount_minor = l.amount
           from (select unhex(value->>'line_id', '-') as line_id, value->>'accepted' as accepted,
                        value->>'condition' as condition, value->>'restock' as restock,
                        value->>'amount' as amount from json_each($2)) l
          where change_id = $1 and order_line_id = l.line_id",
        "update order_change_line
            set accepted = l.accepted, condition = l.condition, restock = l.restock,
                amount_minor = l.amount
           from jsonb_to_recordset($2) as l(line_id uuid, accepted bigint, condition text,
                restock boolean, amount bigint)
          where change_id = $1 and order_line_id = l.line_id";
    /// Units that customers want to send back and that are not looked at yet.
    ON_THEIR_WAY = "select l.order_line_id, cast(sum(l.quantity) as bigint)
                      from order_change c join order_change_line l on l.change_id = c.id
                     where c.order_id = $1 and c.kind = 'return'
                       and c.state in ('requested', 'approved', 'received')
                     group by l.order_line_id";
    /// The counters of an order's lines, within what there is of them.
    COUNT_GONE =
        "update order_line
            set cancelled = order_line.cancelled + l.cancelled,
                returned = order_line.returned + l.returned,
                refunded = order_line.refunded + l.refunded
           from (select unhex(value->>'k', '-') as k, value->>'cancelled' as cancelled,
                        value->>'returned' as returned, value->>'refunded' as refunded
                   from json_each($2)) l
          where order_id = $1 and id = l.k
            and order_line.shipped + order_line.cancelled + l.cancelled <= order_line.quantity
            and order_line.returned + l.returned <= order_line.delivered
            and order_line.returned + l.returned + order_line.refunded + l.refunded
                <= order_line.shipped",
        "update order_line
            set cancelled = order_line.cancelled + l.cancelled,
                returned = order_line.returned + l.returned,
                refunded = order_line.refunded + l.refunded
           from jsonb_to_recordset($2) as l(k uuid, cancelled bigint, returned bigint,
                refunded bigint)
          where order_id = $1 and id = l.k
            and order_line.shipped + order_line.cancelled + l.cancelled <= order_line.quantity
            and order_line.returned + l.returned <= order_line.delivered
            and order_line.returned + l.returned + order_line.refunded + l.refunded
                <= order_line.shipped";
    /// Lines whose counters are not what the changes say.
    UNCHANGED = "select o.number from order_line l join orders o on o.id = l.order_id
                   left join (select x.order_line_id,
                                     sum(case when c.kind = 'cancel_part' then x.quantity else 0 end)
                                     as cancelled,
                                     sum(case when c.kind = 'return' and c.state in
                                              ('settling', 'done', 'failed')
                                              then x.accepted else 0 end) as returned,
                                     sum(case when c.kind = 'refund'
                                               and (c.state <> 'failed' or c.due_minor < 0)
                                              then x.quantity else 0 end) as refunded
                                from order_change_line x join order_change c on c.id = x.change_id
                               group by x.order_line_id) g on g.order_line_id = l.id
                  where l.cancelled <> coalesce(g.cancelled, 0)
                     or l.returned <> coalesce(g.returned, 0)
                     or l.refunded <> coalesce(g.refunded, 0) limit 20";
    ARRIVED = "select max(updated_at) from shipment where order_id = $1 and state = 'delivered'";
}

#[derive(platform::sql::Record)]
struct Row {
    id: Uuid,
    order_id: Uuid,
    kind: String,
    state: String,
    actor_kind: String,
    actor: Option<Uuid>,
    reason: Option<String>,
    answer: Option<String>,
    due_minor: i64,
    detail: Option<Json<Detail>>,
    refund_to: Option<String>,
    replacement: Option<Uuid>,
    price_minor: Option<i64>,
    credit_minor: i64,
    pay_until: Option<Timestamp>,
    paying: bool,
    currency: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(platform::sql::Record)]
struct LineRow {
    change_id: Uuid,
    order_line_id: Uuid,
    quantity: i64,
    reason_code: Option<String>,
    accepted: Option<i64>,
    condition: Option<String>,
    restock: Option<bool>,
    amount_minor: i64,
}

/// What of a change is kept in one column.
#[derive(Serialize, Deserialize)]
struct Detail {
    #[serde(rename = "for")]
    wanted: Vec<AddedLine>,
}

impl Row {
    fn change(self, lines: Vec<LineRow>) -> Result<Change> {
        let nonsense = |what: &str| Error::Inconsistent(format!("change {}: {what}", self.id));
        let currency: Currency = self.currency.parse().map_err(|_| nonsense("its currency"))?;
        let line = |row: LineRow| ChangeLine {
            line_id: row.order_line_id.into(),
            quantity: row.quantity,
            reason: row.reason_code.as_deref().and_then(Reason::from_word),
            accepted: row.accepted,
            condition: row.condition.as_deref().and_then(Condition::from_word),
            restock: row.restock,
            refund: Money::from_minor(row.amount_minor, currency),
        };
        let money = |minor| Money::from_minor(minor, currency);
        let refund = (-self.due_minor).max(0);
        let due = self.price_minor.map_or(0, |price| price - refund).max(0);
        let exchange = self.detail.map(|detail| Exchange {
            wanted: detail.0.wanted,
            replacement_id: self.replacement.map(Into::into),
            price: self.price_minor.map(money),
            credit: money(self.credit_minor),
            charged: money(self.due_minor.max(0)),
            due: self.pay_until.map(|_| money(due)),
            pay_until: self.pay_until,
            is_paying: self.paying,
        });
        Ok(Change {
            exchange,
            lines: lines.into_iter().map(line).collect(),
            id: self.id.into(),
            order_id: self.order_id.into(),
            kind: Kind::from_word(&self.kind).ok_or_else(|| nonsense("its kind"))?,
            state: State::from_word(&self.state).ok_or_else(|| nonsense("its state"))?,
            by: ActorKind::from_word(&self.actor_kind).ok_or_else(|| nonsense("its actor"))?,
            actor: self.actor.map(Into::into),
            reason: self.reason,
            answer: self.answer,
            refund: money(refund),
            refund_to: self.refund_to.as_deref().and_then(RefundTo::from_word),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Takes an order's row to the end of the unit of work: what is read of it after that stays so.
pub async fn lock_order(tx: &mut Tx, order: OrderId) -> Result<()> {
    let _: Option<(Uuid,)> = tx.query(LOCK_ORDER).bind(order.uuid()).optional().await?;
    Ok(())
}

/// Writes a new change with its lines.
pub async fn insert(tx: &mut Tx, change: &Change) -> Result<()> {
    tx.query(INSERT)
        .bind(change.id.uuid())
        .bind(change.order_id.uuid())
        .bind(change.kind.word())
        .bind(change.state.word())
        .bind(change.by.word())
        .bind(change.actor.map(Uuid::from))
        .bind(change.reason.as_deref())
        .bind(-change.refund.minor())
        .bind(change.created_at)
        .bind(change.state.has_ended().then_some(change.created_at))
        .bind(change.exchange.as_ref().map(|it| Json(Detail { wanted: it.wanted.clone() })))
        .bind(change.refund_to.map(RefundTo::word))
        .execute()
        .await?;
    if change.lines.is_empty() {
        return Ok(());
    }
    let line = |line: &ChangeLine| {
        json!({
            "line_id": line.line_id, "quantity": line.quantity, "amount": line.refund.minor(),
            "reason": line.reason.map(Reason::word),
        })
    };
    let lines: Vec<_> = change.lines.iter().map(line).collect();
    tx.query(INSERT_CHANGE_LINES).bind(change.id.uuid()).bind(Json(lines)).execute().await.map(drop)
}

/// Keeps where a change stands now. False when it does not stand where it stood any more.
pub async fn move_on(tx: &mut Tx, from: State, change: &Change) -> Result<bool> {
    let now = tx.now();
    let moved = tx
        .query(MOVE_CHANGE)
        .bind(change.id.uuid())
        .bind(from.word())
        .bind(change.state.word())
        .bind(change.answer.as_deref())
        .bind(-change.refund.minor())
        .bind(now)
        .bind(change.state.has_ended().then_some(now))
        .execute()
        .await?;
    Ok(moved == 1)
}

/// Keeps what was found when the goods of a return were looked at.
pub async fn inspect(tx: &mut Tx, change: &Change) -> Result<()> {
    let line = |line: &ChangeLine| {
        json!({
            "line_id": line.line_id, "accepted": line.accepted, "amount": line.refund.minor(),
            "condition": line.condition.map(Condition::word), "restock": line.restock,
        })
    };
    let lines: Vec<_> = change.lines.iter().map(line).collect();
    tx.query(INSPECT_LINES).bind(change.id.uuid()).bind(Json(lines)).execute().await.map(drop)
}

/// How many units more of a line are called off, came back, or are paid back.
#[derive(Default)]
pub struct Gone {
    /// Units that do not leave.
    pub cancelled: i64,
    /// Units that came back.
    pub returned: i64,
    /// Units that are paid back and stay where they are.
    pub refunded: i64,
}

/// Counts units of lines. False when there are not so many of one.
pub async fn count(tx: &mut Tx, order: OrderId, counts: &[(LineId, Gone)]) -> Result<bool> {
    if counts.is_empty() {
        return Ok(true);
    }
    let count = |(line, gone): &(LineId, Gone)| {
        json!({
            "k": line, "cancelled": gone.cancelled, "returned": gone.returned,
            "refunded": gone.refunded,
        })
    };
    let list: Vec<_> = counts.iter().map(count).collect();
    let counted = tx.query(COUNT_GONE).bind(order.uuid()).bind(Json(list)).execute().await?;
    Ok(usize::try_from(counted) == Ok(counts.len()))
}

/// A change, inside a unit of work.
pub async fn load(tx: &mut Tx, id: ChangeId) -> Result<Option<Change>> {
    let Some(row) = tx.query(FIND_CHANGE).bind(id.uuid()).optional::<Row>().await? else {
        return Ok(None);
    };
    let lines = tx.query(CHANGE_LINES).bind(Json([id])).all().await?;
    row.change(lines).map(Some)
}

/// A change.
pub async fn find(db: &Db, id: ChangeId) -> Result<Option<Change>> {
    let row: Option<Row> = db.query(FIND_CHANGE).bind(id.uuid()).optional().await?;
    Ok(with_lines(db, row.into_iter().collect()).await?.pop())
}

/// The changes of an order, the first one first.
pub async fn of_order(db: &Db, order: OrderId) -> Result<Vec<Change>> {
    let rows = db.query(OF_ORDER).bind(order.uuid()).all().await?;
    with_lines(db, rows).await
}

/// The changes of some orders, the first one first.
pub async fn of_orders(db: &Db, orders: &[OrderId]) -> Result<Vec<Change>> {
    let rows = db.query(CHANGES_OF_ORDERS).bind(Json(orders)).all().await?;
    with_lines(db, rows).await
}

/// Returns that stand so, before one, newest first.
pub async fn returns(db: &Db, state: State, before: ChangeId, limit: i64) -> Result<Vec<Change>> {
    let query = db.query(RETURNS).bind(state.word()).bind(before.uuid()).bind(limit);
    with_lines(db, query.all().await?).await
}

/// The changes of an order, the first one first, inside a unit of work.
pub async fn all_of(tx: &mut Tx, order: OrderId) -> Result<Vec<Change>> {
    let rows: Vec<Row> = tx.query(OF_ORDER).bind(order.uuid()).all().await?;
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let lines = tx.query(CHANGE_LINES).bind(Json(ids(&rows))).all().await?;
    changes(rows, lines)
}

async fn with_lines(db: &Db, rows: Vec<Row>) -> Result<Vec<Change>> {
    if rows.is_empty() {
        return Ok(vec![]);
    }
    let lines = db.query(CHANGE_LINES).bind(Json(ids(&rows))).all().await?;
    changes(rows, lines)
}

fn ids(rows: &[Row]) -> Vec<Uuid> {
    rows.iter().map(|row| row.id).collect()
}

fn changes(rows: Vec<Row>, all: Vec<LineRow>) -> Result<Vec<Change>> {
    let mut lines: HashMap<Uuid, Vec<LineRow>> = HashMap::new();
    for line in all {
        lines.entry(line.change_id).or_default().push(line);
    }
    rows.into_iter()
        .map(|row| {
            let lines = lines.remove(&row.id).unwrap_or_default();
            row.change(lines)
        })
        .collect()
}

/// How many units of each line customers want to send back that are not looked at yet.
pub async fn on_their_way(tx: &mut Tx, order: OrderId) -> Result<HashMap<LineId, i64>> {
    let rows: Vec<(Uuid, i64)> = tx.query(ON_THEIR_WAY).bind(order.uuid()).all().await?;
    Ok(rows.into_iter().map(|(line, units)| (line.into(), units)).collect())
}

/// When the last parcel of an order arrived.
pub async fn arrived(tx: &mut Tx, order: OrderId) -> Result<Option<Timestamp>> {
    let (at,): (Option<Timestamp>,) = tx.query(ARRIVED).bind(order.uuid()).one().await?;
    Ok(at)
}
