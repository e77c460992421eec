//! A sandbox in this process with many system users, and the client that signs grants for them.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use model::{
    Client, ClientKey, DelegatedRight, OrgNumber, Organisation, RegisteredSystem, Right, SystemId, SystemUser,
    SystemUserKind, Translated,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{ChangeContext, KeyPurpose};
use systembruker::app::App;
use systembruker::cli::sandbox::{SandboxOptions, start};
use systembruker::clock::Random;
use systembruker::maskinporten::admin::rules::{new_client, new_scope};
use systembruker::maskinporten::keys::{self, RotationPolicy};
use systembruker::maskinporten::service::TokenSettings;
use systembruker::sandbox::seed;
use token::keys::SigningKey;
use tokio::net::TcpListener;

/// The vendor's system, to which all system users belong.
pub const SYSTEM: &str = "991825827_load";
/// An id, for where any will do.
pub const SOME_ID: &str = "0e6f7c7a-58f0-4bb0-9a5c-4a1f2f5b9d21";
/// How long a grant is valid, in seconds: the longest that is accepted.
pub const GRANT_LIFETIME: i64 = 180;

const SCOPE: &str = "skatteetaten:load";
const RESOURCE: &str = "load";
/// The first eight digits of made-up organisation numbers begin here, away from those of the sandbox's seed.
const FIRST_CUSTOMER: u32 = 20_000_000;
/// How many organisations have no system user.
const STRANGERS: usize = 100;
/// How many system users are stored in one transaction. A transaction looks through all it has noted for each change it
/// notes, so that much larger ones take longer in all.
const PER_TRANSACTION: usize = 1_000;

/// A sandbox that does not listen yet, and who asks it for tokens.
pub struct World {
    /// The sandbox.
    pub app: Arc<App>,
    /// Where it would be reached, and what its issuer is made of.
    pub listener: TcpListener,
    /// Who asks.
    pub signer: GrantSigner,
}

impl World {
    /// Starts a sandbox whose tokens are signed with a key of so many bits, and fills it with system users, each of a
    /// customer of its own.
    pub async fn start(signing_bits: usize, system_users: usize) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let rotation = RotationPolicy { bits: signing_bits, ..RotationPolicy::default() };
        // Requests are counted, as an installation for real does, though nobody comes near the limit.
        let requests_per_second = NonZeroU32::new(1_000_000);
        let tokens = TokenSettings { rotation, requests_per_second, ..TokenSettings::default() };
        let app = Box::pin(start(&listener, SandboxOptions { tokens, ..SandboxOptions::default() })).await?;
        let began = Instant::now();
        let client = Box::pin(fill(&app, system_users)).await?;
        let stored = began.elapsed();
        let began = Instant::now();
        app.model.rebuild(&app.store, &app.vault).await?;
        let (stored, read) = (stored.as_secs_f64(), began.elapsed().as_secs_f64());
        eprintln!("{system_users} system users stored in {stored:.1} s, and read into memory in {read:.1} s");
        Ok(Self { app, listener, signer: GrantSigner::new(client)? })
    }

    /// From now on tokens are signed with a new key of so many bits.
    pub async fn sign_with(&self, bits: usize) -> anyhow::Result<()> {
        let (app, now) = (&self.app, self.app.clock.now());
        let key = keys::generate(&app.vault, &app.random, KeyPurpose::Maskinporten, bits, now, now).await?;
        let mut tx = app.store.write(context(), now).await?;
        tx.insert_signing_key(&key).await?;
        tx.commit().await?;
        app.model.catch_up(&app.store, &app.vault).await
    }

    /// The key that signs tokens now.
    pub fn signing_key(&self) -> anyhow::Result<Arc<SigningKey>> {
        let keys = self.app.model.maskinporten_keys();
        keys.signing(self.app.clock.now()).cloned().context("a sandbox has a signing key")
    }
}

