use serde::Deserialize;
use utoipa::ToSchema;

/// By what search terms are put in order, the most first; a term that has none of it is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TermSort {
    /// How often they were searched for.
    #[default]
    Searches,
    /// How often nothing was found.
    WithoutResults,
    /// How often something that was found was looked at.
    Clicks,
}

impl TermSort {
    /// Its name in statements.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Searches => "searches",
            Self::WithoutResults => "without_results",
            Self::Clicks => "clicks",
        }
    }
}
