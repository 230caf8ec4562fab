//! Edits of orders: their beginning, and what an order is after one.

use kernel::id::{ChangeId, OrderId};
use kernel::ports::PersonKey;
use kernel::{Address, Money};
use platform::personal::ERASED;
use platform::sql::{Json, Result, Tx};
use uuid::Uuid;

use crate::domain::edit::Edited;
use crate::domain::order::Order;
use crate::store::lines::{self, written};
use crate::store::personal::{AddressRow, Personal};

platform::statements! {
    /// The row of the order is the lock: of two who edit it, pack it or call it off at once, one comes
    /// too late. The columns name the change, so it is written first.
    BEGIN_EDIT = "update orders set editing = $2, version = version + 1, updated_at = $3
                   where id = $1 and version = $4 and status = 'CONFIRMED' and editing is null";
    INSERT_EDIT = "insert into order_change (id, order_id, kind, state, actor_kind, actor, reason,
                          due_minor, created_at, updated_at)
                   values ($1, $2, 'edit', 'settling', 'staff', $3, $4, $5, $6, $6)
                   on conflict do nothing";
    END_EDIT = "update order_change set state = $2, answer = $3, due_minor = $4, updated_at = $5,
                       ended_at = $5
                 where id = $1 and state = 'settling'";
    APPLY = "update orders set items_minor = $3, discount_minor = $4, shipping_minor = $5,
                    tax_minor = $6, included_tax_minor = $7, total_minor = $8,
                    shipping_tax_minor = $9, shipping_tax_ppm = $10, shipping_address = $11,
                    personal = $12, billing_address = null, email = null, editing = null,
                    version = version + 1, updated_at = $13
              where id = $1 and editing = $2 and status = 'CONFIRMED' returning version";
    LET_GO_OF = "update orders set editing = null, version = version + 1, updated_at = $3
                  where id = $1 and editing = $2 returning version";
    RESIZE_LINES =
        "update order_line
            set quantity = l.quantity, total_minor = l.total, discount_minor = l.discount,
                tax_minor = l.tax, tax_ppm = l.ppm
           from (select unhex(value->>'id', '-') as k, value->>'quantity' as quantity,
                        value->>'total_minor' as total, value->>'discount_minor' as discount,
                        value->>'tax_minor' as tax, value->>'tax_ppm' as ppm
                   from json_each($2)) l
          where order_id = $1 and id = l.k",
        "update order_line
            set quantity = l.quantity, total_minor = l.total_minor,
                discount_minor = l.discount_minor, tax_minor = l.tax_minor, tax_ppm = l.tax_ppm
           from jsonb_to_recordset($2) as l(id uuid, quantity bigint, total_minor bigint,
                discount_minor bigint, tax_minor bigint, tax_ppm bigint)
          where order_id = $1 and order_line.id = l.id";
    DROP_LINES =
        "delete from order_line where order_id = $1
            and id not in (select unhex(value, '-') from json_each($2))",
        "delete from order_line where order_id = $1
            and id not in (select cast(value as uuid) from jsonb_array_elements_text($2))";
    /// What was charged for the order grows with what it costs more. An order without a row was charged
    /// what it cost.
    CHARGE_MORE = "insert into order_balance (order_id, charged_minor) values ($1, $2)
                   on conflict (order_id) do update
                      set charged_minor = order_balance.charged_minor + $3,
                          version = order_balance.version + 1";
}

/// An edit that begins.
pub struct NewEdit<'a> {
    /// The edit.
    pub id: ChangeId,
    /// Who asked for it.
    pub actor: Option<Uuid>,
    /// Why.
    pub reason: &'a str,
    /// What the order costs more after it, or less.
    pub due: Money,
}

