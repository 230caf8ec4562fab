use kernel::Currency;
use serde::Deserialize;

use crate::domain::Ranking;
use crate::{CacheSettings, ImageSettings};

/// How the catalogue is set up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The shop's currency: of imported prices that name none, and of price filters.
    pub currency: Currency,
    /// How often the search index looks for changes when no commit woke it, in milliseconds.
    pub search_poll_ms: u64,
    /// How products are searched.
    #[serde(default)]
    pub search: SearchSettings,
    /// What is done with uploaded images.
    pub images: ImageSettings,
    /// How much memory the pages may take that are kept ready.
    pub cache: CacheSettings,
    /// The longest file that can be uploaded to be imported, in bytes.
    pub import_bytes_max: u64,
    /// For how many days longer than the 30 that reductions are measured by the prices are kept
    /// that shoppers paid.
    pub price_history_days: u16,
}

impl Default for Settings {
    fn default() -> Self {
        let images = ImageSettings::default();
        let cache = CacheSettings::default();
        let search = SearchSettings::default();
        let (currency, search_poll_ms, import_bytes_max) = (Currency::USD, 1_000, 1 << 30);
        let price_history_days = 730;
        Self {
            currency,
            search_poll_ms,
            search,
            images,
            cache,
            import_bytes_max,
            price_history_days,
        }
    }
}

/// How products are searched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchSettings {
    /// The languages of the shop, its own one first, as BCP 47 tags. When they change, the index
    /// is built again at the next start.
    pub languages: Vec<String>,
    /// What makes a product fit a text better than another one.
    pub ranking: Ranking,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self { languages: vec!["en".to_owned()], ranking: Ranking::default() }
    }
}
