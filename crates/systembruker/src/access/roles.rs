//! Which roles follow from the roles that the register of legal entities gives.
//!
//! The register says who is general manager (DAGL) or chair (LEDE). Policies also name roles that follow from those,
//! such as ADMAI, who administers access. The table is Altinn's role map as its access management publishes it.

use std::collections::BTreeSet;

use model::Organisation;
use uuid::Uuid;

use crate::read_model::Parties;

/// Holding one of the roles to the right gives the role to the left. `HADM-i` is the role of main administrator that
/// is given in the portal, not by the register.
const DERIVED: &[(&str, &[&str])] = &[
    ("A0212", &["BEST", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KOMP", "LEDE", "PRIV", "REPR", "SAM"]),
    (
        "A0236",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KEMN", "KOMK", "KOMP", "LEDE", "PRIV", "REPR",
            "SAM",
        ],
    ),
    ("A0237", &["REVI"]),
    ("A0238", &["REVI"]),
    ("A0239", &["REGN"]),
    ("A0240", &["REGN"]),
    ("A0241", &["REGN"]),
    (
        "A0278",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KEMN", "KOMK", "KOMP", "KONT", "LEDE",
            "NEST", "PRIV", "REPR", "SAM",
        ],
    ),
    ("A0282", &["PRIV"]),
    ("A0286", &["HADM-i"]),
    ("A0293", &["DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "REPR"]),
    ("A0294", &["DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "REPR"]),
    ("A0298", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KOMK", "KOMP", "LEDE", "REPR", "SAM"]),
    (
        "ADMAI",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "INNH", "KEMN", "KNUF", "KOMK", "KOMP", "LEDE", "PRIV",
            "REPR", "SAM", "SREVA",
        ],
    ),
    ("APIADM", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "INNH", "KEMN", "KOMP", "LEDE", "REPR"]),
    ("APIADMNUF", &["KNUF"]),
    (
        "ATTST",
        &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KOMK", "KOMP", "LEDE", "MVAG", "REPR", "SAM"],
    ),
    ("BOADM", &["PRIV"]),
    ("BOBEL", &["BOBE"]),
    ("BOBES", &["BOBE"]),
    ("DAGL", &["HADM-i"]),
    ("HADM", &["BEST", "DAGL", "DTPR", "DTSO", "INNH", "LEDE"]),
    ("HVASK", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KOMP", "LEDE", "REPR"]),
    ("KLADM", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "INNH", "KOMP", "LEDE", "REPR", "SREVA"]),
    (
        "KOMAB",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KEMN", "KOMK", "KOMP", "KONT", "LEDE",
            "NEST", "PRIV", "REPR", "SAM",
        ],
    ),
    (
        "LOPER",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KOMK", "KOMP", "KONT", "LEDE", "MVAG",
            "NEST", "PRIV", "REPR", "SAM",
        ],
    ),
    ("PASIG", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KEMN", "KNUF", "KOMP", "LEDE", "REPR"]),
    ("PAVAD", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KOMP", "LEDE", "PRIV", "REPR"]),
    ("PRIUT", &["PRIV"]),
    (
        "REGNA",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KOMK", "KOMP", "KONT", "LEDE", "MEDL",
            "MVAG", "MVAU", "NEST", "PRIV", "REPR", "SAM",
        ],
    ),
    ("SIGNE", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "KOMP", "LEDE", "REPR"]),
    (
        "SISKD",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KOMK", "KOMP", "LEDE", "MVAG", "PRIV",
            "REPR", "SAM",
        ],
    ),
    (
        "UIHTL",
        &[
            "BEST", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KEMN", "KOMK", "KOMP", "KONT", "LEDE", "REPR",
            "SAM",
        ],
    ),
    ("UILUF", &["BEST", "BOBE", "DAGL", "DTPR", "DTSO", "HADM-i", "INNH", "LEDE", "PRIV", "REPR"]),
    (
        "UTINN",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KEMN", "KOMK", "KOMP", "KONT", "LEDE",
            "MEDL", "NEST", "PRIV", "REPR", "SAM",
        ],
    ),
    (
        "UTOMR",
        &[
            "BEST", "BOBE", "DAGL", "DTPR", "DTSO", "FFØR", "HADM-i", "INNH", "KOMK", "KOMP", "LEDE", "MEDL", "NEST",
            "PRIV", "REPR", "SAM",
        ],
    ),
];

/// Whether what holds for the main unit holds for its sub-units of this type too. An organisation that is part of
/// another (ORGL) is its own master.
fn inherits(unit_type: &str) -> bool {
    matches!(unit_type, "BEDR" | "AAFY")
}

/// The organisation and, for a sub-unit, the main unit whose roles and delegations hold for it too.
pub fn lineage(parties: &Parties, organisation: &Organisation) -> Vec<Uuid> {
    let parent = organisation.parent.filter(|_| inherits(&organisation.unit_type));
    let parent = parent.filter(|parent| parties.organisation(*parent).is_some());
    std::iter::once(organisation.party_uuid).chain(parent).collect()
}

/// Every role that `holder` has in `organisation`: the register's, those of its main unit, and what follows from them.
pub fn effective_roles(parties: &Parties, holder: Uuid, organisation: &Organisation) -> BTreeSet<String> {
    let mut roles: BTreeSet<String> = lineage(parties, organisation)
        .into_iter()
        .flat_map(|unit| parties.roles(holder, unit))
        .map(|role| role.to_uppercase())
        .collect();
    // A derived role can be the source of another.
    loop {
        let found: Vec<_> = DERIVED
            .iter()
            .filter(|(derived, from)| !roles.contains(*derived) && from.iter().any(|role| roles.contains(*role)))
            .map(|(derived, _)| (*derived).to_owned())
            .collect();
        if found.is_empty() {
            return roles;
        }
        roles.extend(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_derived_role_stands_once_and_comes_from_something() {
        let names: BTreeSet<_> = DERIVED.iter().map(|(derived, _)| derived).collect();
        assert_eq!(names.len(), DERIVED.len());
        assert!(DERIVED.iter().all(|(_, from)| !from.is_empty()));
    }
}
