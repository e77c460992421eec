//! Lists in pages, as the platform's APIs give them: `links.next` is the whole address of the next page, with a token
//! that only we read.
//!
//! What is listed has a number that grows in the order of being made and never changes, and a page is what comes after a
//! number. So nothing is lost or given twice while others add and remove.

use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::faces::{Face, Faces};
use super::problem::ApiError;

/// A page of a list. Members are written in this order, which clients in use rely on.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    links: Links,
    data: Vec<T>,
}

/// Where to go on.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Links {
    /// The address of the next page; not there on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// The token of `links.next`; none for the first page.
    token: Option<String>,
}

impl PageQuery {
    /// The number that the page comes after.
    pub fn after(&self) -> Result<i64, ApiError> {
        let Some(token) = self.token.as_deref().filter(|token| !token.is_empty()) else { return Ok(0) };
        let bytes = URL_SAFE_NO_PAD.decode(token).ok();
        let number = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        number.ok_or_else(|| ApiError::member("token", "This is not the token of a page. Follow links.next as it is."))
    }
}

/// The address of the page after a number, of the list at `uri`.
pub fn next_page(faces: &Faces, uri: &Uri, after: i64) -> String {
    let path = uri.path().trim_start_matches('/');
    format!("{}?token={}", faces.join(Face::Platform, path), URL_SAFE_NO_PAD.encode(after.to_string()))
}

impl<T> Page<T> {
    /// A page of at most `size`, of rows of which one more was looked for.
    pub fn new<R>(
        faces: &Faces,
        uri: &Uri,
        size: u16,
        mut rows: Vec<(i64, R)>,
        entry: impl FnMut(R) -> Option<T>,
    ) -> Self {
        let is_last = rows.len() <= usize::from(size);
        rows.truncate(size.into());
        let last = rows.last().map(|(number, _)| *number).filter(|_| !is_last);
        let next = last.map(|number| next_page(faces, uri, number));
        Self { links: Links { next }, data: rows.into_iter().map(|(_, row)| row).filter_map(entry).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_a_number_and_back() {
        let after = |token: &str| PageQuery { token: Some(token.to_owned()) }.after();
        assert_eq!(after("MTA0").unwrap(), 104);
        assert_eq!(after("").unwrap(), 0);
        assert!(after("x").is_err() && after("e30").is_err() && after("MTA0=").is_err());
        let faces = Faces::new("127.0.0.1:1".parse().unwrap(), &[]).unwrap();
        let page: Page<i64> =
            Page::new(&faces, &"/a/b%20c?token=x".parse().unwrap(), 2, vec![(1, 1), (5, 5), (9, 9)], Some);
        assert_eq!(page.data, [1, 5]);
        assert_eq!(page.links.next.as_deref(), Some("http://127.0.0.1:1/a/b%20c?token=NQ"));
        let page: Page<i64> = Page::new(&faces, &"/a".parse().unwrap(), 2, vec![(1, 1), (5, 5)], Some);
        assert_eq!(page.links.next, None);
    }
}
