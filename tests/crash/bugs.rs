//! The seeded bugs, and how each is found.

/// How a bug is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// The shop answers wrongly, or not at all.
    ByAnswers,
    /// `stoa verify` names this invariant.
    ByBooks(&'static str),
    /// Either, whichever the shop comes to first: a call may have to be made again earlier than the
    /// scenario makes it, and then nobody is answered.
    Either(&'static str),
}
use Found::{ByAnswers, ByBooks, Either};

impl Found {
    /// Whether the output of `stoa verify` names what is expected.
    pub fn is_named(self, text: &str) -> bool {
        let named = |line: &str| match self {
            ByAnswers => false,
            ByBooks(invariant) | Either(invariant) => {
                line.starts_with("BROKEN") && line.contains(invariant)
            }
        };
        text.lines().any(named)
    }
}

/// Each seeded bug, in the order of the scenario, with the way it is found.
pub const BUGS: &[(&str, Found)] = &[
    // A plain order.
    ("total_is_wrong", ByAnswers),
    ("shipping_is_left_out", ByAnswers),
    ("outbox_forgets", ByBooks("every change of an order was told")),
    ("answer_is_not_stored", ByAnswers),
    ("cart_is_not_emptied", ByAnswers),
    ("reserve_forgets_its_movement", ByBooks("stock is the sum of its movements")),
    ("commit_changes_nothing", ByBooks("every order holds the stock")),
    ("capture_is_not_called", ByBooks("the processor's books")),
    ("payment_is_not_told", ByBooks("every change of a payment was told")),
    ("sale_is_not_counted", ByBooks("the sales of every day")),
    // A declined card with a coupon.
    ("undo_is_skipped", ByBooks("every order holds the stock")),
    ("refusal_undoes_nothing", ByBooks("every order holds the stock")),
    ("release_keeps_the_stock", ByBooks("reserved stock is what live orders hold")),
    ("coupon_is_not_given_back", ByBooks("coupon uses equal the orders")),
    ("cart_is_not_let_go", ByBooks("no cart is held by an order that has ended")),
    // A cancelled order, asked for twice with one key, and a refund that is too large.
    ("claim_is_not_looked_at", ByAnswers),
    ("cancel_leaves_the_money", ByBooks("every order's money")),
    ("event_is_passed_over", ByBooks("every order holds the stock")),
    ("refund_is_not_bounded", ByAnswers),
    // An order that is called off while it waits for its shopper, and a parcel that is not there.
    ("cancelled_checkout_was_sold", ByBooks("the sales of every day")),
    ("parcel_is_not_looked_at", ByAnswers),
    // The last unit, with one buyer and then with two.
    ("last_unit_is_not_sold", ByAnswers),
    ("refusal_is_ignored", ByAnswers),
    // A shopper who has to authenticate, and takes a while.
    ("sweeper_is_early", ByAnswers),
    ("challenge_is_not_heard", ByAnswers),
    // A processor whose answer is lost.
    ("retry_takes_a_new_key", Either("the processor's books")),
    ("every_try_pays_again", ByAnswers),
    // A step that is refused after the payment was authorized, and a kill between two steps.
    ("void_is_not_called", ByBooks("the processor's books")),
    ("saga_is_not_resumed", ByAnswers),
];
