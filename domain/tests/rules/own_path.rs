//! Where somebody may be sent: to a page of this server, however the address is written.

use domain::own_path::own_path;
use proptest::prelude::*;
use url::Url;

#[test]
fn a_page_of_ours_is_one() {
    for next in
        ["/", "/projects", "/projects?status=ACTIVE&search=a%20b", "/a//b", "/a?next=//b", "/#main", "/@a", "/:80"]
    {
        assert_eq!(own_path(next), Some(next));
    }
}

#[test]
fn whatever_could_lead_elsewhere_is_not() {
    let elsewhere = [
        "",
        " ",
        "projects",
        "//",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "/\\evil.example",
        "/\\/evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        " /projects",
        "/\u{0}/evil.example",
        "/a\r\nSet-Cookie: a=b",
        "/\u{ff0f}evil.example",
        "/a\\..\\b",
        "https://evil.example",
        "https:evil.example",
        "http:/evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:a@b",
        "?next=/",
        "#a",
        "./a",
        "../a",
        "evil.example",
        "@evil.example",
        "/ü",
    ];
    for next in elsewhere {
        assert_eq!(own_path(next), None, "{next:?}");
    }
    assert_eq!(own_path(&format!("/{}", "a".repeat(2_048))), None);
}

proptest! {
    #[test]
    fn what_is_let_through_stays_on_this_server(next in "[/\\\\a-z:@.?#%\t\n ]{0,12}|/[/\\\\\t]{0,3}[a-z.:@/\\\\]{0,10}") {
        if let Some(path) = own_path(&next) {
            let here = Url::parse("https://cron.example.com/sign-in").unwrap();
            prop_assert_eq!(here.join(path).unwrap().origin(), here.origin());
        }
    }
}
