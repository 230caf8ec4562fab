//! What payments ask of the module.

use async_trait::async_trait;
use kernel::ports::{Assessed, Attempt, Risk, Unavailable};

use crate::{Fraud, usecase};

#[async_trait]
impl Risk for Fraud {
    async fn assess(&self, attempt: &Attempt) -> Result<Assessed, Unavailable> {
        let deciding = usecase::assess::assess(self, attempt);
        match tokio::time::timeout(self.settings.wait(), deciding).await {
            Ok(decided) => decided.map_err(|error| Unavailable::new("fraud", error)),
            Err(late) => Err(Unavailable::new("fraud", late)),
        }
    }
}
