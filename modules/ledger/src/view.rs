//! Settlements and differences as they are answered, told of by commands and noted in the audit log.

use kernel::{Money, Timestamp};
use platform::sql;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::Reason;
use crate::store::difference::DifferenceRow;
use crate::store::money;
use crate::store::settlement::Settlement;

/// What of the processor was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Settlement, example = json!({
    "id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "source": "file", "lines": 120, "posted": 119, "differences": 1,
    "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "imported_at": "2026-11-29T00:00:00Z"
}))]
pub struct SettlementView {
    /// Its id.
    pub id: Uuid,
    /// Where it is from: `file`, or `processor` when it was fetched.
    pub source: String,
    /// The SHA-256 by which it is known: of the file, or of what was new to be told.
    pub sha256: String,
    /// How many lines it has; of those that were fetched the new ones.
    pub lines: i64,
    /// How many of them were posted when it was taken. Lines that were told before are passed over.
    pub posted: i64,
    /// How many differences it brought up.
    pub differences: i64,
    /// When it was taken.
    #[schema(value_type = String, format = DateTime)]
    pub imported_at: Timestamp,
}

impl From<Settlement> for SettlementView {
    fn from(row: Settlement) -> Self {
        let Settlement { id, source, digest, lines, posted, differences, imported_at } = row;
        Self { id, source, sha256: digest, lines, posted, differences, imported_at }
    }
}

/// What the processor tells and the journal does not, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = LedgerDifference, example = json!({
    "id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b11", "reason": "amount",
    "settlement_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b10", "line": "txn_1", "n": 3,
    "payment_id": "019abf3e-5f0e-7c0c-8a44-9f6a3d1c2b12",
    "expected": {"amount": "20.00", "currency": "EUR"},
    "found": {"amount": "19.00", "currency": "EUR"},
    "exposed": {"amount": "0.00", "currency": "EUR"}, "found_at": "2026-11-29T00:00:00Z"
}))]
pub struct DifferenceView {
    /// Its id.
    pub id: Uuid,
    /// Why it is on the list.
    pub reason: Reason,
    /// The settlement that brought it up.
    pub settlement_id: Uuid,
    /// The processor's id of the line; none of what no line tells of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// Which line of the file it is, from 1 on without the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// The payment that it is about, as far as that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_id: Option<Uuid>,
    /// What should have been told: an amount, or a fee. Below zero when money leaves the shop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Money>,
    /// What was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<Money>,
    /// Money that it is about and that no account has open.
    pub exposed: Money,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub found_at: Timestamp,
    /// When it was resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub resolved_at: Option<Timestamp>,
    /// What came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl TryFrom<DifferenceRow> for DifferenceView {
    type Error = sql::Error;

    fn try_from(row: DifferenceRow) -> sql::Result<Self> {
        let amount = |minor: Option<i64>| minor.map(|it| money(it, &row.currency)).transpose();
        Ok(Self {
            reason: row.reason()?,
            expected: amount(row.expected_minor)?,
            found: amount(row.found_minor)?,
            exposed: money(row.exposed_minor, &row.currency)?,
            id: row.id,
            settlement_id: row.settlement_id,
            line: row.line,
            n: row.n,
            payment_id: row.payment_id,
            found_at: row.found_at,
            resolved_at: row.resolved_at,
            note: row.note,
        })
    }
}
