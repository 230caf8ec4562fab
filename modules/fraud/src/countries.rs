//! Which country an address is of: a MaxMind DB file.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::Reader;
use serde::Deserialize;

/// Why a file of countries cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("fraud.countries: {file} is no MaxMind DB that can be read: {source}")]
pub struct CountriesError {
    file: String,
    source: maxminddb::MaxMindDbError,
}

/// The countries of addresses.
pub struct Countries(Reader<Vec<u8>>);

/// The two ways in which files name a country: MaxMind's own, and that of ip-location-db.
#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow, default)]
    country: Option<Country<'a>>,
    #[serde(default)]
    country_code: Option<&'a str>,
}

#[derive(Deserialize)]
struct Country<'a> {
    #[serde(default)]
    iso_code: Option<&'a str>,
}

impl Countries {
    /// Reads a file into memory.
    pub fn open(file: &Path) -> Result<Self, CountriesError> {
        let wrong = |source| CountriesError { file: file.display().to_string(), source };
        Ok(Self(Reader::open_readfile(file).map_err(wrong)?))
    }

    /// The country of an address, ISO 3166-1 alpha-2. None when the file does not know it, or is broken where
    /// it should.
    pub fn of(&self, address: IpAddr) -> Option<String> {
        let found = self.0.lookup(address).ok()?;
        let found: Found<'_> = found.decode().ok()??;
        let code = found.country_code.or(found.country.and_then(|country| country.iso_code))?;
        (code.len() == 2).then(|| code.to_ascii_uppercase())
    }
}
