use fraud::Countries;

/// What is no database, or the head of one, is refused and does not crash.
#[test]
fn what_is_no_database_is_refused() {
    let marker = b"\xab\xcd\xefMaxMind.com";
    let folder = platform::testing::folder();
    let texts: [&[u8]; 5] = [
        b"",
        b"not a database",
        marker,
        &[marker.as_slice(), &[0xe1; 40]].concat(),
        &[&[0; 64], marker.as_slice(), b"\xe2\x4anode_count\xc4\xff\xff\xff\xff"].concat(),
    ];
    for (number, text) in texts.iter().enumerate() {
        let file = folder.join(format!("{number}.mmdb"));
        std::fs::write(&file, text).unwrap();
        let opened = Countries::open(&file);
        assert!(opened.is_err(), "{number}");
    }
    assert!(Countries::open(&folder.join("missing.mmdb")).is_err());
}