/// Begins the edit of an order as it was loaded. False when it has moved meanwhile, or is being edited.
pub async fn begin(tx: &mut Tx, order: &Order, edit: &NewEdit<'_>) -> Result<bool> {
    let now = tx.now();
    let inserted = tx
        .query(INSERT_EDIT)
        .bind(edit.id.uuid())
        .bind(order.id.uuid())
        .bind(edit.actor)
        .bind(edit.reason)
        .bind(edit.due.minor())
        .bind(now)
        .execute()
        .await?;
    if inserted == 0 {
        return Ok(false);
    }
    let query = tx.query(BEGIN_EDIT).bind(order.id.uuid()).bind(edit.id.uuid()).bind(now);
    Ok(query.bind(order.version).execute().await? == 1)
}

/// Ends an edit, well or not: `why` says why not, and nothing was due then. False when it has ended
/// before.
pub async fn end(tx: &mut Tx, id: ChangeId, why: Option<&str>, due: Money) -> Result<bool> {
    let now = tx.now();
    let (state, due) = if why.is_some() { ("failed", 0) } else { ("done", due.minor()) };
    let query = tx.query(END_EDIT).bind(id.uuid()).bind(state).bind(why).bind(due).bind(now);
    Ok(query.execute().await? == 1)
}

/// Makes an order what it is after its edit, and returns its version. Nothing when it was called off
/// meanwhile. It goes nowhere any more when its customer was erased.
pub async fn apply(
    tx: &mut Tx,
    before: &Order,
    edit: ChangeId,
    after: &Edited,
    goes_to: Option<(&Address, &PersonKey)>,
) -> Result<Option<i64>> {
    let (address, personal) = match goes_to {
        None => (&before.shipping_address, ERASED.to_owned()),
        Some((address, key)) => {
            let personal = Personal {
                shipping_address: address.clone(),
                billing_address: before.billing_address.clone(),
                email: before.email.clone(),
            };
            (address, personal.sealed(key, before.id)?)
        }
    };
    let (now, totals, tax) = (tx.now(), &after.totals, after.shipping_tax);
    let applied: Option<(i64,)> = tx
        .query(APPLY)
        .bind(before.id.uuid())
        .bind(edit.uuid())
        .bind(totals.items.minor())
        .bind(totals.discount.minor())
        .bind(totals.shipping.minor())
        .bind(totals.tax.minor())
        .bind(totals.included_tax.minor())
        .bind(totals.total.minor())
        .bind(tax.map(|tax| tax.amount.minor()))
        .bind(tax.map(crate::domain::tax::LineTax::rate_ppm))
        .bind(Json(AddressRow::of(address)))
        .bind(personal)
        .bind(now)
        .optional()
        .await?;
    let Some((version,)) = applied else { return Ok(None) };
    let is_old = |id| before.lines.iter().any(|line| line.id == id);
    let (old, new): (Vec<_>, Vec<_>) =
        after.lines.iter().cloned().partition(|line| is_old(line.id));
    let kept: Vec<_> = old.iter().map(|line| line.id).collect();
    tx.query(DROP_LINES).bind(before.id.uuid()).bind(Json(kept)).execute().await?;
    let sizes: Vec<_> = old.iter().map(written).collect();
    tx.query(RESIZE_LINES).bind(before.id.uuid()).bind(Json(sizes)).execute().await?;
    if !new.is_empty() {
        lines::insert(tx, before.id, &new).await?;
    }
    let more = totals.total.minor() - before.totals.total.minor();
    if more > 0 {
        let query = tx.query(CHARGE_MORE).bind(before.id.uuid());
        query.bind(totals.total.minor()).bind(more).execute().await?;
    }
    Ok(Some(version))
}

/// Lets an order be what it was. Its version, or nothing when this edit does not have it any more.
pub async fn let_go(tx: &mut Tx, order: OrderId, edit: ChangeId) -> Result<Option<i64>> {
    let now = tx.now();
    let query = tx.query(LET_GO_OF).bind(order.uuid()).bind(edit.uuid()).bind(now);
    Ok(query.optional::<(i64,)>().await?.map(|(version,)| version))
}
