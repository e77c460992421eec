//! Rights in plain words: what a system could see and do, what it could not, and what of it the person can give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{AccessPackage, DelegatedRight, Organisation, RequestKind, Right};
use serde::Serialize;

use super::parties::names_of_approvers;
use super::texts::{Quoted, Texts};
use crate::access::delegation::{
    CannotDelegate, PackageCheck, Reason, RightCheck, actions, check_packages, check_rights,
};
use crate::access::metadata::Package;
use crate::app::App;
use crate::login::sessions::LoggedIn;
use crate::read_model::{Party, ReadModel, ResourceEntry};
use crate::requests::answer::needs_higher_level;

/// What most services let one do, in the order of how much it is.
const USUAL_ACTIONS: [&str; 3] = ["read", "write", "sign"];
/// For how many rights it is looked up who can give them.
const MAX_LOOKED_UP: usize = 10;
/// How many services of a package are named: more than there are.
const MAX_SERVICES: usize = 1_000;

/// Why a person cannot give a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Hindrance {
    /// No role of the person gives it.
    NoPower,
    /// It takes an access package that the person does not have.
    NoPackage,
    /// The person was not given it.
    NotGiven,
    /// The person does not have the access package.
    NotHeld,
    /// It is an API, to which Maskinporten gives access.
    IsScope,
    /// Nobody can give it to a system.
    Never,
    /// The organisation is on no access list of the service.
    NotListed,
    /// The person must be logged in at a higher level.
    Level,
    /// The service or the package is not known here.
    Unknown,
}

/// A right in words.
#[derive(Debug, Clone, Serialize)]
pub struct RightRow {
    /// The service's or the package's name.
    pub title: Quoted,
    /// Whether it is a package.
    pub is_package: bool,
    /// What one who has it can do, by its owner.
    pub description: Quoted,
    /// The owner.
    pub owner: String,
    /// What the system could do, in words.
    pub can: String,
    /// What of the usual it could not, in words.
    pub cannot: String,
    /// The owner's page about the service.
    pub homepage: Option<String>,
    /// The services of a package.
    pub services: Vec<Quoted>,
    /// Why the person cannot give it; `None` where it can.
    pub hindrance: Option<Hindrance>,
    /// The resource or the package.
    pub id: String,
    /// Who can give it, where the person cannot.
    #[serde(skip)]
    pub who_can: Vec<String>,
}

impl Hindrance {
    /// Whether somebody else in the organisation may be able to give it.
    pub fn is_of_power(self) -> bool {
        matches!(self, Self::NoPower | Self::NoPackage | Self::NotGiven | Self::NotHeld)
    }
}

impl RightRow {
    fn bare(title: Quoted, hindrance: Option<Hindrance>) -> Self {
        let [owner, can, cannot] = [const { String::new() }; 3];
        Self {
            id: title.to_string(),
            who_can: vec![],
            title,
            is_package: false,
            description: Quoted::default(),
            owner,
            homepage: None,
            can,
            cannot,
            services: vec![],
            hindrance,
        }
    }

    /// The hindrance in words.
    pub fn why(&self, t: &Texts) -> String {
        match self.hindrance {
            None => String::new(),
            Some(Hindrance::NoPower) => t.right_cannot_role(),
            Some(Hindrance::NoPackage) => t.right_cannot_package(),
            Some(Hindrance::NotGiven) => t.right_cannot_single(),
            Some(Hindrance::NotHeld) => t.right_package_cannot(),
            Some(Hindrance::IsScope) => t.right_is_scope(),
            Some(Hindrance::Never) => t.right_cannot_resource(),
            Some(Hindrance::NotListed) => t.right_not_listed(),
            Some(Hindrance::Level) => t.right_cannot_level(),
            Some(Hindrance::Unknown) => t.right_unknown(self.title.to_string()),
        }
    }
}

/// An action in words.
fn action_text(t: &Texts, action: &str) -> String {
    match action {
        "read" => t.action_read(),
        "write" => t.action_write(),
        "sign" => t.action_sign(),
        "delete" => t.action_delete(),
        other => t.action_other(other),
    }
}

