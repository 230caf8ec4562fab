//! What must always hold of the keys.

use platform::verify::Check;
use uuid::Uuid;

use crate::error::Error;
use crate::{Privacy, store};

/// How many keys are read at once.
const PAGE: i64 = 500;

/// Unwraps every key. One that cannot be unwrapped is named by its id.
pub async fn all(privacy: &Privacy) -> Result<Vec<Check>, Error> {
    let mut check = Check::new("a key of somebody can be unwrapped");
    let mut after = Uuid::nil();
    loop {
        let page = store::live_after(privacy.db(), after, PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(vec![check]) };
        after = *last;
        for (id, wrapped) in &page {
            let is_right = privacy.unwrapped(*id, wrapped).await.is_ok();
            check.row(is_right, || id.to_string());
        }
    }
}
