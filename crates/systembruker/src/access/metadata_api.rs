//! Areas, packages and roles over HTTP, for anybody.
//!
//! Names are in the language that `Accept-Language` asks for, and in bokmål where they are not known in it. Lists
//! without entries are answered with 204, as the official service does.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use model::Organisation;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::metadata::{Area, EntityVariant, Group, Metadata, Name, Package, Purpose, Role};
use crate::app::App;
use crate::http::extract::{Json, Path, Query};
use crate::http::language::language;
use crate::http::problem::ApiError;
use crate::read_model::{ReadModel, ResourceEntry};

/// The most characters that are searched for.
const MAX_TERM: usize = 100;

/// The routes of this room that anybody may call.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(export))
        .routes(routes!(groups))
        .routes(routes!(group))
        .routes(routes!(areas_of_group))
        .routes(routes!(area))
        .routes(routes!(packages_of_area))
        .routes(routes!(package))
        .routes(routes!(package_by_urn))
        .routes(routes!(resources_of_package))
        .routes(routes!(search))
        .routes(routes!(roles))
        .routes(routes!(packages_by_role))
        .routes(routes!(resources_by_role))
        .routes(routes!(role))
        .routes(routes!(packages_of_role))
        .routes(routes!(resources_of_role))
        .routes(routes!(unit_types))
}

/// A group of areas.
#[derive(Debug, Serialize, ToSchema)]
#[schema(no_recursion)]
pub struct AreaGroupDto {
    id: Uuid,
    name: String,
    urn: Option<String>,
    description: String,
    r#type: String,
    areas: Option<Vec<AreaDto>>,
}

/// An area of packages.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(no_recursion)]
pub struct AreaDto {
    id: Uuid,
    name: String,
    urn: String,
    description: String,
    icon_url: Option<String>,
    packages: Option<Vec<PackageDto>>,
    group: Option<Box<AreaGroupDto>>,
}

/// An access package.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(no_recursion)]
pub struct PackageDto {
    id: Uuid,
    name: String,
    urn: String,
    description: String,
    /// Whether it can be passed on as a whole.
    is_delegable: bool,
    /// Whether it can be given to somebody.
    is_assignable: bool,
    /// Whether policies may name it.
    is_resource_policy_available: bool,
    area: Option<Box<AreaDto>>,
    r#type: Option<TypeDto>,
    resources: Option<Vec<ResourceDto>>,
}

/// A type of party.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TypeDto {
    id: Uuid,
    provider_id: Option<Uuid>,
    name: String,
    provider: Option<ProviderDto>,
}

/// A service.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDto {
    id: Uuid,
    provider_id: Option<Uuid>,
    type_id: Option<Uuid>,
    name: String,
    description: String,
    ref_id: String,
    provider: Option<ProviderDto>,
    r#type: Option<ResourceTypeDto>,
}

#[derive(Debug, Serialize, ToSchema)]
struct ResourceTypeDto {
    id: Uuid,
    name: String,
}

/// Who provides something.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderDto {
    id: Uuid,
    name: String,
    ref_id: Option<String>,
    logo_url: Option<String>,
    code: String,
    type_id: Option<Uuid>,
    r#type: Option<ResourceTypeDto>,
}

/// A role.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoleDto {
    id: Uuid,
    name: String,
    code: String,
    description: String,
    is_key_role: bool,
    urn: String,
    legacy_role_code: Option<String>,
    legacy_urn: Option<String>,
    is_resource_policy_available: bool,
    provider: Option<ProviderDto>,
    is_revocable: bool,
}

/// A package that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct FoundDto {
    object: PackageDto,
    /// The larger, the better it fits.
    score: f64,
    fields: Vec<FoundField>,
}

/// Where it was found.
#[derive(Debug, Serialize, ToSchema)]
struct FoundField {
    field: &'static str,
    value: String,
    score: f64,
}

/// A kind of unit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnitTypeDto {
    id: Uuid,
    type_id: Option<Uuid>,
    name: String,
    description: String,
    r#type: Option<TypeDto>,
}

/// An id that is always the same for the same thing, where none is published.
fn made_id(kind: &str, name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("systembruker:{kind}:{name}").as_bytes())
}

/// The id by which access management names a resource.
pub fn resource_id(identifier: &str) -> Uuid {
    made_id("resource", identifier)
}

