//! The table of routes: who may come in where, how often, with how much, and for how long.

use std::time::Duration;

use actix_web::http::header::HeaderValue;
use kernel::Permission;
use serde::Deserialize;

use super::tree::Tree;

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Everybody; an access token that is sent has to be valid.
    Optional,
    /// Whoever sends a valid access token.
    Required,
    /// Whoever has shown a second factor. A shop with `guest_checkout` asks for the token only.
    Mfa,
    /// The staff, with the permission that the route names.
    Staff,
}

impl Access {
    /// How it is written in the settings.
    const fn word(self) -> &'static str {
        match self {
            Self::Optional => "optional",
            Self::Required => "required",
            Self::Mfa => "mfa",
            Self::Staff => "staff",
        }
    }
}

/// For how long others may keep answers that are the same for everybody (RFC 9111, RFC 5861).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Caching {
    /// As they are, in seconds.
    pub max_age_s: u32,
    /// Further seconds in which they may be shown while a new one is asked for.
    pub stale_s: u32,
}

/// A route of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What the path begins with, segment by segment; `{id}` stands for any one.
    pub prefix: String,
    /// The methods it is for; all without it. GET is HEAD too.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Who may come in.
    pub access: Access,
    /// What the staff needs to come in.
    #[serde(default)]
    pub permission: Option<Permission>,
    /// Whether the staff must have shown a strong second factor in the last quarter of an hour.
    #[serde(default)]
    pub step_up: bool,
    /// How many requests a client may send in a second; without it, as many as it likes.
    #[serde(default)]
    pub per_second: Option<u32>,
    /// For how long answers may be kept that are the same for everybody; without it they are asked
    /// for again each time.
    #[serde(default)]
    pub cache: Option<Caching>,
    /// Whether a busy shop refuses others first.
    #[serde(default)]
    pub essential: bool,
    /// The longest body, in bytes.
    #[serde(default = "body_max")]
    pub body_max: u64,
    /// After how many milliseconds a request is answered 504. What it began is finished or undone.
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
}

/// Asked for again each time, which an ETag makes cheap.
const NEVER_KEPT: HeaderValue = HeaderValue::from_static("public, no-cache");

const fn body_max() -> u64 {
    1 << 20
}

const fn timeout_ms() -> u64 {
    15_000
}

impl Route {
    /// After how long a request is given up.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    fn public_cache(&self) -> HeaderValue {
        let Some(Caching { max_age_s, stale_s }) = self.cache else { return NEVER_KEPT };
        let text = format!("public, max-age={max_age_s}, stale-while-revalidate={stale_s}");
        HeaderValue::try_from(text).unwrap_or(NEVER_KEPT)
    }

    fn knows(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|known| known == method)
    }
}

/// Why a table cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TableError {
    /// A prefix is no path.
    #[error("edge.routes: the prefix {0:?} must begin with /")]
    Prefix(String),
    /// A method is none of HTTP.
    #[error(
        "edge.routes: {prefix}: {method:?} is no method; write GET, POST, PUT, PATCH or DELETE"
    )]
    Method {
        /// The route.
        prefix: String,
        /// What it names.
        method: String,
    },
    /// A limit would let nothing through.
    #[error("edge.routes: {0}: per_second must be at least 1; leave it out for no limit")]
    NoRequests(String),
    /// The staff would need no permission.
    #[error("edge.routes: {0}: access \"staff\" needs a permission, and only that access has one")]
    NoPermission(String),
    /// What is not for everybody would be kept by others.
    #[error("edge.routes: {0}: cache is for access \"optional\"")]
    NoCache(String),
    /// Only the staff steps up.
    #[error("edge.routes: {0}: step_up is for access \"staff\"; write access = \"mfa\"")]
    NoStepUp(String),
    /// An endpoint is in no route.
    #[error("edge.routes: no route is for {method} {path}; it would be shut to everybody")]
    Unlisted {
        /// Its method.
        method: String,
        /// Its path.
        path: String,
    },
}

