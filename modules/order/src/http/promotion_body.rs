//! A promotion as the staff writes it.

use kernel::ports::is_group;
use kernel::problem::Problem;
use kernel::{Currency, Money, Timestamp};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{check_code, check_name};
use crate::domain::promotion::{Kind, NO_BUDGET, Promotion, Scope, Targets};
use crate::domain::spread::WHOLE_BP;

/// The most uses a promotion can be issued for.
const USES_MAX: i64 = 1_000_000_000;
/// The most units that a threshold or a kind can ask for.
const UNITS_MAX: i64 = 1_000_000;
/// The largest distance of a priority from zero.
const PRIORITY_MAX: i64 = 1_000_000;
/// The most products and categories that a promotion names.
const TARGETS_MAX: usize = 1_000;

/// What a promotion does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum KindWord {
    /// `percent` off the lines.
    #[default]
    Percentage,
    /// `amount` off the lines together.
    Fixed,
    /// `percent` off the shipping.
    FreeShipping,
    /// `percent` off the cheapest `get_quantity` of each `buy_quantity + get_quantity` units.
    BuyXGetY,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"code": "AUTUMN10", "percent": "10", "uses_max": 500}))]
pub(super) struct NewPromotion {
    /// What the shopper types: letters, digits and dashes. An automatic one is only called so.
    #[schema(pattern = "^[A-Za-z0-9-]{1,40}$")]
    code: String,
    /// Its name, for people; the code when it is left out.
    #[schema(max_length = 200)]
    name: Option<String>,
    #[serde(default)]
    kind: KindWord,
    /// Whether it applies without being typed.
    #[serde(default)]
    automatic: bool,
    /// How many percent it takes off: 0.01 to 100. Only a percentage needs it; else it is 100.
    #[serde(default, with = "rust_decimal::serde::str_option")]
    #[schema(value_type = Option<String>)]
    percent: Option<Decimal>,
    /// What a fixed one takes off.
    amount: Option<Money>,
    /// How many units are paid of each bundle.
    #[schema(minimum = 1, maximum = 1_000_000)]
    buy_quantity: Option<i64>,
    /// How many units of each bundle are cheaper.
    #[schema(minimum = 1, maximum = 1_000_000)]
    get_quantity: Option<i64>,
    /// What its lines must be worth.
    min_items: Option<Money>,
    /// How many units its lines must have.
    #[schema(minimum = 1, maximum = 1_000_000)]
    min_quantity: Option<i64>,
    /// Only these lines.
    #[serde(default)]
    include: Targets,
    /// None of these lines.
    #[serde(default)]
    exclude: Targets,
    /// At most one of a class applies, the one that takes off most; `coupon` when it is left out.
    #[schema(pattern = "^[A-Za-z0-9-]{1,40}$")]
    class: Option<String>,
    /// Classes apply by their lowest priority; a lower one comes first.
    #[serde(default)]
    #[schema(minimum = -1_000_000, maximum = 1_000_000)]
    priority: i64,
    /// Since when it can be used.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_from: Option<Timestamp>,
    /// Until when; that moment is too late.
    #[schema(value_type = Option<String>, format = DateTime)]
    valid_until: Option<Timestamp>,
    /// How often it can be used in all.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    uses_max: Option<i64>,
    /// How often one customer can use it.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    per_customer_max: Option<i64>,
    /// What it may give away in all.
    budget: Option<Money>,
    /// The only customer group it is for; anyone when it is left out.
    #[schema(pattern = "^[a-z0-9]+(-[a-z0-9]+)*$", max_length = 50)]
    customer_group: Option<String>,
}

