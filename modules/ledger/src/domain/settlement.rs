//! What the processor tells of the money it settles: a line for each thing that happened, fetched or in a CSV file.

use kernel::id::PaymentId;
use kernel::ports::SettledKind;
use kernel::{Currency, Money, Timestamp};
use rust_decimal::Decimal;

/// The first line of a file.
pub(crate) const HEADER: &str =
    "id,type,payment_id,charge_id,gross,fee,net,currency,created_at,available_on";
/// How many lines a file may have, and how many are fetched at a time.
pub(crate) const LINES_MAX: usize = 20_000;
/// How long an id of the processor may be.
const ID_MAX: usize = 190;

/// What a line, or what the processor is to settle, is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineKind {
    Charge,
    Refund,
    Dispute,
}

impl From<SettledKind> for LineKind {
    fn from(kind: SettledKind) -> Self {
        match kind {
            SettledKind::Charge => Self::Charge,
            SettledKind::Refund => Self::Refund,
            SettledKind::Dispute => Self::Dispute,
        }
    }
}

impl LineKind {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
        }
    }

    pub(crate) fn from_word(word: &str) -> Option<Self> {
        [Self::Charge, Self::Refund, Self::Dispute].into_iter().find(|kind| kind.word() == word)
    }

    /// An amount as a line has it: below zero when money leaves the shop.
    pub(crate) const fn signed(self, minor: i64) -> i64 {
        match self {
            Self::Charge => minor,
            Self::Refund | Self::Dispute => -minor,
        }
    }
}

/// Where a settlement is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    File,
    Processor,
}

impl Source {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Processor => "processor",
        }
    }
}

/// A line of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// The processor's id of it.
    pub id: String,
    pub kind: LineKind,
    /// The payment, as the shop had told it.
    pub payment_id: Option<PaymentId>,
    /// The charge, as the processor knows it.
    pub charge: Option<String>,
    /// What it is about: below zero when money leaves the shop.
    pub gross: Money,
    /// What the processor keeps.
    pub fee: Money,
    pub created_at: Timestamp,
    pub available_on: Timestamp,
}

/// Why a file was not taken; nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFile {
    /// A line is wrong.
    #[error("line {line}: {message}")]
    Line {
        /// Which line of the file, from 1 on.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// It is too long.
    #[error("a file has at most {LINES_MAX} lines; send it in parts")]
    TooLong,
}

/// Reads a file: all of its lines, or the first that is wrong.
pub(crate) fn lines(csv: &str) -> Result<Vec<Line>, InvalidFile> {
    let mut rows = csv.trim_start_matches('\u{feff}').lines().enumerate();
    let wrong = |n: usize, message: String| InvalidFile::Line { line: n + 1, message };
    if rows.next().is_none_or(|(_, row)| row.trim() != HEADER) {
        return Err(wrong(0, format!("must be {HEADER}")));
    }
    let rows: Vec<_> = rows.filter(|(_, row)| !row.trim().is_empty()).collect();
    if rows.len() > LINES_MAX {
        return Err(InvalidFile::TooLong);
    }
    rows.into_iter().map(|(n, row)| line(row).map_err(|message| wrong(n, message))).collect()
}

fn line(row: &str) -> Result<Line, String> {
    let fields: Vec<&str> = row.split(',').map(str::trim).collect();
    let [id, kind, payment, charge, gross, fee, net, currency, created_at, available_on] =
        fields[..]
    else {
        return Err(format!("must have ten fields: {HEADER}"));
    };
    if id.is_empty() || id.len() > ID_MAX || charge.len() > ID_MAX {
        return Err(format!("id, charge_id: must have at most {ID_MAX} bytes, and id some"));
    }
    let kind = LineKind::from_word(kind).ok_or("type: must be charge, refund or dispute")?;
    let payment_id = match payment {
        "" => None,
        payment => Some(payment.parse().map_err(|_| "payment_id: must be an id of a payment")?),
    };
    let currency: Currency = currency.parse().map_err(|_| "currency: must be an ISO 4217 code")?;
    let (gross, fee) = (money("gross", gross, currency)?, money("fee", fee, currency)?);
    if gross.checked_sub(fee).ok() != Some(money("net", net, currency)?) {
        return Err("net: must be gross less fee".to_owned());
    }
    if kind.signed(gross.minor()) <= 0 || fee.minor() < 0 {
        return Err("gross: must be above zero for a charge and else below; fee: not below".into());
    }
    Ok(Line {
        id: id.to_owned(),
        kind,
        payment_id,
        charge: Some(charge).filter(|charge| !charge.is_empty()).map(str::to_owned),
        gross,
        fee,
        created_at: time("created_at", created_at)?,
        available_on: time("available_on", available_on)?,
    })
}

fn money(field: &str, text: &str, currency: Currency) -> Result<Money, String> {
    let amount: Option<Decimal> = text.parse().ok();
    let money = amount.and_then(|amount| Money::new(amount, currency).ok());
    money.ok_or_else(|| format!("{field}: must be an amount in {currency}"))
}

fn time(field: &str, text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| format!("{field}: must be a time (RFC 3339)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(row: &str) -> Result<Line, InvalidFile> {
        lines(&format!("{HEADER}\n{row}\n")).map(|mut lines| lines.remove(0))
    }

    #[test]
    fn a_line_says_what_it_is_about() {
        let payment = PaymentId::new();
        let row = format!(
            "txn_1,refund,{payment},ch_1,-20.00,0.00,-20.00,EUR,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z"
        );
        let line = read(&row).unwrap();
        assert_eq!((line.kind, line.payment_id), (LineKind::Refund, Some(payment)));
        assert_eq!(line.gross, Money::from_minor(-2_000, Currency::EUR));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_line() {
        let times = "EUR,2026-01-01T00:00:00Z,2026-01-03T00:00:00Z";
        let rows = [
            "t,charge,,ch,20.00,0.25,20.00",
            "t,charge,,ch,-20.00,0.00,-20.00",
            "t,refund,,ch,20.00,0.00,20.00",
            "t,gift,,ch,20.00,0.00,20.00",
            "t,charge,x,ch,20.00,0.00,20.00",
            "t,charge,,ch,20.001,0.00,20.001",
            ",charge,,ch,20.00,0.00,20.00",
            "t,charge,,ch,20.00,-1.00,21.00",
        ];
        for row in rows {
            let refused = read(&format!("{row},{times}")).unwrap_err();
            assert!(matches!(refused, InvalidFile::Line { line: 2, .. }), "{row}: {refused}");
        }
        assert!(read("t,charge,,ch,20.00,0.25").is_err());
        assert!(lines("id,type\n").is_err());
        assert!(read(&format!("t,charge,,ch,20.00,0.25,19.75,{times}")).is_ok());
    }
}
