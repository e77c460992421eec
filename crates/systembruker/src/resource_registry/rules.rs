//! What can be registered.

use std::collections::{BTreeMap, BTreeSet};

use model::{OrgNumber, RESOURCE_ATTRIBUTE, Resource, ResourceType, Translated};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use xacml::lint::{self, FindingKind, Meaning};
use xacml::{DataType, Function, Match, Policy, category};

use super::rights;
use crate::authorization::attributes::{APP, ORG};
use crate::http::any_case::AnyCase;
use crate::http::problem::ApiError;

/// The owner code whose resources need no organisation number.
const TEST_OWNER: &str = "ttd";
/// The most entries of a list in a registration, and characters of a text.
const MAX_ENTRIES: usize = 500;
const MAX_TEXT: usize = 10_000;
/// The largest registration, in bytes, and the longest code of an owner.
const MAX_REGISTRATION: usize = 256 * 1024;
const MAX_CODE: usize = 20;

/// The members of a registration. Others are kept and returned as they were written.
const MEMBERS: [&str; 26] = [
    "identifier",
    "version",
    "title",
    "description",
    "rightDescription",
    "homepage",
    "isPartOf",
    "status",
    "contactPoints",
    "spatial",
    "produces",
    "thematicAreas",
    "resourceReferences",
    "delegable",
    "visible",
    "hasCompetentAuthority",
    "keywords",
    "accessListMode",
    "selfIdentifiedUserEnabled",
    "enterpriseUserEnabled",
    "resourceType",
    "availableForType",
    "consentTemplate",
    "consentText",
    "consentMetadata",
    "isOneTimeConsent",
];

/// A registration as it is written, names as the wire has them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registration {
    /// The id.
    pub identifier: String,
    /// The owner's own version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default)]
    title: Texts,
    #[serde(default)]
    description: Texts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    right_description: Option<Texts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    homepage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_part_of: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_points: Option<Vec<ContactPoint>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    spatial: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    produces: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thematic_areas: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_references: Option<Vec<ResourceReference>>,
    #[serde(default = "yes")]
    delegable: bool,
    #[serde(default = "yes")]
    visible: bool,
    has_competent_authority: Authority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keywords: Option<Vec<Keyword>>,
    #[serde(default)]
    access_list_mode: AccessListMode,
    #[serde(default)]
    self_identified_user_enabled: bool,
    #[serde(default)]
    enterprise_user_enabled: bool,
    resource_type: ResourceType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    available_for_type: Option<Vec<AvailableFor>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent_template: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent_text: Option<Texts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    consent_metadata: Option<BTreeMap<String, ConsentMetadata>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_one_time_consent: Option<bool>,
}

type Texts = BTreeMap<String, String>;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContactPoint {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    category: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    telephone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact_page: Option<String>,
}

/// Something elsewhere that a resource stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceReference {
    #[serde(default)]
    reference_source: ReferenceSource,
    /// What is referred to.
    #[serde(default)]
    pub reference: String,
    /// What kind of thing that is.
    #[serde(default)]
    pub reference_type: ReferenceType,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum ReferenceSource {
    #[default]
    Default,
    Altinn1,
    Altinn2,
    Altinn3,
    ExternalPlatform,
}