/// The routes, the one with the most segments first, and among equal ones those that name methods.
#[derive(Debug)]
pub struct Table {
    routes: Vec<Route>,
    tree: Tree,
    /// Cache-Control of each one's answers that are the same for everybody.
    public_cache: Vec<HeaderValue>,
    /// What the program answers at, those with the fewest names in their paths first.
    endpoints: Vec<Endpoint>,
    endpoint_tree: Tree,
}

/// A method and a path template.
#[derive(Debug)]
pub struct Endpoint {
    pub method: String,
    pub path: String,
    /// The number of its route.
    route: usize,
}

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

impl Table {
    /// A table that has a route for each of these endpoints, methods and path templates.
    pub fn new(mut routes: Vec<Route>, endpoints: &[(String, String)]) -> Result<Self, TableError> {
        for route in &routes {
            let Route { prefix, methods, per_second, access, permission, step_up, .. } = route;
            if route.cache.is_some() && *access != Access::Optional {
                return Err(TableError::NoCache(prefix.clone()));
            }
            if (*access == Access::Staff) != permission.is_some() {
                return Err(TableError::NoPermission(prefix.clone()));
            }
            if *step_up && *access != Access::Staff {
                return Err(TableError::NoStepUp(prefix.clone()));
            }
            if !prefix.starts_with('/') {
                return Err(TableError::Prefix(prefix.clone()));
            }
            if let Some(method) = methods.iter().find(|known| !METHODS.contains(&known.as_str())) {
                let (prefix, method) = (prefix.clone(), method.clone());
                return Err(TableError::Method { prefix, method });
            }
            if *per_second == Some(0) {
                return Err(TableError::NoRequests(prefix.clone()));
            }
        }
        routes.sort_by_key(|route| {
            (std::cmp::Reverse(route.prefix.split('/').count()), route.methods.is_empty())
        });
        let public_cache = routes.iter().map(Route::public_cache).collect();
        let tree = Tree::new(routes.iter().map(|route| route.prefix.as_str()));
        let mut table = Self {
            routes,
            tree,
            public_cache,
            endpoints: Vec::new(),
            endpoint_tree: Tree::default(),
        };
        for (method, path) in endpoints {
            let (method, path) = (method.clone(), path.clone());
            let Some((route, _)) = table.find(&method, &path) else {
                return Err(TableError::Unlisted { method, path });
            };
            table.endpoints.push(Endpoint { method, path, route });
        }
        table.endpoints.sort_by_key(|endpoint| endpoint.path.matches('{').count());
        table.endpoint_tree = Tree::new(table.endpoints.iter().map(|it| it.path.as_str()));
        Ok(table)
    }

    /// The number of the endpoint that a request is for.
    pub fn endpoint(&self, method: &str, path: &str) -> Option<usize> {
        let fits = |number: usize| self.endpoints.get(number).is_some_and(|it| it.method == method);
        self.endpoint_tree.find_whole(path, fits)
    }

    /// An endpoint by its number.
    pub fn endpoint_at(&self, number: usize) -> Option<&Endpoint> {
        self.endpoints.get(number)
    }

    /// The route of an endpoint, and its number.
    pub fn of_endpoint(&self, number: usize) -> Option<(usize, &Route)> {
        let number = self.endpoints.get(number)?.route;
        Some((number, self.routes.get(number)?))
    }

    /// The route of a request, and its number; or that of an endpoint, by its path with the names in
    /// place.
    pub fn find(&self, method: &str, path: &str) -> Option<(usize, &Route)> {
        let fits = |number: usize| self.routes.get(number).is_some_and(|it| it.knows(method));
        let number = self.tree.find(path, fits)?;
        Some((number, self.routes.get(number)?))
    }

    /// All routes, each at its number.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// Cache-Control of a route's answers that are the same for everybody.
    pub fn public_cache(&self, route: usize) -> HeaderValue {
        self.public_cache.get(route).cloned().unwrap_or(NEVER_KEPT)
    }
}

