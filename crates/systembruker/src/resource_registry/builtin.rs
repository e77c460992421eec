//! The platform's own resources: they say who may approve requests, see system accesses, and administer clients.
//!
//! They are resources like any other, with policies like any other, and the portal asks the decision point about them.
//! Every installation gets them when it is made.

use std::fmt::Write as _;

use jiff::Timestamp;
use model::{OrgNumber, Resource, ResourceType, Translated};
use serde_json::json;
use store::{ChangeContext, Store, StoredResource, Write};
use xacml::Policy;

use super::rights;
use super::rules::{AcceptedPolicy, read_policy};
use crate::access::metadata::{ACCESS_PACKAGE, ROLE_CODE};
use crate::read_model::ReadModel;

/// Who may approve, reject, create and delete system users.
pub const ACCESS_MANAGEMENT: &str = "altinn_access_management";
/// Who sees an organisation's system users.
pub const SYSTEM_USER_OVERVIEW: &str = "altinn_system_user_overview";
/// Who administers the clients of agents.
pub const CLIENT_ADMINISTRATION: &str = "altinn_client_administration";

/// The level of authentication that they demand.
const LEVEL: u8 = 3;

/// The organisation that owns the platform's own resources, and is Maskinporten towards the platform.
pub fn platform_owner(model: &ReadModel) -> Option<OrgNumber> {
    model.resource(ACCESS_MANAGEMENT).map(|entry| entry.resource.owner)
}

/// A resource of the platform: its id, names, who has it and what for.
struct Builtin {
    id: &'static str,
    nb: &'static str,
    nn: &'static str,
    en: &'static str,
    roles: &'static [&'static str],
    packages: &'static [&'static str],
    actions: &'static [&'static str],
}

const BUILTIN: [Builtin; 3] = [
    Builtin {
        id: ACCESS_MANAGEMENT,
        nb: "Tilgangsstyring",
        nn: "Tilgangsstyring",
        en: "Access management",
        roles: &["ADMAI", "HADM", "BOBEL"],
        packages: &["tilgangsstyrer", "hovedadministrator"],
        actions: &["read", "write"],
    },
    Builtin {
        id: SYSTEM_USER_OVERVIEW,
        nb: "Oversikt over systemtilganger",
        nn: "Oversikt over systemtilgangar",
        en: "Overview of system accesses",
        roles: &["KLADM", "HADM", "ADMAI"],
        packages: &["tilgangsstyrer", "klientadministrator", "hovedadministrator"],
        actions: &["read"],
    },
    Builtin {
        id: CLIENT_ADMINISTRATION,
        nb: "Klientadministrasjon",
        nn: "Klientadministrasjon",
        en: "Client administration",
        roles: &["KLADM", "HADM"],
        packages: &["klientadministrator", "hovedadministrator"],
        actions: &["read", "write"],
    },
];

