//! What the shop has, as files that an import reads.

mod definitions;
mod prices;
mod write;

use kernel::id::ProductId;
use platform::sql::{Db, Result};
use uuid::Uuid;

use crate::domain::{Format, PriceList};
use crate::store::exports::{self, Rank};
use crate::store::price_lists;

use definitions::Kind;
pub(crate) use write::Exported;

/// How many rows are read at a time.
const PAGE: i64 = 500;

/// A file on its way out, a piece at a time. What is created meanwhile may be in it.
pub struct Export {
    db: Db,
    format: Format,
    /// What stands before the first line.
    head: Vec<u8>,
    /// What comes next; none at the end.
    next: Option<Part>,
}

/// What is written, and after what of it the next page begins.
enum Part {
    Products(Rank, Uuid),
    Prices(Box<PriceList>, (Uuid, i64)),
    Definitions(Kind),
}

impl Export {
    /// All products in every status. Parents come before variants and each in the order of their
    /// ids, so that an import finds the parent of every variant.
    pub(crate) fn products(db: Db, format: Format) -> Self {
        let first = Part::Products(Rank::Parents, Uuid::nil());
        Self { db, format, head: head(format, &write::NAMES), next: Some(first) }
    }

    /// The prices of a list, by product and quantity.
    pub(crate) fn prices(db: Db, format: Format, list: PriceList) -> Self {
        let first = Part::Prices(Box::new(list), (Uuid::nil(), 0));
        Self { db, format, head: head(format, &prices::NAMES), next: Some(first) }
    }

    /// Everything that is defined besides products and prices, as JSON lines.
    pub(crate) fn definitions(db: Db) -> Self {
        let first = Part::Definitions(Kind::FIRST);
        Self { db, format: Format::Jsonl, head: Vec::new(), next: Some(first) }
    }

    /// How the file holds what it holds.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The next piece of the file; none at its end. After an error there is no more.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = std::mem::take(&mut self.head);
        let head = piece.len();
        while piece.len() == head
            && let Some(part) = self.next.take()
        {
            self.next = self.write(part, &mut piece).await?;
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }

    /// Writes a page of a part; answers what comes after it.
    async fn write(&self, part: Part, piece: &mut Vec<u8>) -> Result<Option<Part>> {
        match part {
            Part::Products(rank, after) => {
                let page = exports::page(&self.db, rank, after, PAGE).await?;
                write::products(piece, self.format, &page)?;
                let last = page.last().map(|last| ProductId::uuid(last.product.id));
                let after = || rank.next().map(|rank| Part::Products(rank, Uuid::nil()));
                Ok(last.map(|last| Part::Products(rank, last)).or_else(after))
            }
            Part::Prices(list, after) => {
                let page = price_lists::page(&self.db, &list, after, PAGE).await?;
                prices::prices(piece, self.format, &page)?;
                let last = page.last().map(|last| (last.product_id.uuid(), last.min_quantity));
                Ok(last.map(|last| Part::Prices(list, last)))
            }
            Part::Definitions(kind) => {
                definitions::write(&self.db, kind, piece).await?;
                Ok(kind.next().map(Part::Definitions))
            }
        }
    }
}

fn head(format: Format, names: &[&str]) -> Vec<u8> {
    match format {
        Format::Jsonl => Vec::new(),
        Format::Csv => format!("{}\n", names.join(",")).into_bytes(),
    }
}