/// Who asks for tokens, as one process tells it to another.
#[derive(Debug, Serialize, Deserialize)]
pub struct GrantClient {
    /// The client.
    pub client_id: String,
    /// The private key that it signs with. A sandbox's, made for this run and of no worth after it.
    pub private_key_pem: String,
    /// Whom its grants are for.
    pub audience: String,
    /// Organisations that have a system user in the client's system.
    pub customers: Vec<String>,
    /// Organisations that have none.
    pub strangers: Vec<String>,
}

/// Signs grants.
pub struct GrantSigner {
    /// Who asks.
    pub client: GrantClient,
    /// What it signs with.
    pub key: SigningKey,
    signed: AtomicUsize,
}

impl GrantSigner {
    /// Reads the client's key.
    pub fn new(client: GrantClient) -> anyhow::Result<Self> {
        let key = SigningKey::from_pem(&client.private_key_pem, None)?;
        Ok(Self { client, key, signed: AtomicUsize::new(0) })
    }

    /// Signs so many grants, made at `now`, each for another customer's system user.
    pub fn sign_many(&self, count: usize, now: i64) -> anyhow::Result<Vec<String>> {
        (0..count).map(|_| self.sign(&self.client.client_id, self.some_of(&self.client.customers)?, now)).collect()
    }

    /// Signs so many grants of a client that there is not.
    pub fn sign_as_nobody(&self, count: usize, now: i64) -> anyhow::Result<Vec<String>> {
        (0..count).map(|_| self.sign(SOME_ID, self.some_of(&self.client.customers)?, now)).collect()
    }

    /// Signs so many grants for system users that there are not.
    pub fn sign_for_strangers(&self, count: usize, now: i64) -> anyhow::Result<Vec<String>> {
        (0..count).map(|_| self.sign(&self.client.client_id, self.some_of(&self.client.strangers)?, now)).collect()
    }

    /// One of these organisations: another each time, and not one after the other, so that what the processor still has
    /// at hand from the last one does not help it with the next.
    fn some_of<'a>(&self, organisations: &'a [String]) -> anyhow::Result<&'a str> {
        /// A prime larger than the number of organisations there are.
        const STRIDE: usize = 15_485_863;
        let turn = self.signed.fetch_add(1, Ordering::Relaxed);
        let index = turn.wrapping_mul(STRIDE) % organisations.len().max(1);
        organisations.get(index).map(String::as_str).context("there is no organisation to ask for")
    }

    fn sign(&self, client_id: &str, customer: &str, now: i64) -> anyhow::Result<String> {
        let claims = json!({
            "aud": self.client.audience,
            "iss": client_id,
            "scope": SCOPE,
            "iat": now,
            "exp": now + GRANT_LIFETIME,
            "jti": Random.token(),
            "authorization_details": [{
                "type": "urn:altinn:systemuser",
                "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{customer}")},
            }],
        });
        Ok(self.key.sign(&claims)?)
    }
}

/// A client with a 2048-bit key that is known to nobody but its maker.
pub async fn client_key() -> anyhow::Result<SigningKey> {
    Ok(tokio::task::spawn_blocking(|| SigningKey::generate(2_048)).await??)
}

fn context() -> ChangeContext {
    ChangeContext { actor: "load".into(), ..ChangeContext::default() }
}

