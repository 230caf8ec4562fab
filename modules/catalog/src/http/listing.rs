//! Lists of products, and what a text may become while it is being written.

use std::collections::BTreeMap;

use actix_web::http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, HeaderValue, VARY};
use actix_web::{FromRequest, HttpRequest, HttpResponse, web};
use kernel::page::PageQuery;
use kernel::{Currency, Money, Problem};
use platform::cache::Loaded;
use platform::http::{Answer, Failure, Params, Staff, check_query, from_query};
use rust_decimal::Decimal;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::told::After;
use super::view::{CardView, ListView, Suggestion, SuggestionsView};
use crate::domain::{
    BRAND_MAX, KEY_MAX, OPTION_VALUE_MAX, PATH_MAX, QUERY_MAX, SLUG_MAX, Status, UnknownStatus,
    is_locale,
};
use crate::pages::{CATEGORY_TTL, LIST_TTL, ListPage};
use crate::{Audience, Catalog, ListQuery, Sort};

/// The most filters by attribute, option and brand of a list.
const FILTERS_MAX: usize = 50;

#[derive(OpenApi)]
#[openapi(
    paths(list, staff_list, suggest),
    components(schemas(CardView, ListView, Suggestion, Sort))
)]
struct Document;

pub(super) fn openapi() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/v1/products", web::get().to(list))
        .route("/v1/products/suggest", web::get().to(suggest))
        .route("/v1/admin/products", web::get().to(staff_list));
}

/// Which products are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Words to search for, at most 200 characters; `"a phrase"` has to be found as it stands, and
    /// `-word` must not.
    #[param(max_length = 200)]
    q: Option<String>,
    /// The language that is searched besides the shop's own, and that names are in, e.g. `de`;
    /// what `Accept-Language` prefers unless said.
    #[param(pattern = "^[a-z]{2,3}(-[A-Z]{2})?$")]
    locale: Option<String>,
    /// Only products of this category or below it: its slug, or its path as `Home > Lighting`.
    #[param(max_length = 2_100)]
    category: Option<String>,
    /// Only products of this collection: its slug. In the order they were chosen in, unless a
    /// text or an order is given.
    #[param(max_length = 200)]
    collection: Option<String>,
    /// Only products that cost at least this, in the shop's currency, e.g. `19.99`.
    min_price: Option<String>,
    /// Only products that cost at most this, in the shop's currency.
    max_price: Option<String>,
    /// Only products that can be had.
    in_stock: Option<bool>,
    /// `relevance` with `q`, otherwise `newest`, unless said.
    sort: Option<Sort>,
    /// How many items, 1 to 100; 24 by default.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Whether the products are counted by category, brand, price, stock and attributes.
    facets: Option<bool>,
    /// Why each product stands where it stands; for the staff.
    explain: Option<bool>,
}

/// What a list is narrowed to by parameters that may be repeated, and the other parameters.
struct Split {
    brands: Vec<String>,
    values: BTreeMap<String, Vec<String>>,
    rest: String,
}

/// Takes `brand`, `attr.NAME` and `option.NAME` out of a query string.
fn split(query: &str) -> Result<Split, Problem> {
    check_query(query)?;
    let mut rest = form_urlencoded::Serializer::new(String::new());
    let (mut brands, mut values) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    let mut filters = 0;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let named = name.strip_prefix("attr.").or_else(|| name.strip_prefix("option."));
        if named.is_none() && name != "brand" {
            rest.append_pair(&name, &value);
            continue;
        }
        filters += 1;
        if filters > FILTERS_MAX {
            let message = format!("a list has at most {FILTERS_MAX} filters");
            return Err(Problem::invalid(name.into_owned(), message));
        }
        if let Some(named) = named {
            if named.is_empty() || named.chars().count() > KEY_MAX || named.contains('\0') {
                let message = format!("the name behind the point has 1 to {KEY_MAX} characters");
                return Err(Problem::invalid(name.into_owned(), message));
            }
            let value = bounded(&name, &value, OPTION_VALUE_MAX)?;
            values.entry(name.into_owned()).or_default().push(value);
        } else {
            brands.push(bounded("brand", &value, BRAND_MAX)?);
        }
    }
    Ok(Split { brands, values, rest: rest.finish() })
}

