//! Areas, packages and roles: what there is, and what follows from holding a role.
//!
//! An *edition* of this metadata is a JSON document ([`Document`]). One with what Altinn publishes is built in; another
//! can be put in use while the service runs (`systembruker metadata import`), so that a new package needs no release.
//! [`Metadata`] is an edition that was checked and made ready: for each role of the register it knows the roles that
//! follow from it and the packages that it carries, as attributes that the decision point takes over as they are.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};

use model::AccessPackage;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;
use xacml::{Attribute, AttributeCategory, Value, category};

/// The attribute that holds a role's code, as the register and the role maps write it: `DAGL`.
pub const ROLE_CODE: &str = "urn:altinn:rolecode";
/// The attribute that holds the codes of access packages.
pub const ACCESS_PACKAGE: &str = "urn:altinn:accesspackage";
/// The role of one who was made main administrator, as the role maps write it.
pub(super) const MAIN_ADMINISTRATOR: &str = "HADM-I";
/// The package that makes its receiver main administrator.
pub const MAIN_ADMINISTRATOR_PACKAGE: &str = "hovedadministrator";
/// The role of a main administrator.
const MAIN_ADMINISTRATOR_ROLE: &str = "urn:altinn:role:hovedadministrator";
/// The most packages of an edition; and of roles as many.
const MAX_PACKAGES: usize = 2_000;

/// The edition that is built in.
const BUILT_IN: &str = include_str!("metadata.json");

/// A text in the languages that it is known in, bokmål always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    /// Bokmål.
    pub nb: String,
    /// Nynorsk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nn: Option<String>,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
}

impl Name {
    /// The text in a language, or in bokmål where it is not known in that one.
    pub fn get(&self, language: &str) -> &str {
        let translated = match language {
            "nn" => self.nn.as_ref(),
            "en" => self.en.as_ref(),
            _ => None,
        };
        translated.unwrap_or(&self.nb)
    }

    /// The text in each language that it is known in.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        [Some(&self.nb), self.nn.as_ref(), self.en.as_ref()].into_iter().flatten().map(String::as_str)
    }
}

/// A group of areas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The id.
    pub id: Uuid,
    /// What areas refer to.
    pub code: String,
    /// The name.
    pub name: Name,
    /// The type of party that its packages are for, one of the entity types.
    pub party_type: String,
}

/// An area of packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Area {
    /// The id.
    pub id: Uuid,
    /// Names it in URNs.
    pub code: String,
    /// The group's code.
    pub group: String,
    /// The name.
    pub name: Name,
}

/// A role that one party can hold for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// The id. Two roles that are published have the same, so that the URN is what names one.
    pub id: Uuid,
    /// The URN.
    pub urn: String,
    /// The last part of the URN.
    pub code: String,
    /// The register's code in small letters, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_code: Option<String>,
    /// Whether its holder also stands for the organisation towards others.
    pub key_role: bool,
    /// Whether it is given by parties rather than by a register.
    pub assignable: bool,
    /// Whether policies may name it.
    pub in_policies: bool,
    /// The name.
    pub name: Name,
}

impl Role {
    /// The code by which the register and the role maps know it, in capitals.
    pub fn register_code(&self) -> String {
        if self.urn == MAIN_ADMINISTRATOR_ROLE {
            return MAIN_ADMINISTRATOR.to_owned();
        }
        self.legacy_code.as_deref().unwrap_or(&self.code).to_uppercase()
    }
}

/// That a role follows from others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleMap {
    /// The register code of the role that follows.
    pub role: String,
    /// The register codes of those that it follows from.
    pub from: Vec<String>,
}

/// Who holds a package by role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The role's URN.
    pub role: String,
    /// Whether the holder may use the package.
    pub access: bool,
    /// Whether the holder may give it on.
    pub delegate: bool,
    /// The only kind of unit for which this is so, by its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// An access package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Package {
    /// The id.
    pub id: Uuid,
    /// The code.
    pub code: String,
    /// The URN, where it is not made of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urn: Option<String>,
    /// The area's id.
    pub area: Uuid,
    /// Whether it can be passed on as a whole.
    pub delegable: bool,
    /// Whether it can be given to somebody.
    pub assignable: bool,
    /// Whether policies may name it.
    pub in_policies: bool,
    /// Who holds it by role: the name of a set of holders.
    pub holders: String,
    /// The name.
    pub name: Name,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Name>,
}

impl Package {
    /// The URN.
    pub fn urn(&self) -> String {
        self.urn.clone().unwrap_or_else(|| format!("{}{}", AccessPackage::URN, self.code))
    }
}

