//! Query strings as handlers read them. What is read has one meaning: written down once more it is
//! read the same, and no value holds what a database cuts a text at.
#![no_main]

use kernel::page::PageQuery;
use libfuzzer_sys::fuzz_target;
use platform::http::from_query;

fuzz_target!(|raw: &str| {
    type Pairs = Vec<(String, String)>;
    if let Ok(pairs) = from_query::<Pairs>(raw) {
        assert!(pairs.iter().all(|(_, value)| !value.contains('\0')), "{pairs:?}");
        let written = written(&pairs);
        assert_eq!(from_query::<Pairs>(&written).expect("what was written"), pairs);
    }
    match from_query::<PageQuery>(raw) {
        Ok(page) => {
            let mut pairs = Vec::new();
            pairs.extend(page.limit.map(|limit| ("limit".to_owned(), limit.to_string())));
            pairs.extend(page.cursor.clone().map(|cursor| ("cursor".to_owned(), cursor)));
            assert_eq!(from_query::<PageQuery>(&written(&pairs)).expect("what was read"), page);
        }
        Err(problem) => assert_eq!((problem.status, problem.errors.len()), (422, 1)),
    }
});

fn written(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}