/// The promotion it describes, in use and without uses.
pub(super) fn check(new: NewPromotion) -> Result<Promotion, Problem> {
    check_code("code", &new.code)?;
    let class = new.class.unwrap_or_else(|| "coupon".to_owned());
    check_code("class", &class)?;
    let name = new.name.unwrap_or_else(|| new.code.clone());
    check_name("name", &name)?;
    if let Some(group) = &new.customer_group
        && !is_group(group)
    {
        let message = "must be at most 50 small letters, digits and single hyphens";
        return Err(Problem::invalid("customer_group", message));
    }
    let within = |field: &str, number: Option<i64>, least: i64, most: i64| match number {
        Some(number) if !(least..=most).contains(&number) => {
            Err(Problem::invalid(field, format!("must be {least} to {most}")))
        }
        number => Ok(number),
    };
    let buy = within("buy_quantity", new.buy_quantity, 1, UNITS_MAX)?;
    let get = within("get_quantity", new.get_quantity, 1, UNITS_MAX)?;
    within("priority", Some(new.priority), -PRIORITY_MAX, PRIORITY_MAX)?;
    let kind = match (new.kind, new.amount, buy, get) {
        (KindWord::Percentage, None, None, None) => Kind::Percentage,
        (KindWord::FreeShipping, None, None, None) => Kind::FreeShipping,
        (KindWord::Fixed, Some(amount), None, None) => Kind::Fixed(amount.minor()),
        (KindWord::BuyXGetY, None, Some(buy), Some(get)) => Kind::BuyXGetY { buy, get },
        _ => {
            let detail =
                "fixed goes with amount and buy_x_get_y with buy_quantity and get_quantity";
            return Err(Problem::invalid("kind", detail));
        }
    };
    if kind == Kind::Percentage && new.percent.is_none()
        || matches!(kind, Kind::Fixed(_)) && new.percent.is_some()
    {
        return Err(Problem::invalid("percent", "a percentage needs it, a fixed amount has none"));
    }
    let scope = Scope { include: new.include, exclude: new.exclude };
    let named = [&scope.include, &scope.exclude];
    if named.iter().any(|it| it.products.len() + it.categories.len() > TARGETS_MAX) {
        return Err(Problem::invalid("include", format!("must name at most {TARGETS_MAX}")));
    }
    if new.valid_from.zip(new.valid_until).is_some_and(|(from, until)| from >= until) {
        return Err(Problem::invalid("valid_until", "must be later than valid_from"));
    }
    Ok(Promotion {
        currency: currency(&[
            ("amount", new.amount),
            ("min_items", new.min_items),
            ("budget", new.budget),
        ])?,
        code: new.code,
        name,
        automatic: new.automatic,
        kind,
        percent_bp: new.percent.map_or(Ok(WHOLE_BP), percent_bp)?,
        min_items_minor: new.min_items.map_or(0, Money::minor),
        min_quantity: within("min_quantity", new.min_quantity, 1, UNITS_MAX)?.unwrap_or(0),
        scope,
        class,
        priority: new.priority,
        valid_from: new.valid_from,
        valid_until: new.valid_until,
        uses: 0,
        uses_max: within("uses_max", new.uses_max, 1, USES_MAX)?.unwrap_or(USES_MAX),
        per_customer_max: within("per_customer_max", new.per_customer_max, 1, USES_MAX)?,
        spent_minor: 0,
        budget_minor: new.budget.map_or(NO_BUDGET, Money::minor),
        active: true,
        customer_group: new.customer_group,
    })
}

/// The one currency of sums that are positive.
fn currency(sums: &[(&str, Option<Money>)]) -> Result<Option<Currency>, Problem> {
    let mut found = None;
    for (field, sum) in sums.iter().filter_map(|(field, sum)| Some((*field, (*sum)?))) {
        if !(1..NO_BUDGET).contains(&sum.minor()) {
            return Err(Problem::invalid(field, "must be more than nothing"));
        }
        if *found.get_or_insert(sum.currency()) != sum.currency() {
            return Err(Problem::invalid(field, "must be in the currency of the other sums"));
        }
    }
    Ok(found)
}

fn percent_bp(percent: Decimal) -> Result<i64, Problem> {
    let refused = || Problem::invalid("percent", "must be 0.01 to 100, with two decimals");
    let hundredths = percent.checked_mul(Decimal::ONE_HUNDRED).ok_or_else(refused)?.normalize();
    let percent_bp = hundredths.to_i64().filter(|_| hundredths.scale() == 0);
    percent_bp.filter(|bp| (1..=WHOLE_BP).contains(bp)).ok_or_else(refused)
}