/// A line for each endpoint with what its route says.
pub fn listed(
    routes: Vec<Route>,
    endpoints: &[(String, String)],
) -> Result<Vec<String>, TableError> {
    let table = Table::new(routes, endpoints)?;
    let line = |(method, path): &(String, String)| {
        let (_, route) = table.find(method, path)?;
        let Route { access, permission, step_up, per_second, body_max, timeout_ms, .. } = route;
        let cache = route.cache.map_or("-".to_owned(), |cache| format!("{} s", cache.max_age_s));
        let essential = if route.essential { " essential" } else { "" };
        let per_second = per_second.map_or("any".to_owned(), |number| number.to_string());
        let access = permission.map_or(access.word(), Permission::word);
        let step_up = if *step_up { "+step-up" } else { "" };
        Some(format!(
            "{method:6} {path:55} {access:16} {step_up:8} {per_second:>4}/s \
             {cache:>5} {body_max:>10} B {timeout_ms:>6} ms{essential}"
        ))
    };
    Ok(endpoints.iter().filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, methods: &[&str], access: Access) -> Route {
        Route {
            prefix: prefix.to_owned(),
            methods: methods.iter().map(|method| (*method).to_owned()).collect(),
            access,
            permission: (access == Access::Staff).then_some(Permission::ProductsRead),
            step_up: false,
            per_second: None,
            cache: None,
            essential: false,
            body_max: 1,
            timeout_ms: 1,
        }
    }

    #[test]
    fn the_longest_prefix_decides_then_the_method() {
        let routes = vec![
            route("/v1/products", &[], Access::Required),
            route("/v1/products", &["GET"], Access::Optional),
            route("/v1/products/secret", &[], Access::Staff),
            route("/v1/products/{id}/page", &[], Access::Optional),
        ];
        let table = Table::new(routes, &[]).unwrap();
        let access = |method: &str, path| table.find(method, path).map(|(_, route)| route.access);
        assert_eq!(access("GET", "/v1/products"), Some(Access::Optional));
        assert_eq!(access("GET", "/v1/products/1"), Some(Access::Optional));
        assert_eq!(access("POST", "/v1/products/1"), Some(Access::Required));
        assert_eq!(access("GET", "/v1/products/secret/1"), Some(Access::Staff));
        assert_eq!(access("POST", "/v1/products/1/page"), Some(Access::Optional));
        assert_eq!(access("POST", "/v1/products/1/pages"), Some(Access::Required));
        for path in ["/v1/productsX", "/v1", "/", "", "/v2/products"] {
            assert_eq!(access("GET", path), None, "{path}");
        }
    }

    #[test]
    fn a_table_that_would_surprise_is_refused() {
        let refused = |route: Route| Table::new(vec![route], &[]).unwrap_err();
        let all = Access::Optional;
        assert_eq!(refused(route("v1", &[], all)), TableError::Prefix("v1".to_owned()));
        let wrong = TableError::Method { prefix: "/v1".to_owned(), method: "get".to_owned() };
        assert_eq!(refused(route("/v1", &["get"], all)), wrong);
        let none = Route { per_second: Some(0), ..route("/v1", &[], all) };
        assert_eq!(refused(none), TableError::NoRequests("/v1".to_owned()));
        let caching = Some(Caching { max_age_s: 60, stale_s: 0 });
        let kept = Route { cache: caching, ..route("/v1", &[], Access::Required) };
        assert_eq!(refused(kept), TableError::NoCache("/v1".to_owned()));
        let nobody = Route { step_up: true, ..route("/v1", &[], Access::Mfa) };
        assert_eq!(refused(nobody), TableError::NoStepUp("/v1".to_owned()));
        let endpoints = [("POST".to_owned(), "/v1/orders".to_owned())];
        let unlisted = Table::new(vec![route("/v1/orders", &["GET"], all)], &endpoints);
        assert!(matches!(unlisted.unwrap_err(), TableError::Unlisted { .. }));
    }
}
