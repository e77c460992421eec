//! Systems as the wire writes them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{AccessPackage, Iso6523, OrgNumber, RegisteredSystem, ResourceAttribute, Right};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::SystemLogEntry;
use utoipa::ToSchema;
use uuid::Uuid;

use super::rules::Registration;

/// A right: the resource it is for. The action is kept and returned; it is not compared.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RightDto {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    resource: Vec<ResourceAttributeDto>,
}

/// What names a resource: `{"id":"urn:altinn:resource","value":"ske-krav-og-betalinger"}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ResourceAttributeDto {
    id: String,
    value: String,
}

/// An access package by its URN.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PackageDto {
    /// For example `urn:altinn:accesspackage:krav-og-utlegg`.
    pub urn: String,
}

impl From<RightDto> for Right {
    fn from(right: RightDto) -> Self {
        let trimmed = |text: String| text.trim().to_owned();
        let attribute =
            |part: ResourceAttributeDto| ResourceAttribute { id: trimmed(part.id), value: trimmed(part.value) };
        Self { action: right.action, resource: right.resource.into_iter().map(attribute).collect() }
    }
}

impl From<&Right> for RightDto {
    fn from(right: &Right) -> Self {
        let attribute =
            |part: &ResourceAttribute| ResourceAttributeDto { id: part.id.clone(), value: part.value.clone() };
        Self { action: right.action.clone(), resource: right.resource.iter().map(attribute).collect() }
    }
}

impl From<PackageDto> for AccessPackage {
    fn from(package: PackageDto) -> Self {
        Self { urn: package.urn.trim().to_owned() }
    }
}

impl From<&AccessPackage> for PackageDto {
    fn from(package: &AccessPackage) -> Self {
        Self { urn: package.urn.clone() }
    }
}

/// The vendor, `0192:` and the organisation number.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VendorDto {
    #[serde(rename = "ID")]
    id: String,
}

/// A system to be registered.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewSystem {
    id: String,
    vendor: VendorDto,
    name: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    #[serde(default)]
    rights: Option<Vec<RightDto>>,
    #[serde(default)]
    access_packages: Option<Vec<PackageDto>>,
    #[serde(default)]
    client_id: Option<Vec<String>>,
    #[serde(default = "visible")]
    is_visible: bool,
    #[serde(default)]
    allowed_redirect_urls: Option<Vec<String>>,
}

fn visible() -> bool {
    true
}

/// A system as its vendor sees it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemDto {
    id: String,
    vendor: VendorDto,
    name: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    rights: Vec<RightDto>,
    access_packages: Vec<PackageDto>,
    is_deleted: bool,
    client_id: Vec<String>,
    is_visible: bool,
    allowed_redirect_urls: Vec<String>,
}

/// A system as lists show it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedSystemDto {
    system_id: String,
    system_vendor_org_number: String,
    system_vendor_org_name: String,
    name: BTreeMap<String, String>,
    description: BTreeMap<String, String>,
    rights: Vec<RightDto>,
    access_packages: Vec<PackageDto>,
    is_visible: bool,
}

fn texts(translated: &model::Translated) -> BTreeMap<String, String> {
    let mut texts = translated.others.clone();
    for language in model::Translated::LANGUAGES {
        texts.insert(language.to_owned(), translated.get(language).to_owned());
    }
    texts
}

impl From<&RegisteredSystem> for SystemDto {
    fn from(system: &RegisteredSystem) -> Self {
        Self {
            id: system.id.to_string(),
            vendor: VendorDto { id: Iso6523::new(system.vendor).id },
            name: texts(&system.name),
            description: texts(&system.description),
            rights: system.rights.iter().map(Into::into).collect(),
            access_packages: system.access_packages.iter().map(Into::into).collect(),
            is_deleted: system.is_deleted,
            client_id: system.client_ids.clone(),
            is_visible: system.is_visible,
            allowed_redirect_urls: system.allowed_redirect_urls.iter().map(ToString::to_string).collect(),
        }
    }
}

