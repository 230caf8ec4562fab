//! What the addresses of a country look like.

/// What ISO 3166-2 has behind the country's code for a region as shoppers write it: `QC` for `qc` and
/// `CA-QC`.
pub fn region_code(country: &str, region: Option<&str>) -> String {
    let region = region.unwrap_or_default().trim().to_uppercase();
    let of_country = region.strip_prefix(country).and_then(|rest| rest.strip_prefix('-'));
    of_country.map_or(region.clone(), str::to_owned)
}

/// A postal code as rules want it: in capitals, without spaces and dashes.
pub fn plain_code(postal_code: &str) -> String {
    postal_code.to_uppercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether a text is the code of a country.
pub fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}
