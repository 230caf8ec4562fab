//! The log over real databases and a real folder.

mod crash;
mod restore;
mod sealing;

use std::path::PathBuf;
use std::sync::Arc;

use kernel::ports::Vault;
use platform::audit::{self, Actor, Entry};
use platform::module::Schema;
use platform::sql::{Db, Engine};
use serde_json::json;
use uuid::Uuid;

use crate::log::Head;
use crate::{Notary, Ports, SCHEMA, Settings, store};

/// A module that writes things down.
const PENS: Schema = Schema { module: "pens", migrations: &[], statements: &[], guards: &[] };

/// Seals nothing and remembers the owner, which is enough to see keys mixed up.
struct Plain;

impl Vault for Plain {
    fn seal(&self, owner: &[u8], value: &[u8]) -> Option<Vec<u8>> {
        Some([owner, value].concat())
    }

    fn unseal(&self, owner: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        sealed.strip_prefix(owner).map(<[u8]>::to_vec)
    }

    fn name(&self, _: &[u8], _: &[u8]) -> [u8; 32] {
        [0; 32]
    }
}

/// A log with a module beside it.
pub(super) struct Place {
    pub notary: Notary,
    pub pens: Db,
    pub folder: PathBuf,
}

impl Place {
    /// Over the log's own database and one of a module.
    pub(super) async fn over(db: Db) -> Self {
        let clock = kernel::Clock::system();
        let pens = platform::testing::database(db.engine(), &PENS, clock).await.unwrap();
        let folder = platform::testing::folder();
        let notary = node("one", &db, &pens, &folder);
        Self { notary, pens, folder }
    }

    /// Another node, or the same one after it died.
    pub(super) fn node(&self, name: &str) -> Notary {
        node(name, self.notary.db(), &self.pens, &self.folder)
    }

    /// Writes things down, each in a unit of work of its own.
    pub(super) async fn write(&self, count: usize) -> Vec<Uuid> {
        let mut subjects = Vec::new();
        for n in 0..count {
            let subject = Uuid::now_v7();
            let entry = Entry::created("pen.create", subject, &json!({"n": n})).unwrap();
            let mut tx = self.pens.begin("test").await.unwrap();
            audit::record(&mut tx, &Actor::SYSTEM, &[entry]).await.unwrap();
            tx.commit().await.unwrap();
            subjects.push(subject);
        }
        subjects
    }

    /// Seals all that waits.
    pub(super) async fn sealed(&self) -> Head {
        while self.notary.seal().await.unwrap() {}
        self.head().await
    }

    pub(super) async fn head(&self) -> Head {
        self.notary.head().await.unwrap().unwrap()
    }

    /// Checks everything: each entry that was written has one place, no place is empty, nothing waits,
    /// and the files have what the table has.
    pub(super) async fn assert_whole(&self, written: u64) {
        let head = self.head().await;
        assert_eq!(head.checkpoint.size, written);
        assert_eq!(store::head(self.notary.db()).await.unwrap(), written);
        assert_eq!(self.notary.strangers().await.unwrap(), (written, Vec::new()));
        let whole = audit::Sought::default();
        let entries = audit::oldest(&self.pens, &whole, whole.first(), 10_000).await.unwrap();
        let notes: Vec<_> = entries.iter().map(|entry| entry.note().unwrap()).collect();
        assert_eq!(notes.len() as u64, written);
        let seals = self.notary.seals(&self.pens, audit::SOURCE, &notes).await.unwrap();
        let mut places: Vec<u64> = seals
            .into_iter()
            .map(|seal| match seal {
                crate::Seal::Same(place) => place,
                other => panic!("{other:?}"),
            })
            .collect();
        places.sort_unstable();
        assert!(places.into_iter().eq(0..written));
        assert_eq!(platform::seal::unsealed(&self.pens, 1).await.unwrap(), []);
    }
}

fn node(name: &str, db: &Db, pens: &Db, folder: &std::path::Path) -> Notary {
    // A lease that has ended is no protection, so that only the fences are.
    let settings = Settings {
        origin: "test.example/ledger".to_owned(),
        poll_ms: 1,
        lease_ms: -1,
        witnesses: Vec::new(),
        witness_every_ms: 60_000,
    };
    let ports = Ports {
        modules: vec![pens.clone(), db.clone()],
        vault: Arc::new(Plain),
        node: name.to_owned(),
    };
    let (ledger, keys) = (folder.join("ledger"), folder.join("keys"));
    Notary::open(db.clone(), &settings, &ledger, &keys, ports).unwrap()
}

/// The file of a database of SQLite.
pub(super) fn is_sqlite(db: &Db) -> bool {
    db.engine() == Engine::Sqlite
}

platform::on_both_engines!(super::SCHEMA => every_statement_prepares);

async fn every_statement_prepares(db: Db) {
    for (name, sql) in SCHEMA.statements.iter().copied().flatten() {
        let mut tx = db.begin("prepare").await.unwrap();
        assert!(tx.prepare(*sql).await.is_ok(), "{name}");
    }
}
