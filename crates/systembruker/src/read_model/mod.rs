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

mod load;
mod parties;
mod signing_keys;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use arc_swap::{ArcSwap, Guard};
use dashmap::{DashMap, DashSet};
use jiff::Timestamp;
use model::{
    Client, ClientPackage, DelegatedRight, OrgNumber, RegisteredSystem, Resource, Scope, ScopeDelegation, SystemUser,
    SystemUserKind,
};
use store::{AccessList, Connection, Store};
use token::certificates::CertificateChain;
use token::keys::VerifyingKey;
use tokio::sync::Mutex;
use uuid::Uuid;
use xacml::{AttributeCategory, DecisionPoint, Policy};

use crate::access::metadata::Metadata;
use crate::vault::Vault;
pub use load::signing_keys;
use load::{Loaded, Shared, load, load_everything};
pub use parties::{Parties, Party};
pub use signing_keys::{SigningKeyEntry, SigningKeys};

/// How often a reader begins again before changes wait for it.
const MAX_ATTEMPTS: usize = 16;

/// A table by keys that outsiders do not choose.
type Table<K, V> = HashMap<K, V, foldhash::quality::RandomState>;
/// The same, changed while it is read.
type LiveTable<K, V> = DashMap<K, V, foldhash::quality::RandomState>;

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
    /// Names this version of the registration.
    pub version_id: i64,
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
    /// Whether it looks at the party id of the party asked about.
    pub asks_for_party_id: bool,
    /// Whom its permitting rules name: roles, packages and others, as names in small letters.
    pub opens_to: BTreeSet<String>,
}

/// A system user, ready to be decided about.
///
/// What decisions look at stands first and together, in this order: of a million system users hardly any is in the
/// processor's caches, and each line that has to be fetched costs more than the rest of the decision.
#[derive(Debug)]
#[repr(C)]
pub struct SystemUserEntry {
    /// The single rights that its owner gave it; as in `user`.
    pub rights: Arc<[DelegatedRight]>,
    /// The customer, by party uuid; as in `user`.
    pub owner_party: Uuid,
    /// The customer; as in `user`.
    pub owner: OrgNumber,
    /// Whom it acts for; as in `user`.
    pub kind: SystemUserKind,
    /// Whether it is deleted; as in `user`.
    pub is_deleted: bool,
    /// The packages that its owner gave it, as attributes; none for one that has none.
    pub packages: Option<Arc<AttributeCategory>>,
    /// What it may do for its clients, by client.
    pub clients: HashMap<Uuid, ClientAccess>,
    /// The system user.
    pub user: SystemUser,
}

impl Deref for SystemUserEntry {
    type Target = SystemUser;

    fn deref(&self) -> &SystemUser {
        &self.user
    }
}

/// What an agent's system user may do for a client.
#[derive(Debug, Clone)]
pub struct ClientAccess {
    /// The packages with what they rest on.
    pub given: Arc<[ClientPackage]>,
    /// The packages, as attributes.
    pub packages: Arc<AttributeCategory>,
    /// Those of them that also hold for the owner of a sole proprietorship as a person.
    pub packages_for_owner: Arc<AttributeCategory>,
}

/// What one party lets another do for it, ready to be decided about.
#[derive(Debug)]
pub struct ConnectionEntry {
    /// The connection.
    pub connection: Connection,
    /// The packages, as attributes.
    pub packages: Arc<AttributeCategory>,
}

/// A point in the history of the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// What a system user is found by.
type Triple = (Uuid, OrgNumber, String);
/// What an access list is found by: owner and identifier.
type ListName = (OrgNumber, String);

