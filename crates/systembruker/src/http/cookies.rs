//! The cookies that pages give to browsers.

use cookie::{Cookie, SameSite};
use http::HeaderMap;
use http::header::COOKIE;

use crate::app::App;

/// The name of a cookie: bound to the host and to encryption, where there is encryption.
pub fn cookie_name(name: &str, app: &App) -> String {
    if app.faces.portal_is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// A cookie that scripts do not see and other sites do not send along with forms. It ends with the browser.
pub fn cookie(name: &str, value: String, app: &App) -> Cookie<'static> {
    Cookie::build((name.to_owned(), value))
        .path("/")
        .http_only(true)
        .secure(app.faces.portal_is_https())
        .same_site(SameSite::Lax)
        .build()
}

/// Takes a cookie from the browser.
pub fn removal(name: &str, app: &App) -> Cookie<'static> {
    let mut cookie = cookie(name, String::new(), app);
    cookie.make_removal();
    cookie
}

/// All cookies. Those of others on the same host may hold anything, and must not hide ours.
fn all(headers: &HeaderMap) -> impl Iterator<Item = Cookie<'_>> {
    let all = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
    all.flat_map(Cookie::split_parse).filter_map(Result::ok)
}

/// The value of a cookie.
pub fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    all(headers).find(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
}

/// The names of the browser's cookies that begin so.
pub fn names(headers: &HeaderMap, prefix: &str) -> Vec<String> {
    all(headers).map(|cookie| cookie.name().to_owned()).filter(|name| name.starts_with(prefix)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_of_another_hides_none_of_ours() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, http::HeaderValue::from_bytes("navn=Bj\u{f8}rn; session=a".as_bytes()).unwrap());
        headers.append(COOKIE, http::HeaderValue::from_bytes(b"x=\xff\xfe; ; =; login-1=b; login-2=").unwrap());
        assert_eq!(read_cookie(&headers, "session").as_deref(), Some("a"));
        assert_eq!(names(&headers, "login-"), ["login-1", "login-2"]);
        assert_eq!(read_cookie(&headers, "other"), None);
    }
}
