use std::collections::{BTreeSet, HashMap, HashSet};

use kernel::events::CategoryChanged;
use platform::audit::{Actor, Entry, record};
use platform::replica::Question;
use platform::sql::{self, Reads, Tx};
use uuid::Uuid;

use crate::Catalog;
use crate::domain::category::{BELOW, category_slug, path, prefixes, split, tree};
use crate::domain::{CATEGORY_COUNT_MAX, Category, CategoryInput, CategoryNode, Product};
use crate::error::{Error, Result};
use crate::store::categories;

/// The categories of products by path; those that are missing are created, with those above them.
pub(crate) async fn places<'p>(
    tx: &mut Tx,
    products: impl Iterator<Item = &'p Product>,
    actor: &Actor,
) -> Result<HashMap<String, Uuid>> {
    let wanted: BTreeSet<String> = products
        .filter(|product| !product.content.categories.is_empty())
        .map(|product| path(&product.content.categories))
        .collect();
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let all: BTreeSet<&str> = wanted.iter().flat_map(|path| prefixes(path)).collect();
    let all: Vec<&str> = all.into_iter().collect();
    let mut known = categories::by_paths(tx, &all).await?;
    let mut missing: Vec<&str> =
        all.iter().copied().filter(|path| !known.contains_key(*path)).collect();
    if missing.is_empty() {
        return Ok(known);
    }
    missing.sort_by_key(|path| path.matches(BELOW).count());
    create_missing(tx, &missing, &mut known, actor).await?;
    // Who made the same category at the same moment has committed by now.
    if known.len() < all.len() {
        known = categories::by_paths(tx, &all).await?;
    }
    Ok(known)
}

async fn create_missing(
    tx: &mut Tx,
    missing: &[&str],
    known: &mut HashMap<String, Uuid>,
    actor: &Actor,
) -> Result<()> {
    categories::lock_tree(tx).await?;
    // The tree stands still now: what is not there is not being made by another one either.
    let meanwhile = categories::by_paths(tx, missing).await?;
    let missing: Vec<&str> =
        missing.iter().copied().filter(|path| !meanwhile.contains_key(*path)).collect();
    known.extend(meanwhile);
    let count = categories::count(tx).await?;
    if count.saturating_add_unsigned(missing.len() as u64) > CATEGORY_COUNT_MAX {
        let message = format!("the shop can have at most {CATEGORY_COUNT_MAX} of them");
        return Err(Error::invalid("categories", message));
    }
    let plain: Vec<String> = missing.iter().map(|path| category_slug(path, |_| false)).collect();
    let mut taken: HashSet<String> =
        categories::slugs_taken(tx, &plain).await?.into_iter().collect();
    let mut new = Vec::with_capacity(missing.len());
    for path in missing {
        let (above, name) = split(path);
        let slug = category_slug(path, |slug| taken.contains(slug));
        taken.insert(slug.clone());
        let category = Category {
            id: Uuid::now_v7(),
            parent_id: above.and_then(|above| known.get(above).copied()),
            name: name.to_owned(),
            path: path.to_owned(),
            slug,
            description: String::new(),
            position: 0,
            version: 1,
        };
        known.insert(path.to_owned(), category.id);
        new.push(category);
    }
    categories::insert(tx, &new).await?;
    let mut entries = Vec::with_capacity(new.len());
    for category in &new {
        entries.push(Entry::created("category.create", category.id, category)?);
        tell(tx, category, 1)?;
    }
    Ok(record(tx, actor, &entries).await?)
}

fn tell(tx: &mut Tx, category: &Category, version: i64) -> sql::Result<()> {
    let event = CategoryChanged { category_id: category.id, path: category.path.clone() };
    tx.emit(&event, version)
}

/// Every category, and how many products are in each.
struct Tree;

impl Question for Tree {
    type Answer = (Vec<Category>, HashMap<Uuid, i64>);

    async fn ask(&self, of: &mut dyn Reads) -> sql::Result<Self::Answer> {
        let all = categories::read_all(of, CATEGORY_COUNT_MAX).await?;
        Ok((all, categories::counted(of).await?))
    }
}

impl Catalog {
    /// The tree of categories with the products that shoppers find in each.
    pub async fn category_tree(&self) -> Result<Vec<CategoryNode>> {
        let (all, counted) = self.ask(&Tree, None).await?;
        Ok(tree(all, &counted))
    }

    /// Every category, by path.
    pub async fn categories(&self) -> Result<Vec<Category>> {
        Ok(categories::read_all(&mut &self.db, CATEGORY_COUNT_MAX).await?)
    }

    /// The category with this id, slug or path.
    pub async fn category(&self, key: &str) -> Result<Category> {
        if key.contains('\0') {
            return Err(Error::NotFound);
        }
        categories::find(&self.db, key).await?.ok_or(Error::NotFound)
    }

