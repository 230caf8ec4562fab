use platform::http::from_json;
use platform::sql;
use serde_json::Value;

use crate::domain::{Product, ProductInput};
use crate::error::{Error, Result};

/// A product as the staff would write it with a JSON merge patch (RFC 7396) applied: a member that
/// is null goes back to its default.
pub(crate) fn patched(before: &Product, patch: &Value) -> Result<ProductInput> {
    if !patch.is_object() {
        return Err(Error::invalid("", "must be an object with the members to change"));
    }
    let written = serde_json::to_value(ProductInput::of(before.clone()));
    let mut written =
        written.map_err(|error| sql::Error::Inconsistent(format!("product: {error}")))?;
    json_patch::merge(&mut written, patch);
    if let Value::Object(members) = &mut written {
        members.retain(|_, value| !value.is_null());
    }
    from_json(written).map_err(|problem| Error::Invalid(problem.errors))
}
