//! A shop is made of a backup.
//!
//! A file marks the data folder from the first change until the shop is whole: no command that opens the shop runs
//! meanwhile, so that a restore that was killed is done again and never sold with.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kernel::Clock;
use kernel::id::CustomerId;
use platform::audit::{self, Actor, Entry};
use platform::fault;
use serde_json::{Value, json};

use super::erased::{OWED, add, owed};
use super::manifest::Kept;
use super::{
    Erasures, Error, LOG, Manifest, Result, TREES, at, checked, erasures, files, on_disk, postgres,
    read_erasures, refused, write_erasures,
};
use crate::app::{SCHEMAS, Shop};
use crate::settings::{EngineName, Settings};

/// The mark. It tells who was erased, since after a kill nobody else may know it any more.
const MARK: &str = "restore.unfinished";
/// The same of databases that were recovered by other means.
const MARK_OF_RECOVERY: &str = "recovery.unfinished";
/// How often it is looked whether whoever led the log at the moment of the backup is taken to be gone.
const LED_LOOK_EVERY: Duration = Duration::from_millis(200);

/// What is to be restored.
#[derive(Debug)]
pub struct Asked {
    /// The backup.
    pub from: PathBuf,
    /// Whether a shop that is there is put aside.
    pub replace: bool,
    /// A file of those who were erased.
    pub erasures: Option<PathBuf>,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup says of itself.
    pub manifest: Manifest,
    /// Where the shop is that was there before.
    pub aside: Vec<PathBuf>,
    /// Whether the log goes on from the checkpoint of the backup, because there was no newer one.
    pub log_of_backup: bool,
    /// What was done before anybody else opens it.
    pub opened: Opened,
    /// Key files of the vault that are not here.
    pub vault_keys_missing: Vec<String>,
}

/// What was done to a shop of an earlier moment before anybody else opens it.
#[derive(Debug)]
pub struct Opened {
    /// Entries of the log that were signed after that moment.
    pub adopted: u64,
    /// How many people were erased again.
    pub erased: usize,
    /// Who could not be erased again yet, and why.
    pub in_the_way: Vec<(CustomerId, Vec<String>)>,
}

/// Refuses a data folder that a restore left half done.
pub fn refuse_unfinished(settings: &Settings) -> Result<()> {
    let folder = settings.shared_folder();
    if folder.join(MARK).exists() {
        return refused(format!(
            "{} is half restored: run `stoa restore --replace` again",
            folder.display()
        ));
    }
    if folder.join(MARK_OF_RECOVERY).exists() {
        return refused(format!(
            "{} is half recovered: run `stoa restore --recovered` again",
            folder.display()
        ));
    }
    Ok(())
}

/// Makes a shop of a backup, in a place without one. Nothing is changed before all that could be in the way was looked
/// at. Whoever was erased, here or by what the file says, is erased again before the shop can start.
pub async fn restore(settings: &Settings, asked: &Asked) -> Result<Restored> {
    let manifest = checked(settings, &asked.from).await?;
    let (data, shared) = (&settings.server.data_dir, settings.shared_folder());
    let mut there = Vec::new();
    for folder in [data, shared] {
        fs::create_dir_all(folder).map_err(at(folder))?;
        there.extend(shop_in(folder)?);
    }
    there.sort();
    there.dedup();
    if !there.is_empty() && !asked.replace {
        return refused(format!(
            "there is a shop in {}: restore to another --data-dir, or add --replace to put it aside",
            data.display()
        ));
    }
    let vault_keys_missing = refuse_other_keys(settings, &manifest)?;
    let erased = erased_here(settings, asked, &there).await?;
    if settings.database.engine == EngineName::Postgres {
        if !settings.database.role_prefix.is_empty() {
            return refused(
                "what is restored belongs to whoever restores it: leave database.role_prefix empty, and run what `stoa \
                 grants` prints afterwards",
            );
        }
        postgres::refuse_used(settings).await?;
    }
    let log_of_backup = !has_log(shared);
    mark(&shared.join(MARK), &erased)?;
    let aside = put_aside(&there)?;
    let (from, kept, of) = (asked.from.clone(), manifest.files.clone(), settings.clone());
    on_disk(move || put(&from, &of, &kept)).await?;
    if settings.database.engine == EngineName::Postgres {
        postgres::restore(settings, &asked.from).await?;
    }
    fault::point("within", "restore");
    let told = json!({"begun_at": manifest.begun_at, "program": manifest.program});
    let opened = opened(settings, &told, &erased).await?;
    fault::point("before end of", "restore");
    fs::remove_file(shared.join(MARK)).map_err(at(shared))?;
    files::sync_folder(shared)?;
    Ok(Restored { manifest, aside, log_of_backup, opened, vault_keys_missing })
}