/// What names are shown with: an edition, what is registered, and a language.
struct View<'a> {
    metadata: &'a Metadata,
    model: &'a ReadModel,
    language: &'static str,
    /// The visible resources by the subjects that their policies permit something to, made when first asked for.
    opened: OnceCell<BTreeMap<String, Vec<Arc<ResourceEntry>>>>,
}

impl View<'_> {
    fn group(&self, group: &Group) -> AreaGroupDto {
        let name = group.name.get(self.language).to_owned();
        let party_type = group.party_type.clone();
        AreaGroupDto { id: group.id, description: name.clone(), name, urn: None, r#type: party_type, areas: None }
    }

    fn area(&self, area: &Area) -> AreaDto {
        let name = area.name.get(self.language).to_owned();
        AreaDto {
            id: area.id,
            description: name.clone(),
            name,
            urn: format!("accesspackage:area:{}", area.code),
            icon_url: None,
            packages: None,
            group: self.metadata.group(&area.group).map(|group| Box::new(self.group(group))),
        }
    }

    /// A package with its area, but without its resources.
    fn package(&self, package: &Package) -> PackageDto {
        let area = self.metadata.area(package.area).map(|area| Box::new(self.area(area)));
        PackageDto { area, ..self.bare_package(package) }
    }

    fn bare_package(&self, package: &Package) -> PackageDto {
        let name = package.name.get(self.language).to_owned();
        let description = package.description.as_ref().map_or(&*name, |text| text.get(self.language)).to_owned();
        PackageDto {
            id: package.id,
            name,
            urn: package.urn(),
            description,
            is_delegable: package.delegable,
            is_assignable: package.assignable,
            is_resource_policy_available: package.in_policies,
            area: None,
            r#type: self.party_type(self.metadata.party_type(package)),
            resources: None,
        }
    }

    fn party_type(&self, name: &str) -> Option<TypeDto> {
        let of = self.metadata.document.entity_types.iter().find(|of| of.name == name)?;
        Some(TypeDto { id: of.id, provider_id: None, name: of.name.clone(), provider: None })
    }

    fn resource(&self, entry: &ResourceEntry) -> ResourceDto {
        resource_dto(self.model, entry, self.language)
    }

    /// The resources whose policies name one of these subjects.
    fn resources(&self, urns: &BTreeSet<String>) -> Vec<ResourceDto> {
        let opened = self.opened.get_or_init(|| self.opened());
        let found = urns.iter().filter_map(|urn| opened.get(urn)).flatten();
        let found: BTreeMap<&str, &Arc<ResourceEntry>> =
            found.map(|entry| (&*entry.resource.identifier, entry)).collect();
        found.into_values().map(|entry| self.resource(entry)).collect()
    }

    fn opened(&self) -> BTreeMap<String, Vec<Arc<ResourceEntry>>> {
        let mut opened: BTreeMap<String, Vec<Arc<ResourceEntry>>> = BTreeMap::new();
        for entry in self.model.resources().into_iter().filter(|entry| entry.resource.is_visible()) {
            for urn in entry.policy.iter().flat_map(|policy| &policy.opens_to) {
                opened.entry(urn.clone()).or_default().push(Arc::clone(&entry));
            }
        }
        opened
    }

    fn role(&self, role: &Role) -> RoleDto {
        let family = role.urn.strip_suffix(&format!(":{}", role.code)).unwrap_or_default();
        let (code, provider) = match family {
            "urn:altinn:external-role:ccr" => ("sys-ccr", "Enhetsregisteret"),
            "urn:altinn:external-role:cra" => ("sys-cra", "Sivilrettsforvaltningen"),
            "urn:altinn:rolecode" => ("sys-altinn2", "Altinn 2"),
            _ => ("sys-altinn3", "Altinn 3"),
        };
        let name = role.name.get(self.language).to_owned();
        RoleDto {
            id: role.id,
            description: name.clone(),
            name,
            code: role.code.clone(),
            is_key_role: role.key_role,
            urn: role.urn.clone(),
            legacy_role_code: role.legacy_code.clone(),
            legacy_urn: role.legacy_code.as_ref().map(|code| format!("urn:altinn:rolecode:{code}")),
            is_resource_policy_available: role.in_policies,
            provider: Some(ProviderDto {
                id: made_id("provider", code),
                name: provider.to_owned(),
                ref_id: None,
                logo_url: None,
                code: code.to_owned(),
                type_id: None,
                r#type: None,
            }),
            is_revocable: role.assignable,
        }
    }
}

