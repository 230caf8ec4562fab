//! Who pays an order, as payments ask for it.

use std::net::IpAddr;

use kernel::ports::Payer;

use super::order::Order;

impl Order {
    /// Who pays it, and from which address it was placed.
    pub fn payer(&self, from: Option<IpAddr>) -> Payer {
        Payer {
            customer_id: self.customer_id,
            email: self.email.clone(),
            from,
            ships_to: self.shipping_address.clone(),
            bills_to: self.billing_address.clone(),
        }
    }
}
