//! Putting a cart aside, and bringing it back. A line moves: it is in the cart or in one saved cart, and
//! never in both. Who holds the cart's row does so alone, so that two windows do not do it twice.

use kernel::id::{CustomerId, SavedCartId};
use kernel::ports::Principal;
use kernel::problem::{Problem, code};

use crate::Orders;
use crate::domain::cart::{LINES_MAX, QUANTITY_MAX};
use crate::error::OrderError;
use crate::store::{cart, saved};

/// The most saved carts of a shopper.
pub const SAVED_MAX: i64 = 50;
/// The longest name, in characters.
pub const NAME_MAX: usize = 100;

fn absent() -> OrderError {
    Problem::not_found("such saved cart").into()
}

impl Orders {
    /// Puts what is in the shopper's cart aside under a name; the cart is empty then.
    pub async fn save_cart(
        &self,
        owner: CustomerId,
        name: &str,
    ) -> Result<SavedCartId, OrderError> {
        let chars = name.chars().count();
        let is_plain = name.trim() == name && !name.chars().any(char::is_control);
        if !(1..=NAME_MAX).contains(&chars) || !is_plain {
            let allowed = format!("must be 1 to {NAME_MAX} printable characters, none outside");
            return Err(Problem::invalid("name", allowed).into());
        }
        let mut tx = self.inner.db.begin("cart.save").await?;
        let from = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        let id = SavedCartId::new();
        if !saved::create(&mut tx, id, owner, name, SAVED_MAX).await? {
            let detail = format!("You have a cart of this name, or {SAVED_MAX} saved carts.");
            return Err(Problem::new(code::CONFLICT, detail).into());
        }
        if saved::move_away(&mut tx, from, id).await? == 0 {
            return Err(Problem::new(code::CART_EMPTY, "There is nothing in the cart.").into());
        }
        cart::empty(&mut tx, from).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Brings a saved cart back: its units come on top of what is in the cart, and it is gone.
    pub async fn restore_cart(&self, owner: CustomerId, id: SavedCartId) -> Result<(), OrderError> {
        let mut tx = self.inner.db.begin("cart.restore").await?;
        let into = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        if !saved::is_there(&mut tx, owner, id).await? {
            return Err(absent());
        }
        if !saved::move_back(&mut tx, id, into).await? {
            let detail = format!(
                "With it the cart would have more than {LINES_MAX} lines or {QUANTITY_MAX} units \
                 of a product. Make room first."
            );
            return Err(Problem::new(code::CONFLICT, detail).into());
        }
        saved::delete(&mut tx, owner, id).await?;
        Ok(tx.commit().await?)
    }

    /// Throws a saved cart away.
    pub async fn delete_saved_cart(
        &self,
        owner: CustomerId,
        id: SavedCartId,
    ) -> Result<(), OrderError> {
        let mut tx = self.inner.db.begin("cart.forget").await?;
        // Nobody brings it back meanwhile.
        cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        if !saved::delete(&mut tx, owner, id).await? {
            return Err(absent());
        }
        Ok(tx.commit().await?)
    }
}

/// Refuses a guest, whose saved carts nobody could find again.
pub fn demand_account(caller: &Principal) -> Result<(), Problem> {
    if caller.role == kernel::ports::Role::Guest.word() {
        let detail = "Log in or register to keep a cart for another time.";
        return Err(Problem::new(code::FORBIDDEN, detail));
    }
    Ok(())
}
