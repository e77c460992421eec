//! The system register over HTTP, for vendors.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use model::problem::validation::VENDOR_ID;
use model::{AccessPackage, Iso6523, OrgNumber, RegisteredSystem, ResourceAttribute, Right, SystemChange};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{StoreError, SystemLogEntry};
use utoipa::ToSchema;

use super::rules::{self, Registration};
use crate::app::App;
use crate::http::caller::scope::SystemRegisterWrite;
use crate::http::caller::{Caller, Scoped};
use crate::http::extract::{Json, Path};
use crate::http::problem::ApiError;

/// The scope that opens every vendor's systems.
const ADMIN_SCOPE: &str = "altinn:authentication/systemregister.admin";

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
        let attribute = |part: ResourceAttributeDto| ResourceAttribute { id: part.id, value: part.value };
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
    fn vendor(&self) -> Option<OrgNumber> {
        let (icd, number) = self.vendor.id.trim().split_once(':')?;
        let number = number.split(':').next().unwrap_or_default();
        (icd == Iso6523::ICD).then(|| number.parse().ok()).flatten()
    }

    fn registration(self, vendor: OrgNumber) -> Registration {
        let packages = self.access_packages.unwrap_or_default();
        Registration {
            id: self.id.trim().to_owned(),
            vendor,
            name: self.name,
            description: self.description,
            rights: self.rights.unwrap_or_default().into_iter().map(Into::into).collect(),
            access_packages: packages.into_iter().map(|package| AccessPackage { urn: package.urn }).collect(),
            client_ids: self.client_id.unwrap_or_default(),
            redirect_urls: self.allowed_redirect_urls.unwrap_or_default(),
            is_visible: self.is_visible,
        }
    }
}

/// Whether the caller may see and change a vendor's systems.
fn owns(caller: &Caller, vendor: OrgNumber) -> bool {
    caller.org == Some(vendor) || caller.has_scope(ADMIN_SCOPE)
}

/// Registers a system
///
/// Answers with the system's internal id. Everything that is wrong with the values is reported at once.
#[utoipa::path(
    post, path = "/authentication/api/v1/systemregister/vendor", tag = "System register", request_body = NewSystem,
    responses((status = 200, description = "The internal id", body = uuid::Uuid),
        (status = 400, description = "Something is wrong with it; validationErrors says what"),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the vendor is another organisation"),
        (status = 409, description = "Another registration took the id at the same moment"),
        (status = 415, description = "The body is not JSON"))
)]
pub async fn register_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Json(new): Json<NewSystem>,
) -> Result<Json<uuid::Uuid>, ApiError> {
    let vendor = new.vendor().ok_or_else(|| ApiError::Validation(vec![VENDOR_ID.into()]))?;
    if !owns(&caller, vendor) {
        return Err(ApiError::Bare(StatusCode::FORBIDDEN));
    }
    let (registration, now) = (new.registration(vendor), app.clock.now());
    let system = rules::check(&app.model, &registration, app.redirect_rules(), app.random.uuid(), now)?;
    let mut tx = app.store.write(caller.context(), now).await?;
    let inserted = tx.insert_system(&system).await;
    if let Err(StoreError::Duplicate(_)) = inserted {
        // Another call came first, between the check and here.
        drop(tx);
        app.catch_up().await?;
        rules::check(&app.model, &registration, app.redirect_rules(), system.internal_id, now)?;
        let text = "The system id already exists.".to_owned();
        return Err(ApiError::Text(StatusCode::CONFLICT, text));
    }
    inserted?;
    let entry = log_entry(&app, &caller, &system, &registration);
    tx.log_system_change(&entry).await?;
    app.commit(tx).await?;
    Ok(Json(system.internal_id))
}

/// The log shows what was sent, in the form it has always had there.
fn log_entry(app: &App, caller: &Caller, system: &RegisteredSystem, registration: &Registration) -> SystemLogEntry {
    let right = |right: &Right| {
        let parts = right.resource.iter().map(|part| json!({"id": part.id, "value": part.value}));
        json!({"Action": right.action, "Resource": parts.collect::<Vec<Value>>()})
    };
    let changed_data = json!({
        "Id": system.id,
        "Vendor": {"ID": Iso6523::new(system.vendor).id},
        "Name": registration.name,
        "Description": registration.description,
        "Rights": system.rights.iter().map(right).collect::<Vec<Value>>(),
        "AccessPackages": system.access_packages.iter().map(|package| json!({"Urn": package.urn})).collect::<Vec<Value>>(),
        "ClientId": system.client_ids,
        "IsVisible": system.is_visible,
        "AllowedRedirectUrls": system.allowed_redirect_urls,
    });
    SystemLogEntry {
        id: app.random.uuid_at(system.created),
        internal_id: system.internal_id,
        change: SystemChange::Create,
        changed_by: caller.org.unwrap_or(system.vendor),
        client_id: caller.context().client_id,
        changed_data,
    }
}

/// Lists one's systems
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/vendor", tag = "System register",
    responses((status = 200, description = "Systems that are not deleted", body = [ListedSystemDto]),
        (status = 401, description = "No valid token"), (status = 403, description = "The token lacks the scope"))
)]
pub async fn list_systems(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
) -> Result<Response, ApiError> {
    let systems = app.model.systems_of(caller.require_org()?);
    let systems: Vec<ListedSystemDto> = systems.iter().map(|system| (&**system).into()).collect();
    Ok(([(CACHE_CONTROL, "no-store,no-cache")], Json(systems)).into_response())
}

/// Reads a system, deleted or not
#[utoipa::path(
    get, path = "/authentication/api/v1/systemregister/vendor/{systemId}", tag = "System register",
    params(("systemId" = String, Path, description = "The system's id")),
    responses((status = 200, description = "The system", body = SystemDto),
        (status = 401, description = "No valid token"),
        (status = 403, description = "The token lacks the scope, or the system is another vendor's"),
        (status = 404, description = "No such system"))
)]
pub async fn read_system(
    State(app): State<Arc<App>>,
    caller: Scoped<SystemRegisterWrite>,
    Path(id): Path<String>,
) -> Result<Json<SystemDto>, ApiError> {
    let system = app.model.system_by_id(&id).ok_or_else(ApiError::not_found)?;
    if owns(&caller, system.vendor) { Ok(Json((&*system).into())) } else { Err(ApiError::Bare(StatusCode::FORBIDDEN)) }
}
