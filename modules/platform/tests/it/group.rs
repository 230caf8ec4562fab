//! Group commit, which only SQLite has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::Clock;
use platform::sql::{Db, Error, Sql, Sqlite, Tx};
use tokio::task::JoinHandle;
use uuid::Uuid;

const NEW: Sql =
    Sql::new("insert into sample (id, at, data, yes, word) values ($1, '', '', 1, $2)");

async fn fresh(folder: &Path) -> (Db, PathBuf) {
    let file = folder.join("order.db");
    let at = Sqlite { file: file.clone(), readers: 2 };
    let db = Db::sqlite("order", &at, Clock::system()).await.unwrap();
    crate::SCHEMA.migrate(&db).await.unwrap();
    (db, file)
}

async fn write(db: &Db, id: Uuid, size: usize) -> platform::sql::Result<()> {
    let mut tx = db.begin("test").await?;
    tx.query(NEW).bind(id).bind("x".repeat(size)).execute().await?;
    tx.commit().await
}

/// What another process would see in the file.
fn stored(file: &Path) -> Vec<Uuid> {
    let other = rusqlite::Connection::open(file).unwrap();
    let mut ids = other.prepare("select id from sample").unwrap();
    let ids = ids.query_map((), |row| row.get::<_, Vec<u8>>(0)).unwrap();
    ids.map(|id| Uuid::from_slice(&id.unwrap()).unwrap()).collect()
}

