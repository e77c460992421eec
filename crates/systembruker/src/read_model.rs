//! What tokens and decisions are answered from: everything live, in memory.
//!
//! The database is the truth; this is a copy of it that moves forward in the order of the change log. It is built from
//! one snapshot and the log's number there. A change is committed, then applied here ([`ReadModel::catch_up`]), then
//! answered: when the call that made it returns, it counts. Changes are few and small against the questions asked, so
//! one applier at a time reloads what the log says has changed.
//!
//! A question looks at several maps. [`ReadModel::consistent`] makes sure that no change came between: a counter is odd
//! while a change is being applied and even before and after, and a reader that sees it move starts again. The counter
//! it saw ([`Generation`]) can be compared later, so that an answer that took long to make (a signature) does not leave
//! after a change that forbids it.
//!
//! If a change cannot be applied, nothing is answered until it can: [`ReadModel::is_current`] is false.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use anyhow::Context as _;
use arc_swap::ArcSwap;
use dashmap::{DashMap, DashSet};
use jiff::{SignedDuration, Timestamp};
use model::{
    Client, OrgNumber, Organisation, Person, RegisteredSystem, Resource, RoleAssignment, Scope, ScopeDelegation,
    SystemUser,
};
use store::{Change, ChangeKind, KeyPurpose, Session, Store, StoredClientKey, StoredKey};
use token::certificates::{CertificateChain, self_signed};
use token::keys::{Algorithm, JwkSet, PublicJwk, SigningKey, VerifyingKey};
use tokio::sync::Mutex;
use uuid::Uuid;
use xacml::{DecisionPoint, Policy};

use crate::vault::{Purpose, Vault};

/// A client with its keys, ready to verify.
#[derive(Debug)]
pub struct ClientEntry {
    /// The client.
    pub client: Client,
    /// Its keys by key id.
    pub keys: HashMap<String, ClientKeyEntry>,
}

/// A key of a client, ready to verify.
#[derive(Debug)]
pub struct ClientKeyEntry {
    /// The key.
    pub key: VerifyingKey,
    /// From then on it is not accepted.
    pub expires: Timestamp,
    /// The certificates it is bound to, if it is.
    pub certificates: Option<CertificateChain>,
    /// Whether the change log says that it is about to expire.
    pub expiry_noted: bool,
}

/// A scope with those it is granted to.
#[derive(Debug)]
pub struct ScopeEntry {
    /// The scope.
    pub scope: Scope,
    /// Who may use it.
    pub consumers: HashSet<OrgNumber>,
}

/// A resource with its policy.
#[derive(Debug)]
pub struct ResourceEntry {
    /// The resource.
    pub resource: Resource,
    /// Its policy; `None` before one is there.
    pub policy: Option<ResourcePolicy>,
}

/// The policy of a resource.
#[derive(Debug)]
pub struct ResourcePolicy {
    /// As it was posted.
    pub document: String,
    /// To look into.
    pub policy: Arc<Policy>,
    /// Ready to decide.
    pub point: DecisionPoint,
}

/// All parties and roles, replaced as a whole.
#[derive(Debug, Default)]
pub struct Parties {
    organisations: HashMap<Uuid, Arc<Organisation>>,
    by_number: HashMap<OrgNumber, Uuid>,
    by_party_id: HashMap<i64, Uuid>,
    persons: HashMap<Uuid, Arc<Person>>,
    persons_by_user_id: HashMap<i64, Uuid>,
    /// What roles a party holds, by holder and organisation.
    held: HashMap<(Uuid, Uuid), Vec<String>>,
    /// In which organisations a party holds a role.
    organisations_of: HashMap<Uuid, Vec<Uuid>>,
}

impl Parties {
    fn new(organisations: Vec<Organisation>, persons: Vec<Person>, roles: Vec<RoleAssignment>) -> Self {
        let mut parties = Self::default();
        for organisation in organisations {
            parties.by_number.insert(organisation.org_number, organisation.party_uuid);
            parties.by_party_id.insert(organisation.party_id, organisation.party_uuid);
            parties.organisations.insert(organisation.party_uuid, Arc::new(organisation));
        }
        for person in persons {
            parties.persons_by_user_id.insert(person.user_id, person.party_uuid);
            parties.persons.insert(person.party_uuid, Arc::new(person));
        }
        for RoleAssignment { organisation, role, holder } in roles {
            let holder = holder.party_uuid();
            parties.held.entry((holder, organisation)).or_default().push(role);
            let organisations = parties.organisations_of.entry(holder).or_default();
            if !organisations.contains(&organisation) {
                organisations.push(organisation);
            }
        }
        parties
    }