impl ListParams {
    fn query(self, currency: Currency) -> Result<ListQuery, Problem> {
        let page = PageQuery { limit: self.limit, cursor: self.cursor };
        let text = self.q.as_deref().map(|q| bounded("q", q, QUERY_MAX)).transpose()?;
        let text = text.filter(|text| !text.trim().is_empty());
        let category = self.category.as_deref();
        let category = category.map(|name| bounded("category", name, PATH_MAX)).transpose()?;
        if self.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
            return Err(Problem::invalid("locale", "must be a language tag such as de or pt-BR"));
        }
        let price = |field, amount: Option<String>| {
            amount.map(|amount| price(field, &amount, currency)).transpose()
        };
        let sort = self.sort.unwrap_or(Sort::Relevance);
        Ok(ListQuery {
            text,
            locale: self.locale,
            category,
            collection: self
                .collection
                .map(|slug| bounded("collection", &slug, SLUG_MAX))
                .transpose()?,
            least: price("min_price", self.min_price)?,
            most: price("max_price", self.max_price)?,
            in_stock: self.in_stock.unwrap_or(false),
            after: page.position()?,
            facets: self.facets.unwrap_or(false),
            explain: self.explain.unwrap_or(false),
            ..ListQuery::all(sort, page.limit()?)
        })
    }
}

fn bounded(field: &str, text: &str, most: usize) -> Result<String, Problem> {
    if text.chars().count() > most || text.contains('\0') {
        return Err(Problem::invalid(field, format!("must be at most {most} characters")));
    }
    Ok(text.to_owned())
}

fn price(field: &str, amount: &str, currency: Currency) -> Result<Money, Problem> {
    Decimal::from_str_exact(amount)
        .ok()
        .and_then(|amount| Money::new(amount, currency).ok())
        .filter(|price| price.minor() >= 0)
        .ok_or_else(|| {
            let digits = currency.digits();
            let message = format!("must be an amount in {currency} with at most {digits} decimals");
            Problem::invalid(field, message)
        })
}

/// The first language that a request prefers and that has the form of a language tag. The
/// qualities are not compared: browsers send their preferences in order.
fn preferred(request: &HttpRequest) -> Option<String> {
    let header = request.headers().get(ACCEPT_LANGUAGE)?.to_str().ok()?;
    let tags = header.split(',').map(|tag| tag.split(';').next().unwrap_or(tag).trim());
    tags.map(str::to_owned).find(|tag| is_locale(tag))
}

/// Lists and finds the products of the shop.
///
/// Besides the parameters below, a list is narrowed by `brand=NAME`, `attr.NAME=VALUE` and
/// `option.NAME=VALUE`. Each may be repeated: a product needs one of the values of each name.
#[utoipa::path(
    get, path = "/v1/products", tag = "catalog",
    params(
        ListParams,
        ("x-consistency-token" = Option<i64>, Header,
         description = "What the answer to a change said: the list waits up to 2 s to show it"),
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what is known already"),
    ),
    responses(
        (status = 200, description = "A page of products", body = ListView,
            headers(("ETag"))),
        (status = 304, description = "It is what If-None-Match says", headers(("ETag"))),
        (status = 422, description = "A parameter is not allowed", body = Problem),
        (status = 503, description = "The search takes too long, or its index is being built",
         body = Problem),
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    after: After,
) -> Answer {
    let query = asked(&request, &catalog, request.query_string(), after)?;
    if query.explain {
        Staff::extract(&request).await?;
    }
    answer(&request, &catalog, query).await
}

fn asked(
    request: &HttpRequest,
    catalog: &Catalog,
    query: &str,
    after: After,
) -> Result<ListQuery, Problem> {
    let Split { brands, values, rest } = split(query)?;
    let params: ListParams = from_query(&rest)?;
    let query = params.query(catalog.settings.currency)?;
    let locale = query.locale.clone().or_else(|| preferred(request));
    Ok(ListQuery { brands, values, locale, fresh: after.position(), ..query })
}

