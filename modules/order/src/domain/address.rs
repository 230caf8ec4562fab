//! What the addresses of a country look like.

/// What ISO 3166-2 has behind the country's code for a region as shoppers write it: `QC` for `qc` and
/// `CA-QC`.
pub fn region_code(country: &str, region: Option<&str>) -> String {
    let region = region.unwrap_or_default().trim().to_uppercase();
    let of_country = region.strip_prefix(country).and_then(|rest| rest.strip_prefix('-'));
    of_country.map_or(region.clone(), str::to_owned)
}