    /// The organisation with this party uuid.
    pub fn organisation(&self, party: Uuid) -> Option<Arc<Organisation>> {
        self.organisations.get(&party).map(Arc::clone)
    }

    /// The organisation with this number.
    pub fn by_number(&self, number: OrgNumber) -> Option<Arc<Organisation>> {
        self.organisation(*self.by_number.get(&number)?)
    }

    /// The organisation with this party id.
    pub fn by_party_id(&self, party_id: i64) -> Option<Arc<Organisation>> {
        self.organisation(*self.by_party_id.get(&party_id)?)
    }

    /// The person with this party uuid.
    pub fn person(&self, party: Uuid) -> Option<Arc<Person>> {
        self.persons.get(&party).map(Arc::clone)
    }

    /// The person with this user id.
    pub fn person_by_user_id(&self, user_id: i64) -> Option<Arc<Person>> {
        self.person(*self.persons_by_user_id.get(&user_id)?)
    }

    /// The roles that the register gives a party in an organisation.
    pub fn roles(&self, holder: Uuid, organisation: Uuid) -> &[String] {
        self.held.get(&(holder, organisation)).map_or(&[], Vec::as_slice)
    }

    /// The organisations in which a party holds a role.
    pub fn organisations_of(&self, holder: Uuid) -> Vec<Arc<Organisation>> {
        let organisations = self.organisations_of.get(&holder).into_iter().flatten();
        organisations.filter_map(|uuid| self.organisation(*uuid)).collect()
    }
}

/// The signing keys of one purpose, in the order in which they begin to sign.
///
/// A key is published from when it is made, signs from its time until the next one's, and verifies until what it signed
/// last has expired everywhere.
#[derive(Debug, Default)]
pub struct SigningKeys {
    keys: Vec<SigningKeyEntry>,
}

/// A signing key and its times.
#[derive(Debug)]
pub struct SigningKeyEntry {
    /// The key.
    pub key: Arc<SigningKey>,
    /// What verifies.
    pub verifying: Arc<VerifyingKey>,
    /// What is published, with a certificate.
    pub jwk: PublicJwk,
    /// When it was made.
    pub created: Timestamp,
    /// When it begins to sign.
    pub signs_from: Timestamp,
}

impl SigningKeys {
    /// How long a key still verifies after the next one has begun to sign: the longest life of a token, and a day for
    /// those who keep what they have fetched.
    pub const KEPT_FOR: SignedDuration = SignedDuration::from_secs(Client::MAX_TOKEN_LIFETIME + 24 * 3_600);

    /// The key that signs now: of those that have begun, the last. Before any has begun, as after a sandbox's clock was
    /// turned back, the first.
    pub fn signing(&self, now: Timestamp) -> Option<&Arc<SigningKey>> {
        let begun = self.keys.iter().rev().find(|entry| entry.signs_from <= now);
        begun.or_else(|| self.keys.first()).map(|entry| &entry.key)
    }

    /// A key that verifies now, by key id.
    pub fn verifying(&self, kid: &str, now: Timestamp) -> Option<Arc<VerifyingKey>> {
        let mut valid = self.entries(now).filter(|(_, retired)| !retired).map(|(entry, _)| entry);
        valid.find(|entry| entry.key.kid() == kid).map(|entry| Arc::clone(&entry.verifying))
    }

    /// The public keys as they are published now.
    pub fn published(&self, now: Timestamp) -> JwkSet {
        let valid = self.entries(now).filter(|(_, retired)| !retired);
        JwkSet { keys: valid.map(|(entry, _)| entry.jwk.clone()).collect() }
    }

    /// Every key, and whether its time is over.
    pub fn entries(&self, now: Timestamp) -> impl Iterator<Item = (&SigningKeyEntry, bool)> {
        self.keys.iter().enumerate().map(move |(index, entry)| {
            let next = self.keys.get(index + 1).map(|next| next.signs_from);
            let retires = next.map(|next| next.checked_add(Self::KEPT_FOR).unwrap_or(Timestamp::MAX));
            (entry, retires.is_some_and(|retires| retires <= now))
        })
    }

