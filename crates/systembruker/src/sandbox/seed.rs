//! What a sandbox begins with.
//!
//! The parties of the story, an accountant and an auditor with clients, a sub-unit, an employee without powers. All
//! persons are synthetic (month + 80). The numbers of the organisations of the story are those that guides print.

use anyhow::Context as _;
use model::{Client, OrgNumber, Scope, ScopeName};
use serde::{Deserialize, Serialize};
use store::{ChangeContext, Write};
use token::certificates::authority::{Authority, Profile, Subject};
use token::keys::SigningKey;

use crate::access::import;
use crate::app::App;
use crate::clock::Random;
use crate::maskinporten::admin::rules::{KeyRules, new_client, new_scope};
use crate::resource_registry::builtin;

/// Digdir, who owns the platform's scopes and resources. Its real number is SmartCloud's in the guides' story.
pub const DIGDIR: &str = "312650010";
/// Skatteetaten, the API provider of the story.
pub const SKATTEETATEN: &str = "974761076";
/// SmartCloud AS, the vendor of the story.
pub const SMARTCLOUD: &str = "991825827";
/// An API scope that SmartCloud has been granted, so that there is one to try.
const GRANTED_SCOPE: &str = "skatteetaten:testinnsyn";

/// The scopes of the platform. Those of the second list are Digdir's own.
const OPEN_SCOPES: [&str; 25] = [
    "altinn:authentication/systemregister.write",
    "altinn:authentication/systemuser.request.write",
    "altinn:authentication/systemuser.request.read",
    "altinn:authorization/authorize",
    "altinn:resourceregistry/resource.write",
    "altinn:resourceregistry/resource.read",
    "altinn:resourceregistry/accesslist.read",
    "altinn:resourceregistry/accesslist.write",
    "altinn:clientdelegations.read",
    "altinn:clientdelegations.write",
    "altinn:clientdelegations/myclients.read",
    "altinn:clientdelegations/myclients.write",
    "altinn:accessmanagement/authorizedparties",
    "altinn:accessmanagement/authorizedparties.resourceowner",
    "altinn:accessmanagement/enduser:connections:fromothers.read",
    "altinn:accessmanagement/enduser:connections:fromothers.write",
    "altinn:accessmanagement/enduser:connections:toothers.read",
    "altinn:accessmanagement/enduser:connections:toothers.write",
    "altinn:portal/enduser",
    "altinn:instances.read",
    "altinn:instances.write",
    "idporten:dcr.modify",
    "idporten:dcr.read",
    "idporten:dcr.write",
    "idporten:scopes.write",
];
const DIGDIR_SCOPES: [&str; 8] = [
    "altinn:authentication/systemregister.admin",
    "altinn:authentication/systemuser.admin",
    "altinn:authorization/authorize.admin",
    "altinn:maskinporten/systemuser.read",
    "altinn:maskinporten/delegations.admin",
    "altinn:resourceregistry/resource.admin",
    "altinn:resourceregistry/pdp:accesslist.read",
    "idporten:dcr.supplier",
];

/// The parties, as `parties import` reads them.
const PARTIES: &str = include_str!("parties.jsonl");

/// A client that is there from the beginning, with its private key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeededClient {
    /// Its name.
    pub name: String,
    /// Its organisation.
    pub org: OrgNumber,
    /// Its id.
    pub client_id: String,
    /// The id of its registered key; none for one that authenticates with a certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The private key. A sandbox's, and of no worth elsewhere.
    pub private_key_pem: String,
    /// Its enterprise certificate and that of the authority that issued it, for one that has no registered key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_pem: Option<String>,
    /// What it may ask for.
    pub scopes: Vec<String>,
}

/// The client that authenticates with an enterprise certificate.
pub const WITH_CERTIFICATE: &str = "SmartCloud AS with enterprise certificate";
/// The years in which the sandbox's authority and its certificates are valid begin here.
pub const AUTHORITY_SINCE: i32 = 2020;
/// The last year of the certificates it issues.
const CERTIFICATE_UNTIL: i32 = 2049;

