//! The templates that come with the program.

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../templates/", $name)))),+]
    };
}

/// Their texts, by their paths.
pub(crate) const EMBEDDED: &[(&str, &str)] = embedded![
    "_layout.html",
    "de/_lines.html",
    "de/_lines.txt",
    "de/order_cancelled.html",
    "de/order_cancelled.txt",
    "de/order_confirmed.html",
    "de/order_confirmed.txt",
    "de/order_delivered.html",
    "de/order_delivered.txt",
    "de/order_failed.html",
    "de/order_failed.txt",
    "de/order_shipped.html",
    "de/order_shipped.txt",
    "de/payment_action_required.html",
    "de/payment_action_required.txt",
    "en/_lines.html",
    "en/_lines.txt",
    "en/order_cancelled.html",
    "en/order_cancelled.txt",
    "en/order_confirmed.html",
    "en/order_confirmed.txt",
    "en/order_delivered.html",
    "en/order_delivered.txt",
    "en/order_failed.html",
    "en/order_failed.txt",
    "en/order_shipped.html",
    "en/order_shipped.txt",
    "en/payment_action_required.html",
    "en/payment_action_required.txt",
    "fr/_lines.html",
    "fr/_lines.txt",
    "fr/order_cancelled.html",
    "fr/order_cancelled.txt",
    "fr/order_confirmed.html",
    "fr/order_confirmed.txt",
    "fr/order_delivered.html",
    "fr/order_delivered.txt",
    "fr/order_failed.html",
    "fr/order_failed.txt",
    "fr/order_shipped.html",
    "fr/order_shipped.txt",
    "fr/payment_action_required.html",
    "fr/payment_action_required.txt",
];
