use std::collections::HashMap;

use kernel::problem::FieldError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{CATEGORY_MAX, DESCRIPTION_MAX, Findings, SLUG_MAX, is_slug};

/// What stands between the names of a path, as in Google's product taxonomy.
pub(crate) const BELOW: &str = " > ";

/// A category of the shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema, platform::sql::Record)]
pub struct Category {
    /// The category.
    pub id: Uuid,
    /// The one it is below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<Uuid>,
    /// Its name, unique among its siblings.
    pub name: String,
    /// Its name below those above it, e.g. `Home > Lighting`.
    pub path: String,
    /// Its name in the shop's addresses.
    pub slug: String,
    /// What is in it, for people; may be empty.
    pub description: String,
    /// Where it stands among its siblings; those with the same position stand by name.
    pub position: i64,
    /// 1 when created, one more with each change.
    pub version: i64,
}

/// A category as the staff writes it.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "Lamps", "slug": "lamps", "description": "Light at home."}))]
pub struct CategoryInput {
    /// 1 to 100 characters, without ` > `.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The one it is below; none is at the top.
    #[serde(default)]
    pub parent_id: Option<Uuid>,
    /// Its name in the shop's addresses; made from its path unless said.
    #[serde(default)]
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 200)]
    pub slug: Option<String>,
    /// What is in it; at most 20,000 characters.
    #[serde(default)]
    #[schema(max_length = 20_000)]
    pub description: String,
    /// Where it stands among its siblings.
    #[serde(default)]
    #[schema(minimum = 0)]
    pub position: i64,
}

/// The categories that have a place in the tree and what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CategoryNode {
    /// The category.
    #[serde(flatten)]
    pub category: Category,
    /// How many products shoppers find in it and below it.
    pub products: i64,
    /// Those below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(no_recursion)]
    pub children: Vec<CategoryNode>,
}

impl CategoryInput {
    /// Every field that is not allowed.
    pub(crate) fn check(&self) -> Vec<FieldError> {
        let mut found = Findings::default();
        check_name("name", &self.name, &mut found);
        found.text("description", &self.description, 0, DESCRIPTION_MAX);
        if self.slug.as_deref().is_some_and(|slug| !is_slug(slug)) {
            let message = "must be small letters, digits and single hyphens, as desk-lamps";
            found.add("slug", message.to_owned());
        }
        if self.position < 0 {
            found.add("position", "must be 0 or more".to_owned());
        }
        found.0
    }
}

/// Finds a name that no category can have.
pub(crate) fn check_name(field: &str, name: &str, found: &mut Findings) {
    found.text(field, name, 1, CATEGORY_MAX);
    if name.contains(BELOW) || name.trim() != name {
        found.add(field, format!("must be without {BELOW:?} and without space around"));
    }
}

/// The path of names, from the widest to the narrowest.
pub(crate) fn path(names: &[String]) -> String {
    names.join(BELOW)
}

/// The names of a path, from the widest to the narrowest.
pub(crate) fn names(path: &str) -> Vec<String> {
    if path.is_empty() { Vec::new() } else { path.split(BELOW).map(str::to_owned).collect() }
}

/// The path itself and those above it, the widest first.
pub(crate) fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices(BELOW).map(|(at, _)| at).chain([path.len()]);
    ends.filter(|end| *end > 0).map(|end| &path[..end])
}

/// The path above and the name below it.
pub(crate) fn split(path: &str) -> (Option<&str>, &str) {
    path.rsplit_once(BELOW).map_or((None, path), |(above, name)| (Some(above), name))
}

/// The slug of a category that is given none. `taken` tells whether another one has it.
pub(crate) fn category_slug(path: &str, taken: impl Fn(&str) -> bool) -> String {
    const HASHED: usize = 9;
    let hash = || hex::encode(&Sha256::digest(path)[..4]);
    let slug: String = slug::slugify(path).chars().take(SLUG_MAX - HASHED).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        hash()
    } else if taken(slug) {
        format!("{slug}-{}", hash())
    } else {
        slug.to_owned()
    }
}