    /// Creates a category.
    pub async fn create_category(&self, input: CategoryInput, actor: &Actor) -> Result<Category> {
        let mut tx = self.db.begin("catalog.category").await?;
        categories::lock_tree(&mut tx).await?;
        if categories::count(&mut tx).await? >= CATEGORY_COUNT_MAX {
            let message = format!("the shop can have at most {CATEGORY_COUNT_MAX} categories");
            return Err(Error::invalid("name", message));
        }
        let new = placed(&mut tx, Uuid::now_v7(), 1, input, None).await?;
        if categories::insert(&mut tx, std::slice::from_ref(&new)).await? == 0 {
            return Err(sibling());
        }
        record(&mut tx, actor, &[Entry::created("category.create", new.id, &new)?]).await?;
        tell(&mut tx, &new, 1)?;
        tx.commit().await?;
        Ok(new)
    }

    /// Changes a category that still is in `version`; what is below it goes along.
    pub async fn update_category(
        &self,
        id: Uuid,
        version: i64,
        input: CategoryInput,
        actor: &Actor,
    ) -> Result<Category> {
        let mut tx = self.db.begin("catalog.category").await?;
        categories::lock_tree(&mut tx).await?;
        let before = categories::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if before.version != version {
            return Err(Error::Stale { current: before.version });
        }
        let mut after = placed(&mut tx, id, version, input, Some(&before)).await?;
        if after == before {
            return Ok(before);
        }
        let there = categories::by_paths(&mut tx, &[&after.path]).await?;
        if there.values().any(|other| *other != id) {
            return Err(sibling());
        }
        if !categories::update(&mut tx, &before, &after).await? {
            return Err(Error::Stale { current: before.version });
        }
        after.version += 1;
        let entry = Entry::changed("category.update", id, &before, &after)?;
        record(&mut tx, actor, &[entry]).await?;
        tell(&mut tx, &after, after.version)?;
        tx.commit().await?;
        Ok(after)
    }

    /// Deletes a category that still is in `version` and in which and below which there is
    /// nothing.
    pub async fn delete_category(&self, id: Uuid, version: i64, actor: &Actor) -> Result<()> {
        let mut tx = self.db.begin("catalog.category").await?;
        categories::lock_tree(&mut tx).await?;
        let before = categories::by_id(&mut tx, id).await?.ok_or(Error::NotFound)?;
        if before.version != version {
            return Err(Error::Stale { current: before.version });
        }
        if !categories::delete(&mut tx, id, version).await? {
            return Err(Error::InUse("products or categories are below it; move them first"));
        }
        record(&mut tx, actor, &[Entry::deleted("category.delete", id, &before)?]).await?;
        tell(&mut tx, &before, version + 1)?;
        Ok(tx.commit().await?)
    }
}

fn sibling() -> Error {
    Error::invalid("name", "a category at the same place has it")
}

/// The category that the input describes, at its place in the tree, which stands still.
async fn placed(
    tx: &mut Tx,
    id: Uuid,
    version: i64,
    input: CategoryInput,
    before: Option<&Category>,
) -> Result<Category> {
    let errors = input.check();
    if !errors.is_empty() {
        return Err(Error::Invalid(errors));
    }
    let parent = match input.parent_id {
        None => None,
        Some(parent) => {
            let missing = || Error::invalid("parent_id", "must be a category");
            Some(categories::by_id(tx, parent).await?.ok_or_else(missing)?)
        }
    };
    if let (Some(parent), Some(before)) = (&parent, before)
        && prefixes(&parent.path).any(|above| above == before.path)
    {
        let message = "must not be the category itself or one below it";
        return Err(Error::invalid("parent_id", message));
    }
    let path = match &parent {
        None => input.name.clone(),
        Some(parent) => format!("{}{BELOW}{}", parent.path, input.name),
    };
    let kept = before.map(|before| before.slug.clone());
    let slug = match input.slug.or(kept.clone()) {
        Some(slug) if Some(&slug) == kept.as_ref() => slug,
        Some(slug) => {
            if !categories::slugs_taken(tx, std::slice::from_ref(&slug)).await?.is_empty() {
                return Err(Error::invalid("slug", "another category has it"));
            }
            slug
        }
        None => {
            let plain = category_slug(&path, |_| false);
            let taken = categories::slugs_taken(tx, &[plain]).await?;
            category_slug(&path, |slug| taken.iter().any(|other| other == slug))
        }
    };
    let (name, description, position) = (input.name, input.description, input.position);
    Ok(Category {
        id,
        parent_id: input.parent_id,
        name,
        path,
        slug,
        description,
        position,
        version,
    })
}
