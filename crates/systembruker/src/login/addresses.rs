//! Where browsers are sent: to log in, and from there on to a page of ours.

use http::HeaderMap;
use http::header::REFERER;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use url::{Position, Url};

/// A page of ours, by path and query. Anything that a browser could take for another site becomes the front page.
pub fn own_page(goto: Option<&str>) -> String {
    const FRONT: &str = "/";
    let Some(goto) = goto else { return FRONT.into() };
    let plain = goto.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let relative = goto.starts_with('/') && !goto.starts_with("//");
    // Resolved like a browser does, it must still be on the site it was on.
    let base = url::Url::parse("https://portal.invalid/").ok();
    let resolved = base.and_then(|base| base.join(goto).ok());
    let stays = resolved.is_some_and(|url| url.origin().ascii_serialization() == "https://portal.invalid");
    if plain && relative && stays && goto.len() <= 2_000 { goto.to_owned() } else { FRONT.into() }
}

/// Where to log in, to come to a page of ours.
pub fn login_at(path: &str) -> String {
    format!("/login?goto={}", utf8_percent_encode(path, NON_ALPHANUMERIC))
}

/// Where to log in at a higher level, to come to a page of ours.
pub fn higher_login_at(path: &str) -> String {
    format!("{}&level=4", login_at(path))
}

/// The page on which the form of an address is; the page itself, where it takes no forms of others.
pub fn page_with_form(path: &str) -> &str {
    const ENDS: [&str; 7] =
        ["/forward/remind", "/forward/take-back", "/approve", "/reject", "/forward", "/name", "/own"];
    match path {
        "/logout" | "/language" => "/",
        _ => ENDS.into_iter().find_map(|end| path.strip_suffix(end)).unwrap_or(path),
    }
}

/// The page that a form was posted from, by what the browser says; the front page where it does not. What was refused was
/// shown at the address that takes the form.
pub fn page_of_form(headers: &HeaderMap) -> String {
    let referrer = headers.get(REFERER).and_then(|value| value.to_str().ok()).and_then(|text| Url::parse(text).ok());
    let path = referrer.map(|url| url[Position::BeforePath..Position::AfterQuery].to_owned());
    own_page(path.as_deref().map(page_with_form))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_pages_of_ours_are_gone_on_to() {
        for own in ["/", "/org/310904473/system-access?q=%C3%A6", "/a/../b"] {
            assert_eq!(own_page(Some(own)), own);
        }
        for foreign in [
            "https://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "evil",
            "",
            "/\t/evil.example",
            "/%0d%0aSet-Cookie: a\r\n",
            " //evil.example",
        ] {
            assert_eq!(own_page(Some(foreign)), "/", "{foreign:?}");
        }
        assert_eq!(own_page(None), "/");
    }

    proptest! {
        #[test]
        fn what_is_gone_on_to_stays_on_the_site(goto in "[/\\\\a-z:.@\\t ?#%]{0,12}") {
            let base = url::Url::parse("https://portal.example/x").unwrap();
            let resolved = base.join(&own_page(Some(&goto))).unwrap();
            prop_assert_eq!(resolved.host_str(), Some("portal.example"));
        }
    }
}
