//! How an order can be sent, and for how much.

use kernel::{Address, Currency, Money};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::{plain_code, region_code};

/// A part of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// ISO 3166-1 alpha-2 code of the country.
    #[schema(pattern = "^[A-Z]{2}$")]
    pub country: String,
    /// What ISO 3166-2 has behind the country's code, e.g. `BY`; all of the country when it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(pattern = "^[A-Z0-9]{0,3}$")]
    pub region: String,
    /// How postal codes begin there, in capitals and without spaces; all when it is left out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schema(pattern = "^[A-Z0-9]{0,10}$")]
    pub postal_prefix: String,
}

impl Place {
    /// How closely it fits a destination; none when that is elsewhere.
    fn fits(&self, to: &Destination) -> Option<usize> {
        let is_there = self.country == to.country
            && (self.region.is_empty() || self.region == to.region)
            && to.postal_code.starts_with(&self.postal_prefix);
        // A longer prefix is a smaller place, and any prefix smaller than a region.
        let region = usize::from(!self.region.is_empty());
        is_there.then(|| 1 + region + 2 * self.postal_prefix.len())
    }
}

/// Where an order goes, as places want it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    country: String,
    region: String,
    postal_code: String,
}

impl From<&Address> for Destination {
    fn from(address: &Address) -> Self {
        Self {
            country: address.country.clone(),
            region: region_code(&address.country, address.region.as_deref()),
            postal_code: plain_code(address.postal_code.as_deref().unwrap_or_default()),
        }
    }
}

/// What a method costs, where and for which parcels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShippingRate {
    /// The places it is for; none is anywhere.
    pub places: Option<Vec<Place>>,
    /// The currency of its sums.
    pub currency: Currency,
    /// The least a parcel weighs, in grams.
    pub min_weight_g: i64,
    /// The most it weighs, in grams.
    pub max_weight_g: Option<i64>,
    /// The least its lines are worth before promotions, in minor units.
    pub min_items_minor: i64,
    /// What they are worth less than, in minor units.
    pub max_items_minor: Option<i64>,
    /// What it costs, in minor units.
    pub price_minor: i64,
    /// From which worth of the lines on it costs nothing, in minor units.
    pub free_above_minor: Option<i64>,
}

impl ShippingRate {
    fn fits(&self, to: &Destination) -> Option<usize> {
        match &self.places {
            None => Some(0),
            Some(places) => places.iter().filter_map(|place| place.fits(to)).max(),
        }
    }

    fn weighs(&self, grams: i64) -> bool {
        grams >= self.min_weight_g && self.max_weight_g.is_none_or(|most| grams <= most)
    }

    fn is_worth(&self, minor: i64) -> bool {
        minor >= self.min_items_minor && self.max_items_minor.is_none_or(|limit| minor < limit)
    }

    fn price(&self, items_minor: i64) -> i64 {
        let is_free = self.free_above_minor.is_some_and(|least| items_minor >= least);
        if is_free { 0 } else { self.price_minor }
    }
}

/// Who brings the goods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// A carrier brings them to the address.
    #[default]
    Carrier,
    /// The shopper fetches them: the address is that of the invoice.
    Pickup,
}

/// A way goods can go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// What the API calls it.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Who brings the goods.
    pub kind: MethodKind,
    /// What it costs.
    pub rates: Vec<ShippingRate>,
}

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Where to.
    pub to: Destination,
    /// The currency of the order.
    pub currency: Currency,
    /// What it weighs, in grams.
    pub weight_g: i64,
    /// What the lines are worth before promotions, in minor units.
    pub items_minor: i64,
}

/// Why a method cannot be used for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotSent {
    /// It does not go to the address.
    NotThere,
    /// It has no price in the currency of the order.
    Currency,
    /// The goods weigh too much, or too little.
    Weight,
    /// The goods are worth too much, or too little.
    Worth,
}

impl NotSent {
    /// The reason for people.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::NotThere => "It does not go to this address.",
            Self::Currency => "It has no price in the currency of the order.",
            Self::Weight => "It is not for goods of this weight.",
            Self::Worth => "It is not for goods of this worth.",
        }
    }
}

/// A method that an order can be sent by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offered {
    /// What the API calls it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Who brings the goods.
    pub kind: MethodKind,
    /// What it costs before promotions.
    pub price: Money,
}

/// A method that an order cannot be sent by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refused {
    /// What the API calls it.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// Why not.
    pub reason: NotSent,
    /// The reason for people.
    pub detail: &'static str,
}

/// What a method costs for a parcel. The rates of the smallest place that the parcel goes to are the
/// only ones that count, and of these the cheapest.
fn price(method: &Method, parcel: &Parcel) -> Result<i64, NotSent> {
    let there: Vec<(usize, &ShippingRate)> =
        method.rates.iter().filter_map(|rate| Some((rate.fits(&parcel.to)?, rate))).collect();
    let closest = there.iter().map(|(fit, _)| *fit).max().ok_or(NotSent::NotThere)?;
    let mut rates: Vec<&ShippingRate> =
        there.into_iter().filter(|(fit, _)| *fit == closest).map(|(_, rate)| rate).collect();
    let mut keep = |why: NotSent, fits: &dyn Fn(&ShippingRate) -> bool| {
        rates.retain(|rate| fits(rate));
        if rates.is_empty() { Err(why) } else { Ok(()) }
    };
    keep(NotSent::Currency, &|rate| rate.currency == parcel.currency)?;
    keep(NotSent::Weight, &|rate| rate.weighs(parcel.weight_g))?;
    keep(NotSent::Worth, &|rate| rate.is_worth(parcel.items_minor))?;
    let prices = rates.iter().map(|rate| rate.price(parcel.items_minor));
    prices.min().ok_or(NotSent::NotThere)
}

