//! Changes of a cart.

use kernel::id::{CustomerId, LineId, ProductId};
use kernel::ports::{Buyer, Offer, Wanted};
use kernel::problem::{Problem, code};

use crate::Orders;
use crate::domain::cart::{LINES_MAX, QUANTITY_MAX, check_quantity};
use crate::domain::promotion::Reason;
use crate::error::OrderError;
use crate::store::{cart, promotion};
use crate::usecase::quote::coupon_refused;

impl Orders {
    /// Puts units of a product into the shopper's cart; a product that is there gets more. With the offer of these units.
    pub async fn add_to_cart(
        &self,
        owner: CustomerId,
        group: Option<&str>,
        product: ProductId,
        quantity: i64,
    ) -> Result<Offer, OrderError> {
        check_quantity(quantity)?;
        let wanted = Wanted { product_id: product, quantity };
        let offers = self.inner.catalog.offers(Buyer { country: None, group }, &[wanted]).await?;
        let offer = offers.into_iter().next().ok_or_else(|| {
            Problem::new(code::NOT_FOUND, "There is no such product.")
                .field("product_id", "must be the id of a product of this shop")
        })?;
        if !offer.sellable {
            let detail = "The product cannot be bought now; a variant of it perhaps can.";
            return Err(Problem::new(code::NOT_SELLABLE, detail).into());
        }
        let mut tx = self.inner.db.begin("cart.add").await?;
        let cart = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        if !cart::put_line(&mut tx, cart, product, quantity).await? {
            let detail = format!(
                "A cart has at most {LINES_MAX} lines and {QUANTITY_MAX} units of a product."
            );
            return Err(Problem::invalid("quantity", detail).into());
        }
        tx.commit().await?;
        Ok(offer)
    }

    /// Changes how many units a line of the shopper's cart has.
    pub async fn change_line(
        &self,
        owner: CustomerId,
        line: LineId,
        quantity: i64,
    ) -> Result<(), OrderError> {
        check_quantity(quantity)?;
        let mut tx = self.inner.db.begin("cart.change").await?;
        let cart = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        if !cart::set_quantity(&mut tx, cart, line, quantity).await? {
            return Err(Problem::not_found("such line in your cart").into());
        }
        Ok(tx.commit().await?)
    }

    /// Takes a line out of the shopper's cart.
    pub async fn remove_line(&self, owner: CustomerId, line: LineId) -> Result<(), OrderError> {
        let mut tx = self.inner.db.begin("cart.remove").await?;
        let cart = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        if !cart::remove_line(&mut tx, cart, line).await? {
            return Err(Problem::not_found("such line in your cart").into());
        }
        Ok(tx.commit().await?)
    }

    /// Puts a coupon to the shopper's cart, or takes it away. It is used when the cart is ordered.
    pub async fn set_coupon(
        &self,
        owner: CustomerId,
        code: Option<&str>,
    ) -> Result<(), OrderError> {
        if let Some(code) = code
            && promotion::find(&self.inner.db, code).await?.is_none()
        {
            return Err(coupon_refused(Reason::Unknown).into());
        }
        let mut tx = self.inner.db.begin("cart.coupon").await?;
        let cart = cart::touch(&mut tx, owner).await?.ok_or(OrderError::CartHeld)?;
        cart::set_coupon(&mut tx, cart, code).await?;
        Ok(tx.commit().await?)
    }
}
