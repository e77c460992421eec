//! What an agent's system user may do for a client rests on what the agent has for the client: a role in the register
//! as accountant, auditor or business manager, or a package that the client gave the agent. When that is lost, so is
//! what rests on it, in the same change.
//!
//! An agent's system user has packages, and acts for a client with all of them or not at all (the AND rule): a client is
//! given to it only where the agent has every one of its packages for the client. The agent itself can be one of the
//! clients; what it may do for that rests on nothing but that it was given.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccessPackage, ClientPackage, SystemUser};
use store::{Connection, PackageForClient, StoreError, Write};
use uuid::Uuid;

use super::metadata::{Metadata, Package, Purpose};
use crate::read_model::{Parties, ReadModel};

/// The roles of the register that make somebody an agent: the code of the role and the register's own.
pub const AGENT_ROLES: [(&str, &str); 3] =
    [("regnskapsforer", "REGN"), ("revisor", "REVI"), ("forretningsforer", "FFØR")];
/// The role of one who was given packages by the party itself.
pub const RIGHTHOLDER: &str = "rettighetshaver";

/// The role of an agent in itself, where its own organisation is among the clients.
pub const OWN_ORGANISATION: &str = "egen-virksomhet";

/// What an agent has for a client: packages (URNs) by the role that they rest on.
pub type Held = BTreeMap<&'static str, BTreeSet<String>>;

/// What an agent has for one client; nothing where it is none.
pub fn held_for(model: &ReadModel, agent: Uuid, client: Uuid) -> Held {
    let mut held = held_by_role(&model.parties(), &model.metadata(), agent, client);
    if let Some(entry) = model.connection(client, agent) {
        held.extend(held_by_gift(&entry.connection));
    }
    held
}

fn held_by_role(parties: &Parties, metadata: &Metadata, agent: Uuid, client: Uuid) -> Held {
    let Some(client) = parties.organisation(client) else { return Held::new() };
    let roles = parties.roles(agent, client.party_uuid);
    let is_held = |code: &str| roles.iter().any(|held| held == code);
    let packages = |code: &str| -> BTreeSet<String> {
        let packages = metadata.packages_of_role(code, &client.unit_type, Purpose::Use);
        packages.into_iter().map(Package::urn).collect()
    };
    let held = AGENT_ROLES.into_iter().filter(|(_, code)| is_held(code)).map(|(role, code)| (role, packages(code)));
    held.filter(|(_, packages)| !packages.is_empty()).collect()
}

fn held_by_gift(connection: &Connection) -> Option<(&'static str, BTreeSet<String>)> {
    let packages: BTreeSet<_> = connection.packages.iter().map(|package| package.urn.clone()).collect();
    (!packages.is_empty()).then_some((RIGHTHOLDER, packages))
}

/// What an agent has for each of its clients.
pub fn clients_of(model: &ReadModel, agent: Uuid) -> BTreeMap<Uuid, Held> {
    let (parties, metadata) = (model.parties(), model.metadata());
    let by_role = parties.organisations_of(agent).map(|client| client.party_uuid);
    let mut clients: BTreeMap<Uuid, Held> =
        by_role.map(|client| (client, held_by_role(&parties, &metadata, agent, client))).collect();
    for entry in model.connections_to(agent) {
        clients.entry(entry.connection.giver).or_default().extend(held_by_gift(&entry.connection));
    }
    clients.retain(|_, held| !held.is_empty());
    clients
}

/// Those of some packages that an agent lacks for a client.
pub fn lacking<'a>(held: &Held, packages: &'a [AccessPackage]) -> Vec<&'a AccessPackage> {
    packages.iter().filter(|package| !held.values().any(|urns| urns.contains(&package.urn))).collect()
}

/// Some packages with all that they rest on.
fn resting(held: &Held, packages: &[AccessPackage]) -> Vec<ClientPackage> {
    let of_role = |(role, urns): (&&'static str, &BTreeSet<String>)| {
        let there = packages.iter().filter(|package| urns.contains(&package.urn));
        let given = |package: &AccessPackage| ClientPackage { role: (*role).to_owned(), package: package.clone() };
        there.map(given).collect::<Vec<_>>()
    };
    held.iter().flat_map(of_role).collect()
}

