//! Products and the rules about them, without I/O.

mod attribute;
mod bundle;
mod card;
pub(crate) mod category;
mod collection;
mod content;
mod findings;
mod history;
mod image;
mod job;
mod limits;
mod market;
mod plan;
mod popularity;
mod price_list;
mod price_row;
pub(crate) mod pricing;
mod product;
mod ranking;
mod relation;
mod rounding;
mod row;
mod search_query;
mod slug;
mod synonym;
mod tally;

pub use attribute::{Attribute, AttributeInput, Definitions, Kind};
pub use bundle::{Part, PartInput};
pub(crate) use bundle::{Ties, check_parts, check_ties, weight_g};
pub use card::Card;
pub use category::{Category, CategoryInput, CategoryNode};
pub(crate) use collection::check_chosen;
pub use collection::{Collection, CollectionInput, Rule};
pub(crate) use content::TAX_CATEGORY;
pub use content::{Content, Translation, check, is_locale, normalize};
pub(crate) use findings::Findings;
pub use history::{
    Applied, DEFAULT_MARKET, LOWEST_WINDOW, Place, Repriced, lowest_before, places, reprice,
};
pub use image::{Image, ImageType, Variant, check_alt, is_sha256, smaller, uploaded};
pub use job::{Format, Job, JobStatus};
pub use limits::*;
pub use market::{Market, MarketInput, is_code, is_country};
pub(crate) use plan::{Known, Plan, plan, wanted_slugs};
pub(crate) use popularity::{POPULARITY_MAX, SALES_DAYS, popularity};
pub use price_list::{Listed, ListedInput, PriceList, PriceListInput};
pub(crate) use price_row::{
    ListedChange, PlacedPrice, PriceRow, change_of, error_at, place_prices, price_row,
};
pub use pricing::{Asked, Candidate, Picked, Verdict, explain, pick};
pub use product::{
    Change, NewProduct, PriceTag, Product, ProductInput, PublicPrice, Status, UnknownStatus, change,
};
pub use ranking::{FieldWeight, Ranking, real};
pub(crate) use relation::{Related, check_relations, relations_of};
pub use relation::{Relation, RelationKind};
pub use rounding::{Rounding, RoundingMode};
pub(crate) use row::{ImportRow, row};
pub use row::{LineError, parse_price};
pub use search_query::{NoWord, QUERY_WORDS_MAX, SearchQuery};
pub use slug::{is_slug, slug_of};
pub use synonym::{Synonym, SynonymInput, SynonymKind};
pub(crate) use tally::Tally;
