//! What an agent's system user may do for a client rests on what the agent has for the client: a role in the register
//! as accountant, auditor or business manager, or a package that the client gave the agent. When that is lost, so is
//! what rests on it, in the same change.

use model::{AccessPackage, ClientPackage};
use store::{Connection, PackageForClient, StoreError, Write};
use uuid::Uuid;

/// The roles of the register that make somebody an agent: the code of the role and the register's own.
pub const AGENT_ROLES: [(&str, &str); 3] =
    [("regnskapsforer", "REGN"), ("revisor", "REVI"), ("forretningsforer", "FFØR")];
/// The role of one who was given packages by the party itself.
pub const RIGHTHOLDER: &str = "rettighetshaver";

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