/// A type of party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityType {
    /// The id.
    pub id: Uuid,
    /// The name.
    pub name: String,
}

/// A kind of unit or party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityVariant {
    /// The id.
    pub id: Uuid,
    /// The type's name.
    #[serde(rename = "type")]
    pub of: String,
    /// The code: `AS`.
    pub code: String,
}

/// An edition as it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    /// Groups of areas.
    pub groups: Vec<Group>,
    /// Areas of packages.
    pub areas: Vec<Area>,
    /// Roles.
    pub roles: Vec<Role>,
    /// Which roles follow from which.
    pub role_maps: Vec<RoleMap>,
    /// Sets of holders, by name.
    pub holders: BTreeMap<String, Vec<Holder>>,
    /// Packages.
    pub packages: Vec<Package>,
    /// Types of party.
    pub entity_types: Vec<EntityType>,
    /// Kinds of unit and party.
    pub entity_variants: Vec<EntityVariant>,
}

/// What is wrong with an edition.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetadataError {
    /// It is not such a document.
    #[error("the metadata cannot be read: {0}")]
    Document(String),
    /// Something refers to what is not there.
    #[error("{0} refers to {1}, which is not there")]
    Missing(String, String),
    /// Two things have the same name.
    #[error("{0} is there twice")]
    Twice(String),
    /// There is too much of something.
    #[error("an edition has at most {MAX_PACKAGES} {0}")]
    TooMany(&'static str),
}

/// What a role is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// What its holder may do.
    Use,
    /// What its holder may pass on.
    PassOn,
}

/// A role with what follows from it.
#[derive(Debug, Default)]
struct Carried {
    /// The role and those that follow from it, by register code.
    roles: BTreeSet<String>,
    /// The same as attributes.
    attributes: Arc<AttributeCategory>,
    /// The packages, by their place in the edition, and as attributes: for all kinds of unit, and for some kinds.
    packages: HashMap<Option<String>, (Vec<usize>, Arc<AttributeCategory>)>,
}

/// An edition that is ready for use.
#[derive(Debug)]
pub struct Metadata {
    /// As it is written.
    pub document: Document,
    package_by_urn: HashMap<String, usize>,
    package_by_id: HashMap<Uuid, usize>,
    role_by_urn: HashMap<String, usize>,
    role_by_register_code: HashMap<String, usize>,
    carried: HashMap<(String, Purpose), Carried>,
}

impl Default for Metadata {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a test reads the same text")]
        Self::parse(BUILT_IN).expect("the built-in edition is good")
    }
}

/// The edition that is built in, ready for use.
pub fn built_in() -> Arc<Metadata> {
    static EDITION: LazyLock<Arc<Metadata>> = LazyLock::new(Arc::default);
    Arc::clone(&EDITION)
}

/// Values of an attribute of the subject, as a category of its own.
pub fn of_subject(attributes: impl IntoIterator<Item = (String, Vec<String>)>) -> Arc<AttributeCategory> {
    let attribute = |(id, values): (String, Vec<String>)| Attribute {
        id: id.as_str().into(),
        issuer: None,
        values: values.iter().map(|value| Value::from(value.as_str())).collect(),
        include_in_result: false,
    };
    let attributes = attributes.into_iter().filter(|(_, values)| !values.is_empty()).map(attribute).collect();
    Arc::new(AttributeCategory { category: category::ACCESS_SUBJECT.into(), id: None, attributes })
}

/// Packages as an attribute of the subject.
pub fn packages_of_subject<'a>(packages: impl IntoIterator<Item = &'a AccessPackage>) -> Arc<AttributeCategory> {
    let codes = packages.into_iter().map(|package| package.code().to_owned()).collect();
    of_subject([(ACCESS_PACKAGE.to_owned(), codes)])
}

impl Metadata {
    /// Reads and checks an edition.
    pub fn parse(text: &str) -> Result<Self, MetadataError> {
        let document = serde_json::from_str(text).map_err(|error| MetadataError::Document(error.to_string()))?;
        Self::new(document)
    }