/// Makes those that are missing.
pub async fn ensure(store: &Store, owner: OrgNumber, now: Timestamp) -> anyhow::Result<()> {
    let context = ChangeContext { actor: "system".into(), ..ChangeContext::default() };
    let mut tx = store.write(context, now).await?;
    for builtin in BUILTIN {
        let (stored, policy) = (tx.resource(builtin.id).await?, builtin.policy()?);
        if stored.is_none() {
            tx.insert_resource(&builtin.resource(owner)).await?;
        }
        // An installation of an earlier version has the policy of that.
        if stored.and_then(|stored| stored.policy).as_deref() != Some(&*policy.document) {
            tx.put_policy(builtin.id, &policy.document, &policy.subjects).await?;
        }
    }
    note_subjects(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Notes which subjects policies name, where an earlier version did not.
async fn note_subjects(tx: &mut Write) -> anyhow::Result<()> {
    for StoredResource { resource, policy, .. } in tx.resources().await? {
        let (id, Some(document)) = (&resource.identifier, policy) else { continue };
        let subjects = rights::subjects(&*Policy::parse(&document)?);
        let subjects: Vec<String> = subjects.iter().map(rights::TypedValue::urn).collect();
        if !subjects.is_empty() && tx.subjects_of_resource(id).await?.is_empty() {
            tx.put_policy(id, &document, &subjects).await?;
        }
    }
    Ok(())
}

impl Builtin {
    fn policy(&self) -> anyhow::Result<AcceptedPolicy> {
        let document = policy_document_for(
            self.id,
            &[(ROLE_CODE, self.roles), (ACCESS_PACKAGE, self.packages)],
            self.actions,
            LEVEL,
        );
        read_policy(self.id, &document, None).map_err(|error| anyhow::anyhow!("{}: {error:?}", self.id))
    }

    fn resource(&self, owner: OrgNumber) -> Resource {
        let texts = || json!({"nb": self.nb, "nn": self.nn, "en": self.en});
        let title = Translated { nb: self.nb.into(), nn: self.nn.into(), en: self.en.into(), ..Translated::same("") };
        let document = json!({
            "identifier": self.id, "title": texts(), "description": texts(), "status": "Completed", "contactPoints": [],
            "delegable": false, "visible": false, "resourceType": "Systemresource",
            "hasCompetentAuthority": {"organization": owner, "orgcode": "digdir", "name": {"nb": "Digdir", "nn": "Digdir", "en": "Digdir"}},
        });
        Resource {
            identifier: self.id.into(),
            description: title.clone(),
            title,
            right_description: None,
            resource_type: ResourceType::Systemresource,
            delegable: false,
            owner,
            owner_code: "digdir".into(),
            owner_name: Translated::same("Digdir"),
            access_lists_only: false,
            document,
        }
    }
}

/// A policy as registries hold them: one rule that gives the roles the actions on the resource, and the level of
/// authentication it demands.
pub fn policy_document(resource: &str, roles: &[&str], actions: &[&str], level: u8) -> String {
    policy_document_for(resource, &[(ROLE_CODE, roles)], actions, level)
}

/// The same for subjects of several kinds, each by its attribute and values.
pub fn policy_document_for(resource: &str, subjects: &[(&str, &[&str])], actions: &[&str], level: u8) -> String {
    let string = xacml::DataType::String.uri();
    let alternatives = |function: &str, values: &[&str], category: &str, id: &str| {
        let mut alternatives = String::new();
        for value in values {
            let _ = write!(
                alternatives,
                r#"        <xacml:AllOf>
          <xacml:Match MatchId="{function}">
            <xacml:AttributeValue DataType="{string}">{value}</xacml:AttributeValue>
            <xacml:AttributeDesignator AttributeId="{id}" Category="{category}" DataType="{string}" MustBePresent="false"/>
          </xacml:Match>
        </xacml:AllOf>
"#
            );
        }
        alternatives
    };
    let any_of = |alternatives: String| format!("      <xacml:AnyOf>\n{alternatives}      </xacml:AnyOf>\n");
    let block = |function: &str, values: &[&str], category: &str, id: &str| {
        any_of(alternatives(function, values, category, id))
    };
    let ignore_case = xacml::Function::EqualIgnoreCase.uri();
    let equal = xacml::Function::Equal(xacml::DataType::String).uri();
    let of_kind =
        |(id, values): &(&str, &[&str])| alternatives(ignore_case, values, xacml::category::ACCESS_SUBJECT, id);
    let subjects = any_of(subjects.iter().map(of_kind).collect());
    let resources = block(equal, &[resource], xacml::category::RESOURCE, model::RESOURCE_ATTRIBUTE);
    let actions = block(equal, actions, xacml::category::ACTION, xacml::ACTION_ID);
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<xacml:Policy xmlns:xacml="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="urn:altinn:policyid:{resource}" Version="1.0"
    RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides">
  <xacml:Target/>
  <xacml:Rule RuleId="urn:altinn:resource:{resource}:rule:1" Effect="Permit">
    <xacml:Target>
{subjects}{resources}{actions}    </xacml:Target>
  </xacml:Rule>
  <xacml:ObligationExpressions>
    <xacml:ObligationExpression ObligationId="urn:altinn:obligation:authenticationLevel1" FulfillOn="Permit">
      <xacml:AttributeAssignmentExpression AttributeId="urn:altinn:obligation-assignment:1" Category="urn:altinn:minimum-authenticationlevel">
        <xacml:AttributeValue DataType="{integer}">{level}</xacml:AttributeValue>
      </xacml:AttributeAssignmentExpression>
    </xacml:ObligationExpression>
  </xacml:ObligationExpressions>
</xacml:Policy>
"#,
        integer = xacml::DataType::Integer.uri(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_are_written_are_accepted_by_the_registry() {
        for builtin in BUILTIN {
            assert!(!builtin.policy().unwrap().subjects.is_empty());
        }
    }
}