/// Lets an agent's system user act for a client with all of its packages, which the agent has.
pub async fn give_client(tx: &mut Write, user: &SystemUser, client: Uuid, held: &Held) -> Result<(), StoreError> {
    tx.insert_system_user_client(user.id, client).await?;
    for given in resting(held, &user.access_packages) {
        tx.give_client_package(user.id, client, &given).await?;
    }
    Ok(())
}

/// Lets an agent's system user act for the agent itself, with all of its packages.
pub async fn give_own_organisation(tx: &mut Write, user: &SystemUser) -> Result<(), StoreError> {
    tx.insert_system_user_client(user.id, user.owner_party).await?;
    for package in &*user.access_packages {
        let given = ClientPackage { role: OWN_ORGANISATION.to_owned(), package: package.clone() };
        tx.give_client_package(user.id, user.owner_party, &given).await?;
    }
    Ok(())
}

/// Gives and takes packages for every client that an agent's system user has, as its own packages change. A client for
/// whom the agent lacks what is new keeps what it had.
pub async fn give_to_clients(
    model: &ReadModel,
    tx: &mut Write,
    user: &SystemUser,
    given: &BTreeSet<AccessPackage>,
    taken: &[AccessPackage],
) -> Result<(), StoreError> {
    let given: Vec<AccessPackage> = given.iter().cloned().collect();
    for client in &user.clients {
        if client.client != user.owner_party {
            for package in resting(&held_for(model, user.owner_party, client.client), &given) {
                tx.give_client_package(user.id, client.client, &package).await?;
            }
        }
        for package in client.packages.iter().filter(|given| taken.contains(&given.package)) {
            tx.take_client_package(user.id, client.client, package).await?;
        }
    }
    Ok(())
}

/// Whether what an agent's system user may do still has a basis: the roles that the register gives in the client, with
/// their holders, and what the client gave the agent.
pub fn has_basis(given: &PackageForClient, roles: &[(String, Uuid)], connection: Option<&Connection>) -> bool {
    if given.role == RIGHTHOLDER {
        return connection
            .is_some_and(|connection| connection.packages.iter().any(|package| package.urn == given.package));
    }
    let code = AGENT_ROLES.iter().find(|(role, _)| *role == given.role).map(|(_, code)| *code);
    code.is_some_and(|code| roles.iter().any(|(role, holder)| role == code && *holder == given.owner))
}

/// Takes back what agents' system users may do for a client without a basis any more.
pub async fn take_back_without_basis(tx: &mut Write, client: Uuid, roles: &[(String, Uuid)]) -> Result<(), StoreError> {
    for given in tx.packages_for_client(client).await? {
        if given.owner == client {
            continue;
        }
        let connection = tx.connection(client, given.owner).await?;
        if !has_basis(&given, roles, connection.as_ref()) {
            let PackageForClient { system_user, role, package, .. } = given;
            let taken = ClientPackage { role, package: AccessPackage { urn: package } };
            tx.take_client_package(system_user, client, &taken).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_on_nothing_is_lost() {
        let (agent, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let given = |role: &str| PackageForClient {
            system_user: Uuid::from_u128(3),
            owner: agent,
            role: role.into(),
            package: "urn:altinn:accesspackage:lonn".into(),
        };
        let role = |code: &str, holder| vec![(code.to_owned(), holder)];
        assert!(has_basis(&given("regnskapsforer"), &role("REGN", agent), None));
        assert!(has_basis(&given("forretningsforer"), &role("FFØR", agent), None));
        assert!(!has_basis(&given("regnskapsforer"), &role("REGN", other), None));
        assert!(!has_basis(&given("regnskapsforer"), &role("REVI", agent), None));
        assert!(!has_basis(&given("unknown"), &role("REGN", agent), None));
        let connection = |urn: &str| Connection {
            giver: other,
            receiver: agent,
            created: jiff::Timestamp::UNIX_EPOCH,
            packages: vec![AccessPackage { urn: urn.into() }],
            rights: vec![],
        };
        assert!(has_basis(&given(RIGHTHOLDER), &[], Some(&connection("urn:altinn:accesspackage:lonn"))));
        assert!(!has_basis(&given(RIGHTHOLDER), &[], Some(&connection("urn:altinn:accesspackage:toll"))));
        assert!(!has_basis(&given(RIGHTHOLDER), &role("REGN", agent), None));
    }
}
