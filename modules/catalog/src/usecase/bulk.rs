use std::collections::{HashMap, HashSet};

use kernel::id::ProductId;
use kernel::problem::FieldError;
use platform::audit::Actor;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::import::{known, write};
use crate::Catalog;
use crate::domain::{BULK_MAX, ImportRow, plan, row};
use crate::error::{Error, Result};
use crate::import::{Batch, object};

/// How often a bulk is decided anew because somebody else changed its products.
const TRIES_MAX: u32 = 5;

/// What became of one product of a bulk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkStatus {
    /// It is new.
    Created,
    /// It changed.
    Updated,
    /// It was as it shall be.
    Unchanged,
    /// It was left out.
    Refused,
}

/// One product of a bulk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BulkItem {
    /// Its SKU, if it said one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What became of it.
    pub status: BulkStatus,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

/// What a bulk says of one product, and the version it must be in if it says so.
struct Asked {
    row: ImportRow,
    version: Option<i64>,
}

impl Catalog {
    /// Creates and changes products as lines of an import would, all in one commit. What is not
    /// allowed is left out, or, if `atomic`, nothing is written at all and every reason told.
    pub async fn bulk(
        &self,
        items: &[&RawValue],
        atomic: bool,
        actor: &Actor,
    ) -> Result<Vec<BulkItem>> {
        if items.len() > BULK_MAX {
            return Err(Error::invalid("items", format!("must have at most {BULK_MAX} entries")));
        }
        let (batch, versions, mut outcome) = read(items);
        for _ in 0..TRIES_MAX {
            let mut tx = self.db.begin("catalog.bulk").await?;
            let known = known(&mut tx, &batch).await?;
            let (mut rows, mut stale) = (batch.rows.clone(), HashMap::new());
            rows.retain(|(line, row)| {
                let revision = known.products.get(&row.sku).map(|product| product.revision);
                let fits = versions.get(line).is_none_or(|version| revision == Some(*version));
                if !fits {
                    stale.insert(*line, revision);
                }
                fits
            });
            let currency = self.settings.currency;
            let plan = plan(rows, known, currency, tx.now(), ProductId::new);
            for (line, revision) in stale {
                let now = revision.map_or("not there".to_owned(), |now| format!("at {now} now"));
                refuse(&mut outcome, line, "version", &format!("the product is {now}"));
            }
            for error in &plan.errors {
                refuse(&mut outcome, error.line, &error.field, &error.message);
            }
            let created = plan.inserts.iter().map(|new| new.product.content.sku.as_str());
            let updated = plan.updates.iter().map(|one| one.product.content.sku.as_str());
            settle(&mut outcome, &created.collect(), &updated.collect());
            if atomic && outcome.iter().any(|item| item.status == BulkStatus::Refused) {
                return Err(Error::Invalid(reasons(outcome)));
            }
            match write(&mut tx, &plan, actor).await {
                Ok(true) => {}
                Ok(false) => continue,
                Err(Error::Storage(error)) if error.is_conflict() => continue,
                Err(error) => return Err(error),
            }
            match tx.commit().await {
                Err(error) if error.is_conflict() => continue,
                committed => committed?,
            }
            return Ok(outcome);
        }
        Err(Error::InUse("others change the same products all the time; try again"))
    }
}

/// The rows that can be read, by their place among the items, the versions they name, and the
/// outcome so far.
fn read(items: &[&RawValue]) -> (Batch, HashMap<u64, i64>, Vec<BulkItem>) {
    let (mut batch, mut versions) = (Batch::default(), HashMap::new());
    let (mut outcome, mut skus) = (Vec::with_capacity(items.len()), HashSet::new());
    for (line, item) in (0_u64..).zip(items) {
        let mut answer = BulkItem { sku: None, status: BulkStatus::Unchanged, errors: Vec::new() };
        match asked(item) {
            Ok(asked) => {
                answer.sku = Some(asked.row.sku.clone());
                if skus.insert(asked.row.sku.clone()) {
                    versions.extend(asked.version.map(|version| (line, version)));
                    batch.rows.push((line, asked.row));
                } else {
                    let message = "is there twice".to_owned();
                    answer.errors.push(FieldError { field: "sku".to_owned(), message });
                }
            }
            Err(error) => answer.errors.push(error),
        }
        outcome.push(answer);
    }
    (batch, versions, outcome)
}

fn asked(item: &RawValue) -> std::result::Result<Asked, FieldError> {
    let wrong = |field: &str, message: &str| FieldError {
        field: field.to_owned(),
        message: message.to_owned(),
    };
    let mut record = object(item.get().as_bytes())?;
    let version = match record.remove("version") {
        None => None,
        Some(version) => {
            let number = version.as_i64();
            Some(number.ok_or_else(|| wrong("version", "must be the version that was read"))?)
        }
    };
    let mut unknown = None;
    let row = row(record, |name| unknown = Some(name.to_owned()))?;
    if row.related.is_some() {
        return Err(wrong("related", "is replaced at /v1/admin/products/{id}/related"));
    }
    match unknown {
        Some(name) => Err(wrong(&name, "is no field of a product")),
        None => Ok(Asked { row, version }),
    }
}

fn refuse(outcome: &mut [BulkItem], line: u64, field: &str, message: &str) {
    let at = usize::try_from(line).ok().and_then(|line| outcome.get_mut(line));
    if let Some(item) = at {
        let (field, message) = (field.to_owned(), message.to_owned());
        item.errors.push(FieldError { field, message });
    }
}

/// Says what becomes of each item, now that all reasons against them are known.
fn settle(outcome: &mut [BulkItem], created: &HashSet<&str>, updated: &HashSet<&str>) {
    for item in outcome {
        let is_among =
            |skus: &HashSet<&str>| item.sku.as_deref().is_some_and(|sku| skus.contains(sku));
        item.status = if !item.errors.is_empty() {
            BulkStatus::Refused
        } else if is_among(created) {
            BulkStatus::Created
        } else if is_among(updated) {
            BulkStatus::Updated
        } else {
            BulkStatus::Unchanged
        };
    }
}

/// Every reason, with the path of the field in the request.
fn reasons(outcome: Vec<BulkItem>) -> Vec<FieldError> {
    let named = |(n, item): (usize, BulkItem)| {
        item.errors.into_iter().map(move |error| FieldError {
            field: match error.field.as_str() {
                "" => format!("items[{n}]"),
                field => format!("items[{n}].{field}"),
            },
            message: error.message,
        })
    };
    outcome.into_iter().enumerate().flat_map(named).collect()
}