/// Stores a scope, a client that has it, a system that has the client, and so many customers with a system user.
async fn fill(app: &App, system_users: usize) -> anyhow::Result<GrantClient> {
    let now = app.clock.now();
    let vendor: OrgNumber = seed::SMARTCLOUD.parse()?;
    let owner: OrgNumber = seed::SKATTEETATEN.parse()?;
    let client_id = app.random.uuid().to_string();
    let key = client_key().await?;
    let system = system(vendor, &client_id, now);
    let client =
        Client { name: "load".into(), scopes: vec![SCOPE.into()], ..new_client(client_id.clone(), vendor, None, now) };
    let mut tx = app.store.write(context(), now).await?;
    tx.insert_scope(&new_scope(SCOPE.parse()?, owner, now)).await?;
    tx.grant_scope(&SCOPE.parse()?, vendor).await?;
    tx.put_client(&client).await?;
    tx.replace_client_keys(&client_id, &[stored_key(&key, now)?]).await?;
    tx.insert_system(&system).await?;
    tx.commit().await?;

    let (mut party_id, _) = app.store.read().await?.largest_party_ids().await?;
    let mut numbers = organisation_numbers();
    let mut organisation = || {
        party_id += 1;
        let org_number = numbers.next().context("there are no more organisation numbers")?;
        anyhow::Ok(Organisation {
            party_uuid: app.random.uuid(),
            party_id,
            org_number,
            name: format!("KUNDE {org_number} AS"),
            unit_type: "AS".into(),
            parent: None,
            deleted: None,
        })
    };
    let (mut customers, mut strangers) = (Vec::with_capacity(system_users), Vec::with_capacity(STRANGERS));
    while customers.len() < system_users {
        let mut tx = app.store.write(context(), now).await?;
        for _ in 0..PER_TRANSACTION.min(system_users - customers.len()) {
            let customer = organisation()?;
            tx.put_organisation(&customer).await?;
            tx.insert_system_user(&system_user(app, &system, &customer, now)).await?;
            customers.push(customer.org_number.to_string());
        }
        tx.commit().await?;
    }
    let mut tx = app.store.write(context(), now).await?;
    for _ in 0..STRANGERS {
        let stranger = organisation()?;
        tx.put_organisation(&stranger).await?;
        strangers.push(stranger.org_number.to_string());
    }
    tx.commit().await?;
    let private_key_pem = key.to_pem()?.to_string();
    Ok(GrantClient { client_id, private_key_pem, audience: app.faces.issuer().to_owned(), customers, strangers })
}

/// Organisation numbers with a right check digit.
pub fn organisation_numbers() -> impl Iterator<Item = OrgNumber> {
    (FIRST_CUSTOMER..).filter_map(|head| (0..10).find_map(|check| format!("{head}{check}").parse().ok()))
}

fn stored_key(key: &SigningKey, now: Timestamp) -> anyhow::Result<ClientKey> {
    let jwk = key.public_jwk();
    Ok(ClientKey {
        kid: key.kid().to_owned(),
        alg: "RS256".into(),
        n: jwk.n.clone(),
        e: jwk.e.clone(),
        x5c: vec![],
        expires: now.checked_add(SignedDuration::from_hours(Client::KEY_LIFETIME_HOURS))?,
        created: now,
    })
}

/// The system that all system users belong to.
pub fn system(vendor: OrgNumber, client_id: &str, now: Timestamp) -> RegisteredSystem {
    RegisteredSystem {
        internal_id: Random.uuid(),
        id: SystemId::registered(SYSTEM.into()),
        vendor,
        name: Translated::same("Load"),
        description: Translated::same("Load"),
        rights: vec![Right::to_resource(RESOURCE)],
        access_packages: vec![],
        client_ids: vec![client_id.to_owned()],
        allowed_redirect_urls: vec![],
        is_visible: true,
        is_deleted: false,
        created: now,
        version: 1,
        changed: now,
    }
}

/// A system user of a customer.
pub fn system_user(app: &App, system: &RegisteredSystem, customer: &Organisation, now: Timestamp) -> SystemUser {
    SystemUser {
        id: app.random.uuid(),
        kind: SystemUserKind::Standard,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        owner_party: customer.party_uuid,
        owner: customer.org_number,
        external_ref: customer.org_number.to_string(),
        title: "Load".into(),
        rights: [DelegatedRight { resource: RESOURCE.into(), action: "read".into() }].into(),
        access_packages: [].into(),
        clients: vec![],
        is_deleted: false,
        created: now,
        created_by: app.random.uuid(),
    }
}