/// A service as the interfaces of access management show it.
pub fn resource_dto(model: &ReadModel, entry: &ResourceEntry, language: &str) -> ResourceDto {
    let resource = &entry.resource;
    let owner: Option<Arc<Organisation>> = model.parties().by_number(resource.owner);
    let provider_id = owner.map_or_else(|| made_id("provider", resource.owner.as_str()), |owner| owner.party_uuid);
    let type_name = resource.document.get("resourceType").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    let type_id = made_id("resource-type", &type_name);
    ResourceDto {
        id: resource_id(&resource.identifier),
        provider_id: Some(provider_id),
        type_id: Some(type_id),
        name: resource.title.get(language).to_owned(),
        description: resource.description.get(language).to_owned(),
        ref_id: resource.identifier.clone(),
        provider: Some(ProviderDto {
            id: provider_id,
            name: resource.owner_name.get(language).to_owned(),
            ref_id: Some(resource.owner.to_string()),
            logo_url: None,
            code: resource.owner_code.clone(),
            type_id: None,
            r#type: None,
        }),
        r#type: Some(ResourceTypeDto { id: type_id, name: type_name }),
    }
}

/// Makes something with the view of a request.
fn with_view<T>(app: &App, headers: &HeaderMap, make: impl FnOnce(&View<'_>) -> T) -> T {
    let metadata = app.model.metadata();
    make(&View { metadata: &metadata, model: &app.model, language: language(headers), opened: OnceCell::new() })
}

fn list<T: Serialize>(entries: Vec<T>) -> Response {
    if entries.is_empty() { StatusCode::NO_CONTENT.into_response() } else { Json(entries).into_response() }
}

/// Exports all groups, areas and packages
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/export", tag = "Access metadata",
    responses((status = 200, description = "The groups with their areas and packages", body = [AreaGroupDto]), (status = 204, description = "None"))
)]
pub async fn export(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    with_view(&app, &headers, |view| {
        let document = &view.metadata.document;
        let packages = |area: &Area| {
            let own = document.packages.iter().filter(|package| package.area == area.id);
            own.map(|package| view.bare_package(package)).collect()
        };
        let area = |area: &Area| AreaDto { packages: Some(packages(area)), group: None, ..view.area(area) };
        let group = |group: &Group| {
            let own = document.areas.iter().filter(|area| area.group == group.code);
            AreaGroupDto { areas: Some(own.map(area).collect()), ..view.group(group) }
        };
        list(document.groups.iter().map(group).collect())
    })
}

/// Lists the groups of areas
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/group", tag = "Access metadata",
    responses((status = 200, description = "The groups", body = [AreaGroupDto]), (status = 204, description = "None"))
)]
pub async fn groups(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    with_view(&app, &headers, |view| {
        list(view.metadata.document.groups.iter().map(|group| view.group(group)).collect())
    })
}

fn find_group(metadata: &Metadata, id: Uuid) -> Result<&Group, ApiError> {
    metadata.document.groups.iter().find(|group| group.id == id).ok_or_else(ApiError::not_found)
}

/// Reads a group
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/group/{id}", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The group")),
    responses((status = 200, description = "The group", body = AreaGroupDto), (status = 400, description = "Not an id"), (status = 404, description = "No such group"))
)]
pub async fn group(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<AreaGroupDto>, ApiError> {
    with_view(&app, &headers, |view| Ok(Json(view.group(find_group(view.metadata, id)?))))
}

/// Lists the areas of a group
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/group/{id}/areas", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The group")),
    responses((status = 200, description = "The areas", body = [AreaDto]), (status = 204, description = "None"), (status = 400, description = "Not an id"), (status = 404, description = "No such group"))
)]
pub async fn areas_of_group(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        let group = find_group(view.metadata, id)?;
        let own = view.metadata.document.areas.iter().filter(|area| area.group == group.code);
        Ok(list(own.map(|area| view.area(area)).collect()))
    })
}