/// The methods that a parcel can be sent by, and why it cannot by the others.
pub fn offers(methods: &[Method], parcel: &Parcel) -> (Vec<Offered>, Vec<Refused>) {
    let (mut offered, mut refused) = (Vec::new(), Vec::new());
    for method in methods {
        let (id, name) = (method.code.clone(), method.name.clone());
        match price(method, parcel) {
            Ok(minor) => {
                let price = Money::from_minor(minor, parcel.currency);
                offered.push(Offered { id, name, kind: method.kind, price });
            }
            Err(reason) => refused.push(Refused { id, name, reason, detail: reason.detail() }),
        }
    }
    (offered, refused)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(country: &str, region: &str, postal_prefix: &str) -> Place {
        let own = str::to_owned;
        Place { country: own(country), region: own(region), postal_prefix: own(postal_prefix) }
    }

    fn rate(places: &[Place], price_minor: i64) -> ShippingRate {
        ShippingRate {
            places: (!places.is_empty()).then(|| places.to_vec()),
            currency: Currency::EUR,
            min_weight_g: 0,
            max_weight_g: None,
            min_items_minor: 0,
            max_items_minor: None,
            price_minor,
            free_above_minor: None,
        }
    }

    fn method(rates: Vec<ShippingRate>) -> Method {
        let (code, name) = ("post".to_owned(), "Post".to_owned());
        Method { code, name, kind: MethodKind::Carrier, rates }
    }

    fn parcel(country: &str, region: &str, postal_code: &str) -> Parcel {
        let own = str::to_owned;
        let to = Destination {
            country: own(country),
            region: own(region),
            postal_code: own(postal_code),
        };
        Parcel { to, currency: Currency::EUR, weight_g: 1_000, items_minor: 5_000 }
    }

    #[test]
    fn the_smallest_place_decides() {
        let method = method(vec![
            rate(&[], 2_500),
            rate(&[place("GB", "", "")], 500),
            rate(&[place("GB", "", "IV"), place("GB", "", "KW")], 1_500),
            rate(&[place("GB", "NIR", "")], 900),
        ]);
        for (to, minor) in [
            (parcel("GB", "", "SW1Y4JH"), 500),
            (parcel("GB", "", "IV11AA"), 1_500),
            (parcel("GB", "NIR", "BT11AA"), 900),
            (parcel("JP", "", ""), 2_500),
        ] {
            assert_eq!(price(&method, &to), Ok(minor), "{to:?}");
        }
    }

    #[test]
    fn a_rate_for_elsewhere_or_other_parcels_is_told_why() {
        let light = ShippingRate { max_weight_g: Some(2_000), ..rate(&[place("DE", "", "")], 400) };
        let heavy = ShippingRate {
            min_weight_g: 2_001,
            max_items_minor: Some(100_000),
            free_above_minor: Some(8_000),
            ..rate(&[place("DE", "", "")], 900)
        };
        let method = method(vec![light, heavy]);
        let de = || parcel("DE", "", "10117");
        assert_eq!(price(&method, &parcel("FR", "", "75001")), Err(NotSent::NotThere));
        let dollars = Parcel { currency: Currency::USD, ..de() };
        assert_eq!(price(&method, &dollars), Err(NotSent::Currency));
        assert_eq!(price(&method, &de()), Ok(400));
        let heavy = Parcel { weight_g: 2_001, ..de() };
        assert_eq!(price(&method, &heavy), Ok(900));
        assert_eq!(price(&method, &Parcel { items_minor: 8_000, ..heavy.clone() }), Ok(0));
        let dear = Parcel { items_minor: 100_000, ..heavy };
        assert_eq!(price(&method, &dear), Err(NotSent::Worth));
        let mut light_only = method;
        light_only.rates.truncate(1);
        let heavy = Parcel { weight_g: 2_001, ..de() };
        assert_eq!(price(&light_only, &heavy), Err(NotSent::Weight));
    }

    proptest! {
        #[test]
        fn a_method_is_offered_or_refused_and_costs_what_one_of_its_rates_does(
            prices in prop::collection::vec((0_i64..10_000, 0_i64..5_000, 0_i64..5_000), 0..8),
            weight_g in 0_i64..6_000, items_minor in 0_i64..10_000,
        ) {
            let rates: Vec<ShippingRate> = prices
                .iter()
                .map(|(price, least, more)| ShippingRate {
                    min_weight_g: *least,
                    max_weight_g: Some(least + more),
                    ..rate(&[place("DE", "", "")], *price)
                })
                .collect();
            let parcel = Parcel { weight_g, items_minor, ..parcel("DE", "", "10117") };
            let fits = |(_, least, more): &&(i64, i64, i64)| {
                (*least..=least + more).contains(&weight_g)
            };
            let cheapest = prices.iter().filter(fits).map(|(price, ..)| *price).min();
            let (offered, refused) = offers(&[method(rates)], &parcel);
            prop_assert_eq!(offered.len() + refused.len(), 1);
            prop_assert_eq!(offered.first().map(|it| it.price.minor()), cheapest);
        }
    }
}