/// Makes the clients' ids and keys, and a certificate of this authority for the one that has no registered key.
pub async fn new_clients(authority: &Authority) -> anyhow::Result<Vec<SeededClient>> {
    let owned = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    let plans = [
        ("Digdir", DIGDIR, [owned(&DIGDIR_SCOPES), owned(&OPEN_SCOPES)].concat()),
        (
            "Skatteetaten",
            SKATTEETATEN,
            owned(&[
                "idporten:scopes.write",
                "idporten:dcr.read",
                "idporten:dcr.write",
                "altinn:resourceregistry/resource.write",
                "altinn:resourceregistry/accesslist.read",
                "altinn:resourceregistry/accesslist.write",
                "altinn:accessmanagement/authorizedparties.resourceowner",
                "altinn:authorization/authorize",
            ]),
        ),
        (
            "SmartCloud AS",
            SMARTCLOUD,
            owned(&[
                GRANTED_SCOPE,
                "idporten:dcr.modify",
                "idporten:dcr.read",
                "idporten:dcr.write",
                "altinn:authentication/systemregister.write",
                "altinn:authentication/systemuser.request.write",
                "altinn:authentication/systemuser.request.read",
            ]),
        ),
        (WITH_CERTIFICATE, SMARTCLOUD, owned(&[GRANTED_SCOPE])),
    ];
    let mut clients = Vec::new();
    for (name, org, scopes) in plans {
        let key = tokio::task::spawn_blocking(|| SigningKey::generate(2048)).await??;
        let org: OrgNumber = org.parse().context("a seeded organisation number")?;
        let certificate_pem = if name == WITH_CERTIFICATE {
            let profile = Profile::OrganizationIdentifier;
            let subject = Subject { organisation: org, name: "SmartCloud AS".into(), profile };
            Some(authority.issue(&key, &subject, AUTHORITY_SINCE..CERTIFICATE_UNTIL, 3)?)
        } else {
            None
        };
        clients.push(SeededClient {
            name: name.into(),
            org,
            client_id: Random.uuid().to_string(),
            kid: certificate_pem.is_none().then(|| key.kid().to_owned()),
            private_key_pem: key.to_pem()?.to_string(),
            certificate_pem,
            scopes,
        });
    }
    Ok(clients)
}

fn context() -> ChangeContext {
    ChangeContext { actor: "sandbox".into(), ..ChangeContext::default() }
}

/// Imports the parties that the sandbox was started with.
pub async fn import_parties(app: &App) -> anyhow::Result<()> {
    if let Some(text) = app.sandbox.as_ref().and_then(|sandbox| sandbox.parties.as_deref()) {
        import::import(&app.store, &app.vault, &app.random, context(), app.clock.now(), text).await?;
        app.model.catch_up(&app.store, &app.vault).await?;
    }
    Ok(())
}

/// Fills an empty sandbox.
pub async fn fill(app: &App) -> anyhow::Result<()> {
    let sandbox = app.sandbox.as_ref().context("only a sandbox is filled")?;
    let now = app.clock.now();
    import::import(&app.store, &app.vault, &app.random, context(), now, PARTIES).await?;
    import_parties(app).await?;
    let mut tx = app.store.write(context(), now).await?;
    let digdir: OrgNumber = DIGDIR.parse()?;
    let skatteetaten: OrgNumber = SKATTEETATEN.parse()?;
    for (prefix, owner) in [("altinn", digdir), ("idporten", digdir), ("skatteetaten", skatteetaten)] {
        tx.put_scope_prefix(prefix, owner).await?;
    }
    for name in OPEN_SCOPES {
        put_scope(&mut tx, name, digdir, true).await?;
    }
    for name in DIGDIR_SCOPES {
        put_scope(&mut tx, name, digdir, false).await?;
    }
    put_scope(&mut tx, GRANTED_SCOPE, skatteetaten, false).await?;
    tx.grant_scope(&GRANTED_SCOPE.parse()?, SMARTCLOUD.parse()?).await?;
    for client in &sandbox.clients {
        put_client(&mut tx, client).await?;
    }
    tx.commit().await?;
    builtin::ensure(&app.store, digdir, now).await?;
    app.model.catch_up(&app.store, &app.vault).await
}

async fn put_scope(tx: &mut Write, name: &str, owner: OrgNumber, accessible_for_all: bool) -> anyhow::Result<()> {
    let name: ScopeName = name.parse()?;
    let description = format!("Sandbox: {name}");
    let scope = Scope { description, accessible_for_all, ..new_scope(name, owner, tx.now()) };
    Ok(tx.insert_scope(&scope).await?)
}

async fn put_client(tx: &mut Write, seeded: &SeededClient) -> anyhow::Result<()> {
    let client = Client {
        name: seeded.name.clone(),
        description: "Seeded in the sandbox".into(),
        scopes: seeded.scopes.clone(),
        ..new_client(seeded.client_id.clone(), seeded.org, None, tx.now())
    };
    tx.put_client(&client).await?;
    if seeded.kid.is_none() {
        return Ok(());
    }
    let key = SigningKey::from_pem(&seeded.private_key_pem, seeded.kid.clone())?;
    let rules = KeyRules { org: seeded.org, certificates: None, now: tx.now() };
    let keys = rules.check(&[serde_json::to_value(key.public_jwk())?]);
    let keys = keys.map_err(|errors| anyhow::anyhow!(errors.join(" ")))?;
    Ok(tx.replace_client_keys(&client.client_id, &keys).await?)
}