    /// Checks an edition and makes it ready.
    pub fn new(document: Document) -> Result<Self, MetadataError> {
        for (of, count) in [
            ("packages", document.packages.len()),
            ("roles", document.roles.len()),
            ("areas", document.areas.len()),
            ("sets of holders", document.holders.len()),
        ] {
            if count > MAX_PACKAGES {
                return Err(MetadataError::TooMany(of));
            }
        }
        check_references(&document)?;
        let package_by_urn = index(document.packages.iter().map(Package::urn))?;
        let package_by_id = index(document.packages.iter().map(|package| package.id))?;
        let role_by_urn = index(document.roles.iter().map(|role| role.urn.clone()))?;
        let role_by_register_code =
            document.roles.iter().enumerate().map(|(at, role)| (role.register_code(), at)).rev().collect();
        let mut metadata = Self {
            document,
            package_by_urn,
            package_by_id,
            role_by_urn,
            role_by_register_code,
            carried: HashMap::new(),
        };
        for role in &metadata.document.roles {
            for purpose in [Purpose::Use, Purpose::PassOn] {
                let carried = metadata.carry(role, purpose);
                metadata.carried.entry((role.register_code(), purpose)).or_insert(carried);
            }
        }
        Ok(metadata)
    }

    fn carry(&self, role: &Role, purpose: Purpose) -> Carried {
        let roles = self.follow(role.register_code(), purpose);
        let of_register = role.urn.strip_suffix(&format!(":{}", role.code)).map(str::to_owned);
        let named = of_register.map(|family| (family, vec![role.code.clone()]));
        let codes = (ROLE_CODE.to_owned(), roles.iter().cloned().collect());
        let attributes = of_subject(named.into_iter().filter(|(family, _)| family != ROLE_CODE).chain([codes]));
        let mut by_variant: BTreeMap<Option<String>, Vec<usize>> = BTreeMap::new();
        for (at, package) in self.document.packages.iter().enumerate() {
            for holder in self.document.holders.get(&package.holders).into_iter().flatten() {
                let counts = if purpose == Purpose::Use { holder.access } else { holder.delegate };
                if counts && holder.role == role.urn {
                    by_variant.entry(holder.variant.clone()).or_default().push(at);
                }
            }
        }
        let packages = by_variant.into_iter().map(|(variant, packages)| {
            let urns: Vec<_> = packages.iter().filter_map(|at| self.access_package(*at)).collect();
            (variant, (packages, packages_of_subject(&urns)))
        });
        Carried { roles, attributes, packages: packages.collect() }
    }

    /// The role and all that follow from it, step by step.
    fn follow(&self, role: String, purpose: Purpose) -> BTreeSet<String> {
        // One who was made main administrator passes on as a general manager would, and may do none of it.
        let is_source = |from: &String| purpose == Purpose::PassOn || !from.eq_ignore_ascii_case(MAIN_ADMINISTRATOR);
        let mut roles = BTreeSet::from([role]);
        loop {
            let found: Vec<_> = self
                .document
                .role_maps
                .iter()
                .filter(|map| !roles.contains(&map.role))
                .filter(|map| {
                    map.from.iter().filter(|from| is_source(from)).any(|from| roles.contains(&from.to_uppercase()))
                })
                .map(|map| map.role.clone())
                .collect();
            if found.is_empty() {
                return roles;
            }
            roles.extend(found);
        }
    }

    fn access_package(&self, at: usize) -> Option<AccessPackage> {
        self.document.packages.get(at).map(|package| AccessPackage { urn: package.urn() })
    }

    /// A role with what follows from it; one that is not known stands for itself.
    fn carried(&self, role: &str, purpose: Purpose) -> Option<&Carried> {
        self.carried.get(&(role.to_uppercase(), purpose))
    }

    /// The roles that follow from a role, itself included, by register code.
    pub fn roles_from(&self, role: &str, purpose: Purpose) -> BTreeSet<String> {
        let known = self.carried(role, purpose).map(|carried| carried.roles.clone());
        known.unwrap_or_else(|| BTreeSet::from([role.to_uppercase()]))
    }

    /// What holding a role for a unit of this type adds to a subject: the roles, and the packages they carry.
    pub fn attributes_of_role(&self, role: &str, unit_type: &str, purpose: Purpose) -> Vec<Arc<AttributeCategory>> {
        let Some(carried) = self.carried(role, purpose) else {
            return vec![of_subject([(ROLE_CODE.to_owned(), vec![role.to_uppercase()])])];
        };
        let mut attributes = vec![Arc::clone(&carried.attributes)];
        attributes.extend(carried.of_unit(unit_type).map(|(_, packages)| Arc::clone(packages)));
        attributes
    }

    /// The packages that a role carries for a unit of this type.
    pub fn packages_of_role(&self, role: &str, unit_type: &str, purpose: Purpose) -> Vec<&Package> {
        let carried = self.carried(role, purpose).into_iter().flat_map(|carried| carried.of_unit(unit_type));
        carried.flat_map(|(packages, _)| packages).filter_map(|at| self.document.packages.get(*at)).collect()
    }

