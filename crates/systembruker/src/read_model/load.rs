//! Loading what is committed, and making it ready.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::Context as _;
use model::{
    AccessPackage, AgentClient, Client, ClientPackage, DelegatedRight, OrgNumber, RegisteredSystem, ScopeDelegation,
    SystemUser,
};
use store::{AccessList, Change, ChangeKind, Connection, KeyPurpose, Session, StoredClientKey, StoredResource};
use token::certificates::CertificateChain;
use token::keys::{Algorithm, VerifyingKey};
use uuid::Uuid;
use xacml::{AttributeCategory, DecisionPoint, Policy, category};

use super::{
    ClientAccess, ClientEntry, ClientKeyEntry, ConnectionEntry, ListName, Parties, ResourceEntry, ResourcePolicy,
    ScopeEntry, SigningKeys, SystemUserEntry,
};
use crate::access::metadata::{self, Metadata, packages_of_subject};
use crate::authorization::attributes::PARTY_ID;
use crate::resource_registry::rights::{TypedValue, permitted_subjects};
use crate::vault::Vault;

/// How much is shared at least before it is looked at what nobody holds any more.
const LEAST_SWEPT: usize = 10_000;
/// How many system users are read at a time.
const TOGETHER: u16 = 10_000;

/// One thing as it is now, loaded and ready to be put in its place.
pub(super) enum Loaded {
    /// What comes after it is everything there is.
    Everything,
    Client(String, Option<Arc<ClientEntry>>),
    Scope(String, Option<Arc<ScopeEntry>>),
    ScopeDelegation(ScopeDelegation, bool),
    Prefixes(Vec<(String, OrgNumber)>),
    System(Uuid, Option<Arc<RegisteredSystem>>),
    SystemUser(Uuid, Option<Arc<SystemUserEntry>>),
    Resource(String, Option<Arc<ResourceEntry>>),
    Connection((Uuid, Uuid), Option<Arc<ConnectionEntry>>),
    AccessList(ListName, Option<Arc<AccessList>>),
    Metadata(Arc<Metadata>),
    Parties(Arc<Parties>),
    Keys(Box<KeyRings>),
}

/// What a change is about, as it is now.
pub(super) async fn load(
    session: &mut Session,
    vault: &Vault,
    change: &Change,
    shared: &mut Shared,
) -> anyhow::Result<Vec<Loaded>> {
    let key = change.key.clone();
    let id = || key.parse::<Uuid>().context("a change names no id");
    Ok(match change.kind {
        ChangeKind::Everything => load_everything(session, vault, shared).await?,
        ChangeKind::Parties => vec![load_parties(session).await?],
        ChangeKind::Client => vec![load_client(session, key).await?],
        ChangeKind::Scope => {
            let scope = session.scope(&key).await?;
            let consumers = session.scope_access(&key).await?.into_iter().map(|access| access.consumer).collect();
            vec![Loaded::Scope(key, scope.map(|scope| Arc::new(ScopeEntry { scope, consumers })))]
        }
        ChangeKind::ScopeDelegation => {
            let delegation = scope_delegation(&key).context("a change names no delegation")?;
            let there = session.has_scope_delegation(&delegation).await?;
            vec![Loaded::ScopeDelegation(delegation, there)]
        }
        ChangeKind::ClientKeyExpires => {
            let client_id = key.split_once(' ').map(|(client_id, _)| client_id.to_owned());
            vec![load_client(session, client_id.context("a change names no client")?).await?]
        }
        ChangeKind::ScopePrefix => vec![Loaded::Prefixes(session.scope_prefixes().await?)],
        ChangeKind::SigningKey => vec![load_keys(session, vault).await?],
        ChangeKind::Resource => {
            let resource = session.resource(&key).await?.map(resource_entry).transpose()?;
            vec![Loaded::Resource(key, resource.map(Arc::new))]
        }
        ChangeKind::System => vec![Loaded::System(id()?, session.system(id()?).await?.map(Arc::new))],
        ChangeKind::SystemUser => {
            let user = session.system_user(id()?).await?.map(|user| Arc::new(shared.system_user(user)));
            vec![Loaded::SystemUser(id()?, user)]
        }
        ChangeKind::Connection => {
            let (giver, receiver) = key.split_once(' ').context("a change names no connection")?;
            let pair = (giver.parse()?, receiver.parse()?);
            let connection = session.connection(pair.0, pair.1).await?;
            vec![Loaded::Connection(pair, connection.map(|connection| Arc::new(connection_entry(connection))))]
        }
        ChangeKind::AccessList => {
            let (owner, identifier) = key.split_once(' ').context("a change names no access list")?;
            let owner = owner.parse().context("a change names no owner")?;
            let list = session.access_list(owner, identifier).await?.map(Arc::new);
            vec![Loaded::AccessList((owner, identifier.to_owned()), list)]
        }
        ChangeKind::AccessMetadata => vec![load_metadata(session).await?],
        // Requests are asked for rarely, and then in the database.
        ChangeKind::Request | ChangeKind::ChangeRequest | ChangeKind::ClientJob => vec![],
    })
}