/// The model. Every map holds what is live and what must still be told apart from nothing, such as deleted systems.
#[derive(Debug, Default)]
pub struct ReadModel {
    generation: AtomicU64,
    /// Held while a change is put in its places.
    changing: RwLock<()>,
    current: AtomicBool,
    applied: AtomicI64,
    applier: Mutex<Shared>,
    clients: DashMap<String, Arc<ClientEntry>>,
    scopes: DashMap<String, Arc<ScopeEntry>>,
    scope_delegations: DashSet<ScopeDelegation>,
    prefixes: DashMap<String, OrgNumber>,
    systems: DashMap<Uuid, Arc<RegisteredSystem>>,
    systems_by_id: DashMap<String, Uuid>,
    systems_by_client: DashMap<String, Uuid>,
    deleted_systems_by_client: DashMap<String, HashSet<Uuid>>,
    system_users: LiveTable<Uuid, Arc<SystemUserEntry>>,
    system_users_by_triple: LiveTable<Triple, Uuid>,
    system_users_by_owner: LiveTable<Uuid, Vec<Uuid>>,
    resources: LiveTable<String, Arc<ResourceEntry>>,
    connections: LiveTable<(Uuid, Uuid), Arc<ConnectionEntry>>,
    givers: LiveTable<Uuid, Vec<Uuid>>,
    receivers: LiveTable<Uuid, Vec<Uuid>>,
    access_lists: LiveTable<ListName, Arc<AccessList>>,
    lists_by_resource: LiveTable<String, Vec<ListName>>,
    metadata: ArcSwap<Metadata>,
    parties: ArcSwap<Parties>,
    maskinporten_keys: ArcSwap<SigningKeys>,
    platform_keys: ArcSwap<SigningKeys>,
    test_login_keys: ArcSwap<SigningKeys>,
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

    /// The systems that customers can choose, by id.
    pub fn visible_systems(&self) -> Vec<Arc<RegisteredSystem>> {
        let is_visible = |system: &RegisteredSystem| system.is_visible && !system.is_deleted;
        let mut systems: Vec<_> =
            self.systems.iter().filter(|entry| is_visible(entry)).map(|entry| Arc::clone(&entry)).collect();
        systems.sort_by(|a, b| a.id.cmp(&b.id));
        systems
    }

    /// The system user with this id, deleted or not.
    pub fn system_user(&self, id: Uuid) -> Option<Arc<SystemUserEntry>> {
        self.system_users.get(&id).map(|entry| Arc::clone(&entry))
    }

    /// The live system user of a system, owner and external reference.
    pub fn system_user_of(&self, system: Uuid, owner: OrgNumber, external_ref: &str) -> Option<Arc<SystemUserEntry>> {
        let id = *self.system_users_by_triple.get(&(system, owner, external_ref.to_owned()))?;
        self.system_user(id)
    }

