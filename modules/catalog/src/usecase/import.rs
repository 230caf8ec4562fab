use std::collections::HashSet;

use kernel::id::{ImportId, ProductId};
use kernel::{Currency, Timestamp};
use platform::audit::{Actor, Entry, record};
use platform::sql::{self, Db, Tx};
use serde_json::json;
use uuid::Uuid;

use super::bundles::count_bundles;
use super::import_relations::{Relating, named, relate, relating, skus};
use super::pricing;
use super::update::turns;
use crate::domain::{Definitions, Known, LineError, Plan, plan, wanted_slugs};
use crate::error::Error;
use crate::import::{
    Batch, Batches, ErrorFile, Import, ImportError, Overlay, Progress, Reader, Report, Source,
    fingerprint,
};
use crate::store::imports::{self, Done};
use crate::store::{attributes, jobs, products, slugs};

/// How often a batch is decided anew because somebody else changed its products.
const TRIES_MAX: u32 = 5;

/// Reads products from a file, in batches that each commit with the mark of how far it has come. A
/// trial commits nothing.
pub(crate) async fn import(
    db: &Db,
    currency: Currency,
    file: &mut dyn Source,
    how: Import,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, ImportError> {
    let (fingerprint, bytes_total) = fingerprint(file)?;
    let run = Run { db, currency, mark: &fingerprint, job: None };
    run.through(file, bytes_total, how, progress).await
}

/// One run of an import.
pub(crate) struct Run<'r> {
    pub db: &'r Db,
    pub currency: Currency,
    /// What the mark of how far it has come is found by.
    pub mark: &'r str,
    /// The job that tells how far it has come, and is looked at for whether it was cancelled.
    pub job: Option<ImportId>,
}

impl Run<'_> {
    /// Goes through the file, from the mark to its end.
    pub(crate) async fn through(
        &self,
        file: &mut dyn Source,
        bytes_total: u64,
        how: Import,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<Report, ImportError> {
        let mut trial = if how.dry_run { Some(Overlay::new()?) } else { None };
        let found = if how.dry_run { None } else { imports::find(self.db, self.mark).await? };
        let mut done = found.unwrap_or_default();
        let mut errors = how.errors.map(ErrorFile::new);
        let mut report = Report { resumed_after: count(done.records), ..Report::default() };
        let mut batches = Batches::new(Reader::new(file, how.format)?);
        batches.skip(done.records)?;
        let mut batch = batches.next(&mut report)?;
        loop {
            let bytes = batch.bytes;
            let step = Step { run: self, batch: &batch, before: done };
            // The next batch is read while this one reaches the disk.
            let read_on = async {
                if batch.is_last { Ok(None) } else { batches.next(&mut report).map(Some) }
            };
            let took = step.take(trial.as_mut(), &how.actor, errors.as_mut());
            let (took, next) = tokio::join!(took, read_on);
            let refused;
            (done, refused) = took?;
            report.add_errors(refused);
            progress(Progress { records: count(done.records), bytes, bytes_total });
            match next? {
                Some(next) => batch = next,
                None => break,
            }
        }
        report.created = count(done.created);
        report.updated = count(done.updated);
        report.unchanged = count(done.unchanged);
        report.failed = count(done.failed);
        Ok(report)
    }
}

fn count(rows: i64) -> u64 {
    rows.unsigned_abs()
}

/// A batch on its way into the catalogue.
struct Step<'s> {
    run: &'s Run<'s>,
    batch: &'s Batch,
    /// What the batches before it have done.
    before: Done,
}

type Stepped = Result<(Done, Vec<LineError>), ImportError>;