/// Does what [`restore`] does in the end, for databases that were brought back by other means, such as PostgreSQL's
/// recovery to a point in time. The shop must not run.
pub async fn recovered(settings: &Settings, erasures: Option<&Path>) -> Result<Opened> {
    let mut erased = erasures.map(read_erasures).transpose()?.unwrap_or_default();
    let shared = settings.shared_folder();
    let file = shared.join(MARK_OF_RECOVERY);
    let begun = if file.exists() { read_erasures(&file)? } else { Erasures::new() };
    for (person, erasure) in begun.into_iter().chain(owed(settings)?) {
        add(&mut erased, person, erasure);
    }
    mark(&file, &erased)?;
    let opened = opened(settings, &json!({}), &erased).await?;
    fs::remove_file(&file).map_err(at(&file))?;
    files::sync_folder(shared)?;
    Ok(opened)
}

/// What is of a shop in a folder. Keys are not, nor what is signed of the log: both outlive it.
fn shop_in(data: &Path) -> Result<Vec<PathBuf>> {
    let is_database = |name: &str| {
        let stem = name.split_once(".db").map(|(stem, _)| stem);
        stem.is_some_and(|stem| SCHEMAS.iter().any(|schema| schema.module == stem))
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(data).map_err(at(data))? {
        let entry = entry.map_err(at(data))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if TREES.contains(&name) || name == "search" || name == MARK || is_database(name) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Refuses keys that are missing or others than those the backup was made beside. The vault's may be elsewhere, and are
/// answered if they are not here.
fn refuse_other_keys(settings: &Settings, manifest: &Manifest) -> Result<Vec<String>> {
    let (mut missing, mut vaults_missing) = (Vec::new(), Vec::new());
    for key in &manifest.keys {
        let is_vaults = key.path.starts_with("vault-");
        let folder = if is_vaults { settings.vault_keys_folder() } else { settings.keys_folder() };
        let file = key.within(&folder)?;
        if !file.exists() {
            let list = if is_vaults { &mut vaults_missing } else { &mut missing };
            list.push(file.display().to_string());
        } else if !key.is(&files::content(&file)?) {
            return refused(format!(
                "{} is another key than the one that the backup was made beside",
                file.display()
            ));
        }
    }
    if missing.is_empty() {
        return Ok(vaults_missing);
    }
    refused(format!("without its keys a backup says nothing; put back: {}", missing.join(", ")))
}

/// Everybody who was erased: by the file, by the shop that is there, by what an earlier restore could not do, and by the
/// mark of a restore that did not end, which says it instead of what that one left.
async fn erased_here(settings: &Settings, asked: &Asked, there: &[PathBuf]) -> Result<Erasures> {
    let mark = settings.shared_folder().join(MARK);
    let mut all = asked.erasures.as_deref().map(read_erasures).transpose()?.unwrap_or_default();
    let known = if mark.exists() {
        read_erasures(&mark)?
    } else if there.is_empty() || settings.database.engine == EngineName::Postgres {
        Erasures::new()
    } else {
        match there_erased(settings).await {
            Ok(known) => known,
            Err(error) if asked.erasures.is_some() => {
                tracing::warn!(%error, "who was erased here cannot be read; the file is believed");
                Erasures::new()
            }
            Err(error) => {
                return refused(format!(
                    "who was erased here cannot be read, and would be brought back: name them by --erasures ({error})"
                ));
            }
        }
    };
    for (person, erasure) in known.into_iter().chain(owed(settings)?) {
        add(&mut all, person, erasure);
    }
    Ok(all)
}

async fn there_erased(settings: &Settings) -> Result<Erasures> {
    let file = settings.server.data_dir.join("privacy.db");
    if !file.exists() {
        return refused(format!("{} is missing", file.display()));
    }
    erasures(settings).await
}

/// Writes down who was erased: in a mark, or as what is owed to them.
fn mark(mark: &Path, erased: &Erasures) -> Result<()> {
    let beside = mark.with_added_extension("new");
    fs::write(&beside, write_erasures(erased)).map_err(at(&beside))?;
    fs::File::open(&beside).and_then(|file| file.sync_all()).map_err(at(&beside))?;
    fs::rename(&beside, mark).map_err(at(mark))?;
    mark.parent().map_or(Ok(()), files::sync_folder)
}

/// Moves what is of a shop into a folder beside it, and answers which those are.
pub fn put_aside(there: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let name = format!("replaced-{}", Clock::system().now().format("%Y%m%dT%H%M%S%.6fZ"));
    let mut asides = Vec::new();
    for path in there.iter().filter(|path| !path.ends_with(MARK)) {
        let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else { continue };
        let aside = folder.join(&name);
        if !asides.contains(&aside) {
            fs::create_dir(&aside).map_err(at(&aside))?;
            asides.push(aside.clone());
        }
        fs::rename(path, aside.join(file)).map_err(at(path))?;
        files::sync_folder(&aside)?;
        files::sync_folder(folder)?;
    }
    Ok(asides)
}

/// Whether anything is signed of the log of a place.
fn has_log(shared: &Path) -> bool {
    shared.join(LOG).join("checkpoint").exists()
}

/// Copies the files of a backup to where a shop has them. What is signed of the log and is there already is the same or
/// newer, and stays.
fn put(from: &Path, settings: &Settings, kept: &[Kept]) -> Result<()> {
    let (data, shared) = (&settings.server.data_dir, settings.shared_folder());
    let has_log = has_log(shared);
    // A checkpoint says that what it was signed over is there: it comes when that is.
    let is_signed = |kept: &&Kept| kept.path.contains("checkpoint");
    let (signed, others): (Vec<&Kept>, Vec<&Kept>) = kept.iter().partition(is_signed);
    for kept in others.into_iter().chain(signed) {
        let is_log = Path::new(&kept.path).starts_with(LOG);
        if (has_log && is_log) || kept.path == postgres::DUMP {
            continue;
        }
        let is_shared = is_log || TREES.iter().any(|tree| Path::new(&kept.path).starts_with(tree));
        let to = if is_shared { shared } else { data };
        let (file, to) = (kept.within(from)?, kept.within(to)?);
        if !kept.is(&files::copy(&file, &to)?) {
            return refused(format!("{} has changed while it was restored", file.display()));
        }
    }
    files::sync_folders(data)?;
    files::sync_folders(shared)
}

/// Opens the restored shop, which migrates it, and does what must be done before anybody else does.
async fn opened(settings: &Settings, told: &Value, erased: &Erasures) -> Result<Opened> {
    let shop = Shop::beside(settings.clone()).await.map_err(Error::Unopened)?;
    let adopted = adopt(&shop).await.map_err(Error::Unopened)?;
    let (again, in_the_way) = erase_again(&shop, erased).await.map_err(Error::Unopened)?;
    let left = in_the_way.iter().filter_map(|(person, _)| Some((*person, *erased.get(person)?)));
    let (left, file): (Erasures, _) = (left.collect(), settings.shared_folder().join(OWED));
    if !left.is_empty() || file.exists() {
        mark(&file, &left)?;
    }
    // Also for the other nodes, whose indexes know what has not happened any more.
    let sold = shop.database(catalog::SCHEMA.module)?;
    catalog::Catalog::request_search_rebuild(sold, &Actor::OPERATOR).await?;
    let entry = Entry::done("backup.restore", audit::named("backup", "shop"), told)?;
    let mut tx = shop.database(auth::SCHEMA.module)?.begin("backup.restore").await?;
    audit::record(&mut tx, &Actor::OPERATOR, &[entry]).await?;
    tx.commit().await?;
    shop.stop().await;
    Ok(Opened { adopted, erased: again, in_the_way })
}

/// Takes over what was signed after the backup was made. Whoever sealed the log when the backup was made may seem to be
/// at it still.
async fn adopt(shop: &Shop) -> std::result::Result<u64, crate::command::Failure> {
    if shop.notary.head().await?.is_none() {
        // Nothing was signed yet; what has a place will be signed in that place.
        shop.notary.log().begin()?;
    }
    let lease = u64::try_from(shop.settings.notary.lease_ms).unwrap_or_default();
    let (began, lease) = (Instant::now(), Duration::from_millis(lease) + LED_LOOK_EVERY);
    loop {
        match shop.notary.adopt(&Actor::OPERATOR).await {
            Err(notary::Error::Led) if began.elapsed() < lease => {
                tokio::time::sleep(LED_LOOK_EVERY).await;
            }
            adopted => return Ok(adopted?),
        }
    }
}

/// Whom it erased, and who could not be erased, with the reasons.
type Again = (usize, Vec<(CustomerId, Vec<String>)>);

/// Erases everybody again. Who is not known here is remembered as erased, for the restore of a newer backup after this.
async fn erase_again(
    shop: &Shop,
    erased: &Erasures,
) -> std::result::Result<Again, crate::command::Failure> {
    let done = privacy::Privacy::erasures(shop.database(privacy::SCHEMA.module)?).await?;
    let (mut again, mut in_the_way) = (0, Vec::new());
    for (person, erasure) in erased {
        let before = done.get(person);
        let is_done = before.is_some_and(|before| before.records || !erasure.records);
        if is_done {
            continue;
        }
        if !shop.knows(*person).await? {
            shop.privacy.erase(*person, erasure.records).await?;
            continue;
        }
        let reasons = shop.in_the_way_of_erasing(*person).await?;
        if reasons.is_empty() {
            shop.erase(*person, erasure.records, &Actor::OPERATOR).await?;
            again += 1;
        } else {
            in_the_way.push((*person, reasons));
        }
    }
    Ok((again, in_the_way))
}