/// What kind of thing is referred to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReferenceType {
    /// Not said.
    #[default]
    Default,
    /// An address.
    Uri,
    /// A delegation scheme of the retired platform.
    DelegationSchemeId,
    /// A scope.
    MaskinportenScope,
    /// A service of the retired platform, by code.
    ServiceCode,
    /// Its edition.
    ServiceEditionCode,
    /// An app: `owner/app`.
    ApplicationId,
    /// The version of an edition.
    ServiceEditionVersion,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Authority {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<String>,
    #[serde(default)]
    orgcode: String,
    #[serde(default)]
    name: Texts,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Keyword {
    #[serde(default)]
    word: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum AccessListMode {
    #[default]
    Disabled,
    Enabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AvailableFor {
    PrivatePerson,
    LegalEntityEnterprise,
    Company,
    BankruptcyEstate,
    SelfRegisteredUser,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ConsentMetadata {
    #[serde(default)]
    optional: bool,
}

fn yes() -> bool {
    true
}

/// What is wrong with a registration, by member.
type Errors = BTreeMap<String, Vec<String>>;

fn wrong(errors: &mut Errors, member: &str, message: impl Into<String>) {
    errors.entry(member.to_owned()).or_default().push(message.into());
}

/// Reads a registration, and says all that is wrong with it. `caller` owns what is registered without an organisation
/// number, which only the test owner may leave out.
pub fn read_resource(document: Json, caller: Option<OrgNumber>) -> Result<Resource, ApiError> {
    let registration: Registration = serde_path_to_error::deserialize(AnyCase(document.clone()))
        .map_err(|error| ApiError::member(error.path().to_string(), format!("{}.", error.inner())))?;
    let mut errors = Errors::new();
    registration.check_identifier(&mut errors);
    registration.check_size(&mut errors);
    let authority = &registration.has_competent_authority;
    let owner = match (&authority.organization, &*authority.orgcode.to_lowercase()) {
        (None, TEST_OWNER) => caller,
        (None, _) => {
            wrong(&mut errors, "hasCompetentAuthority.organization", "The owner's organisation number is missing.");
            None
        }
        (Some(number), _) => match number.trim().parse() {
            Ok(number) => Some(number),
            Err(error) => {
                let error: model::OrgNumberError = error;
                wrong(&mut errors, "hasCompetentAuthority.organization", format!("{error}."));
                None
            }
        },
    };
    if !is_owner_code(&authority.orgcode) {
        let message = format!("An owner's code has 2 to {MAX_CODE} of the characters a to z and 0 to 9, and a letter.");
        wrong(&mut errors, "hasCompetentAuthority.orgcode", message);
    }
    if serde_json::to_string(&document).map_or(0, |text| text.len()) > MAX_REGISTRATION {
        wrong(&mut errors, "$", format!("A registration has at most {MAX_REGISTRATION} bytes."));
    }
    let title = translated(&mut errors, "title", &registration.title);
    let description = translated(&mut errors, "description", &registration.description);
    if registration.delegable && registration.right_description.is_none() {
        wrong(&mut errors, "rightDescription", "A delegable resource describes what the right is.");
    }
    let right_description =
        registration.right_description.as_ref().and_then(|texts| translated(&mut errors, "rightDescription", texts));
    if registration.contact_points.is_none() {
        wrong(&mut errors, "contactPoints", "The contact points are missing; an empty list will do.");
    }
    if registration.resource_type == ResourceType::MaskinportenSchema && registration.scopes().next().is_none() {
        let message = "A MaskinportenSchema has at least one reference of type MaskinportenScope.";
        wrong(&mut errors, "resourceReferences", message);
    }
    let (Some(title), Some(description), Some(owner), true) = (title, description, owner, errors.is_empty()) else {
        if errors.is_empty() {
            wrong(&mut errors, "hasCompetentAuthority.organization", "The owner's organisation number is missing.");
        }
        return Err(ApiError::ModelState(errors));
    };
    let owner_name = Translated::from_map(authority.name.clone());
    Ok(Resource {
        identifier: registration.identifier.clone(),
        title,
        description,
        right_description,
        resource_type: registration.resource_type,
        delegable: registration.delegable,
        owner,
        owner_code: authority.orgcode.clone(),
        owner_name: owner_name.unwrap_or_else(|_| Translated::same(&authority.orgcode)),
        access_lists_only: registration.access_list_mode == AccessListMode::Enabled,
        document: registration.with_others(document),
    })
}

/// Codes are part of the names of apps and access lists, and must not be taken for a number there.
fn is_owner_code(code: &str) -> bool {
    let plain = code.chars().all(|c| c.is_ascii_alphanumeric());
    code.is_empty() || (plain && (2..=MAX_CODE).contains(&code.len()) && code.chars().any(|c| c.is_ascii_alphabetic()))
}

fn translated(errors: &mut Errors, member: &str, texts: &Texts) -> Option<Translated> {
    match Translated::from_map(texts.clone()) {
        Ok(texts) => Some(texts),
        Err(missing) => {
            let message = format!("The languages nb, nn and en are needed; missing: {}.", missing.join(", "));
            wrong(errors, member, message);
            None
        }
    }
}

impl Registration {
    /// The registration under its own names, with what else was written.
    fn with_others(&self, written: Json) -> Json {
        let mut document = serde_json::to_value(self).unwrap_or_default();
        if let (Some(members), Json::Object(written)) = (document.as_object_mut(), written) {
            let is_known = |name: &str| MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(name));
            members.extend(written.into_iter().filter(|(name, _)| !is_known(name)));
        }
        document
    }

    fn references(&self, of: ReferenceType) -> impl Iterator<Item = &str> {
        let references = self.resource_references.iter().flatten();
        references.filter(move |reference| reference.reference_type == of).map(|reference| &*reference.reference)
    }

    fn scopes(&self) -> impl Iterator<Item = &str> {
        self.references(ReferenceType::MaskinportenScope)
    }

    fn check_identifier(&self, errors: &mut Errors) {
        let id = &*self.identifier;
        if is_migrated_app(id) {
            return;
        }
        if let Err(error) = Resource::check_identifier(id) {
            wrong(errors, "identifier", format!("{error}."));
        }
        if id.starts_with("se_")
            && (self.references(ReferenceType::ServiceCode).next().is_none()
                || self.references(ReferenceType::ServiceEditionCode).next().is_none())
        {
            let message = "Ids that begin with se_ need references of type ServiceCode and ServiceEditionCode.";
            wrong(errors, "identifier", message);
        }
        if id.starts_with("app_") {
            self.check_app(errors);
        }
    }

    fn check_app(&self, errors: &mut Errors) {
        if !matches!(self.resource_type, ResourceType::AltinnApp | ResourceType::MigratedApp) {
            wrong(errors, "identifier", "Ids that begin with app_ are those of apps.");
            return;
        }
        let owner = &self.has_competent_authority.orgcode;
        let app = self.identifier.strip_prefix(&format!("app_{owner}_")).filter(|app| !app.is_empty());
        let is_referred_to = |app: &str| {
            let expected = format!("{owner}/{app}");
            self.references(ReferenceType::ApplicationId).any(|reference| reference == expected)
        };
        match app {
            None => wrong(errors, "identifier", "The id of an app is app_, its owner's code, _ and its name."),
            Some(app) if !is_referred_to(app) => {
                let message = format!("A reference of type ApplicationId must be {owner}/{app}.");
                wrong(errors, "resourceReferences", message);
            }
            Some(_) => {}
        }
    }

    fn check_size(&self, errors: &mut Errors) {
        let lists = [
            ("contactPoints", self.contact_points.as_ref().map(Vec::len)),
            ("resourceReferences", self.resource_references.as_ref().map(Vec::len)),
            ("keywords", self.keywords.as_ref().map(Vec::len)),
            ("thematicAreas", self.thematic_areas.as_ref().map(Vec::len)),
        ];
        for (member, _) in lists.into_iter().filter(|(_, length)| length.is_some_and(|length| length > MAX_ENTRIES)) {
            wrong(errors, member, format!("At most {MAX_ENTRIES} entries are kept."));
        }
        let texts = [("title", Some(&self.title)), ("description", Some(&self.description))];
        for (member, texts) in texts.into_iter().chain([("rightDescription", self.right_description.as_ref())]) {
            if texts.into_iter().flat_map(BTreeMap::values).any(|text| text.chars().count() > MAX_TEXT) {
                wrong(errors, member, format!("A text has at most {MAX_TEXT} characters."));
            }
        }
    }
}

/// Whether it is the id of an app that was moved from the retired platform: `app_skd_a1-1051:130203`.
fn is_migrated_app(id: &str) -> bool {
    let parts = id.strip_prefix("app_").and_then(|rest| rest.split_once("_a1-"));
    let Some((owner, rest)) = parts else { return false };
    let simple = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let Some((code, version)) = rest.rsplit_once(':') else { return false };
    let is_plain = |text: &str| !text.is_empty() && text.len() <= 100 && text.chars().all(|c| c.is_ascii_graphic());
    !owner.is_empty()
        && owner.chars().all(simple)
        && is_plain(code)
        && is_plain(version)
        && version.chars().all(|c| simple(c) || c == '.')
}

/// The scopes of a registered API that are not below one of these prefixes.
pub fn foreign_scopes(resource: &Resource, prefixes: &[String]) -> Vec<String> {
    if resource.resource_type != ResourceType::MaskinportenSchema {
        return vec![];
    }
    let is_own = |scope: &String| {
        prefixes.iter().any(|prefix| scope.strip_prefix(&**prefix).is_some_and(|rest| rest.starts_with(':')))
    };
    scopes(resource).into_iter().filter(|scope| !is_own(scope)).collect()
}

/// The scopes that a stored registration refers to.
pub fn scopes(resource: &Resource) -> Vec<String> {
    let own = references(resource).into_iter();
    let own = own.filter(|reference| reference.reference_type == ReferenceType::MaskinportenScope);
    own.map(|reference| reference.reference).collect()
}

/// The references of a stored registration.
pub fn references(resource: &Resource) -> Vec<ResourceReference> {
    let registration: Option<Registration> = serde_json::from_value(resource.document.clone()).ok();
    registration.and_then(|registration| registration.resource_references).unwrap_or_default()
}

/// A policy that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedPolicy {
    /// The document, rewritten where that was asked for.
    pub document: String,
    /// The subjects that it names, by URN.
    pub subjects: Vec<String>,
}

/// Reads a policy for a resource: every rule must be about this resource, and about no other. A document that other
/// engines would decide otherwise, because rules have several `AnyOf` about one category, is accepted only with a word
/// about what is meant: all of them (the standard), or one of them, as which it is then rewritten.
pub fn read_policy(identifier: &str, text: &str, meaning: Option<Meaning>) -> Result<AcceptedPolicy, ApiError> {
    let refuse = |message: String| ApiError::member("policyFile", message);
    let mut document = text.to_owned();
    let findings = lint::check(text).map_err(|error| refuse(format!("{error}.")))?;
    let ambiguous = findings.iter().find(|finding| finding.kind == FindingKind::RepeatedCategory);
    match (ambiguous, meaning) {
        (Some(finding), None) => {
            return Err(refuse(format!(
                "line {} column {}: the rule {} has several AnyOf about one category. XACML demands that all of them \
                 match; engines in use are content with one. Say which you mean: put the alternatives into one AnyOf, or \
                 send the policy with ?meaning=standard, or with ?meaning=byCategory to have it rewritten.",
                finding.line, finding.column, finding.id
            )));
        }
        (Some(_), Some(Meaning::ByCategory)) => {
            document = lint::rewrite(text, Meaning::ByCategory).map_err(|error| refuse(format!("{error}.")))?;
        }
        _ => {}
    }
    let policy = Policy::parse(&document).map_err(|error| refuse(format!("{error}.")))?;
    check_resource(identifier, &policy)?;
    if rights::count_combinations(&policy) > rights::MAX_COMBINATIONS {
        let most = rights::MAX_COMBINATIONS;
        return Err(refuse(format!("The rules have more than {most} combinations of subject, resource and action.")));
    }
    let subjects: BTreeSet<_> = rights::subjects(&policy).iter().map(rights::TypedValue::urn).collect();
    Ok(AcceptedPolicy { document, subjects: subjects.into_iter().collect() })
}

fn check_resource(identifier: &str, policy: &Policy) -> Result<(), ApiError> {
    let pair = identifier.strip_prefix("app_").and_then(|rest| rest.split_once('_'));
    let about =
        |single: &Match, id: &str| single.designator.category == category::RESOURCE && single.designator.id == id;
    for rule in &policy.rules {
        let any_of = &rule.target.any_of;
        // One block demands the resource in each of its alternatives; or both the owner and the app, for an app.
        let demanded = |id: &str, value: &str| {
            any_of.iter().any(|block| {
                block.all_of.iter().all(|all_of| {
                    let mut matches = all_of.matches.iter().filter(|single| about(single, id));
                    matches.any(|single| names(single, value))
                })
            })
        };
        let is_demanded = demanded(RESOURCE_ATTRIBUTE, identifier)
            || pair.is_some_and(|(org, app)| demanded(ORG, org) && demanded(APP, app));
        let foreign = rule.target.matches().filter(|single| about(single, RESOURCE_ATTRIBUTE));
        if !is_demanded || foreign.into_iter().any(|single| !names(single, identifier)) {
            let message = format!("The rule {} must be about the resource {identifier} and no other.", rule.id);
            return Err(ApiError::member("policyFile", message));
        }
    }
    Ok(())
}

fn names(single: &Match, value: &str) -> bool {
    let is_equality = matches!(single.function, Function::Equal(DataType::String) | Function::EqualIgnoreCase);
    is_equality && single.literal.as_str() == Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_of_the_retired_platform_keep_their_ids() {
        assert!(is_migrated_app("app_skd_a1-1051:130203") && is_migrated_app("app_skd_a1-abc:v1.2"));
        for id in ["app_skd_app", "app__a1-x:1", "app_skd_a1-:1", "app_skd_a1-x", "app_skd_a1-x:A", "x"] {
            assert!(!is_migrated_app(id), "{id}");
        }
    }
}
