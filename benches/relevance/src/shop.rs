use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog::{Catalog, Format, ListQuery, Ranking, SCHEMA, Settings, Sort};
use kernel::Clock;
use platform::sql::{Db, Sqlite};
use platform::tasks::Tasks;

use crate::graded::{DEPTH, Graded};

/// Whatever can go wrong ends the program.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Connections that read.
const READERS: u32 = 2;
/// How often it is looked whether the index is built.
const POLL: Duration = Duration::from_millis(100);

/// A catalogue with its index.
pub struct Shop {
    catalog: Catalog,
    tasks: Tasks,
    _folder: Option<tempfile::TempDir>,
}

impl Shop {
    pub async fn open(file: &Path, data: Option<PathBuf>) -> Result<Self> {
        let temporary = if data.is_none() { Some(tempfile::tempdir()?) } else { None };
        let folder = data.or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()));
        let folder = folder.ok_or("there is no folder")?;
        std::fs::create_dir_all(&folder)?;
        let at = Sqlite { file: folder.join("catalog.db"), readers: READERS };
        let db = Db::sqlite(SCHEMA.module, &at, Clock::system()).await?;
        SCHEMA.migrate(&db).await?;
        let catalog = Catalog::open(db, Settings::default(), &folder.join("index")).await?;
        catalog.import(&mut File::open(file)?, Format::Jsonl, &mut |_| ()).await?;
        let tasks = Tasks::default();
        catalog.start(&tasks);
        while !catalog.search_caught_up().await? {
            tokio::time::sleep(POLL).await;
        }
        Ok(Self { catalog, tasks, _folder: temporary })
    }

    /// The NDCG@10 of each query.
    pub async fn figures(&self, graded: &Graded, ranking: &Ranking) -> Result<Vec<f64>> {
        let catalog = self.catalog.ranked(ranking.clone());
        let mut figures = Vec::with_capacity(graded.queries.len());
        for query in &graded.queries {
            let depth = u32::try_from(DEPTH)?;
            let text = Some(query.text.clone());
            let asked = ListQuery { text, ..ListQuery::all(Sort::Relevance, depth) };
            let found = catalog.list(asked).await?;
            let skus: Vec<String> = found.items.into_iter().map(|item| item.card.sku).collect();
            figures.push(query.ndcg(&skus));
        }
        Ok(figures)
    }

    pub async fn close(self) {
        self.tasks.stop(Duration::from_secs(5)).await;
    }
}
