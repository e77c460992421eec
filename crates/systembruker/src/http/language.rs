//! The language that an API's texts are asked for in.

use http::HeaderMap;
use http::header::ACCEPT_LANGUAGE;

/// `nb`, `nn` or `en`: the first of them that `Accept-Language` names, in its order; bokmål without one.
pub fn language(headers: &HeaderMap) -> &'static str {
    let given = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let tags = given.split(',').map(|tag| tag.split([';', '-', '_']).next().unwrap_or_default().trim());
    let known = |tag: &str| match tag.to_ascii_lowercase().as_str() {
        "nb" | "no" | "nob" => Some("nb"),
        "nn" | "nno" => Some("nn"),
        "en" | "eng" => Some("en"),
        _ => None,
    };
    tags.into_iter().find_map(known).unwrap_or("nb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_language_counts() {
        for (given, expected) in
            [("", "nb"), ("de, en-GB;q=0.8", "en"), ("nn-NO", "nn"), ("no", "nb"), ("eng", "en"), ("de", "nb")]
        {
            let headers = HeaderMap::from_iter([(ACCEPT_LANGUAGE, given.parse().unwrap())]);
            assert_eq!(language(&headers), expected, "{given}");
        }
    }
}
