//! What a system may be given: single rights and access packages.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

/// The attribute that names a resource of the resource registry.
pub const RESOURCE_ATTRIBUTE: &str = "urn:altinn:resource";

/// One attribute that points out a resource: `{"id":"urn:altinn:resource","value":"ske-krav-og-betalinger"}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceAttribute {
    /// The kind of attribute; the system register accepts only [`RESOURCE_ATTRIBUTE`].
    pub id: String,
    /// The resource's id.
    pub value: String,
}

/// A single right, as systems register it and requests ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Right {
    /// Kept and returned, but not compared: a right is for the whole resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// The resource, as one attribute.
    pub resource: Vec<ResourceAttribute>,
}

impl Right {
    /// The right to the resource with this id.
    pub fn to_resource(id: &str) -> Self {
        let attribute = ResourceAttribute { id: RESOURCE_ATTRIBUTE.into(), value: id.into() };
        Self { action: None, resource: vec![attribute] }
    }

    /// The ids of the resources it names.
    pub fn resource_ids(&self) -> impl Iterator<Item = &str> {
        self.resource.iter().filter(|attribute| attribute.id == RESOURCE_ATTRIBUTE).map(|attribute| &*attribute.value)
    }

    /// What points out the resource: the attributes in some order, whatever the action.
    fn named(&self) -> Vec<&ResourceAttribute> {
        let mut attributes: Vec<_> = self.resource.iter().collect();
        attributes.sort_unstable();
        attributes
    }
}

/// An access package by its URN: `urn:altinn:accesspackage:krav-og-utlegg`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AccessPackage {
    /// The URN.
    pub urn: String,
}

impl AccessPackage {
    /// What the URN of every package begins with.
    pub const URN: &str = "urn:altinn:accesspackage:";

    /// The package's code, as policies name it: `krav-og-utlegg`.
    pub fn code(&self) -> &str {
        self.urn.strip_prefix(Self::URN).unwrap_or(&self.urn)
    }
}

/// What was delegated to a system user: one action on one resource for the system user's own organisation.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DelegatedRight {
    /// The resource's id.
    pub resource: String,
    /// The action, as the resource's policy names it.
    pub action: String,
}

/// Whether everything that is asked for is among what the system has registered.
pub fn rights_within(asked: &[Right], registered: &[Right]) -> bool {
    let known: HashSet<_> = registered.iter().map(Right::named).collect();
    asked.iter().all(|right| !right.resource.is_empty() && known.contains(&right.named()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn right(values: &[&str]) -> Right {
        let attribute = |value: &&str| ResourceAttribute { id: RESOURCE_ATTRIBUTE.into(), value: (*value).into() };
        Right { action: None, resource: values.iter().map(attribute).collect() }
    }

    #[test]
    fn a_right_of_several_attributes_is_asked_for_in_full() {
        let registered = [right(&["a", "b"])];
        assert!(rights_within(&[right(&["b", "a"])], &registered));
        assert!(!rights_within(&[right(&["a"])], &registered));
        assert!(!rights_within(&[right(&["a", "a"])], &registered));
    }

    #[test]
    fn a_right_without_resource_is_never_within() {
        assert!(!rights_within(&[right(&[])], &[right(&[])]));
    }

    proptest! {
        #[test]
        fn any_selection_of_the_registered_rights_is_within(
            registered in prop::collection::vec("[a-d]{1,2}", 1..6),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let registered: Vec<_> = registered.iter().map(|id| Right::to_resource(id)).collect();
            let asked: Vec<_> = picks.iter().map(|pick| pick.get(&registered).clone()).collect();
            prop_assert!(rights_within(&asked, &registered));
        }

        #[test]
        fn nothing_outside_the_registered_rights_is_within(
            registered in prop::collection::vec("[a-d]{1,2}", 0..6),
            stranger in "[e-h]{1,3}",
        ) {
            let registered: Vec<_> = registered.iter().map(|id| Right::to_resource(id)).collect();
            prop_assert!(!rights_within(&[Right::to_resource(&stranger)], &registered));
        }
    }
}