impl Step<'_> {
    async fn take(
        &self,
        trial: Option<&mut Overlay>,
        actor: &Actor,
        errors: Option<&mut ErrorFile>,
    ) -> Stepped {
        match trial {
            _ if self.batch.records == 0 => Ok((self.before, Vec::new())),
            Some(overlay) => self.try_out(overlay, errors).await,
            None => self.commit(actor, errors).await,
        }
    }

    /// Does the batch, with the mark behind it, in one commit.
    async fn commit(&self, actor: &Actor, mut errors: Option<&mut ErrorFile>) -> Stepped {
        let Run { db, mark, .. } = *self.run;
        for _ in 0..TRIES_MAX {
            let mut tx = db.begin("catalog.import").await?;
            let decided = match self.write(&mut tx, actor).await {
                Ok(Some(decided)) => decided,
                Ok(None) => continue,
                Err(Error::Storage(error)) if error.is_conflict() => continue,
                Err(Error::Storage(error)) => return Err(error.into()),
                Err(error) => return Err(ImportError::Refused(error.to_string())),
            };
            let (after, refused) = self.refused(decided, errors.as_deref_mut())?;
            if !imports::advance(&mut tx, mark, self.before, after).await?
                || self.ends() && !imports::finish(&mut tx, mark, after).await?
            {
                return Err(ImportError::AlreadyRunning);
            }
            self.tell_job(&mut tx, after).await?;
            match tx.commit().await {
                Err(error) if error.is_conflict() => continue,
                outcome => outcome?,
            }
            return Ok((after, refused));
        }
        Err(ImportError::Disturbed)
    }

    /// Writes the batch; nothing when somebody else changed one of its products meanwhile.
    async fn write(&self, tx: &mut Tx, actor: &Actor) -> Result<Option<Decided>, Error> {
        if self.batch.relates {
            return Ok(Some(relate(tx, self.batch, actor).await?.into()));
        }
        let known = known(tx, self.batch).await?;
        let plan = self.plan(known, tx.now());
        Ok(write(tx, &plan, actor).await?.then(|| plan.into()))
    }

    /// Decides about the batch as if it and those before it were written.
    async fn try_out(&self, overlay: &mut Overlay, errors: Option<&mut ErrorFile>) -> Stepped {
        let mut tx = self.run.db.snapshot().await?;
        let decided = if self.batch.relates {
            let mut products = named(&mut tx, self.batch).await?;
            overlay.cover_ids(skus(self.batch), &mut products)?;
            relating(&mut tx, self.batch, &products).await?.into()
        } else {
            let mut known = known(&mut tx, self.batch).await?;
            overlay.cover(self.batch, &mut known)?;
            let plan = self.plan(known, tx.now());
            overlay.note(&plan)?;
            plan.into()
        };
        drop(tx);
        let (after, refused) = self.refused(decided, errors)?;
        if self.run.job.is_some() {
            let mut tx = self.run.db.begin("catalog.import.trial").await?;
            self.tell_job(&mut tx, after).await?;
            tx.commit().await?;
        }
        Ok((after, refused))
    }

    /// Whether nothing is left to go on with. A job keeps its mark until it says that it ended.
    fn ends(&self) -> bool {
        self.batch.is_last && self.run.job.is_none()
    }

    fn plan(&self, known: Known, now: Timestamp) -> Plan {
        plan(self.batch.rows.clone(), known, self.run.currency, now, ProductId::new)
    }

    /// What is done when the batch is, and which lines of it are left out, in their order; those
    /// are in the file of errors before the mark says so.
    fn refused(&self, mut decided: Decided, file: Option<&mut ErrorFile>) -> Stepped {
        let mut after = counted(self.before, self.batch, &decided);
        let mut refused = self.batch.unreadable.clone();
        refused.append(&mut decided.errors);
        refused.sort_by_key(|error| error.line);
        if let Some(file) = file {
            after.error_bytes = file.write(self.before.error_bytes, &refused)?;
        }
        Ok((after, refused))
    }

    async fn tell_job(&self, tx: &mut Tx, done: Done) -> Result<(), ImportError> {
        let Some(job) = self.run.job else { return Ok(()) };
        let goes_on = jobs::advance(tx, job, done, self.batch.bytes).await?;
        if goes_on { Ok(()) } else { Err(ImportError::Cancelled) }
    }
}

/// What is stored of what a batch names.
pub(super) async fn known(tx: &mut Tx, batch: &Batch) -> sql::Result<Known> {
    let named: HashSet<&str> = batch
        .rows
        .iter()
        .flat_map(|(_, row)| [Some(row.sku.as_str()), row.parent_sku.as_deref()])
        .flatten()
        .filter(|sku| !sku.contains('\0'))
        .collect();
    let products = products::by_skus(tx, named.into_iter().collect()).await?;
    let wanted = batch.rows.iter().flat_map(|(_, row)| wanted_slugs(row));
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

/// What becomes of a batch.
struct Decided {
    created: usize,
    updated: usize,
    unchanged: u64,
    errors: Vec<LineError>,
}

impl From<Plan> for Decided {
    fn from(plan: Plan) -> Self {
        let (created, updated) = (plan.inserts.len(), plan.updates.len());
        Self { created, updated, unchanged: plan.unchanged, errors: plan.errors }
    }
}

impl From<Relating> for Decided {
    /// Lines whose relations stay were counted when they were read for the first time.
    fn from(relating: Relating) -> Self {
        let updated = relating.changed();
        Self { created: 0, updated, unchanged: 0, errors: relating.errors }
    }
}

fn counted(before: Done, batch: &Batch, decided: &Decided) -> Done {
    let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let broken: HashSet<u64> = decided.errors.iter().map(|error| error.line).collect();
    Done {
        records: before.records + batch.records,
        created: before.created + number(decided.created),
        updated: before.updated + number(decided.updated),
        unchanged: before.unchanged + decided.unchanged.cast_signed(),
        failed: before.failed + number(batch.unreadable.len()) + number(broken.len()),
        error_bytes: before.error_bytes,
    }
}

/// False when somebody else created or changed one of the products meanwhile.
pub(super) async fn write(tx: &mut Tx, plan: &Plan, actor: &Actor) -> Result<bool, Error> {
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
        products::hold(tx, changed.iter().map(|product| product.id.uuid())).await?;
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
        let turned =
            plan.updates.iter().filter(|update| turns(&update.before, &update.product.content));
        count_bundles(tx, turned.map(|update| update.product.id.uuid()).collect()).await?;
    }
    for (id, added) in &plan.former_slugs {
        let (was, is) = (json!({"former_slugs": []}), json!({"former_slugs": added}));
        entries.push(Entry::changed("product.slugs", id.uuid(), &was, &is)?);
    }
    record(tx, actor, &entries).await?;
    let former = plan.former_slugs.iter();
    let former = former.flat_map(|(id, slugs)| slugs.iter().map(|slug| (slug.as_str(), *id)));
    let renamed = plan.updates.iter().filter(|update| update.slug_changed);
    let slugs: Vec<(&str, ProductId)> = plan
        .inserts
        .iter()
        .map(|new| &new.product)
        .chain(renamed.map(|update| &update.product))
        .filter_map(|product| Some((product.content.slug.as_deref()?, product.id)))
        .chain(former)
        .collect();
    Ok(slugs::claim(tx, &slugs).await?.is_none())
}