    /// The package with this URN or, without the beginning that all have, this code.
    pub fn package(&self, urn: &str) -> Option<&Package> {
        let by_urn = self.package_by_urn.get(urn);
        let at = by_urn.or_else(|| self.package_by_urn.get(&format!("{}{urn}", AccessPackage::URN)))?;
        self.document.packages.get(*at)
    }

    /// The package with this id.
    pub fn package_by_id(&self, id: Uuid) -> Option<&Package> {
        self.document.packages.get(*self.package_by_id.get(&id)?)
    }

    /// The role with this URN or, else, this code of the register in any case, code or legacy URN.
    pub fn role(&self, name: &str) -> Option<&Role> {
        let code = name.strip_prefix("urn:altinn:rolecode:").unwrap_or(name);
        let at = self.role_by_urn.get(name).or_else(|| self.role_by_register_code.get(&code.to_uppercase()));
        let by_name = at.and_then(|at| self.document.roles.get(*at));
        by_name.or_else(|| self.document.roles.iter().find(|role| role.code == name))
    }

    /// The role with this id; of two with the same, the first.
    pub fn role_by_id(&self, id: Uuid) -> Option<&Role> {
        self.document.roles.iter().find(|role| role.id == id)
    }

    /// The area with this id.
    pub fn area(&self, id: Uuid) -> Option<&Area> {
        self.document.areas.iter().find(|area| area.id == id)
    }

    /// The group with this code.
    pub fn group(&self, code: &str) -> Option<&Group> {
        self.document.groups.iter().find(|group| group.code == code)
    }

    /// The type of party that a package is for.
    pub fn party_type(&self, package: &Package) -> &str {
        let group = self.area(package.area).and_then(|area| self.group(&area.group));
        group.map_or("", |group| &group.party_type)
    }
}

impl Carried {
    fn of_unit(&self, unit_type: &str) -> impl Iterator<Item = &(Vec<usize>, Arc<AttributeCategory>)> {
        let own = self.packages.iter().filter(move |(variant, _)| match variant {
            None => true,
            Some(variant) => variant == unit_type,
        });
        own.map(|(_, packages)| packages)
    }
}

/// The places of things by name.
fn index<K: std::hash::Hash + Eq + ToString>(
    names: impl Iterator<Item = K>,
) -> Result<HashMap<K, usize>, MetadataError> {
    let mut places = HashMap::new();
    for (at, name) in names.enumerate() {
        if places.contains_key(&name) {
            return Err(MetadataError::Twice(name.to_string()));
        }
        places.insert(name, at);
    }
    Ok(places)
}