/// Commits in the WAL: frames that carry the size of the database after a commit.
fn commits(file: &Path) -> usize {
    let wal = std::fs::read(format!("{}-wal", file.display())).unwrap();
    let word = |at: usize| u32::from_be_bytes(wal[at..at + 4].try_into().unwrap());
    let page = word(8) as usize;
    (32..wal.len()).step_by(24 + page).filter(|frame| word(frame + 4) != 0).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_units_share_commits_and_each_is_on_disk_when_told_so() {
    let (db, file) = fresh(&platform::testing::folder()).await;
    let before = commits(&file);
    // A disk that is fast would let each go before the next one comes.
    let held = db.begin("held").await.unwrap();
    let units: Vec<_> = (0..48)
        .map(|n| {
            let (db, file) = (db.clone(), file.clone());
            tokio::spawn(async move {
                let id = Uuid::now_v7();
                write(&db, id, 10).await.unwrap();
                if n % 8 == 0 {
                    assert!(stored(&file).contains(&id));
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    held.commit().await.unwrap();
    for unit in futures_util::future::join_all(units).await {
        unit.unwrap();
    }
    assert_eq!(stored(&file).len(), 48);
    let outer = commits(&file) - before;
    assert!((1..48).contains(&outer), "{outer} commits for 48 units");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn failing_and_abandoned_units_harm_no_neighbour() {
    let (db, file) = fresh(&platform::testing::folder()).await;
    let units = (0..80_usize).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let id = Uuid::now_v7();
            let mut tx = db.begin("test").await.unwrap();
            tx.query(NEW).bind(id).bind("mine").execute().await.unwrap();
            match n % 4 {
                0 => None,
                1 => {
                    tx.query(NEW).bind(id).bind("twice").execute().await.unwrap_err();
                    assert!(matches!(tx.commit().await, Err(Error::Aborted(_))));
                    None
                }
                _ => tx.commit().await.map(|()| id).ok(),
            }
        })
    });
    let mut acknowledged: Vec<Uuid> = futures_util::future::join_all(units)
        .await
        .into_iter()
        .filter_map(std::result::Result::unwrap)
        .collect();
    let mut kept = stored(&file);
    acknowledged.sort_unstable();
    kept.sort_unstable();
    assert_eq!(acknowledged.len(), 40);
    assert_eq!(kept, acknowledged);
}

/// Lets `first` commit while a second unit waits for the writer. The second one, and the commit of
/// the first, which is on disk only if it came before the group was too old to wait.
async fn share_a_group(db: &Db, first: Tx) -> (Tx, JoinHandle<platform::sql::Result<()>>) {
    let waits = tokio::spawn({
        let db = db.clone();
        async move { db.begin("test").await.unwrap() }
    });
    tokio::time::sleep(std::time::Duration::from_micros(100)).await;
    let commits = tokio::spawn(first.commit());
    (waits.await.unwrap(), commits)
}

/// How often a group is tried to be shared: a busy machine may let it grow old first.
const TRIES: usize = 200;

/// A unit that was released into a group, but is not on disk, shows no stored answer to others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_not_told_before_it_is_on_disk() {
    use platform::idempotency::{Answer, Claim, Key, claim, finish};
    let (db, file) = fresh(&platform::testing::folder()).await;
    let answer = Answer { status: 201, body: "{}".to_owned() };
    for n in 0..TRIES {
        let key = Key::new("caller", "route", &n.to_string(), b"{}");
        let mut first = db.begin("test").await.unwrap();
        assert_eq!(claim(&mut first, &key).await.unwrap(), Claim::Fresh);
        finish(&mut first, &key.scope, &key.key, &answer).await.unwrap();
        first.query(NEW).bind(Uuid::now_v7()).bind("x").execute().await.unwrap();
        let (mut second, commits) = share_a_group(&db, first).await;
        let on_disk = stored(&file).len() > n;
        let known = claim(&mut second, &key).await.unwrap();
        let told = if on_disk { Claim::Done(answer.clone()) } else { Claim::Running };
        assert_eq!(known, told);
        drop(second);
        commits.await.unwrap().unwrap();
        if !on_disk {
            return;
        }
    }
    panic!("no group was shared");
}

async fn pages_max(db: &Db, pages: &'static str) {
    let mut tx = db.begin("test").await.unwrap();
    tx.query(Sql::new(pages)).one::<(i64,)>().await.unwrap();
    tx.commit().await.unwrap();
}

/// SQLite rolls back the whole transaction when the disk is full, the neighbours' part with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_database_keeps_what_was_acknowledged_and_nothing_else() {
    let (db, file) = fresh(&platform::testing::folder()).await;
    pages_max(&db, "pragma max_page_count = 150").await;
    let units = (0..400_usize).map(|n| {
        let db = db.clone();
        tokio::spawn(async move {
            let id = Uuid::now_v7();
            match write(&db, id, 500 + (n % 7) * 700).await {
                Ok(()) => Ok(id),
                Err(error) => Err((id, error)),
            }
        })
    });
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for unit in futures_util::future::join_all(units).await {
        match unit.unwrap() {
            Ok(id) => acknowledged.push(id),
            Err((id, error)) => {
                assert!(error.is_transient(), "{error:?}");
                refused.push(id);
            }
        }
    }
    assert!(!acknowledged.is_empty() && !refused.is_empty());
    let mut kept = stored(&file);
    kept.sort_unstable();
    acknowledged.sort_unstable();
    assert_eq!(kept, acknowledged);
    pages_max(&db, "pragma max_page_count = 100000").await;
    let id = Uuid::now_v7();
    write(&db, id, 5_000).await.unwrap();
    assert!(stored(&file).contains(&id));
}

/// The unit that was released before another met the full disk is told that it is not durable, and
/// the one that met it runs nothing more: there is no transaction around it any longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_in_a_group_is_told_to_every_unit_of_it() {
    for _ in 0..TRIES {
        let (db, file) = fresh(&platform::testing::folder()).await;
        pages_max(&db, "pragma max_page_count = 150").await;
        let mut first = db.begin("test").await.unwrap();
        first.query(NEW).bind(Uuid::now_v7()).bind("neighbour").execute().await.unwrap();
        let (mut second, commits) = share_a_group(&db, first).await;
        if !stored(&file).is_empty() {
            continue;
        }
        let much = "x".repeat(2_000_000);
        let full = second.query(NEW).bind(Uuid::now_v7()).bind(much).execute().await;
        assert!(full.unwrap_err().is_transient());
        let after = second.query(NEW).bind(Uuid::now_v7()).bind("outside").execute().await;
        assert!(matches!(after, Err(Error::Aborted(_))));
        assert!(matches!(second.commit().await, Err(Error::Aborted(_))));
        assert!(matches!(commits.await.unwrap(), Err(Error::NotDurable)));
        assert!(stored(&file).is_empty());
        write(&db, Uuid::now_v7(), 10).await.unwrap();
        assert_eq!(stored(&file).len(), 1);
        return;
    }
    panic!("no group was shared");
}
