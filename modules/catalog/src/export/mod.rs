//! All products as a file that an import reads.

mod write;

use kernel::id::ProductId;
use platform::sql::{Db, Result};
use uuid::Uuid;

use crate::domain::Format;
use crate::store::exports::{self, Rank};

pub(crate) use write::Exported;

/// How many products are read at a time.
const PAGE: i64 = 500;

/// All products in every status, a piece of the file at a time. Parents come before variants and
/// each in the order of their ids, so that an import finds the parent of every variant. What is
/// created meanwhile may be in it.
pub struct Export {
    db: Db,
    format: Format,
    /// Of whom the next page is; none at the end.
    rank: Option<Rank>,
    after: Uuid,
    has_begun: bool,
}

impl Export {
    pub(crate) fn new(db: Db, format: Format) -> Self {
        let rank = Some(Rank::Parents);
        Self { db, format, rank, after: Uuid::nil(), has_begun: false }
    }

    /// The next piece of the file; none at its end. After an error there is no more.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut piece = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            write::begin(&mut piece, self.format)?;
        }
        while let Some(rank) = self.rank.take() {
            let page = exports::page(&self.db, rank, self.after, PAGE).await?;
            let Some(last) = page.last() else {
                self.rank = rank.next();
                self.after = Uuid::nil();
                continue;
            };
            self.after = ProductId::uuid(last.product.id);
            self.rank = Some(rank);
            write::products(&mut piece, self.format, &page)?;
            break;
        }
        Ok(if piece.is_empty() { None } else { Some(piece) })
    }
}
