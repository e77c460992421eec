//! What no registration or request in good faith exceeds. Whatever is kept is bounded in number and in length, so that
//! nobody can fill the memory of an installation with what they may post.

use std::collections::BTreeMap;

use model::{AccessPackage, Right};

use crate::http::problem::ApiError;

/// The longest list.
pub const MAX_LIST: usize = 1_000;
/// The most attributes that name one resource.
pub const MAX_ATTRIBUTES: usize = 20;
/// The longest id, URN, action or name of anything, in characters.
pub const MAX_NAME: usize = 255;
/// The longest text in one language, in characters.
const MAX_TEXT: usize = 2_000;
/// In how many languages a text can be.
const MAX_LANGUAGES: usize = 20;
/// The longest URL, in characters.
const MAX_URL: usize = 2_000;

fn too_long(member: &str, most: usize) -> ApiError {
    ApiError::member(member, format!("A text in {member} has more than {most} characters."))
}

fn is_longer(text: &str, most: usize) -> bool {
    text.len() > most && text.chars().count() > most
}

/// Checks how many entries a list has.
pub fn check_length(member: &str, length: usize) -> Result<(), ApiError> {
    if length > MAX_LIST {
        return Err(ApiError::member(member, format!("The list has more than {MAX_LIST} entries.")));
    }
    Ok(())
}

/// Checks that ids and the like are no longer than anybody needs.
pub fn check_names<'a>(member: &str, names: impl IntoIterator<Item = &'a str>) -> Result<(), ApiError> {
    let found = names.into_iter().any(|name| is_longer(name, MAX_NAME));
    if found { Err(too_long(member, MAX_NAME)) } else { Ok(()) }
}

/// Checks a text in several languages.
pub fn check_texts(member: &str, texts: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if texts.len() > MAX_LANGUAGES {
        return Err(ApiError::member(member, format!("A text is in at most {MAX_LANGUAGES} languages.")));
    }
    check_names(member, texts.keys().map(String::as_str))?;
    if texts.values().any(|text| is_longer(text, MAX_TEXT)) { Err(too_long(member, MAX_TEXT)) } else { Ok(()) }
}

/// Checks a URL.
pub fn check_url(member: &str, url: &str) -> Result<(), ApiError> {
    if is_longer(url, MAX_URL) { Err(too_long(member, MAX_URL)) } else { Ok(()) }
}

/// Checks rights: how many there are, and how long what they name is. What they name is looked at by others.
pub fn check_rights(member: &str, rights: &[Right]) -> Result<(), ApiError> {
    check_length(member, rights.len())?;
    if rights.iter().any(|right| right.resource.len() > MAX_ATTRIBUTES) {
        return Err(ApiError::member(member, format!("A right names at most {MAX_ATTRIBUTES} resources.")));
    }
    check_names(member, rights.iter().filter_map(|right| right.action.as_deref()))?;
    let parts = rights.iter().flat_map(|right| &right.resource);
    check_names(member, parts.flat_map(|part| [part.id.as_str(), part.value.as_str()]))
}

/// Checks access packages likewise.
pub fn check_packages(member: &str, packages: &[AccessPackage]) -> Result<(), ApiError> {
    check_length(member, packages.len())?;
    check_names(member, packages.iter().map(|package| &*package.urn))
}

#[cfg(test)]
mod tests {
    use model::ResourceAttribute;

    use super::*;

    #[test]
    fn what_is_kept_is_bounded() {
        let long = "æ".repeat(256);
        let part = |id: &str, value: &str| ResourceAttribute { id: id.into(), value: value.into() };
        let right = |action: Option<&str>, parts: Vec<ResourceAttribute>| Right {
            action: action.map(str::to_owned),
            resource: parts,
        };
        assert!(check_rights("rights", &[right(Some("read"), vec![part("id", &"æ".repeat(255))])]).is_ok());
        for bad in [
            right(Some(&long), vec![part("id", "x")]),
            right(None, vec![part(&long, "x")]),
            right(None, vec![part("id", &long)]),
            right(None, vec![part("id", "x"); 21]),
        ] {
            assert!(check_rights("rights", std::slice::from_ref(&bad)).is_err(), "{bad:?}");
        }
        assert!(check_rights("rights", &vec![right(None, vec![]); 1_001]).is_err());
        assert!(check_packages("accessPackages", &[AccessPackage { urn: long.clone() }]).is_err());
        let texts = |text: String| BTreeMap::from([("nb".to_owned(), text)]);
        assert!(check_texts("name", &texts("x".repeat(2_000))).is_ok());
        assert!(check_texts("name", &texts("x".repeat(2_001))).is_err());
        assert!(check_texts("name", &(0..21).map(|n| (n.to_string(), String::new())).collect()).is_err());
        assert!(check_url("redirectUrl", &"x".repeat(2_001)).is_err());
    }
}
