use std::collections::HashSet;

use kernel::Currency;
use kernel::id::ProductId;
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Db, Tx};
use uuid::Uuid;

use super::pricing;
use crate::domain::{Definitions, ImportRow, Known, LineError, Plan, plan, row, wanted_slug};
use crate::error::Error;
use crate::import::{
    ERRORS_MAX, Format, IGNORED_MAX, ImportError, Progress, Reader, Report, Source, fingerprint,
};
use crate::store::imports::{self, Done};
use crate::store::{attributes, products, slugs};

/// How many records are done in one unit of work.
const BATCH: usize = 500;
/// How often a batch is decided anew because somebody else changed its products.
const TRIES_MAX: u32 = 5;

/// Reads products from a file, in batches that each commit with the mark of how far it has come.
pub(crate) async fn import(
    db: &Db,
    currency: Currency,
    file: &mut dyn Source,
    format: Format,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, ImportError> {
    let (fingerprint, bytes_total) = fingerprint(file)?;
    let mut done = imports::find(db, &fingerprint).await?.unwrap_or_default();
    let mut report = Report { resumed_after: count(done.records), ..Report::default() };
    let mut records = Records::new(Reader::new(file, format)?);
    records.skip(done.records)?;
    loop {
        let batch = records.batch(&mut report)?;
        if batch.records == 0 {
            break;
        }
        done = commit(db, currency, &fingerprint, done, batch, &mut report).await?;
        let (records, bytes) = (count(done.records), records.reader.bytes());
        progress(Progress { records, bytes, bytes_total });
    }
    report.created = count(done.created);
    report.updated = count(done.updated);
    report.unchanged = count(done.unchanged);
    report.failed = count(done.failed);
    Ok(report)
}

fn count(rows: i64) -> u64 {
    rows.unsigned_abs()
}

/// Records that are done together.
struct Batch {
    rows: Vec<(u64, ImportRow)>,
    /// Records of it that could not be read.
    unreadable: i64,
    records: i64,
    /// Nothing comes after it.
    is_last: bool,
}

struct Records<'f> {
    reader: Reader<'f>,
    /// Read, but of the next batch.
    kept: Option<(u64, ImportRow)>,
    ended: bool,
}

impl<'f> Records<'f> {
    fn new(reader: Reader<'f>) -> Self {
        Self { reader, kept: None, ended: false }
    }

    fn skip(&mut self, records: i64) -> Result<(), ImportError> {
        for _ in 0..records {
            self.reader.next()?;
        }
        Ok(())
    }

    /// The next records, among which no SKU comes twice: a product has one event a commit.
    fn batch(&mut self, report: &mut Report) -> Result<Batch, ImportError> {
        let mut batch =
            Batch { rows: Vec::with_capacity(BATCH), unreadable: 0, records: 0, is_last: false };
        let mut skus = HashSet::new();
        if let Some(kept) = self.kept.take() {
            skus.insert(kept.1.sku.clone());
            batch.rows.push(kept);
            batch.records = 1;
        }
        while batch.rows.len() < BATCH && !self.ended {
            let Some((line, record)) = self.reader.next()? else {
                self.ended = true;
                break;
            };
            let ignored = |name: &str| {
                if report.ignored_fields.len() < IGNORED_MAX {
                    report.ignored_fields.insert(name.to_owned());
                }
            };
            match record.and_then(|record| row(record, ignored)) {
                Ok(row) if !skus.insert(row.sku.clone()) => {
                    self.kept = Some((line, row));
                    return Ok(batch);
                }
                Ok(row) => batch.rows.push((line, row)),
                Err(error) => {
                    batch.unreadable += 1;
                    let error = LineError { line, field: error.field, message: error.message };
                    tell(report, [error]);
                }
            }
            batch.records += 1;
        }
        batch.is_last = self.ended;
        Ok(batch)
    }
}

fn tell(report: &mut Report, errors: impl IntoIterator<Item = LineError>) {
    let free = ERRORS_MAX.saturating_sub(report.errors.len());
    report.errors.extend(errors.into_iter().take(free));
}

