//! What names and searches may contain, and how text from right to left is shown.

use domain::account::parse_email;
use domain::text::{composed, isolated, parse_name, parse_search};

#[test]
fn a_name_is_stored_composed_and_without_surrounding_space() {
    for (sent, stored) in [
        ("Cafe\u{301}", "Café"),
        ("U\u{308}bersicht", "Übersicht"),
        ("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}", "한국"),
        ("\u{212b}ngström", "Ångström"),
        ("\u{2003}Nightly\u{a0}", "Nightly"),
        ("ﬁle ①", "ﬁle ①"),
        ("می\u{200c}خواهم", "می\u{200c}خواهم"),
        ("👩\u{200d}💻 deploy", "👩\u{200d}💻 deploy"),
        ("❤\u{fe0f}", "❤\u{fe0f}"),
        (
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        ),
        ("גיבוי לילי", "גיבוי לילי"),
        ("نسخ!\u{200f}", "نسخ!\u{200f}"),
        ("日次バックアップ", "日次バックアップ"),
        ("%", "%"),
    ] {
        assert_eq!(parse_name("name", sent).unwrap(), stored, "{sent:?}");
        assert_eq!(composed(stored), stored);
    }
    assert!(parse_name("name", &"e\u{301}".repeat(255)).is_ok(), "255 characters once they are composed");
}

#[test]
fn a_name_that_cannot_be_seen_or_turns_text_around_is_refused_by_its_character() {
    for (name, says) in [
        ("\u{200b}", "U+200B"),
        ("Back\u{200b}up", "U+200B"),
        ("\u{feff}Backup", "U+FEFF"),
        ("Back\u{ad}up", "U+00AD"),
        ("a\u{2060}b", "U+2060"),
        ("\u{3164}", "U+3164"),
        ("\u{ffa0}", "U+FFA0"),
        ("\u{2800}", "U+2800"),
        ("\u{180e}x", "U+180E"),
        ("a\u{e0001}b", "U+E0001"),
        ("a\u{202e}b", "U+202E"),
        ("a\u{202a}b", "U+202A"),
        ("a\u{2066}b", "U+2066"),
        ("a\u{2069}b", "U+2069"),
        ("\u{200d}", "visible"),
        ("\u{200e}\u{200f}", "visible"),
        ("\u{115f}\u{1160}", "visible"),
        ("\u{fe0f}", "visible"),
        ("a\u{2028}b", "control"),
        ("a\u{85}b", "control"),
        ("a\tb", "control"),
        ("\u{a0}", "1 to 255"),
    ] {
        let error = parse_name("form.name", name).unwrap_err();
        assert_eq!(error.field, "form.name");
        assert!(error.message.contains(says), "{name:?}: {}", error.message);
    }
}

#[test]
fn a_search_that_cannot_be_made_is_refused_and_only_an_absent_one_lists_everything() {
    assert_eq!(parse_search(None).unwrap(), None);
    assert_eq!(parse_search(Some("")).unwrap(), None);
    assert_eq!(parse_search(Some(" Cafe\u{301} ")).unwrap().as_deref(), Some("Café"));
    assert_eq!(parse_search(Some("%")).unwrap().as_deref(), Some("%"));
    for text in ["a\0b", "\0", " ", "\t", "\u{a0}", "\u{200b}", "\u{feff}", "a\nb", "\u{2028}", "\u{3164}"] {
        let refusal = parse_search(Some(text)).unwrap_err();
        assert_eq!(refusal.errors[0].field, "search", "{text:?}");
    }
}

#[test]
fn an_address_of_mail_is_composed_and_visible() {
    assert_eq!(parse_email("email", "rene\u{301}@example.com").unwrap(), "rené@example.com");
    for email in ["a\u{200b}@example.com", "a@exam\u{ad}ple.com", "\u{feff}a@example.com", "a\u{202e}@example.com"] {
        assert!(parse_email("email", email).is_err(), "{email:?}");
    }
}

#[test]
fn text_changes_no_direction_around_it() {
    for (text, shown) in [
        ("Backup", "Backup"),
        ("Café 日本 👩\u{200d}💻", "Café 日本 👩\u{200d}💻"),
        ("גיבוי", "\u{2068}גיבוי\u{2069}"),
        ("نسخ 7", "\u{2068}نسخ 7\u{2069}"),
        ("a\u{200f}b", "\u{2068}a\u{200f}b\u{2069}"),
        ("a\u{202e}b", "a\u{fffd}b"),
        ("\u{2069}\u{202d}x", "\u{fffd}\u{fffd}x"),
        ("א\u{2069}\u{202e}", "\u{2068}א\u{fffd}\u{fffd}\u{2069}"),
    ] {
        assert_eq!(isolated(text), shown, "{text:?}");
    }
}
