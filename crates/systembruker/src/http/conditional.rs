//! Conditional requests (RFC 9110 §13): only if nobody has changed it meanwhile, only if it is new to me.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;

use super::problem::ApiError;

/// The version of a thing, as `ETag` and `Last-Modified` tell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    /// Grows with every change.
    pub number: i64,
    /// When it was changed last.
    pub at: Timestamp,
}

impl Version {
    /// The entity tag: weak, since one version has several representations.
    pub fn tag(self) -> String {
        use base64::Engine as _;
        let opaque = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.number.to_string());
        format!("W/\"{opaque}\"")
    }

    /// The headers that tell it.
    pub fn headers(self) -> HeaderMap {
        let time = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&self.at);
        let values = [
            (ETAG, HeaderValue::from_str(&self.tag()).ok()),
            (LAST_MODIFIED, time.ok().and_then(|time| HeaderValue::from_str(&time).ok())),
        ];
        values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// The entity tags of a header; `None` where it is not there.
#[derive(Debug, PartialEq, Eq)]
enum Tags {
    Any,
    These(Vec<String>),
}

fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, ApiError> {
    let bad = || ApiError::member(name.as_str(), "The header is not a list of entity tags, or *.".to_owned());
    let mut found = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let value = value.to_str().map_err(|_| bad())?.trim();
        if value == "*" {
            return Ok(Some(Tags::Any));
        }
        for tag in value.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let is_quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
            if !is_quoted {
                return Err(bad());
            }
            found.push(format!("W/{opaque}"));
        }
    }
    Ok(is_there.then_some(Tags::These(found)))
}

impl Tags {
    fn name(&self, version: Option<Version>) -> bool {
        match (self, version) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::These(tags), Some(version)) => tags.contains(&version.tag()),
        }
    }
}

/// Whether a reader has this version already, which is then not sent again.
pub fn is_known(headers: &HeaderMap, version: Version) -> Result<bool, ApiError> {
    check_match(headers, Some(version))?;
    Ok(tags(headers, &IF_NONE_MATCH)?.is_some_and(|tags| tags.name(Some(version))))
}

/// Refuses a change that was meant for another version, or only for what is not there.
pub fn check_change(headers: &HeaderMap, version: Option<Version>) -> Result<(), ApiError> {
    check_match(headers, version)?;
    let exists = tags(headers, &IF_NONE_MATCH)?.is_some_and(|tags| tags.name(version));
    if exists { Err(failed()) } else { Ok(()) }
}

fn check_match(headers: &HeaderMap, version: Option<Version>) -> Result<(), ApiError> {
    let matches = tags(headers, &IF_MATCH)?.is_none_or(|tags| tags.name(version));
    if matches { Ok(()) } else { Err(failed()) }
}

fn failed() -> ApiError {
    ApiError::Bare(StatusCode::PRECONDITION_FAILED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn conditions_are_about_the_version() {
        let version = Version { number: 7, at: Timestamp::UNIX_EPOCH };
        let tag = version.tag();
        let headers = version.headers();
        assert_eq!(headers[ETAG], "W/\"Nw\"");
        assert_eq!(headers[LAST_MODIFIED], "Thu, 01 Jan 1970 00:00:00 GMT");
        let change = |headers: &HeaderMap, version| check_change(headers, version).is_ok();
        assert!(change(&HeaderMap::new(), None) && change(&HeaderMap::new(), Some(version)));
        assert!(change(&with(IF_MATCH, &format!("\"x\", {tag}")), Some(version)));
        assert!(change(&with(IF_MATCH, "\"Nw\""), Some(version)));
        assert!(!change(&with(IF_MATCH, "W/\"other\""), Some(version)));
        assert!(!change(&with(IF_MATCH, "*"), None) && change(&with(IF_MATCH, "*"), Some(version)));
        assert!(change(&with(IF_NONE_MATCH, "*"), None) && !change(&with(IF_NONE_MATCH, "*"), Some(version)));
        assert!(!change(&with(IF_MATCH, "Nw"), Some(version)));
        assert!(is_known(&with(IF_NONE_MATCH, &tag), version).unwrap());
        assert!(!is_known(&with(IF_NONE_MATCH, "W/\"other\""), version).unwrap());
        assert!(is_known(&with(IF_MATCH, "W/\"other\""), version).is_err());
    }
}
