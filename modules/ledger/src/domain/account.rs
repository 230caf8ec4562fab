use kernel::id::{OrderId, PaymentId};
use uuid::Uuid;

macro_rules! kinds {
    ($($(#[$doc:meta])+ $name:ident = $word:literal, $side:ident;)+) => {
        /// What accounts of the journal are for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])+ $name,)+ }

        impl Kind {
            #[cfg(test)]
            const ALL: &[Self] = &[$(Self::$name),+];

            /// The stable word, which begins the code of an account.
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }

            /// What a word stands for.
            pub(crate) fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// The side on which its balance stands as a rule: `debit` or `credit`.
            pub(crate) const fn normal_side(self) -> &'static str {
                match self { $(Self::$name => stringify!($side),)+ }
            }
        }
    };
}

kinds! {
    /// What the customer of an order owes, one for each order whose payments hold the money.
    Receivable = "receivable", debit;
    /// What the processor has taken of a payment and not settled, one for each payment.
    Clearing = "clearing", debit;
    /// What the processor paid out.
    Bank = "bank", debit;
    /// What the processor keeps.
    Fees = "fees", debit;
    /// Goods that were sold, without tax, one for each category.
    Revenue = "revenue", credit;
    /// Shipping that was sold, without tax.
    Shipping = "shipping", credit;
    /// Tax that is owed to the state.
    Tax = "tax", credit;
    /// What of sales was given back, without tax.
    Refunds = "refunds", debit;
    /// What the staff gave back at a payment and no order knows of, one for each order.
    Goodwill = "goodwill", debit;
    /// What cardholders dispute, one for each payment.
    Disputes = "disputes", debit;
    /// What disputes took away for good, one for each order.
    DisputeLosses = "dispute_losses", debit;
    /// What the staff accepted of a settlement although it was not what was expected.
    Adjustments = "adjustments", debit;
    /// What is owed to those who have gift cards.
    GiftCards = "gift_cards", credit;
    /// What customers have as store credit.
    StoreCredit = "store_credit", credit;
    /// Gift cards and store credit that were given away, and what the staff corrected of them.
    CreditGrants = "credit_grants", debit;
    /// What was left of gift cards whose time is over.
    Breakage = "breakage", credit;
}

/// An account, by its code: the word of its kind, and what it is for where there are several.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Account {
    pub kind: Kind,
    pub code: String,
    /// The order or the payment that it is for.
    pub subject: Option<Uuid>,
}

impl Account {
    /// The only one of its kind.
    pub(crate) fn of(kind: Kind) -> Self {
        Self { kind, code: kind.word().to_owned(), subject: None }
    }

    fn for_each(kind: Kind, subject: Uuid) -> Self {
        Self { kind, code: format!("{}:{subject}", kind.word()), subject: Some(subject) }
    }

    /// What is owed for an order.
    pub(crate) fn receivable(order: OrderId) -> Self {
        Self::for_each(Kind::Receivable, order.uuid())
    }

    /// What is to be settled of a payment.
    pub(crate) fn clearing(payment: PaymentId) -> Self {
        Self::for_each(Kind::Clearing, payment.uuid())
    }

    /// What was given back of an order at its payments.
    pub(crate) fn goodwill(order: OrderId) -> Self {
        Self::for_each(Kind::Goodwill, order.uuid())
    }

    /// What the holder of the card disputes of a payment.
    pub(crate) fn disputed(payment: PaymentId) -> Self {
        Self::for_each(Kind::Disputes, payment.uuid())
    }

    /// What disputes took away of an order.
    pub(crate) fn dispute_losses(order: OrderId) -> Self {
        Self::for_each(Kind::DisputeLosses, order.uuid())
    }

    /// Goods of a category; of those whose category is not known when there is none.
    pub(crate) fn revenue(category: Option<&str>) -> Self {
        let name = category.map(slug).filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| UNCLASSIFIED.to_owned());
        Self {
            kind: Kind::Revenue,
            code: format!("{}:{name}", Kind::Revenue.word()),
            subject: None,
        }
    }

    /// The account of a code.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        let (word, of) = code.split_once(':').unwrap_or((code, ""));
        let subject = Uuid::parse_str(of).ok();
        Some(Self { kind: Kind::from_word(word)?, code: code.to_owned(), subject })
    }
}

/// The category of goods that none is known of.
const UNCLASSIFIED: &str = "unclassified";
/// How long the name of a category may be in a code, in letters.
const NAME_MAX: usize = 60;

/// A category's name as part of a code: small letters and digits, with a dash between them.
fn slug(name: &str) -> String {
    let letters = name.chars().flat_map(char::to_lowercase);
    let letters: String =
        letters.map(|letter| if letter.is_alphanumeric() { letter } else { ' ' }).collect();
    let words: Vec<&str> = letters.split_whitespace().collect();
    words.join("-").chars().take(NAME_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_leads_back_to_its_account() {
        let all = [
            Account::receivable(OrderId::new()),
            Account::clearing(PaymentId::new()),
            Account::goodwill(OrderId::new()),
            Account::disputed(PaymentId::new()),
            Account::dispute_losses(OrderId::new()),
            Account::revenue(Some("Home & Garden")),
            Account::revenue(None),
            Account::of(Kind::Bank),
        ];
        for account in all {
            assert_eq!(Account::of_code(&account.code), Some(account));
        }
        for kind in Kind::ALL {
            assert_eq!(Kind::from_word(kind.word()), Some(*kind));
        }
        assert_eq!(Account::of_code("cash"), None);
    }

    #[test]
    fn categories_have_plain_codes() {
        let code = |name: &str| Account::revenue(Some(name)).code;
        assert_eq!(code("Home & Garden"), "revenue:home-garden");
        assert_eq!(code("Möbel/Küche"), "revenue:möbel-küche");
        assert_eq!(code(" / "), "revenue:unclassified");
        assert!(code(&"é".repeat(500)).len() < 300);
    }
}