/// Reads an area
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/area/{id}", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The area")),
    responses((status = 200, description = "The area", body = AreaDto), (status = 400, description = "Not an id"), (status = 404, description = "No such area"))
)]
pub async fn area(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<AreaDto>, ApiError> {
    with_view(&app, &headers, |view| Ok(Json(view.area(view.metadata.area(id).ok_or_else(ApiError::not_found)?))))
}

/// Lists the packages of an area
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/area/{id}/packages", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The area")),
    responses((status = 200, description = "The packages", body = [PackageDto]), (status = 204, description = "None"), (status = 400, description = "Not an id"), (status = 404, description = "No such area"))
)]
pub async fn packages_of_area(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        view.metadata.area(id).ok_or_else(ApiError::not_found)?;
        let own = view.metadata.document.packages.iter().filter(|package| package.area == id);
        Ok(list(own.map(|package| view.package(package)).collect()))
    })
}

fn package_with_resources(view: &View<'_>, package: &Package) -> PackageDto {
    let resources = view.resources(&BTreeSet::from([package.urn()]));
    PackageDto { resources: Some(resources), ..view.package(package) }
}

/// Reads a package
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/package/{id}", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The package")),
    responses((status = 200, description = "The package", body = PackageDto), (status = 400, description = "Not an id"), (status = 404, description = "No such package"))
)]
pub async fn package(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<PackageDto>, ApiError> {
    with_view(&app, &headers, |view| {
        let package = view.metadata.package_by_id(id).ok_or_else(ApiError::not_found)?;
        Ok(Json(package_with_resources(view, package)))
    })
}

/// Reads a package by its URN, or the last part of it
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/package/urn/{urn}", tag = "Access metadata",
    params(("urn" = String, Path, description = "The package")),
    responses((status = 200, description = "The package", body = PackageDto), (status = 404, description = "No such package"))
)]
pub async fn package_by_urn(
    State(app): State<Arc<App>>,
    Path(urn): Path<String>,
    headers: HeaderMap,
) -> Result<Json<PackageDto>, ApiError> {
    with_view(&app, &headers, |view| {
        let package = view.metadata.package(&urn).ok_or_else(ApiError::not_found)?;
        Ok(Json(package_with_resources(view, package)))
    })
}

/// Lists the resources that a package opens
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/package/{id}/resources", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The package")),
    responses((status = 200, description = "The resources", body = [ResourceDto]), (status = 204, description = "None"), (status = 400, description = "Not an id"), (status = 404, description = "No such package"))
)]
pub async fn resources_of_package(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        let package = view.metadata.package_by_id(id).ok_or_else(ApiError::not_found)?;
        Ok(list(view.resources(&BTreeSet::from([package.urn()]))))
    })
}

/// What packages are searched for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// Words of the name, code, area or, if wanted, resources. Without one, every package is found.
    term: Option<String>,
    /// Only packages that open a resource of these owners, by short name.
    resource_provider_code: Option<String>,
    /// Whether the names of resources are searched too.
    #[serde(default)]
    search_in_resources: bool,
    /// Only packages for this type of party: `Organisasjon` or `Person`.
    type_name: Option<String>,
    /// Whether words must be there as a whole.
    #[serde(default)]
    strict: bool,
}

/// Searches packages
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/accesspackages/search", tag = "Access metadata", params(SearchQuery),
    responses((status = 200, description = "The packages found, those that fit best first", body = [FoundDto]),
        (status = 204, description = "None"), (status = 400, description = "There is no such type of party"))
)]
pub async fn search(
    State(app): State<Arc<App>>,
    Query(query): Query<SearchQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        if query.term.as_ref().is_some_and(|term| term.chars().count() > MAX_TERM) {
            return Err(ApiError::member("term", format!("At most {MAX_TERM} characters can be searched for.")));
        }
        let wanted_type = query.type_name.as_deref().map(|name| type_name(view.metadata, name)).transpose()?;
        let of_type = |package: &&Package| wanted_type.is_none_or(|name| view.metadata.party_type(package) == name);
        let packages = view.metadata.document.packages.iter().filter(of_type);
        let mut found: Vec<FoundDto> = packages.filter_map(|package| find(view, &query, package)).collect();
        found.sort_by(|a, b| b.score.total_cmp(&a.score));
        Ok(list(found))
    })
}

fn type_name<'a>(metadata: &'a Metadata, given: &str) -> Result<&'a str, ApiError> {
    let given = if given.eq_ignore_ascii_case("Organization") { "Organisasjon" } else { given };
    let known = metadata.document.entity_types.iter().find(|of| of.name.eq_ignore_ascii_case(given));
    known.map(|of| &*of.name).ok_or_else(|| ApiError::member("typeName", "There is no such type of party."))
}