    fn push(&mut self, stored: StoredKey, vault: &Vault) -> anyhow::Result<()> {
        let der = zeroize::Zeroizing::new(vault.open(Purpose::SigningKey, &stored.sealed)?);
        let key = SigningKey::from_pkcs8(&der, Some(stored.kid)).context("a stored signing key cannot be read")?;
        let mut jwk = key.public_jwk().clone();
        let verifying = VerifyingKey::new(Algorithm::Rs256, &jwk.n, &jwk.e).context("a signing key does not verify")?;
        jwk.x5c = if stored.certificates.is_empty() {
            let year = i32::from(stored.created.to_zoned(jiff::tz::TimeZone::UTC).year());
            self_signed(&key, "Systembruker token signing", year)?.to_x5c()
        } else {
            stored.certificates
        };
        let (created, signs_from) = (stored.created, stored.signs_from);
        let (key, verifying) = (Arc::new(key), Arc::new(verifying));
        self.keys.push(SigningKeyEntry { key, verifying, jwk, created, signs_from });
        Ok(())
    }
}

/// A point in the history of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// What a system user is found by.
type Triple = (Uuid, OrgNumber, String);

/// The model. Every map holds what is live and what must still be told apart from nothing, such as deleted systems.
#[derive(Debug, Default)]
pub struct ReadModel {
    generation: AtomicU64,
    current: AtomicBool,
    applied: AtomicI64,
    applier: Mutex<()>,
    clients: DashMap<String, Arc<ClientEntry>>,
    scopes: DashMap<String, Arc<ScopeEntry>>,
    scope_delegations: DashSet<ScopeDelegation>,
    prefixes: DashMap<String, OrgNumber>,
    systems: DashMap<Uuid, Arc<RegisteredSystem>>,
    systems_by_id: DashMap<String, Uuid>,
    systems_by_client: DashMap<String, Uuid>,
    deleted_systems_by_client: DashMap<String, HashSet<Uuid>>,
    system_users: DashMap<Uuid, Arc<SystemUser>>,
    system_users_by_triple: DashMap<Triple, Uuid>,
    system_users_by_owner: DashMap<Uuid, HashSet<Uuid>>,
    resources: DashMap<String, Arc<ResourceEntry>>,
    parties: ArcSwap<Parties>,
    maskinporten_keys: ArcSwap<SigningKeys>,
    test_login_keys: ArcSwap<SigningKeys>,
}

/// One thing as it is now, loaded and ready to be put in its place.
enum Loaded {
    /// What comes after it is everything there is.
    Everything,
    Client(String, Option<Arc<ClientEntry>>),
    Scope(String, Option<Arc<ScopeEntry>>),
    ScopeDelegation(ScopeDelegation, bool),
    Prefixes(Vec<(String, OrgNumber)>),
    System(Uuid, Option<Arc<RegisteredSystem>>),
    SystemUser(Uuid, Option<Arc<SystemUser>>),
    Resource(String, Option<Arc<ResourceEntry>>),
    Parties(Arc<Parties>),
    Keys(SigningKeys, SigningKeys),
}

impl ReadModel {
    /// The client with this id, active or not.
    pub fn client(&self, id: &str) -> Option<Arc<ClientEntry>> {
        self.clients.get(id).map(|entry| Arc::clone(&entry))
    }

    /// The scope with this name, active or not.
    pub fn scope(&self, name: &str) -> Option<Arc<ScopeEntry>> {
        self.scopes.get(name).map(|entry| Arc::clone(&entry))
    }

    /// Every client, in no order.
    pub fn clients(&self) -> impl Iterator<Item = Arc<ClientEntry>> {
        self.clients.iter().map(|entry| Arc::clone(&entry))
    }

    /// Whether an organisation lets another use a scope in its place.
    pub fn has_scope_delegation(&self, delegation: &ScopeDelegation) -> bool {
        self.scope_delegations.contains(delegation)
    }

    /// The scope prefixes of an organisation, sorted.
    pub fn prefixes_of(&self, org: OrgNumber) -> Vec<String> {
        let own = self.prefixes.iter().filter(|entry| *entry.value() == org);
        let mut prefixes: Vec<_> = own.map(|entry| entry.key().clone()).collect();
        prefixes.sort();
        prefixes
    }

    /// Every scope, by name.
    pub fn scopes(&self) -> Vec<Arc<ScopeEntry>> {
        let mut scopes: Vec<_> = self.scopes.iter().map(|entry| Arc::clone(&entry)).collect();
        scopes.sort_by(|a, b| a.scope.name.cmp(&b.scope.name));
        scopes
    }