impl From<&RegisteredSystem> for ListedSystemDto {
    fn from(system: &RegisteredSystem) -> Self {
        Self {
            system_id: system.id.to_string(),
            system_vendor_org_number: system.vendor.to_string(),
            // The register has never filled it.
            system_vendor_org_name: String::new(),
            name: texts(&system.name),
            description: texts(&system.description),
            rights: system.rights.iter().map(Into::into).collect(),
            access_packages: system.access_packages.iter().map(Into::into).collect(),
            is_visible: system.is_visible,
        }
    }
}

impl NewSystem {
    /// The vendor's organisation number; `None` where it is not in ISO 6523 form. The authority is not looked at.
    pub fn vendor(&self) -> Option<OrgNumber> {
        let (icd, number) = self.vendor.id.trim().split_once(':')?;
        let number = number.split(':').next().unwrap_or_default();
        (icd == Iso6523::ICD).then(|| number.parse().ok()).flatten()
    }

    /// What is to be registered, for this vendor.
    pub fn registration(self, vendor: OrgNumber) -> Registration {
        Registration {
            id: self.id.trim().to_owned(),
            vendor,
            name: self.name,
            description: self.description,
            rights: self.rights.unwrap_or_default().into_iter().map(Into::into).collect(),
            access_packages: self.access_packages.unwrap_or_default().into_iter().map(Into::into).collect(),
            client_ids: self.client_id.unwrap_or_default().into_iter().map(|id| id.trim().to_owned()).collect(),
            redirect_urls: self.allowed_redirect_urls.unwrap_or_default(),
            is_visible: self.is_visible,
        }
    }
}

/// That a change was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct Succeeded {
    succeeded: bool,
}

impl Succeeded {
    /// It was.
    pub const YES: Self = Self { succeeded: true };
}

/// An entry of a system's change log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemChangeDto {
    system_internal_id: Uuid,
    changed_by_org_number: String,
    /// `create`, `update`, `rightsupdate`, `accesspackageupdate` or `delete`.
    change_type: &'static str,
    /// What was sent: a system, a list of rights or of packages, with names in Pascal case. None for a deletion.
    #[serde(skip_serializing_if = "Value::is_null")]
    changed_data: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    created: String,
}

impl From<(SystemLogEntry, Timestamp)> for SystemChangeDto {
    fn from((entry, created): (SystemLogEntry, Timestamp)) -> Self {
        Self {
            system_internal_id: entry.internal_id,
            changed_by_org_number: entry.changed_by.to_string(),
            change_type: entry.change.as_str(),
            changed_data: entry.changed_data,
            client_id: entry.client_id,
            created: format!("{}+00:00", format!("{created:.6}").trim_end_matches('Z')),
        }
    }
}

/// Rights in the form that the change log has always had.
pub fn logged_rights(rights: &[Right]) -> Value {
    let right = |right: &Right| {
        let parts = right.resource.iter().map(|part| json!({"id": part.id, "value": part.value}));
        json!({"Action": right.action, "Resource": parts.collect::<Vec<Value>>()})
    };
    rights.iter().map(right).collect()
}

/// Packages in that form.
pub fn logged_packages(packages: &[AccessPackage]) -> Value {
    packages.iter().map(|package| json!({"Urn": package.urn})).collect()
}

/// A whole system in that form.
pub fn logged_system(system: &RegisteredSystem) -> Value {
    json!({
        "Id": system.id,
        "Vendor": {"ID": Iso6523::new(system.vendor).id},
        "Name": texts(&system.name),
        "Description": texts(&system.description),
        "Rights": logged_rights(&system.rights),
        "AccessPackages": logged_packages(&system.access_packages),
        "ClientId": system.client_ids,
        "IsVisible": system.is_visible,
        "AllowedRedirectUrls": system.allowed_redirect_urls,
    })
}