    /// The system users of an owner that are not deleted, newest first.
    pub fn system_users_of(&self, owner: Uuid) -> Vec<Arc<SystemUserEntry>> {
        let ids: Vec<Uuid> = self.system_users_by_owner.get(&owner).map(|ids| ids.clone()).unwrap_or_default();
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

    /// What one party lets another do for it.
    pub fn connection(&self, giver: Uuid, receiver: Uuid) -> Option<Arc<ConnectionEntry>> {
        self.connections.get(&(giver, receiver)).map(|entry| Arc::clone(&entry))
    }

    /// The connections by which others let a party act for them.
    pub fn connections_to(&self, receiver: Uuid) -> Vec<Arc<ConnectionEntry>> {
        let givers = self.givers.get(&receiver).map(|givers| givers.clone()).unwrap_or_default();
        givers.into_iter().filter_map(|giver| self.connection(giver, receiver)).collect()
    }

    /// The connections by which a party lets others act for it.
    pub fn connections_from(&self, giver: Uuid) -> Vec<Arc<ConnectionEntry>> {
        let receivers = self.receivers.get(&giver).map(|receivers| receivers.clone()).unwrap_or_default();
        receivers.into_iter().filter_map(|receiver| self.connection(giver, receiver)).collect()
    }

    /// An access list.
    pub fn access_list(&self, owner: OrgNumber, identifier: &str) -> Option<Arc<AccessList>> {
        self.access_lists.get(&(owner, identifier.to_owned())).map(|list| Arc::clone(&list))
    }

    /// The access lists of an owner, by identifier.
    pub fn access_lists_of(&self, owner: OrgNumber) -> Vec<Arc<AccessList>> {
        let own = self.access_lists.iter().filter(|list| list.owner == owner);
        let mut lists: Vec<_> = own.map(|list| Arc::clone(&list)).collect();
        lists.sort_by(|a, b| a.identifier.cmp(&b.identifier));
        lists
    }

    /// The access lists that open a resource, by owner and identifier.
    pub fn access_lists_for(&self, resource: &str) -> Vec<Arc<AccessList>> {
        let names = self.lists_by_resource.get(resource).map(|names| names.clone()).unwrap_or_default();
        let mut lists: Vec<_> =
            names.into_iter().filter_map(|(owner, identifier)| self.access_list(owner, &identifier)).collect();
        lists.sort_by(|a, b| (a.owner, &a.identifier).cmp(&(b.owner, &b.identifier)));
        lists
    }

    /// The access lists that a party is on, by owner and identifier.
    pub fn access_lists_with(&self, member: Uuid) -> Vec<Arc<AccessList>> {
        let with = self.access_lists.iter().filter(|list| list.members.contains_key(&member));
        let mut lists: Vec<_> = with.map(|list| Arc::clone(&list)).collect();
        lists.sort_by(|a, b| (a.owner, &a.identifier).cmp(&(b.owner, &b.identifier)));
        lists
    }

    /// The organisation whose short name (`skd`) this is: that of the resources registered with it.
    pub fn owner_by_code(&self, code: &str) -> Option<OrgNumber> {
        let named = |entry: &ResourceEntry| entry.resource.owner_code.eq_ignore_ascii_case(code);
        self.resources.iter().filter(|entry| named(entry)).map(|entry| entry.resource.owner).min()
    }

    /// The short name of an organisation that owns resources, or its number where it has none.
    pub fn code_of_owner(&self, owner: OrgNumber) -> String {
        let own = |entry: &ResourceEntry| entry.resource.owner == owner && !entry.resource.owner_code.is_empty();
        let codes = self.resources.iter().filter(|entry| own(entry)).map(|entry| entry.resource.owner_code.clone());
        // The same one always, for an owner with several.
        codes.min().unwrap_or_else(|| owner.to_string())
    }

    /// Areas, packages and roles.
    pub fn metadata(&self) -> Arc<Metadata> {
        self.metadata.load_full()
    }

    /// All parties and roles.
    pub fn parties(&self) -> Arc<Parties> {
        self.parties.load_full()
    }

    /// All parties and roles, for as long as it takes to look something up.
    pub fn parties_now(&self) -> Guard<Arc<Parties>> {
        self.parties.load()
    }

    /// The keys that sign access tokens.
    pub fn maskinporten_keys(&self) -> Arc<SigningKeys> {
        self.maskinporten_keys.load_full()
    }

    /// The keys that sign the platform's own tokens.
    pub fn platform_keys(&self) -> Arc<SigningKeys> {
        self.platform_keys.load_full()
    }

    /// The keys of the sandbox's test login provider.
    pub fn test_login_keys(&self) -> Arc<SigningKeys> {
        self.test_login_keys.load_full()
    }

    /// Reads several things with no change in between.
    pub fn consistent<T>(&self, read: impl Fn(&Self) -> T) -> (T, Generation) {
        for _ in 0..MAX_ATTEMPTS {
            let before = self.generation.load(Ordering::SeqCst);
            if before.is_multiple_of(2) {
                let value = read(self);
                if self.generation.load(Ordering::SeqCst) == before {
                    return (value, Generation(before));
                }
            }
            std::thread::yield_now();
        }
        // Changes follow each other so fast that they must wait for this one.
        let _held_off = self.changing.read().unwrap_or_else(PoisonError::into_inner);
        (read(self), Generation(self.generation.load(Ordering::SeqCst)))
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
        let mut shared = self.applier.lock().await;
        match self.apply_new(store, vault, &mut shared).await {
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

    async fn apply_new(&self, store: &Store, vault: &Vault, shared: &mut Shared) -> anyhow::Result<()> {
        loop {
            let mut session = store.read().await?;
            let changes = session.changes_since(self.applied.load(Ordering::SeqCst)).await?;
            let Some(last) = changes.last().map(|change| change.number) else { return Ok(()) };
            let mut loaded = Vec::new();
            let mut seen = HashSet::new();
            for change in changes {
                if seen.insert((change.kind, change.key.clone())) {
                    loaded.extend(load(&mut session, vault, &change, shared).await?);
                }
            }
            self.put(loaded);
            self.applied.store(last, Ordering::SeqCst);
        }
    }

    /// Builds the model anew from one snapshot and its number in the change log.
    pub async fn rebuild(&self, store: &Store, vault: &Vault) -> anyhow::Result<()> {
        let mut shared = self.applier.lock().await;
        self.suspend();
        let mut session = store.read().await?;
        let number = session.last_change().await?;
        let loaded = load_everything(&mut session, vault, &mut shared).await?;
        self.put(loaded);
        self.applied.store(number, Ordering::SeqCst);
        self.current.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Puts things in their places, as one change.
    fn put(&self, loaded: Vec<Loaded>) {
        let _changing = self.changing.write().unwrap_or_else(PoisonError::into_inner);
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
            Loaded::Connection(pair, connection) => self.put_connection(pair, connection),
            Loaded::AccessList(name, list) => self.put_access_list(name, list),
            Loaded::Metadata(metadata) => self.metadata.store(metadata),
            Loaded::Parties(parties) => self.parties.store(parties),
            Loaded::Keys(rings) => {
                self.maskinporten_keys.store(Arc::new(rings.maskinporten));
                self.platform_keys.store(Arc::new(rings.platform));
                self.test_login_keys.store(Arc::new(rings.test_login));
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

    fn put_connection(&self, pair: (Uuid, Uuid), connection: Option<Arc<ConnectionEntry>>) {
        let (giver, receiver) = pair;
        match connection {
            Some(connection) => {
                if self.connections.insert(pair, connection).is_none() {
                    self.givers.entry(receiver).or_default().push(giver);
                    self.receivers.entry(giver).or_default().push(receiver);
                }
            }
            None => {
                if self.connections.remove(&pair).is_some() {
                    remove_from(&self.givers, &receiver, &giver);
                    remove_from(&self.receivers, &giver, &receiver);
                }
            }
        }
    }

    fn put_access_list(&self, name: ListName, list: Option<Arc<AccessList>>) {
        if let Some((_, old)) = self.access_lists.remove(&name) {
            for resource in old.resources.keys() {
                remove_from(&self.lists_by_resource, resource, &name);
            }
        }
        let Some(list) = list else { return };
        for resource in list.resources.keys() {
            self.lists_by_resource.entry(resource.clone()).or_default().push(name.clone());
        }
        self.access_lists.insert(name, list);
    }

    fn put_system_user(&self, id: Uuid, user: Option<Arc<SystemUserEntry>>) {
        let triple = |user: &SystemUser| (user.system_internal_id, user.owner, user.external_ref.clone());
        if let Some((_, old)) = self.system_users.remove(&id)
            && !old.is_deleted
        {
            self.system_users_by_triple.remove_if(&triple(&old), |_, holder| *holder == id);
            remove_from(&self.system_users_by_owner, &old.owner_party, &id);
        }
        let Some(user) = user else { return };
        if !user.is_deleted {
            self.system_users_by_triple.insert(triple(&user), id);
            self.system_users_by_owner.entry(user.owner_party).or_default().push(id);
        }
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
        self.connections.clear();
        self.givers.clear();
        self.receivers.clear();
        self.access_lists.clear();
        self.lists_by_resource.clear();
    }
}

/// Removes a value from those under a key, and the key with the last of them.
fn remove_from<K: std::hash::Hash + Eq, V: PartialEq>(table: &LiveTable<K, Vec<V>>, key: &K, value: &V) {
    if let Some(mut values) = table.get_mut(key) {
        values.retain(|other| other != value);
    }
    table.remove_if(key, |_, values| values.is_empty());
}

fn put<T, S: std::hash::BuildHasher + Clone>(map: &DashMap<String, Arc<T>, S>, key: String, value: Option<Arc<T>>) {
    match value {
        Some(value) => {
            map.insert(key, value);
        }
        None => {
            map.remove(&key);
        }
    }
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