    /// The organisation that a scope prefix belongs to.
    pub fn prefix_owner(&self, prefix: &str) -> Option<OrgNumber> {
        self.prefixes.get(prefix).map(|owner| *owner)
    }

    /// The system with this internal id, deleted or not.
    pub fn system(&self, internal_id: Uuid) -> Option<Arc<RegisteredSystem>> {
        self.systems.get(&internal_id).map(|entry| Arc::clone(&entry))
    }

    /// The system with this id, deleted or not.
    pub fn system_by_id(&self, id: &str) -> Option<Arc<RegisteredSystem>> {
        let internal_id = *self.systems_by_id.get(id)?;
        self.system(internal_id)
    }

    /// The live system that a client belongs to.
    pub fn system_of_client(&self, client_id: &str) -> Option<Arc<RegisteredSystem>> {
        let internal_id = *self.systems_by_client.get(client_id)?;
        self.system(internal_id)
    }

    /// A deleted system of this vendor that a client once belonged to.
    pub fn deleted_system_of_client(&self, client_id: &str, vendor: OrgNumber) -> Option<Arc<RegisteredSystem>> {
        let systems = self.deleted_systems_by_client.get(client_id)?;
        systems.iter().filter_map(|id| self.system(*id)).find(|system| system.vendor == vendor)
    }

    /// The systems of a vendor that are not deleted, by id.
    pub fn systems_of(&self, vendor: OrgNumber) -> Vec<Arc<RegisteredSystem>> {
        let own = |system: &RegisteredSystem| system.vendor == vendor && !system.is_deleted;
        let mut systems: Vec<_> =
            self.systems.iter().filter(|entry| own(entry)).map(|entry| Arc::clone(&entry)).collect();
        systems.sort_by(|a, b| a.id.cmp(&b.id));
        systems
    }

    /// The system user with this id, deleted or not.
    pub fn system_user(&self, id: Uuid) -> Option<Arc<SystemUser>> {
        self.system_users.get(&id).map(|entry| Arc::clone(&entry))
    }

    /// The live system user of a system, owner and external reference.
    pub fn system_user_of(&self, system: Uuid, owner: OrgNumber, external_ref: &str) -> Option<Arc<SystemUser>> {
        let id = *self.system_users_by_triple.get(&(system, owner, external_ref.to_owned()))?;
        self.system_user(id)
    }

    /// The system users of an owner that are not deleted, newest first.
    pub fn system_users_of(&self, owner: Uuid) -> Vec<Arc<SystemUser>> {
        let ids: Vec<Uuid> =
            self.system_users_by_owner.get(&owner).map(|ids| ids.iter().copied().collect()).unwrap_or_default();
        let mut users: Vec<_> =
            ids.into_iter().filter_map(|id| self.system_user(id)).filter(|user| !user.is_deleted).collect();
        users.sort_by(|a, b| b.created.cmp(&a.created).then(a.id.cmp(&b.id)));
        users
    }

    /// The resource with this identifier.
    pub fn resource(&self, identifier: &str) -> Option<Arc<ResourceEntry>> {
        self.resources.get(identifier).map(|entry| Arc::clone(&entry))
    }

    /// Every resource, by identifier.
    pub fn resources(&self) -> Vec<Arc<ResourceEntry>> {
        let mut resources: Vec<_> = self.resources.iter().map(|entry| Arc::clone(&entry)).collect();
        resources.sort_by(|a, b| a.resource.identifier.cmp(&b.resource.identifier));
        resources
    }

    /// All parties and roles.
    pub fn parties(&self) -> Arc<Parties> {
        self.parties.load_full()
    }

    /// The keys that sign access tokens.
    pub fn maskinporten_keys(&self) -> Arc<SigningKeys> {
        self.maskinporten_keys.load_full()
    }

    /// The keys of the sandbox's test login provider.
    pub fn test_login_keys(&self) -> Arc<SigningKeys> {
        self.test_login_keys.load_full()
    }

    /// Reads several things with no change in between.
    pub fn consistent<T>(&self, read: impl Fn(&Self) -> T) -> (T, Generation) {
        loop {
            let before = self.generation.load(Ordering::SeqCst);
            if before.is_multiple_of(2) {
                let value = read(self);
                if self.generation.load(Ordering::SeqCst) == before {
                    return (value, Generation(before));
                }
            }
            std::thread::yield_now();
        }
    }