async fn load_client(session: &mut Session, client_id: String) -> anyhow::Result<Loaded> {
    let client = session.client(&client_id).await?;
    let keys = session.client_keys(&client_id).await?;
    Ok(Loaded::Client(client_id, client.map(|client| Arc::new(client_entry(client, keys)))))
}

/// Reads what names a delegation in the change log: consumer, supplier and scope with spaces between.
fn scope_delegation(key: &str) -> Option<ScopeDelegation> {
    let mut parts = key.split(' ');
    let mut next = || parts.next();
    let (consumer, supplier, scope) = (next()?, next()?, next()?);
    Some(ScopeDelegation {
        scope: scope.parse().ok()?,
        consumer: consumer.parse().ok()?,
        supplier: supplier.parse().ok()?,
    })
}

/// Everything there is.
pub(super) async fn load_everything(
    session: &mut Session,
    vault: &Vault,
    shared: &mut Shared,
) -> anyhow::Result<Vec<Loaded>> {
    shared.forget();
    let mut keys: HashMap<String, Vec<StoredClientKey>> = HashMap::new();
    for (client_id, key) in session.all_client_keys().await? {
        keys.entry(client_id).or_default().push(key);
    }
    let mut consumers: BTreeMap<String, HashSet<OrgNumber>> = BTreeMap::new();
    for access in session.all_scope_access().await? {
        consumers.entry(access.scope).or_default().insert(access.consumer);
    }
    let mut loaded = vec![
        Loaded::Everything,
        Loaded::Prefixes(session.scope_prefixes().await?),
        load_parties(session).await?,
        load_metadata(session).await?,
        load_keys(session, vault).await?,
    ];
    for client in session.clients().await? {
        let keys = keys.remove(&client.client_id).unwrap_or_default();
        loaded.push(Loaded::Client(client.client_id.clone(), Some(Arc::new(client_entry(client, keys)))));
    }
    for scope in session.scopes().await? {
        let name = scope.name.to_string();
        let consumers = consumers.remove(&name).unwrap_or_default();
        loaded.push(Loaded::Scope(name, Some(Arc::new(ScopeEntry { scope, consumers }))));
    }
    for delegation in session.scope_delegations().await? {
        loaded.push(Loaded::ScopeDelegation(delegation, true));
    }
    for system in session.systems().await? {
        loaded.push(Loaded::System(system.internal_id, Some(Arc::new(system))));
    }
    let mut after = Uuid::nil();
    loop {
        let users = session.system_users_after(after, TOGETHER).await?;
        let Some(last) = users.last() else { break };
        after = last.id;
        for user in users {
            loaded.push(Loaded::SystemUser(user.id, Some(Arc::new(shared.system_user(user)))));
        }
    }
    for resource in session.resources().await? {
        let identifier = resource.resource.identifier.clone();
        loaded.push(Loaded::Resource(identifier, Some(Arc::new(resource_entry(resource)?))));
    }
    for connection in session.connections().await? {
        let pair = (connection.giver, connection.receiver);
        loaded.push(Loaded::Connection(pair, Some(Arc::new(connection_entry(connection)))));
    }
    for list in session.access_lists().await? {
        loaded.push(Loaded::AccessList((list.owner, list.identifier.clone()), Some(Arc::new(list))));
    }
    Ok(loaded)
}

async fn load_parties(session: &mut Session) -> anyhow::Result<Loaded> {
    let organisations = session.organisations().await?;
    let persons = session.persons().await?;
    Ok(Loaded::Parties(Arc::new(Parties::new(organisations, persons, session.roles().await?))))
}

async fn load_metadata(session: &mut Session) -> anyhow::Result<Loaded> {
    let metadata = match session.access_metadata().await? {
        Some(document) => {
            let document = serde_json::from_value(document).context("the stored metadata cannot be read")?;
            Arc::new(Metadata::new(document).context("the stored metadata")?)
        }
        None => metadata::built_in(),
    };
    Ok(Loaded::Metadata(metadata))
}

async fn load_keys(session: &mut Session, vault: &Vault) -> anyhow::Result<Loaded> {
    Ok(Loaded::Keys(Box::new(signing_keys(session, vault).await?)))
}

/// The signing keys by what they sign.
#[derive(Debug, Default)]
pub struct KeyRings {
    /// Maskinporten's access tokens.
    pub maskinporten: SigningKeys,
    /// The platform's tokens.
    pub platform: SigningKeys,
    /// The identity tokens of a sandbox's test login provider.
    pub test_login: SigningKeys,
}