/// Does a batch, with the mark behind it, in one commit.
async fn commit(
    db: &Db,
    currency: Currency,
    fingerprint: &str,
    before: Done,
    batch: Batch,
    report: &mut Report,
) -> Result<Done, ImportError> {
    for _ in 0..TRIES_MAX {
        let mut tx = db.begin("catalog.import").await?;
        let named: HashSet<&str> = batch
            .rows
            .iter()
            .flat_map(|(_, row)| [Some(row.sku.as_str()), row.parent_sku.as_deref()])
            .flatten()
            .filter(|sku| !sku.contains('\0'))
            .collect();
        let known = known(&mut tx, &batch, named).await?;
        let plan = plan(batch.rows.clone(), known, currency, tx.now(), ProductId::new);
        match write(&mut tx, &plan, &Actor::SYSTEM).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(Error::Storage(error)) if error.is_conflict() => continue,
            Err(Error::Storage(error)) => return Err(error.into()),
            Err(error) => return Err(ImportError::Refused(error.to_string())),
        }
        let after = counted(before, &batch, &plan);
        if !imports::advance(&mut tx, fingerprint, before, after).await?
            || batch.is_last && !imports::finish(&mut tx, fingerprint, after).await?
        {
            return Err(ImportError::AlreadyRunning);
        }
        match tx.commit().await {
            Err(error) if error.is_conflict() => continue,
            outcome => outcome?,
        }
        tell(report, plan.errors);
        return Ok(after);
    }
    Err(ImportError::Disturbed)
}

/// What is stored of what a batch names.
async fn known(tx: &mut Tx, batch: &Batch, named: HashSet<&str>) -> sql::Result<Known> {
    let products = products::by_skus(tx, named.into_iter().collect()).await?;
    let wanted = batch.rows.iter().filter_map(|(_, row)| wanted_slug(row));
    let wanted: Vec<String> = wanted.filter(|slug| !slug.contains('\0')).collect();
    let has_attributes = batch.rows.iter().any(|(_, row)| row.attributes.is_some());
    let stored = products.iter().any(|product| !product.content.attributes.is_empty());
    let definitions =
        if has_attributes || stored { attributes::all(tx).await? } else { Vec::new() };
    Ok(Known {
        slugs: slugs::owners(tx, wanted).await?,
        products: products.into_iter().map(|one| (one.content.sku.clone(), one)).collect(),
        definitions: Definitions::new(definitions),
    })
}

fn counted(before: Done, batch: &Batch, plan: &Plan) -> Done {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let broken: HashSet<u64> = plan.errors.iter().map(|error| error.line).collect();
    Done {
        records: before.records + batch.records,
        created: before.created + number(plan.inserts.len()),
        updated: before.updated + number(plan.updates.len()),
        unchanged: before.unchanged + plan.unchanged.cast_signed(),
        failed: before.failed + batch.unreadable + number(broken.len()),
    }
}

/// False when somebody else created or changed one of the products meanwhile.
async fn write(tx: &mut Tx, plan: &Plan, actor: &Actor) -> Result<bool, Error> {
    let mut entries = Vec::with_capacity(plan.inserts.len() + plan.updates.len());
    let created = plan.inserts.iter().map(|new| &new.product);
    let written = created.chain(plan.updates.iter().map(|update| &update.product));
    let places = super::places(tx, written, actor).await?;
    if !plan.inserts.is_empty() {
        if products::insert(tx, &plan.inserts, &places).await? != plan.inserts.len() as u64 {
            return Ok(false);
        }
        let ids: Vec<Uuid> = plan.inserts.iter().map(|new| new.product.id.uuid()).collect();
        pricing::price(tx, &ids).await?;
        for new in &plan.inserts {
            entries.push(super::create::entry(new)?);
            tx.emit(&super::create::event(new), 1)?;
        }
    }
    if !plan.updates.is_empty() {
        let changed: Vec<_> = plan.updates.iter().map(|update| &update.product).collect();
        let versions = products::update(tx, &changed, &places).await?;
        if versions.len() != changed.len() {
            return Ok(false);
        }
        let ids: Vec<Uuid> = changed.iter().map(|product| product.id.uuid()).collect();
        let priced = pricing::price(tx, &ids).await?;
        for update in &plan.updates {
            let mut product = update.product.clone();
            product.version = versions[&product.id.uuid()];
            entries.push(Entry::changed(
                super::update::UPDATED,
                product.id.uuid(),
                &update.before,
                &product.content,
            )?);
            let change = pricing::as_paid(&update.change, product.id, &priced);
            super::update::emit(tx, &product, &change)?;
        }
    }
    record(tx, actor, &entries).await?;
    let renamed = plan.updates.iter().filter(|update| update.slug_changed);
    let slugs: Vec<(&str, ProductId)> = plan
        .inserts
        .iter()
        .map(|new| &new.product)
        .chain(renamed.map(|update| &update.product))
        .filter_map(|product| Some((product.content.slug.as_deref()?, product.id)))
        .collect();
    Ok(slugs::claim(tx, &slugs).await?.is_none())
}