    /// Whether nothing has changed since.
    pub fn unchanged_since(&self, generation: Generation) -> bool {
        self.generation.load(Ordering::SeqCst) == generation.0
    }

    /// Whether everything committed has been applied, as far as is known.
    pub fn is_current(&self) -> bool {
        self.current.load(Ordering::SeqCst)
    }

    /// Stops answering until [`ReadModel::catch_up`] succeeds.
    pub fn suspend(&self) {
        self.current.store(false, Ordering::SeqCst);
    }

    /// Applies everything that is committed and not yet applied. When this returns `Ok`, every change that was committed
    /// before the call counts.
    pub async fn catch_up(&self, store: &Store, vault: &Vault) -> anyhow::Result<()> {
        let _applier = self.applier.lock().await;
        match self.apply_new(store, vault).await {
            Ok(()) => {
                self.current.store(true, Ordering::SeqCst);
                Ok(())
            }
            Err(error) => {
                self.suspend();
                Err(error)
            }
        }
    }

    async fn apply_new(&self, store: &Store, vault: &Vault) -> anyhow::Result<()> {
        loop {
            let mut session = store.read().await?;
            let changes = session.changes_since(self.applied.load(Ordering::SeqCst)).await?;
            let Some(last) = changes.last().map(|change| change.number) else { return Ok(()) };
            let mut loaded = Vec::new();
            let mut seen = HashSet::new();
            for change in changes {
                if seen.insert((change.kind, change.key.clone())) {
                    loaded.extend(load(&mut session, vault, &change).await?);
                }
            }
            self.put(loaded);
            self.applied.store(last, Ordering::SeqCst);
        }
    }