fn in_words<'a>(t: &Texts, actions: impl IntoIterator<Item = &'a str>) -> String {
    actions.into_iter().map(|action| action_text(t, action)).collect::<Vec<_>>().join(", ")
}

/// How rights are described: in which language, for whom.
#[derive(Clone, Copy)]
pub struct Describer<'a> {
    /// The application.
    pub app: &'a App,
    /// The words.
    pub t: &'static Texts,
    /// The language's code.
    pub language: &'static str,
}

impl Describer<'_> {
    fn of_service(&self, entry: &ResourceEntry, given: &BTreeSet<&str>, hindrance: Option<Hindrance>) -> RightRow {
        let resource = &entry.resource;
        let description = resource.right_description.as_ref().unwrap_or(&resource.description);
        let missing = USUAL_ACTIONS.into_iter().filter(|action| !given.contains(action));
        RightRow {
            description: Quoted::new(description, self.language),
            id: resource.identifier.clone(),
            owner: resource.owner_name.get(self.language).to_owned(),
            homepage: resource.homepage().map(str::to_owned),
            can: in_words(self.t, given.iter().copied()),
            cannot: if given.is_empty() { String::new() } else { in_words(self.t, missing) },
            ..RightRow::bare(Quoted::new(&resource.title, self.language), hindrance)
        }
    }

    fn of_package(&self, package: Option<&Package>, urn: &str, hindrance: Option<Hindrance>) -> RightRow {
        let Some(package) = package else {
            return RightRow {
                is_package: true,
                ..RightRow::bare(Quoted::bare(urn.to_owned()), Some(Hindrance::Unknown))
            };
        };
        let description = package.description.as_ref();
        RightRow {
            is_package: true,
            id: urn.to_owned(),
            can: self.t.package_can(),
            cannot: self.t.package_cannot(),
            description: description.map(|text| Quoted::name(text, self.language)).unwrap_or_default(),
            services: self.services(urn),
            ..RightRow::bare(Quoted::name(&package.name, self.language), hindrance)
        }
    }

    /// The names of the services whose policies let those with a package do something.
    fn services(&self, urn: &str) -> Vec<Quoted> {
        let opens =
            |entry: &Arc<ResourceEntry>| entry.policy.as_ref().is_some_and(|policy| policy.opens_to.contains(urn));
        let visible = |entry: &Arc<ResourceEntry>| entry.resource.is_visible();
        let services = self.app.model.resources().into_iter().filter(|entry| visible(entry) && opens(entry));
        services.take(MAX_SERVICES).map(|entry| Quoted::new(&entry.resource.title, self.language)).collect()
    }

    fn right(&self, session: &LoggedIn, organisation: &Organisation, check: &RightCheck) -> RightRow {
        let Some(entry) = &check.resource else {
            // Never left out: what cannot be shown cannot be approved.
            return RightRow::bare(Quoted::bare(check.resource_id.clone()), Some(Hindrance::Unknown));
        };
        let all = entry.policy.as_ref().map(|policy| actions(&policy.policy)).unwrap_or_default();
        let (given, hindrance): (BTreeSet<&str>, _) = match &check.result {
            Ok(rights) => {
                let low =
                    needs_higher_level(self.app, (session.person.party_uuid, session.level), organisation, rights);
                (rights.iter().map(|right| &*right.action).collect(), low.then_some(Hindrance::Level))
            }
            Err(reason) => {
                let hindrance = match reason {
                    CannotDelegate::MissingAccess(Reason::MissingPackageAccess) => Hindrance::NoPackage,
                    CannotDelegate::MissingAccess(Reason::MissingDelegationAccess) => Hindrance::NotGiven,
                    CannotDelegate::MissingAccess(_) => Hindrance::NoPower,
                    CannotDelegate::ResourceNotDelegable => Hindrance::Never,
                    CannotDelegate::IsSchema => Hindrance::IsScope,
                    CannotDelegate::NotListed => Hindrance::NotListed,
                    CannotDelegate::Unknown => Hindrance::Unknown,
                };
                (all.iter().map(String::as_str).collect(), Some(hindrance))
            }
        };
        self.of_service(entry, &given, hindrance)
    }

    /// What is asked of an organisation, and what of it a person can give.
    pub fn asked(
        &self,
        session: &LoggedIn,
        organisation: &Arc<Organisation>,
        rights: &[Right],
        packages: &[AccessPackage],
    ) -> Vec<RightRow> {
        let (person, inputs) = (Party::Person(Arc::clone(&session.person)), self.app.decision_inputs());
        let checks = check_rights(&inputs, &person, organisation, rights);
        let mut rows: Vec<_> = checks.iter().map(|check| self.right(session, organisation, check)).collect();
        let party = Party::Organisation(Arc::clone(organisation));
        let checks = check_packages(&inputs, &person, &party, packages.iter().map(|package| &*package.urn));
        rows.extend(checks.into_iter().map(|PackageCheck { urn, package, result, .. }| {
            self.of_package(package.as_ref(), &urn, (!result).then_some(Hindrance::NotHeld))
        }));
        rows
    }

    /// Says of each row that the person cannot give for lack of power who can; of the first few.
    pub fn name_those_who_can(&self, organisation: &Arc<Organisation>, rows: &mut [RightRow], rights: &[Right]) {
        let hindered = rows.iter_mut().filter(|row| row.hindrance.is_some_and(Hindrance::is_of_power));
        for row in hindered.take(MAX_LOOKED_UP) {
            let right = rights.iter().find(|right| right.resource_ids().any(|id| id == row.id)).cloned();
            let package = row.is_package.then(|| AccessPackage { urn: row.id.clone() });
            let (rights, packages) = (Vec::from_iter(right), Vec::from_iter(package));
            row.who_can = names_of_approvers(self, organisation, RequestKind::Standard, (&rights, &packages));
        }
    }

    /// What is asked for clients of the organisation, which it need not be able to give itself.
    pub fn for_clients(&self, packages: &[AccessPackage]) -> Vec<RightRow> {
        let metadata = self.app.model.metadata();
        let row = |package: &AccessPackage| {
            let row = self.of_package(metadata.package(&package.urn), &package.urn, None);
            RightRow { can: self.t.package_can_clients(), ..row }
        };
        packages.iter().map(row).collect()
    }

    /// What a system user was given.
    pub fn given(&self, rights: &[DelegatedRight], packages: &[AccessPackage]) -> Vec<RightRow> {
        let model: &ReadModel = &self.app.model;
        let mut by_service: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for DelegatedRight { resource, action } in rights {
            by_service.entry(resource).or_default().insert(action);
        }
        let row = |(id, given): (&str, BTreeSet<&str>)| match model.resource(id) {
            Some(entry) => self.of_service(&entry, &given, None),
            None => RightRow { can: in_words(self.t, given), ..RightRow::bare(Quoted::bare(id.to_owned()), None) },
        };
        let mut rows: Vec<_> = by_service.into_iter().map(row).collect();
        let metadata = model.metadata();
        rows.extend(packages.iter().map(|package| {
            let hindrance = None;
            RightRow { hindrance, ..self.of_package(metadata.package(&package.urn), &package.urn, None) }
        }));
        rows
    }

    /// The services that rights name, whatever they let one do there.
    pub fn named(&self, rights: &[Right], packages: &[AccessPackage]) -> Vec<RightRow> {
        let ids: BTreeSet<&str> = rights.iter().flat_map(Right::resource_ids).collect();
        let row = |id: &str| match self.app.model.resource(id) {
            Some(entry) => self.of_service(&entry, &BTreeSet::new(), None),
            None => RightRow::bare(Quoted::bare(id.to_owned()), None),
        };
        ids.into_iter().map(row).chain(self.given(&[], packages)).collect()
    }
}
