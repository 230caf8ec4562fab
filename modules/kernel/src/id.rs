//! Identifiers: a `UUIDv7` newtype per entity, so that an order can never be taken for a product.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident;)+) => {$(
        $(#[$doc])+
        #[derive(
            Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id. Ids are `UUIDv7` (RFC 9562), so they sort by the time they were made.
            #[expect(clippy::new_without_default, reason = "a default id would be a random one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The bare UUID, as storage binds it.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )+};
}

ids! {
    /// A product, or one variant of it: whatever can be put into a cart.
    ProductId;
    /// An uploaded image.
    ImageId;
    /// An import that was asked for.
    ImportId;
    /// One product's stock at one location.
    StockId;
    /// The warnings of one stock that few units are left.
    AlertId;
    /// A place where stock lies.
    LocationId;
    /// A promise of stock to one order.
    ReservationId;
    /// A shopper, a member of staff, or a guest before they register.
    CustomerId;
    /// A shopper's cart.
    CartId;
    /// A cart that was put aside.
    SavedCartId;
    /// One line of a cart or an order.
    LineId;
    /// An order.
    OrderId;
    /// A change of an order after it was confirmed: cancelled units, a return, a refund.
    ChangeId;
    /// One attempt to pay for an order.
    PaymentId;
    /// A gift card, or a customer's store credit in one currency.
    CreditAccountId;
    /// One amount that came to a gift card or store credit, or went.
    CreditMovementId;
    /// What was decided about one attempt to pay.
    DecisionId;
    /// One consignment handed to a carrier.
    ShipmentId;
    /// A login that refresh tokens extend.
    SessionId;
    /// An API key.
    ApiKeyId;
    /// A role that the shop made.
    RoleId;
    /// A letter to somebody, sent by e-mail.
    LetterId;
    /// A message to somebody, or to a system of theirs.
    MessageId;
    /// A customer's system that is told of events.
    WebhookId;
    /// A passkey.
    PasskeyId;
    /// One published event.
    EventId;
    /// One run of a saga.
    SagaId;
}
