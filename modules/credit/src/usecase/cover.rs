//! What would pay an order, as it stands now.

use kernel::Money;
use kernel::id::CustomerId;
use kernel::ports::{CreditPart, CreditReason, CreditWish, GiftCode};

use crate::Credits;
use crate::domain::account::Account;
use crate::domain::code::Code;
use crate::domain::share::share;
use crate::error::{Error, Result};
use crate::store;

/// Gift cards in their order, then the store credit, until the total is reached. A card that can pay nothing is
/// refused; one that is not needed any more is left out.
pub async fn cover(
    credits: &Credits,
    customer: CustomerId,
    wish: &CreditWish,
    total: Money,
) -> Result<Vec<CreditPart>> {
    let mut accounts = cards(credits, &wish.codes).await?;
    let (currency, now) = (total.currency(), credits.db.clock().now());
    for (at, card) in accounts.iter().enumerate() {
        let refused = |reason| Error::Refused(reason, Some(at));
        card.check(customer, currency, now).map_err(refused)?;
        if card.left() == 0 || accounts[..at].iter().any(|before| before.id == card.id) {
            return Err(refused(CreditReason::Empty));
        }
    }
    if wish.store_credit {
        accounts.extend(store::theirs(&credits.db, customer, currency).await?);
    }
    let parts = share(total.minor(), accounts.iter().map(Account::left));
    let part = |(account, minor): (Account, i64)| CreditPart {
        account_id: account.id,
        kind: account.kind,
        last4: account.last4,
        amount: Money::from_minor(minor, currency),
    };
    let taken = accounts.into_iter().zip(parts).filter(|(_, minor)| *minor > 0);
    Ok(taken.map(part).collect())
}

/// The gift cards of some codes, in their order.
pub async fn cards(credits: &Credits, codes: &[GiftCode]) -> Result<Vec<Account>> {
    if codes.is_empty() {
        return Ok(vec![]);
    }
    let read = |code: &GiftCode| Code::read(code.typed()).map(|code| code.hash());
    // What cannot be a code has no hash, and is as unknown as one that nobody has.
    let hashes: Vec<String> = codes.iter().map(|code| read(code).unwrap_or_default()).collect();
    let found = store::by_hashes(&credits.db, &hashes).await?;
    let card = |(at, hash): (usize, &String)| {
        let known = found.iter().find(|(known, _)| known == hash);
        known
            .map(|(_, account)| account.clone())
            .ok_or(Error::Refused(CreditReason::Unknown, Some(at)))
    };
    hashes.iter().enumerate().map(card).collect()
}