/// A package with where the words were found in it. Each word must be somewhere.
fn find(view: &View<'_>, query: &SearchQuery, package: &Package) -> Option<FoundDto> {
    let mut resources = None;
    if query.search_in_resources || query.resource_provider_code.is_some() {
        resources = Some(view.resources(&BTreeSet::from([package.urn()])));
    }
    if let Some(codes) = &query.resource_provider_code {
        let is_wanted = |resource: &ResourceDto| {
            let code = resource.provider.as_ref().map_or("", |provider| &provider.code);
            codes.split(',').any(|wanted| wanted.trim().eq_ignore_ascii_case(code))
        };
        resources.as_ref().filter(|resources| resources.iter().any(is_wanted))?;
    }
    let area = view.metadata.area(package.area);
    let mut searched: Vec<(&'static str, String, f64)> = vec![("urn", package.code.clone(), 3.0)];
    searched.extend(package.name.all().map(|name| ("name", name.to_owned(), 3.0)));
    searched.extend(package.description.iter().flat_map(Name::all).map(|text| ("description", text.to_owned(), 2.0)));
    searched.extend(area.iter().flat_map(|area| area.name.all()).map(|name| ("area.name", name.to_owned(), 1.0)));
    if query.search_in_resources {
        let resources = resources.iter().flatten();
        searched.extend(resources.map(|resource| ("resource.name", resource.name.clone(), 1.0)));
    }
    let term = query.term.as_deref().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = term.split_whitespace().collect();
    let has = |text: &str, word: &str| {
        let text = text.to_lowercase();
        let mut whole = text.split(|c: char| !c.is_alphanumeric());
        if query.strict { whole.any(|other| other == word) } else { text.contains(word) }
    };
    let mut fields: Vec<FoundField> = Vec::new();
    for word in &words {
        let hits: Vec<_> = searched.iter().filter(|(_, text, _)| has(text, word)).collect();
        if hits.is_empty() {
            return None;
        }
        for (field, text, weight) in hits {
            // A word that is all of it fits best.
            let score = if text.eq_ignore_ascii_case(word) { weight * 2.0 } else { *weight };
            match fields.iter_mut().find(|known| known.field == *field && known.value == *text) {
                Some(known) => known.score += score,
                None => fields.push(FoundField { field, value: text.clone(), score }),
            }
        }
    }
    let object = PackageDto { resources, ..view.package(package) };
    Some(FoundDto { object, score: fields.iter().map(|field| field.score).sum(), fields })
}

/// Lists the roles
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles", tag = "Access metadata",
    responses((status = 200, description = "The roles", body = [RoleDto]), (status = 204, description = "None"))
)]
pub async fn roles(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    with_view(&app, &headers, |view| list(view.metadata.document.roles.iter().map(|role| view.role(role)).collect()))
}

/// Reads a role
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles/{id}", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The role")),
    responses((status = 200, description = "The role", body = RoleDto), (status = 400, description = "Not an id"), (status = 404, description = "No such role"))
)]
pub async fn role(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<RoleDto>, ApiError> {
    with_view(&app, &headers, |view| Ok(Json(view.role(view.metadata.role_by_id(id).ok_or_else(ApiError::not_found)?))))
}

/// What is asked of a role.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct RoleQuery {
    /// The role, by URN, code or the register's code.
    role: Option<String>,
    /// The kind of unit, by its code: `AS`.
    variant: Option<String>,
    /// Whether the packages' resources are listed with them.
    #[serde(default)]
    include_resources: bool,
    /// Whether the resources that the role's packages open are listed too.
    #[serde(default)]
    include_package_resources: bool,
}

fn find_role<'a>(metadata: &'a Metadata, query: &RoleQuery) -> Result<&'a Role, ApiError> {
    let name = query.role.as_deref().ok_or_else(|| ApiError::member("role", "The parameter role is missing."))?;
    metadata.role(name).ok_or_else(ApiError::not_found)
}

fn find_variant<'a>(metadata: &'a Metadata, query: &'a RoleQuery) -> Result<&'a str, ApiError> {
    let Some(variant) = query.variant.as_deref() else { return Ok("") };
    let is_it = |known: &&EntityVariant| known.code.eq_ignore_ascii_case(variant);
    let known = metadata.document.entity_variants.iter().find(is_it);
    known.map(|known| &*known.code).ok_or_else(ApiError::not_found)
}

