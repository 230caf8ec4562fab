//! The firewall on forms. The order of fields makes no difference, and a text is judged in a form as
//! it is in JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stoa_fuzz::verdict::judged;

const PATH: &str = "/v1/orders";

fuzz_target!(|data: &[u8]| {
    let pairs: Vec<(String, String)> = form_urlencoded::parse(data).into_owned().collect();
    let form = |pairs: &[(String, String)]| {
        judged(|firewall| {
            firewall.inspect_form(PATH, pairs.iter().map(|(name, value)| (name, value)))
        })
    };
    let verdict = form(&pairs);
    let turned: Vec<_> = pairs.iter().rev().cloned().collect();
    assert_eq!(form(&turned).score, verdict.score, "the order counts: {pairs:?}");

    let each = pairs.iter().map(|pair| form(std::slice::from_ref(pair)).score);
    assert_eq!(each.max().unwrap_or_default(), verdict.score, "{pairs:?}");
    for (name, value) in &pairs {
        let body = serde_json::to_vec(&json!({name: value})).expect("JSON");
        let json = judged(|firewall| firewall.inspect_json(PATH, &body));
        let form = form(&[(name.clone(), value.clone())]);
        assert_eq!(json.score, form.score, "{name:?} {value:?}");
    }
});
