//! Products and the rules about them, without I/O.

mod attribute;
mod card;
pub(crate) mod category;
mod collection;
mod content;
mod findings;
mod image;
mod job;
mod limits;
mod plan;
mod product;
mod ranking;
mod relation;
mod row;
mod search_query;
mod slug;

pub use attribute::{Attribute, AttributeInput, Definitions, Kind};
pub use card::Card;
pub use category::{Category, CategoryInput, CategoryNode};
pub(crate) use collection::check_chosen;
pub use collection::{Collection, CollectionInput, Rule};
pub(crate) use content::TAX_CATEGORY;
pub use content::{Content, Translation, check, is_locale, normalize};
pub(crate) use findings::Findings;
pub use image::{Image, ImageType, Variant, check_alt, is_sha256, smaller, uploaded};
pub use job::{Format, Job, JobStatus};
pub use limits::*;
pub(crate) use plan::{Known, Plan, plan, wanted_slug};
pub use product::{Change, NewProduct, Product, ProductInput, Status, change};
pub use ranking::{FieldWeight, Ranking, real};
pub(crate) use relation::check_relations;
pub use relation::{Relation, RelationKind};
pub(crate) use row::{ImportRow, row};
pub use row::{LineError, parse_price};
pub use search_query::{NoWord, QUERY_WORDS_MAX, SearchQuery};
pub use slug::{is_slug, slug_of};
