//! The shop's own table of taxes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kernel::ports::{Assessment, Tax, TaxRequest, Unavailable};
use platform::sql::{self, Db};
use rust_decimal::Decimal;

use crate::domain::address::region_code;
use crate::domain::rate::{Rate, Rates, WHOLE_PPM};
use crate::domain::tax::assess;
use crate::store::tax;
use crate::usecase::remembered::Remembered;

/// How long the table is remembered: so late another process may know of a change.
const AGE_MAX: Duration = Duration::from_secs(10);

/// The built-in engine of taxes: a table of rates, and behind it one rate for each country.
#[derive(Clone)]
pub struct TaxTable {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    /// In percent, by country.
    fallback: HashMap<String, Decimal>,
    rates: Remembered<Vec<Rate>>,
}

impl TaxTable {
    /// Keeps its table in the order module's database. A country that the table says nothing of has
    /// the rate of `fallback`, in percent, or none.
    pub fn new(db: Db, fallback: HashMap<String, Decimal>) -> Self {
        let rates = Remembered::new(AGE_MAX);
        Self { inner: Arc::new(Inner { db, fallback, rates }) }
    }

    /// Reads the table anew next time, after a change is committed.
    pub(crate) fn forget(&self) {
        self.inner.rates.forget();
    }
}

/// The rate for all of a country, in millionths.
fn fallback(percent: &HashMap<String, Decimal>, country: &str) -> i64 {
    let percent = percent.get(country).copied().unwrap_or(Decimal::ZERO);
    let ppm = (percent * Decimal::from(WHOLE_PPM / 100)).round();
    ppm.try_into().unwrap_or(0)
}

#[async_trait]
impl Tax for TaxTable {
    async fn assess(&self, request: &TaxRequest) -> Result<Assessment, Unavailable> {
        let failed = |error: sql::Error| Unavailable::new("the table of taxes", error);
        let table = self.inner.rates.get(tax::table(&self.inner.db)).await.map_err(failed)?;
        let region = region_code(&request.country, request.region.as_deref());
        let rates = Rates::of(&table, &request.country, &region, request.at);
        if let Some(rates) = rates {
            let of_category = |category: &str| rates.of_category(category);
            return Ok(assess(request, of_category, rates.of_shipping()));
        }
        let rate = fallback(&self.inner.fallback, &request.country);
        Ok(assess(request, |_| rate, Some(rate)))
    }
}