    /// Builds the model anew from one snapshot and its number in the change log.
    pub async fn rebuild(&self, store: &Store, vault: &Vault) -> anyhow::Result<()> {
        let _applier = self.applier.lock().await;
        self.suspend();
        let mut session = store.read().await?;
        let number = session.last_change().await?;
        let loaded = load_everything(&mut session, vault).await?;
        self.put(loaded);
        self.applied.store(number, Ordering::SeqCst);
        self.current.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Puts things in their places, as one change.
    fn put(&self, loaded: Vec<Loaded>) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        for thing in loaded {
            self.put_one(thing);
        }
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    fn put_one(&self, thing: Loaded) {
        match thing {
            Loaded::Everything => self.clear(),
            Loaded::Client(id, client) => put(&self.clients, id, client),
            Loaded::Scope(name, scope) => put(&self.scopes, name, scope),
            Loaded::ScopeDelegation(delegation, true) => {
                self.scope_delegations.insert(delegation);
            }
            Loaded::ScopeDelegation(delegation, false) => {
                self.scope_delegations.remove(&delegation);
            }
            Loaded::Prefixes(prefixes) => {
                for (prefix, owner) in prefixes {
                    self.prefixes.insert(prefix, owner);
                }
            }
            Loaded::System(id, system) => self.put_system(id, system),
            Loaded::SystemUser(id, user) => self.put_system_user(id, user),
            Loaded::Resource(id, resource) => put(&self.resources, id, resource),
            Loaded::Parties(parties) => self.parties.store(parties),
            Loaded::Keys(maskinporten, test_login) => {
                self.maskinporten_keys.store(Arc::new(maskinporten));
                self.test_login_keys.store(Arc::new(test_login));
            }
        }
    }

    fn put_system(&self, id: Uuid, system: Option<Arc<RegisteredSystem>>) {
        if let Some((_, old)) = self.systems.remove(&id) {
            for client in &old.client_ids {
                self.systems_by_client.remove_if(client, |_, holder| *holder == id);
            }
        }
        let Some(system) = system else { return };
        self.systems_by_id.insert(system.id.to_string(), id);
        for client in &system.client_ids {
            if system.is_deleted {
                self.deleted_systems_by_client.entry(client.clone()).or_default().insert(id);
            } else {
                self.systems_by_client.insert(client.clone(), id);
            }
        }
        self.systems.insert(id, system);
    }

    fn put_system_user(&self, id: Uuid, user: Option<Arc<SystemUser>>) {
        let triple = |user: &SystemUser| (user.system_internal_id, user.owner, user.external_ref.clone());
        if let Some((_, old)) = self.system_users.remove(&id) {
            self.system_users_by_triple.remove_if(&triple(&old), |_, holder| *holder == id);
        }
        let Some(user) = user else { return };
        if !user.is_deleted {
            self.system_users_by_triple.insert(triple(&user), id);
        }
        self.system_users_by_owner.entry(user.owner_party).or_default().insert(id);
        self.system_users.insert(id, user);
    }

    fn clear(&self) {
        self.clients.clear();
        self.scopes.clear();
        self.scope_delegations.clear();
        self.prefixes.clear();
        self.systems.clear();
        self.systems_by_id.clear();
        self.systems_by_client.clear();
        self.deleted_systems_by_client.clear();
        self.system_users.clear();
        self.system_users_by_triple.clear();
        self.system_users_by_owner.clear();
        self.resources.clear();
    }
}

fn put<T>(map: &DashMap<String, Arc<T>>, key: String, value: Option<Arc<T>>) {
    match value {
        Some(value) => {
            map.insert(key, value);
        }
        None => {
            map.remove(&key);
        }
    }
}

async fn load(session: &mut Session, vault: &Vault, change: &Change) -> anyhow::Result<Vec<Loaded>> {
    let key = change.key.clone();
    let id = || key.parse::<Uuid>().context("a change names no id");
    Ok(match change.kind {
        ChangeKind::Everything => load_everything(session, vault).await?,
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
        ChangeKind::SystemUser => vec![Loaded::SystemUser(id()?, session.system_user(id()?).await?.map(Arc::new))],
        // Requests are asked for rarely, and then in the database.
        ChangeKind::Request => vec![],
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

async fn load_everything(session: &mut Session, vault: &Vault) -> anyhow::Result<Vec<Loaded>> {
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
    for user in session.system_users().await? {
        loaded.push(Loaded::SystemUser(user.id, Some(Arc::new(user))));
    }
    for resource in session.resources().await? {
        loaded.push(Loaded::Resource(resource.0.identifier.clone(), Some(Arc::new(resource_entry(resource)?))));
    }
    Ok(loaded)
}

async fn load_parties(session: &mut Session) -> anyhow::Result<Loaded> {
    let organisations = session.organisations().await?;
    let persons = session.persons().await?;
    Ok(Loaded::Parties(Arc::new(Parties::new(organisations, persons, session.roles().await?))))
}

async fn load_keys(session: &mut Session, vault: &Vault) -> anyhow::Result<Loaded> {
    let (maskinporten, test_login) = signing_keys(session, vault).await?;
    Ok(Loaded::Keys(maskinporten, test_login))
}

/// The signing keys of Maskinporten, and those of a sandbox's test login provider, opened.
pub async fn signing_keys(session: &mut Session, vault: &Vault) -> anyhow::Result<(SigningKeys, SigningKeys)> {
    let (mut maskinporten, mut test_login) = (SigningKeys::default(), SigningKeys::default());
    for stored in session.signing_keys().await? {
        match stored.purpose {
            KeyPurpose::Maskinporten => maskinporten.push(stored, vault)?,
            KeyPurpose::TestLogin => test_login.push(stored, vault)?,
        }
    }
    Ok((maskinporten, test_login))
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

fn resource_entry((resource, policy): (Resource, Option<String>)) -> anyhow::Result<ResourceEntry> {
    let compile = |document: String| {
        let policy =
            Policy::parse(&document).with_context(|| format!("the stored policy of {}", resource.identifier))?;
        let point = DecisionPoint::of_policy(&policy);
        anyhow::Ok(ResourcePolicy { document, policy, point })
    };
    let policy = policy.map(compile).transpose()?;
    Ok(ResourceEntry { resource, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_never_sees_half_a_change() {
        let model = Arc::new(ReadModel::default());
        let writer = {
            let model = Arc::clone(&model);
            std::thread::spawn(move || {
                let org: OrgNumber = "991825827".parse().unwrap();
                for _ in 0..2_000 {
                    model.put(vec![Loaded::Prefixes(vec![("a".into(), org), ("b".into(), org)])]);
                    model.put(vec![Loaded::Everything]);
                }
            })
        };
        while !writer.is_finished() {
            let ((a, b), _) = model.consistent(|model| (model.prefix_owner("a"), model.prefix_owner("b")));
            assert_eq!(a, b);
        }
        writer.join().unwrap();
    }

    #[test]
    fn a_change_moves_the_generation() {
        let model = ReadModel::default();
        let ((), before) = model.consistent(|_| ());
        assert!(model.unchanged_since(before));
        model.put(vec![]);
        assert!(!model.unchanged_since(before));
    }
}
