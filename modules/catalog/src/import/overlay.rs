use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom, Write};

use kernel::id::ProductId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Batch;
use crate::domain::{Content, Known, Plan, Product, wanted_slugs};

/// What a trial run would have written: laid over what is stored, so that later lines are decided
/// as they would be. Products are in a temporary file; in memory is only where, some 60 bytes each.
pub(crate) struct Overlay {
    file: File,
    end: u64,
    products: HashMap<Digested, (u64, usize)>,
    slugs: HashMap<Digested, ProductId>,
}

type Digested = [u8; 16];

fn digested(text: &str) -> Digested {
    let mut short = Digested::default();
    short.copy_from_slice(&Sha256::digest(text)[..size_of::<Digested>()]);
    short
}

/// What decides about a product.
#[derive(Serialize, Deserialize)]
struct Kept<C> {
    id: ProductId,
    parent_id: Option<ProductId>,
    content: C,
}

impl Overlay {
    pub(crate) fn new() -> Result<Self> {
        let file = tempfile::tempfile()?;
        Ok(Self { file, end: 0, products: HashMap::new(), slugs: HashMap::new() })
    }

    /// Lays what this run would have written so far over what is stored.
    pub(crate) fn cover(&mut self, batch: &Batch, known: &mut Known) -> Result<()> {
        for (_, row) in &batch.rows {
            for sku in [Some(&row.sku), row.parent_sku.as_ref()].into_iter().flatten() {
                if let Some(product) = self.product(sku, known)? {
                    known.products.insert(sku.clone(), product);
                }
            }
            for slug in wanted_slugs(row) {
                if let Some(owner) = self.slugs.get(&digested(&slug)) {
                    known.slugs.insert(slug, *owner);
                }
            }
        }
        Ok(())
    }

    /// The ids of the products among these that this run would have made or changed, by SKU.
    pub(crate) fn cover_ids<'s>(
        &mut self,
        skus: impl IntoIterator<Item = &'s str>,
        products: &mut HashMap<String, ProductId>,
    ) -> Result<()> {
        let known = Known::default();
        for sku in skus {
            if let Some(product) = self.product(sku, &known)? {
                products.insert(sku.to_owned(), product.id);
            }
        }
        Ok(())
    }

    fn product(&mut self, sku: &str, known: &Known) -> Result<Option<Product>> {
        let Some((at, length)) = self.products.get(&digested(sku)) else { return Ok(None) };
        let mut json = vec![0; *length];
        self.file.seek(SeekFrom::Start(*at))?;
        self.file.read_exact(&mut json)?;
        let kept: Kept<Content> = serde_json::from_slice(&json)?;
        let stored = known.products.get(sku);
        let at = stored.map(|stored| stored.created_at).unwrap_or_default();
        Ok(Some(Product {
            id: kept.id,
            parent_id: kept.parent_id,
            public: kept.content.price.into(),
            content: kept.content,
            available: 0,
            backorderable: 0,
            available_from: None,
            is_bundled: false,
            revision: 1,
            version: 1,
            created_at: at,
            updated_at: at,
        }))
    }

    /// Notes what a batch would have written.
    pub(crate) fn note(&mut self, plan: &Plan) -> Result<()> {
        let inserts = plan.inserts.iter().map(|new| &new.product);
        let updates = plan.updates.iter().map(|update| &update.product);
        let mut text = Vec::new();
        for product in inserts.chain(updates) {
            let (id, parent_id) = (product.id, product.parent_id);
            let json = serde_json::to_vec(&Kept { id, parent_id, content: &product.content })?;
            let at = self.end + text.len() as u64;
            self.products.insert(digested(&product.content.sku), (at, json.len()));
            if let Some(slug) = &product.content.slug {
                self.slugs.insert(digested(slug), id);
            }
            text.extend_from_slice(&json);
        }
        for (id, slugs) in &plan.former_slugs {
            self.slugs.extend(slugs.iter().map(|slug| (digested(slug), *id)));
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&text)?;
        self.end += text.len() as u64;
        Ok(())
    }
}