fn carried_packages(view: &View<'_>, role: &Role, query: &RoleQuery) -> Result<Vec<PackageDto>, ApiError> {
    let variant = find_variant(view.metadata, query)?;
    let packages = view.metadata.packages_of_role(&role.register_code(), variant, Purpose::Use);
    let dto = |package: &&Package| {
        if query.include_resources { package_with_resources(view, package) } else { view.package(package) }
    };
    Ok(packages.iter().map(dto).collect())
}

fn carried_resources(view: &View<'_>, role: &Role, query: &RoleQuery) -> Result<Vec<ResourceDto>, ApiError> {
    let variant = find_variant(view.metadata, query)?;
    let code = role.register_code();
    let roles = view.metadata.roles_from(&code, Purpose::Use);
    let mut urns: BTreeSet<String> =
        roles.iter().map(|role| format!("urn:altinn:rolecode:{}", role.to_lowercase())).collect();
    urns.insert(role.urn.to_lowercase());
    if query.include_package_resources {
        urns.extend(view.metadata.packages_of_role(&code, variant, Purpose::Use).into_iter().map(Package::urn));
    }
    Ok(view.resources(&urns))
}

/// Lists the packages that a role carries
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles/packages", tag = "Access metadata", params(RoleQuery),
    responses((status = 200, description = "The packages", body = [PackageDto]), (status = 204, description = "None"), (status = 400, description = "The role is missing"), (status = 404, description = "No such role or kind of unit"))
)]
pub async fn packages_by_role(
    State(app): State<Arc<App>>,
    Query(query): Query<RoleQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| Ok(list(carried_packages(view, find_role(view.metadata, &query)?, &query)?)))
}

/// Lists the resources that a role opens
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles/resources", tag = "Access metadata", params(RoleQuery),
    responses((status = 200, description = "The resources", body = [ResourceDto]), (status = 204, description = "None"), (status = 400, description = "The role is missing"), (status = 404, description = "No such role or kind of unit"))
)]
pub async fn resources_by_role(
    State(app): State<Arc<App>>,
    Query(query): Query<RoleQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| Ok(list(carried_resources(view, find_role(view.metadata, &query)?, &query)?)))
}

/// Lists the packages that a role carries, by the role's id
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles/{id}/packages", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The role"), RoleQuery),
    responses((status = 200, description = "The packages", body = [PackageDto]), (status = 204, description = "None"), (status = 400, description = "Not an id"), (status = 404, description = "No such role or kind of unit"))
)]
pub async fn packages_of_role(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    Query(query): Query<RoleQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        let role = view.metadata.role_by_id(id).ok_or_else(ApiError::not_found)?;
        Ok(list(carried_packages(view, role, &query)?))
    })
}

/// Lists the resources that a role opens, by the role's id
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/info/roles/{id}/resources", tag = "Access metadata",
    params(("id" = Uuid, Path, description = "The role"), RoleQuery),
    responses((status = 200, description = "The resources", body = [ResourceDto]), (status = 204, description = "None"), (status = 400, description = "Not an id"), (status = 404, description = "No such role or kind of unit"))
)]
pub async fn resources_of_role(
    State(app): State<Arc<App>>,
    Path(id): Path<Uuid>,
    Query(query): Query<RoleQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    with_view(&app, &headers, |view| {
        let role = view.metadata.role_by_id(id).ok_or_else(ApiError::not_found)?;
        Ok(list(carried_resources(view, role, &query)?))
    })
}

/// Lists the kinds of unit
#[utoipa::path(
    get, path = "/accessmanagement/api/v1/meta/types/organization/subtypes", tag = "Access metadata",
    responses((status = 200, description = "The kinds of unit", body = [UnitTypeDto]), (status = 204, description = "None"))
)]
pub async fn unit_types(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    with_view(&app, &headers, |view| {
        let variants = view.metadata.document.entity_variants.iter().filter(|variant| variant.of == "Organisasjon");
        let dto = |variant: &EntityVariant| UnitTypeDto {
            id: variant.id,
            type_id: view.party_type(&variant.of).map(|of| of.id),
            name: variant.code.clone(),
            description: variant.code.clone(),
            r#type: view.party_type(&variant.of),
        };
        list(variants.map(dto).collect())
    })
}