/// The signing keys, opened.
pub async fn signing_keys(session: &mut Session, vault: &Vault) -> anyhow::Result<KeyRings> {
    let mut rings = KeyRings::default();
    for stored in session.signing_keys().await? {
        let ring = match stored.purpose {
            KeyPurpose::Maskinporten => &mut rings.maskinporten,
            KeyPurpose::Platform => &mut rings.platform,
            KeyPurpose::TestLogin => &mut rings.test_login,
        };
        ring.push(stored, vault)?;
    }
    Ok(rings)
}

fn client_entry(client: Client, keys: Vec<StoredClientKey>) -> ClientEntry {
    let ready = keys.into_iter().filter_map(|StoredClientKey { key: stored, expiry_noted }| {
        // Checked when it was posted; one that is not usable all the same verifies nothing.
        let key = VerifyingKey::new(Algorithm::from_name(&stored.alg)?, &stored.n, &stored.e).ok()?;
        let certificates = match stored.x5c.as_slice() {
            [] => None,
            _ => Some(CertificateChain::from_x5c(&stored.x5c.into()).ok()?),
        };
        Some((stored.kid, ClientKeyEntry { key, expires: stored.expires, certificates, expiry_noted }))
    });
    ClientEntry { keys: ready.collect(), client }
}

fn resource_entry(stored: StoredResource) -> anyhow::Result<ResourceEntry> {
    let StoredResource { resource, policy, version_id } = stored;
    let compile = |document: String| {
        let policy =
            Policy::parse(&document).with_context(|| format!("the stored policy of {}", resource.identifier))?;
        let point = DecisionPoint::of_policy(&policy);
        let asks_for_party_id = point.asks_for(&category::RESOURCE.into(), &PARTY_ID.into());
        let opens_to = permitted_subjects(&policy).iter().map(TypedValue::urn).collect();
        anyhow::Ok(ResourcePolicy { document, policy, point, asks_for_party_id, opens_to })
    };
    let policy = policy.map(compile).transpose()?;
    Ok(ResourceEntry { resource, version_id, policy })
}

fn connection_entry(connection: Connection) -> ConnectionEntry {
    let packages = packages_of_subject(&connection.packages);
    ConnectionEntry { connection, packages }
}

/// What many system users have in common and share in memory: most of a system have the same rights and packages.
#[derive(Debug, Default)]
pub(super) struct Shared {
    rights: HashSet<Arc<[DelegatedRight]>>,
    packages: HashMap<Arc<[AccessPackage]>, Arc<AttributeCategory>>,
    clients: HashMap<Arc<[ClientPackage]>, ClientAccess>,
    sweep_at: usize,
}

impl Shared {
    /// Forgets all of it; what is in use stays with those who use it.
    fn forget(&mut self) {
        *self = Self::default();
    }

    /// Forgets what nobody else holds any more, each time twice as much is remembered as was after the last time.
    fn sweep(&mut self) {
        let held = self.rights.len() + self.packages.len() + self.clients.len();
        if held < self.sweep_at.max(LEAST_SWEPT) {
            return;
        }
        self.rights.retain(|rights| Arc::strong_count(rights) > 1);
        self.packages.retain(|packages, _| Arc::strong_count(packages) > 1);
        // The entry itself holds one more.
        self.clients.retain(|packages, _| Arc::strong_count(packages) > 2);
        self.sweep_at = 2 * (self.rights.len() + self.packages.len() + self.clients.len());
    }

    fn system_user(&mut self, mut user: SystemUser) -> SystemUserEntry {
        self.sweep();
        match self.rights.get(&user.rights) {
            Some(known) => user.rights = Arc::clone(known),
            None => _ = self.rights.insert(Arc::clone(&user.rights)),
        }
        let packages = (!user.access_packages.is_empty()).then(|| {
            if let Some((known, attributes)) = self.packages.get_key_value(&user.access_packages) {
                user.access_packages = Arc::clone(known);
                return Arc::clone(attributes);
            }
            let attributes = packages_of_subject(&*user.access_packages);
            self.packages.insert(Arc::clone(&user.access_packages), Arc::clone(&attributes));
            attributes
        });
        let mut clients = HashMap::with_capacity(user.clients.len());
        for AgentClient { client, packages } in std::mem::take(&mut user.clients) {
            let access = self.clients.entry(Arc::clone(&packages)).or_insert_with(|| client_access(packages));
            clients.insert(client, access.clone());
        }
        SystemUserEntry {
            rights: Arc::clone(&user.rights),
            owner_party: user.owner_party,
            owner: user.owner,
            kind: user.kind,
            is_deleted: user.is_deleted,
            packages,
            clients,
            user,
        }
    }
}

fn client_access(given: Arc<[ClientPackage]>) -> ClientAccess {
    // A sole proprietor and the business are one for those who keep or audit its books.
    let for_owner = given.iter().filter(|given| matches!(&*given.role, "regnskapsforer" | "revisor"));
    ClientAccess {
        packages: packages_of_subject(given.iter().map(|given| &given.package)),
        packages_for_owner: packages_of_subject(for_owner.map(|given| &given.package)),
        given,
    }
}
