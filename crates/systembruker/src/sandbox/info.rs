//! The file that tells scripts what a sandbox has: addresses, clients with their keys, persons.

use std::path::Path;

use serde::Serialize;
use uuid::Uuid;

use super::seed::SeededClient;
use super::write_private;
use crate::app::App;
use crate::http::faces::Face;
use crate::vault::Purpose;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    /// Where the program listens on this machine, whatever the public addresses are.
    listener: String,
    maskinporten: String,
    platform: String,
    portal: String,
    krav_og_betalinger: String,
    clients: &'a [SeededClient],
    persons: Vec<PersonInfo>,
}

/// A person whom one can log in as.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonInfo {
    /// The full name.
    pub name: String,
    /// The national identity number.
    pub national_id: String,
    /// The person as a user.
    pub user_id: i64,
    /// The person as a party.
    pub party_id: i64,
    /// The person as a party.
    pub party_uuid: Uuid,
    /// The roles that the register gives.
    pub roles: Vec<RoleInfo>,
}

/// A role of a person.
#[derive(Debug, Clone, Serialize)]
pub struct RoleInfo {
    /// In which organisation.
    pub org: String,
    /// Which role.
    pub role: String,
}

/// Everybody one can log in as, by party id.
pub async fn persons(app: &App) -> anyhow::Result<Vec<PersonInfo>> {
    let parties = app.model.parties();
    let mut session = app.store.read().await?;
    let mut persons: Vec<_> = session.persons().await?.into_iter().map(|(person, _)| person).collect();
    persons.sort_by_key(|person| person.party_id);
    let mut infos = Vec::new();
    for person in persons {
        let sealed = session.national_id_sealed(person.party_uuid).await?.unwrap_or_default();
        let national_id = String::from_utf8(app.vault.open(Purpose::NationalId, &sealed)?)?;
        let mut roles: Vec<RoleInfo> = Vec::new();
        for organisation in parties.organisations_of(person.party_uuid) {
            let held = parties.roles(person.party_uuid, organisation.party_uuid);
            let org = organisation.org_number.to_string();
            roles.extend(held.iter().map(|role| RoleInfo { org: org.clone(), role: role.clone() }));
        }
        infos.push(PersonInfo {
            name: person.name,
            national_id,
            user_id: person.user_id,
            party_id: person.party_id,
            party_uuid: person.party_uuid,
            roles,
        });
    }
    Ok(infos)
}

/// Writes the file. It appears under its name only when it is complete.
pub async fn write(app: &App, file: &Path) -> anyhow::Result<()> {
    let origin = |face| app.faces.url(face).as_str().trim_end_matches('/').to_owned();
    let info = Info {
        listener: app.faces.listener().to_string(),
        maskinporten: origin(Face::Maskinporten),
        platform: origin(Face::Platform),
        portal: origin(Face::Portal),
        krav_og_betalinger: origin(Face::KravOgBetalinger),
        clients: app.sandbox.as_ref().map_or(&[], |sandbox| sandbox.clients.as_slice()),
        persons: persons(app).await?,
    };
    write_private(file, &serde_json::to_vec_pretty(&info)?)
}