/// The tree of categories, with the products of each counted for those above it too. `counted`
/// are the products right in a category.
pub(crate) fn tree(
    mut categories: Vec<Category>,
    counted: &HashMap<Uuid, i64>,
) -> Vec<CategoryNode> {
    categories.sort_by(|a, b| (a.position, &a.name, a.id).cmp(&(b.position, &b.name, b.id)));
    let mut below: HashMap<Option<Uuid>, Vec<Category>> = HashMap::new();
    for category in categories {
        below.entry(category.parent_id).or_default().push(category);
    }
    grow(None, &mut below, counted)
}

fn grow(
    parent: Option<Uuid>,
    below: &mut HashMap<Option<Uuid>, Vec<Category>>,
    counted: &HashMap<Uuid, i64>,
) -> Vec<CategoryNode> {
    let here = below.remove(&parent).unwrap_or_default();
    here.into_iter()
        .map(|category| {
            let children = grow(Some(category.id), below, counted);
            let own = counted.get(&category.id).copied().unwrap_or_default();
            let products = own + children.iter().map(|child| child.products).sum::<i64>();
            CategoryNode { category, products, children }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn category(id: u128, parent: Option<u128>) -> Category {
        Category {
            id: Uuid::from_u128(id),
            parent_id: parent.map(Uuid::from_u128),
            name: format!("C{id}"),
            path: String::new(),
            slug: String::new(),
            description: String::new(),
            position: 0,
            version: 1,
        }
    }

    #[test]
    fn a_path_is_made_of_names() {
        let home = ["Home".to_owned(), "Lighting".to_owned()];
        assert_eq!(names(&path(&home)), home);
        assert_eq!(names(""), Vec::<String>::new());
        assert_eq!(prefixes("A > B > C").collect::<Vec<_>>(), ["A", "A > B", "A > B > C"]);
        assert_eq!(prefixes("").count(), 0);
        assert_eq!(split("A > B > C"), (Some("A > B"), "C"));
    }

    #[test]
    fn a_slug_that_is_taken_gets_another_end() {
        assert_eq!(category_slug("Home > Lighting", |_| false), "home-lighting");
        let other = category_slug("Home Lighting", |slug| slug == "home-lighting");
        assert!(other.starts_with("home-lighting-") && is_slug(&other));
        assert!(is_slug(&category_slug("!", |_| false)));
    }

    proptest! {
        #[test]
        fn every_product_is_counted_in_all_categories_above(
            parents in proptest::collection::vec(any::<prop::sample::Index>(), 1..40),
            counts in proptest::collection::vec(0_i64..100, 40),
        ) {
            let all: Vec<Category> = parents
                .iter()
                .enumerate()
                .map(|(n, parent)| category(n as u128 + 1, (n > 0).then(|| parent.index(n) as u128 + 1)))
                .collect();
            let counted: HashMap<Uuid, i64> =
                all.iter().zip(&counts).map(|(one, count)| (one.id, *count)).collect();
            let grown = tree(all.clone(), &counted);
            let mut nodes: Vec<&CategoryNode> = grown.iter().collect();
            let mut seen = 0;
            while let Some(node) = nodes.pop() {
                seen += 1;
                // By the naive way: whoever has this category among those above it.
                let parent_of = |one: &Uuid| {
                    all.iter().find(|other| other.id == *one).and_then(|other| other.parent_id)
                };
                let below = all.iter().filter(|one| {
                    std::iter::successors(Some(one.id), parent_of).any(|id| id == node.category.id)
                });
                prop_assert_eq!(node.products, below.map(|one| counted[&one.id]).sum::<i64>());
                nodes.extend(&node.children);
            }
            prop_assert_eq!(seen, all.len());
        }
    }
}