fn check_references(document: &Document) -> Result<(), MetadataError> {
    let missing = |of: &str, to: &str| Err(MetadataError::Missing(of.to_owned(), to.to_owned()));
    let groups: BTreeSet<_> = document.groups.iter().map(|group| &group.code).collect();
    let areas: BTreeSet<_> = document.areas.iter().map(|area| area.id).collect();
    let roles: BTreeSet<_> = document.roles.iter().map(|role| &role.urn).collect();
    let types: BTreeSet<_> = document.entity_types.iter().map(|of| &of.name).collect();
    if let Some(area) = document.areas.iter().find(|area| !groups.contains(&area.group)) {
        return missing(&area.code, &area.group);
    }
    if let Some(group) = document.groups.iter().find(|group| !types.contains(&group.party_type)) {
        return missing(&group.code, &group.party_type);
    }
    for package in &document.packages {
        if !areas.contains(&package.area) {
            return missing(&package.code, &package.area.to_string());
        }
        if !document.holders.contains_key(&package.holders) {
            return missing(&package.code, &package.holders);
        }
        if !package.urn().starts_with(AccessPackage::URN) {
            return missing(&package.code, AccessPackage::URN);
        }
    }
    for (name, holders) in &document.holders {
        if let Some(holder) = holders.iter().find(|holder| !roles.contains(&holder.role)) {
            return missing(name, &holder.role);
        }
    }
    if let Some(variant) = document.entity_variants.iter().find(|variant| !types.contains(&variant.of)) {
        return missing(&variant.code, &variant.of);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_edition_is_the_published_one() {
        let metadata = built_in();
        let Document { packages, areas, groups, roles, .. } = &metadata.document;
        assert_eq!((packages.len(), areas.len(), groups.len(), roles.len()), (223, 46, 5, 148));
        let for_persons = packages.iter().filter(|package| metadata.party_type(package) == "Person").count();
        assert_eq!(for_persons, 76);
        let tax = metadata.package("urn:altinn:accesspackage:skatt-naering").unwrap();
        assert_eq!(tax.id.to_string(), "1dba50d6-f604-48e9-bd41-82321b13e85c");
        assert_eq!(metadata.package("skatt-naering"), Some(tax));
        assert!(metadata.package("skattnaering").is_none());
        assert_eq!(metadata.role("dagl").unwrap().urn, "urn:altinn:external-role:ccr:daglig-leder");
        assert_eq!(metadata.role("urn:altinn:rolecode:dagl"), metadata.role("DAGL"));
        assert_eq!(metadata.role("FFØR").unwrap().code, "forretningsforer");
    }

    fn codes(packages: &[&Package]) -> BTreeSet<String> {
        packages.iter().map(|package| package.code.clone()).collect()
    }

    #[test]
    fn roles_carry_roles_and_packages() {
        let metadata = built_in();
        let roles = metadata.roles_from("dagl", Purpose::Use);
        assert!(
            roles.contains("DAGL") && roles.contains("SISKD") && roles.contains("ADMAI") && !roles.contains("REGN")
        );
        assert_eq!(metadata.roles_from("MVAU", Purpose::Use), ["MVAU", "REGNA"].map(str::to_owned).into());
        let manager = codes(&metadata.packages_of_role("DAGL", "AS", Purpose::Use));
        assert!(
            manager.contains("skatt-naering") && manager.contains("lonn") && !manager.contains("regnskapsforer-lonn")
        );
        // Some roles carry a package for one kind of unit only.
        let business_manager = |unit| codes(&metadata.packages_of_role("FFØR", unit, Purpose::Use));
        assert!(business_manager("NUF").contains("skatt-naering") && !business_manager("AS").contains("skatt-naering"));
        assert!(business_manager("BRL").contains("forretningsforer-eiendom"));
        let accountant = codes(&metadata.packages_of_role("REGN", "AS", Purpose::Use));
        assert_eq!(accountant.len(), 3);
        assert!(metadata.packages_of_role("REGN", "AS", Purpose::PassOn).is_empty());
        assert!(metadata.packages_of_role("XYZ", "AS", Purpose::Use).is_empty());
        assert_eq!(metadata.roles_from("xyz", Purpose::Use), ["XYZ".to_owned()].into());
    }

    #[test]
    fn a_main_administrator_passes_on_what_he_may_not_do() {
        let metadata = built_in();
        assert!(metadata.packages_of_role("HADM-i", "AS", Purpose::Use).is_empty());
        let passed_on = codes(&metadata.packages_of_role("HADM-i", "AS", Purpose::PassOn));
        assert!(passed_on.contains("skatt-naering") && passed_on.contains("eksplisitt"));
        assert_eq!(metadata.roles_from("HADM-i", Purpose::Use).len(), 1);
        assert!(metadata.roles_from("HADM-i", Purpose::PassOn).contains("SISKD"));
    }

    #[test]
    fn an_edition_that_hangs_in_the_air_is_refused() {
        let with = |change: fn(&mut Document)| {
            let mut document = built_in().document.clone();
            change(&mut document);
            Metadata::new(document).map(|_| ()).unwrap_err()
        };
        let twice = with(|document| document.packages.push(document.packages[0].clone()));
        assert!(matches!(twice, MetadataError::Twice(_)), "{twice}");
        for error in [
            with(|document| document.packages[0].holders = "none at all".into()),
            with(|document| document.packages[0].area = Uuid::nil()),
            with(|document| document.packages[0].urn = Some("urn:other:x".into())),
            with(|document| document.areas[0].group = "x".into()),
            with(|document| document.groups[0].party_type = "x".into()),
            with(|document| document.roles.retain(|role| role.code != "daglig-leder")),
            with(|document| document.entity_variants[0].of = "x".into()),
        ] {
            assert!(matches!(error, MetadataError::Missing(..)), "{error}");
        }
        assert!(matches!(
            with(|document| document.packages = vec![document.packages[0].clone(); 2_001]),
            MetadataError::TooMany(_)
        ));
        assert!(matches!(Metadata::parse("[]").map(|_| ()).unwrap_err(), MetadataError::Document(_)));
    }

    #[test]
    fn an_edition_is_written_as_it_was_read() {
        let document = built_in().document.clone();
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(Metadata::parse(&text).unwrap().document, document);
    }
}
