//! The firewall on JSON bodies. How a body is set makes no difference, and every text in it is read,
//! however deep it stands and whatever stands beside it.
#![no_main]

use firewall::{Firewall, Settings, Verdict};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use stoa_fuzz::verdict::judged;

const PATH: &str = "/v1/orders";

fuzz_target!(|body: &[u8]| {
    let verdict = judged(|firewall| firewall.inspect_json(PATH, body));
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };

    let spaced = [b" \n\t", body, b"\r\n "].concat();
    assert_eq!(judged(|firewall| firewall.inspect_json(PATH, &spaced)), verdict);
    let set = serde_json::to_vec_pretty(&value).expect("JSON");
    let set = judged(|firewall| firewall.inspect_json(PATH, &set));
    // Of a name that comes twice, the tree has one.
    assert!(enough(&verdict) >= enough(&set), "{verdict:?} {set:?}");

    let deeper = json!([{"lines": [1, value]}, "plain"]);
    let inspect = |firewall: &Firewall, value: &Value| {
        firewall.inspect_json(PATH, &serde_json::to_vec(value).expect("JSON"))
    };
    let deeper = judged(|firewall| inspect(firewall, &deeper));
    assert!(enough(&deeper) >= enough(&set), "what stands deeper is not seen: {deeper:?} {set:?}");
});

/// The score up to what is refused: reading ends where a body is too deep, which is refused too.
fn enough(verdict: &Verdict) -> u16 {
    verdict.score.min(Settings::default().threshold)
}