/// Lists and finds products in every status, drafts and archived ones too, by the same parameters
/// as shoppers, and by `status`. A variant is found as its parent, by its SKU or barcode too.
#[utoipa::path(
    get, path = "/v1/admin/products", tag = "catalog admin",
    params(
        ListParams,
        ("status" = Option<Status>, Query, description = "Only products in this status"),
        ("x-consistency-token" = Option<i64>, Header,
         description = "What the answer to a change said: the list waits up to 2 s to show it"),
    ),
    responses(
        (status = 200, description = "A page of products", body = ListView),
        (status = 422, description = "A parameter is not allowed", body = Problem),
    )
)]
pub(crate) async fn staff_list(
    _: Staff,
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    after: After,
) -> Answer {
    let (mut status, mut rest) = (None, form_urlencoded::Serializer::new(String::new()));
    for (name, value) in form_urlencoded::parse(request.query_string().as_bytes()) {
        if name == "status" {
            let wrong = |error: UnknownStatus| Problem::invalid("status", error.to_string());
            status = Some(value.parse::<Status>().map_err(wrong)?);
        } else {
            rest.append_pair(&name, &value);
        }
    }
    let query = asked(&request, &catalog, &rest.finish(), after)?;
    answer(&request, &catalog, ListQuery { audience: Audience::Staff(status), ..query }).await
}

/// The page of a list, as it is answered.
pub(super) async fn answer(request: &HttpRequest, catalog: &Catalog, query: ListQuery) -> Answer {
    let public = query.audience == Audience::Shoppers;
    let whole = public && !query.explain && query.fresh.is_none();
    let text = query.searched();
    let (mut response, finds) = match catalog.latest_edition() {
        Some(edition) if whole => {
            let key = format!("list\n{edition}\n{query:?}");
            let page = catalog.pages.list(&key, || list_page(catalog, &query)).await?;
            (page.body.answer(request), page.finds)
        }
        _ => {
            let view = view(catalog, query).await?;
            let mut response = HttpResponse::Ok();
            response.insert_header((CACHE_CONTROL, "no-store"));
            (response.json(&view), !view.items.is_empty())
        }
    };
    if let Some(text) = text {
        catalog.searches.searched(&text, finds);
    }
    let vary = HeaderValue::from_static("accept-encoding, accept-language");
    response.headers_mut().insert(VARY, vary);
    Ok(response)
}

/// A page that is good as long as the edition of the index it is made of.
async fn list_page(catalog: &Catalog, query: &ListQuery) -> Result<Loaded<ListPage>, Failure> {
    let view = view(catalog, query.clone()).await?;
    let ttl = if query.category.is_some() { CATEGORY_TTL } else { LIST_TTL };
    ListPage::loaded(&view, !view.items.is_empty(), ttl)
}

async fn view(catalog: &Catalog, query: ListQuery) -> Result<ListView, Failure> {
    let locale = query.locale.clone();
    let list = catalog.list(query).await?;
    let items = list.items.into_iter().map(|listed| CardView {
        explanation: listed.explanation,
        ..CardView::of(listed.card, locale.as_deref())
    });
    Ok(ListView {
        items: items.collect(),
        next_cursor: list.next_cursor,
        total: list.total,
        did_you_mean: list.did_you_mean,
        facets: list.facets,
    })
}

/// A text that is being written.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuggestParams {
    /// The beginning of a name, or of a word in it; at most 200 characters.
    #[param(max_length = 200)]
    q: String,
}

/// What a text may become while it is being written: products and texts.
#[utoipa::path(
    get, path = "/v1/products/suggest", tag = "catalog",
    params(
        SuggestParams,
        ("If-None-Match" = Option<String>, Header, description = "The ETag of what is known already"),
    ),
    responses(
        (status = 200, description = "What it may become", body = SuggestionsView,
            headers(("ETag"))),
        (status = 304, description = "It is what If-None-Match says", headers(("ETag"))),
    )
)]
pub(crate) async fn suggest(
    request: HttpRequest,
    catalog: web::Data<Catalog>,
    params: Params<SuggestParams>,
) -> Answer {
    let text = bounded("q", &params.0.q, QUERY_MAX)?;
    let edition = catalog.latest_edition().unwrap_or_default();
    let key = format!("suggest\n{edition}\n{text}");
    let page = catalog.pages.list(&key, || suggestions_page(&catalog, &text)).await?;
    Ok(page.body.answer(&request))
}

async fn suggestions_page(catalog: &Catalog, text: &str) -> Result<Loaded<ListPage>, Failure> {
    let found = catalog.suggest(text.to_owned()).await?;
    let items = found.products.into_iter().map(|(id, sku, name)| Suggestion { id, sku, name });
    let view = SuggestionsView { items: items.collect(), next_cursor: None, texts: found.texts };
    ListPage::loaded(&view, !view.items.is_empty(), LIST_TTL)
}
