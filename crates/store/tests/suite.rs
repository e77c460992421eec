//! One suite for both engines: whatever a method of the store promises is asked of SQLite and of PostgreSQL.
//!
//! PostgreSQL is found through `TEST_DATABASE_URL`; `./test postgres cargo test -p store` starts one.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "in a test, a panic is a failure"
)]

use std::collections::HashSet;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use model::{
    AccessPackage, AgentClient, ChangeRequest, Client, ClientKey, ClientPackage, DelegatedRight, OrgNumber,
    Organisation, Person, RegisteredSystem, Request, RequestStatus, Resource, ResourceType, Right, RightsChange,
    RoleHolder, Scope, ScopeDelegation, ScopeVisibility, SystemChange, SystemId, SystemUser, SystemUserKind,
    Translated,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};
use store::{
    AuditEntry, ChangeContext, ChangeKind, ClientAction, ClientJob, Database, InstallationKind, ItemStatus,
    JournalEntry, KeyPurpose, NewPerson, OpenError, PersonSecret, PersonSession, RequestKey, Store, StoreError,
    StoredClientKey, StoredKey, StoredResource, SystemLogEntry, SystemUserUse, UsedGrant, Write,
};
use tempfile::TempDir;
use uuid::Uuid;

/// A database of a test's own.
struct TestDatabase {
    database: Database,
    folder: TempDir,
}

impl TestDatabase {
    fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        Self { database: Database::Sqlite(folder.path().join("test.db")), folder }
    }

    async fn postgres() -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the one place where tests read it")]
        let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL; see ./test");
        let name = format!("store_{}", id().simple());
        let mut admin = PgConnection::connect(&url).await.unwrap();
        admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let (server, _) = url.rsplit_once('/').unwrap();
        Self { database: Database::Postgres(format!("{server}/{name}")), folder: TempDir::new().unwrap() }
    }

    /// Takes the next epoch, as an instance does that takes over from one that has lost its lock.
    async fn take_over(&self) {
        const TAKE: &str = "UPDATE installation SET epoch = epoch + 1, grants_recorded = FALSE";
        match &self.database {
            Database::Sqlite(path) => {
                let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
                connection.execute(TAKE).await.unwrap();
            }
            Database::Postgres(url) => {
                PgConnection::connect(url).await.unwrap().execute(TAKE).await.unwrap();
            }
        }
    }

    async fn open(&self) -> Store {
        self.try_open(InstallationKind::Sandbox).await.unwrap()
    }

    async fn try_open(&self, kind: InstallationKind) -> Result<Store, OpenError> {
        Store::open(self.database.clone(), kind, b"check", now()).await.map(|(store, _)| store)
    }
}

macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::TestDatabase::sqlite()).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::TestDatabase::postgres().await).await; })* }
    };
}

on_both! {
    every_statement_is_understood,
    one_instance_at_a_time,
    a_database_remembers_its_kind,
    parties_are_kept,
    clients_and_scopes_are_kept,
    what_was_granted_is_found_by_scope_and_by_consumer,
    systems_are_kept_and_their_names_and_clients_are_unique,
    resources_are_kept,
    access_lists_are_kept,
    connections_are_kept,
    an_edition_of_the_metadata_is_kept,
    what_is_given_to_a_system_user_is_kept,
    system_users_come_in_chunks,
    a_system_is_changed_and_its_log_is_kept,
    what_is_listed_has_the_order_of_being_made,
    change_requests_are_kept_and_answered_once,
    requests_are_forwarded_and_time_out_while_they_are_new,
    jobs_with_many_clients_are_kept,
    a_request_is_answered_once,
    racing_answers_have_one_winner,
    a_triple_has_one_request_at_a_time,
    system_users_are_kept_and_unique_while_they_live,
    sessions_are_kept,
    change_numbers_follow_the_order_of_commits,
    what_is_not_committed_never_happened,
    the_audit_journal_is_kept,
    signing_keys_are_kept,
    a_grant_is_used_once,
    one_that_was_taken_over_from_says_nothing_of_used_grants,
    why_there_is_no_system_user_is_found,
    texts_differ_by_case,
    starting_over_leaves_keys_and_numbers,
}

#[expect(clippy::disallowed_methods, reason = "tests need ids that no other test has")]
fn id() -> Uuid {
    Uuid::new_v4()
}

/// A moment with microseconds, which must survive.
fn now() -> Timestamp {
    Timestamp::from_microsecond(1_795_000_000_123_456).unwrap()
}

async fn write(store: &Store) -> Write {
    let context = ChangeContext { actor: "test".into(), ..ChangeContext::default() };
    store.write(context, now()).await.unwrap()
}

fn organisation(number: &str, party_id: i64) -> Organisation {
    Organisation {
        party_uuid: id(),
        party_id,
        org_number: number.parse().unwrap(),
        name: "TILFELDIG SUBTIL APE".into(),
        unit_type: "AS".into(),
        parent: None,
        deleted: None,
    }
}

fn person(party_id: i64) -> NewPerson {
    NewPerson {
        person: Person { party_uuid: id(), party_id, user_id: party_id + 1, name: "Pia".into(), deceased: None },
        secret: PersonSecret { hash: vec![u8::try_from(party_id % 256).unwrap(); 32], sealed: vec![1, 2, 3] },
    }
}

fn system(name: &str, clients: &[&str]) -> RegisteredSystem {
    RegisteredSystem {
        internal_id: id(),
        id: SystemId::registered(name.into()),
        vendor: "991825827".parse().unwrap(),
        name: Translated::same("SmartCloud"),
        description: Translated::same("Regnskap"),
        rights: vec![Right::to_resource("ske-krav-og-betalinger")],
        access_packages: vec![AccessPackage { urn: "urn:altinn:accesspackage:x".into() }],
        client_ids: clients.iter().map(|id| (*id).to_owned()).collect(),
        allowed_redirect_urls: vec!["https://vendor.example/a?b=c".parse().unwrap()],
        is_visible: true,
        is_deleted: false,
        created: now(),
        version: 1,
        changed: now(),
    }
}

fn package(code: &str) -> AccessPackage {
    AccessPackage { urn: format!("{}{code}", AccessPackage::URN) }
}

fn request(system: &RegisteredSystem, party: &Organisation) -> Request {
    Request {
        id: id(),
        kind: SystemUserKind::Standard,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: party.party_uuid,
        party_org: party.org_number,
        external_ref: party.org_number.to_string(),
        title: "SmartCloud".into(),
        rights: system.rights.clone(),
        access_packages: vec![],
        status: RequestStatus::New,
        redirect_url: Some("https://vendor.example/a?state=1".into()),
        escalated: false,
        created: now(),
        expires: now() + 240.hours(),
        answered: None,
    }
}

fn system_user(request: &Request) -> SystemUser {
    let right = |action: &str| DelegatedRight { resource: "ske-krav-og-betalinger".into(), action: action.into() };
    SystemUser {
        id: request.id,
        kind: request.kind,
        system_internal_id: request.system_internal_id,
        system_id: request.system_id.clone(),
        owner_party: request.party,
        owner: request.party_org,
        external_ref: request.external_ref.clone(),
        title: request.title.clone(),
        rights: [right("read"), right("write")].into(),
        access_packages: [package("lonn"), package("skatt-naering")].into(),
        clients: vec![],
        is_deleted: false,
        created: now(),
        created_by: id(),
    }
}

/// A system and a customer, stored.
async fn system_and_customer(store: &Store) -> (RegisteredSystem, Organisation) {
    let (system, customer) = (system("991825827_smartcloud", &["client-1"]), organisation("310904473", 1));
    let mut tx = write(store).await;
    tx.put_organisation(&customer).await.unwrap();
    tx.insert_system(&system).await.unwrap();
    tx.commit().await.unwrap();
    (system, customer)
}

fn key_of(request: &Request) -> RequestKey {
    RequestKey {
        system: request.system_internal_id,
        party: request.party,
        external_ref: request.external_ref.clone(),
        kind: request.kind,
    }
}

async fn every_statement_is_understood(database: TestDatabase) {
    let store = database.open().await;
    assert_eq!(store.refused_statements().await.unwrap(), Vec::<String>::new());
    let sqlite = TestDatabase::sqlite().open().await;
    assert_eq!(store.columns().await.unwrap(), sqlite.columns().await.unwrap());
}

async fn one_instance_at_a_time(database: TestDatabase) {
    let store = database.open().await;
    assert!(store.still_ours().await);
    assert!(matches!(database.try_open(InstallationKind::Sandbox).await, Err(OpenError::InUse(_))));
    store.close(now()).await.unwrap();
    let opened = Store::open(database.database.clone(), InstallationKind::Sandbox, b"other", now()).await;
    let (store, installation) = opened.unwrap();
    assert_eq!(installation.key_check, b"check");
    assert_eq!(installation.stopped, Some(now()));
    drop(store);
    // One that did not stop in good order leaves no lock behind, and no time at which it stopped.
    let reopened = async {
        for _ in 0..50 {
            let opened = Store::open(database.database.clone(), InstallationKind::Sandbox, b"", now()).await;
            match opened {
                Err(OpenError::InUse(_)) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                other => return other.unwrap().1,
            }
        }
        panic!("the lock of a dropped instance was never given back");
    };
    assert_eq!(reopened.await.stopped, None);
}

async fn a_database_remembers_its_kind(database: TestDatabase) {
    database.open().await.close(now()).await.unwrap();
    let error = database.try_open(InstallationKind::Production).await.unwrap_err();
    assert!(error.to_string().contains("belongs to a sandbox installation and cannot be opened as production"));
    assert!(!error.to_string().contains('@'));
}

async fn parties_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let (main, mut sub, pia) = (organisation("310904473", 1), organisation("991825827", 2), person(3));
    let mut tx = write(&store).await;
    // A forward reference: the sub-unit before its main unit.
    sub.parent = Some(main.party_uuid);
    tx.put_organisation(&sub).await.unwrap();
    tx.put_organisation(&main).await.unwrap();
    tx.set_parent(sub.party_uuid, sub.parent).await.unwrap();
    tx.put_person(&pia).await.unwrap();
    let role = |role: &str, holder| (role.to_owned(), holder);
    let roles = [role("DAGL", pia.person.party_uuid), role("REVI", sub.party_uuid)];
    tx.replace_roles(main.party_uuid, &roles).await.unwrap();
    tx.commit().await.unwrap();

    let mut session = store.read().await.unwrap();
    let mut organisations = session.organisations().await.unwrap();
    organisations.sort_by_key(|organisation| organisation.party_id);
    assert_eq!(organisations, [main.clone(), sub.clone()]);
    assert_eq!(session.persons().await.unwrap(), [(pia.person.clone(), pia.secret.hash.clone())]);
    assert_eq!(session.largest_party_ids().await.unwrap(), (3, 4));
    assert_eq!(session.person_by_national_id(&pia.secret.hash).await.unwrap(), Some(pia.person.clone()));
    assert_eq!(session.person_by_national_id(b"unknown").await.unwrap(), None);
    assert_eq!(session.national_id_sealed(pia.person.party_uuid).await.unwrap(), Some(vec![1, 2, 3]));
    assert_eq!(session.national_id_sealed(main.party_uuid).await.unwrap(), None);
    let holders: HashSet<_> = session.roles().await.unwrap().into_iter().map(|role| role.holder).collect();
    let expected = [RoleHolder::Person(pia.person.party_uuid), RoleHolder::Organisation(sub.party_uuid)];
    assert_eq!(holders, HashSet::from(expected));
    drop(session);

    // A line replaces all roles of its organisation, and says when a party ended.
    let mut tx = write(&store).await;
    let gone = Organisation { deleted: Some(now()), ..main.clone() };
    let dead = NewPerson { person: Person { deceased: Some(now()), ..pia.person.clone() }, ..pia.clone() };
    tx.put_organisation(&gone).await.unwrap();
    tx.put_person(&dead).await.unwrap();
    tx.replace_roles(main.party_uuid, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.roles().await.unwrap(), []);
    assert!(session.organisations().await.unwrap().contains(&gone));
    assert_eq!(session.person_by_national_id(&pia.secret.hash).await.unwrap(), Some(dead.person));
}

fn scope(owner: OrgNumber) -> Scope {
    Scope {
        name: "skatteetaten:krav".parse().unwrap(),
        owner,
        description: "Krav".into(),
        long_description: String::new(),
        visibility: ScopeVisibility::Public,
        allowed_integration_types: vec!["maskinporten".into()],
        accessible_for_all: false,
        delegation_source: None,
        at_max_age: 0,
        active: true,
        created: now(),
        updated: now(),
    }
}

async fn clients_and_scopes_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let org = "991825827".parse().unwrap();
    let mut client = Client {
        client_id: "client-1".into(),
        org,
        supplier: None,
        name: "SmartCloud".into(),
        description: String::new(),
        scopes: vec!["skatteetaten:krav".into()],
        access_token_lifetime: 120,
        active: true,
        created: now(),
        updated: now(),
    };
    let key = |kid: &str| ClientKey {
        kid: kid.into(),
        alg: "RS256".into(),
        n: "n".into(),
        e: "AQAB".into(),
        x5c: vec![],
        expires: now() + 8760.hours(),
        created: now(),
    };
    let scope = scope("974761076".parse().unwrap());
    let mut tx = write(&store).await;
    tx.put_client(&client).await.unwrap();
    tx.replace_client_keys("client-1", &[key("a"), key("b")]).await.unwrap();
    tx.put_scope_prefix("skatteetaten", scope.owner).await.unwrap();
    tx.insert_scope(&scope).await.unwrap();
    tx.grant_scope(&scope.name, org).await.unwrap();
    tx.grant_scope(&scope.name, org).await.unwrap();
    tx.commit().await.unwrap();

    client.active = false;
    let mut tx = write(&store).await;
    tx.put_client(&client).await.unwrap();
    tx.replace_client_keys("client-1", &[key("c")]).await.unwrap();
    tx.commit().await.unwrap();

    let mut session = store.read().await.unwrap();
    assert_eq!(session.client("client-1").await.unwrap(), Some(client.clone()));
    assert_eq!(session.client("client-2").await.unwrap(), None);
    assert_eq!(session.clients().await.unwrap(), [client]);
    let stored = StoredClientKey { key: key("c"), expiry_noted: false };
    assert_eq!(session.client_keys("client-1").await.unwrap(), std::slice::from_ref(&stored));
    assert_eq!(session.all_client_keys().await.unwrap(), [("client-1".to_owned(), stored)]);
    assert_eq!(session.scope("skatteetaten:krav").await.unwrap(), Some(scope.clone()));
    assert_eq!(session.scopes().await.unwrap(), std::slice::from_ref(&scope));
    assert_eq!(session.scope_prefixes().await.unwrap(), [("skatteetaten".to_owned(), scope.owner)]);
    assert_eq!(session.scope_access("skatteetaten:krav").await.unwrap().len(), 1);
    assert_eq!(session.all_scope_access().await.unwrap().len(), 1);
    drop(session);

    let changed = Scope { active: false, ..scope.clone() };
    let delegation =
        ScopeDelegation { scope: scope.name.clone(), consumer: "310904473".parse().unwrap(), supplier: org };
    let mut tx = write(&store).await;
    tx.update_scope(&changed).await.unwrap();
    tx.put_scope_delegation(&delegation).await.unwrap();
    tx.put_scope_delegation(&delegation).await.unwrap();
    // The end of a key is noted once.
    assert!(tx.note_key_expiry("client-1", "c").await.unwrap());
    assert!(!tx.note_key_expiry("client-1", "c").await.unwrap());
    assert!(!tx.note_key_expiry("client-1", "a").await.unwrap());
    let last = tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.scope("skatteetaten:krav").await.unwrap(), Some(changed));
    assert_eq!(session.scope_delegations().await.unwrap(), std::slice::from_ref(&delegation));
    let (consumer, supplier) = (delegation.consumer, delegation.supplier);
    let dated = session.find_scope_delegations(Some(consumer), None, Some(delegation.scope.as_str())).await.unwrap();
    assert_eq!(dated, [(delegation.clone(), now())]);
    assert_eq!(session.find_scope_delegations(None, Some(supplier), None).await.unwrap().len(), 1);
    assert_eq!(session.find_scope_delegations(Some(supplier), None, None).await.unwrap(), []);
    assert!(session.has_scope_delegation(&delegation).await.unwrap());
    let swapped = ScopeDelegation { consumer: org, supplier: delegation.consumer, ..delegation.clone() };
    assert!(!session.has_scope_delegation(&swapped).await.unwrap());
    assert!(session.client_keys("client-1").await.unwrap()[0].expiry_noted);
    let noted: Vec<_> = session.changes_since(last - 3).await.unwrap();
    let noted: Vec<_> = noted.iter().map(|change| (change.kind, change.key.as_str())).collect();
    assert_eq!(
        noted,
        [
            (ChangeKind::Scope, "skatteetaten:krav"),
            (ChangeKind::ScopeDelegation, "310904473 991825827 skatteetaten:krav"),
            (ChangeKind::ClientKeyExpires, "client-1 c")
        ]
    );
    drop(session);

    let mut tx = write(&store).await;
    assert!(tx.delete_scope_delegation(&delegation).await.unwrap());
    assert!(!tx.delete_scope_delegation(&delegation).await.unwrap());
    assert!(tx.revoke_scope(&scope.name, org).await.unwrap());
    assert!(!tx.revoke_scope(&scope.name, org).await.unwrap());
    assert!(matches!(tx.insert_scope(&scope).await, Err(StoreError::Duplicate(_))));
}

async fn what_was_granted_is_found_by_scope_and_by_consumer(database: TestDatabase) {
    let store = database.open().await;
    let (owner, consumer) = ("974761076".parse().unwrap(), "991825827".parse().unwrap());
    let mut tx = write(&store).await;
    for name in ["skatteetaten:b", "skatteetaten:a", "skatteetaten:c"] {
        let scope = Scope { name: name.parse().unwrap(), ..scope(owner) };
        tx.insert_scope(&scope).await.unwrap();
        if name != "skatteetaten:c" {
            tx.grant_scope(&scope.name, consumer).await.unwrap();
        }
    }
    let granted: Vec<_> = tx.access_of(consumer).await.unwrap().into_iter().map(|access| access.scope).collect();
    assert_eq!(granted, ["skatteetaten:a", "skatteetaten:b"]);
    assert_eq!(tx.access_of(owner).await.unwrap(), []);
    let access = tx.scope_access_of("skatteetaten:a", consumer).await.unwrap().unwrap();
    assert_eq!((access.consumer, access.created), (consumer, now()));
    assert_eq!(tx.scope_access_of("skatteetaten:c", consumer).await.unwrap(), None);
}

async fn systems_are_kept_and_their_names_and_clients_are_unique(database: TestDatabase) {
    let store = database.open().await;
    let first = system("991825827_smartcloud", &["client-1", "client-2"]);
    let mut tx = write(&store).await;
    tx.insert_system(&first).await.unwrap();
    let entry = SystemLogEntry {
        id: id(),
        internal_id: first.internal_id,
        change: SystemChange::Create,
        changed_by: first.vendor,
        client_id: None,
        changed_data: serde_json::json!({"Id": "x"}),
    };
    tx.log_system_change(&entry).await.unwrap();
    tx.commit().await.unwrap();

    for second in [system("991825827_smartcloud", &[]), system("991825827_other", &["client-2"])] {
        let mut tx = write(&store).await;
        assert!(matches!(tx.insert_system(&second).await, Err(StoreError::Duplicate(_))));
    }
    let mut session = store.read().await.unwrap();
    assert_eq!(session.systems().await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(session.system(first.internal_id).await.unwrap(), Some(first.clone()));
    assert_eq!(session.system_by_id("991825827_smartcloud").await.unwrap(), Some(first.clone()));
    assert_eq!(session.system_by_id("991825827_other").await.unwrap(), None);
    assert_eq!(session.system_of_client("client-2").await.unwrap(), Some(first.internal_id));
    assert_eq!(session.system_of_client("client-3").await.unwrap(), None);
}

async fn resources_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let resource = Resource {
        identifier: "ske-krav-og-betalinger".into(),
        title: Translated::same("Krav og betalinger"),
        description: Translated::same("Krav"),
        right_description: None,
        resource_type: ResourceType::GenericAccessResource,
        delegable: true,
        owner: "974761076".parse().unwrap(),
        owner_code: "skd".into(),
        owner_name: Translated::same("Skatteetaten"),
        access_lists_only: false,
        document: serde_json::json!({"identifier": "ske-krav-og-betalinger", "status": "Completed"}),
    };
    let subjects = |codes: &[&str]| codes.iter().map(|code| package(code).urn).collect::<Vec<_>>();
    let id = &*resource.identifier;
    let mut tx = write(&store).await;
    let first = tx.insert_resource(&resource).await.unwrap();
    assert!(tx.put_policy(id, "<Policy/>", &subjects(&["a", "b"])).await.unwrap());
    assert!(!tx.put_policy("other", "<Policy/>", &[]).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let stored = StoredResource { resource: resource.clone(), policy: Some("<Policy/>".to_owned()), version_id: first };
    assert_eq!(session.resource(id).await.unwrap(), Some(stored.clone()));
    assert_eq!(session.resources().await.unwrap(), [stored]);
    drop(session);
    let mut tx = write(&store).await;
    assert!(matches!(tx.insert_resource(&resource).await, Err(StoreError::Duplicate(_))));
    drop(tx);

    let changed = Resource { title: Translated::same("Krav"), ..resource.clone() };
    let mut tx = write(&store).await;
    let second = tx.update_resource(&changed).await.unwrap();
    tx.put_policy(id, "<Policy/>", &subjects(&["b", "c"])).await.unwrap();
    tx.commit().await.unwrap();
    assert!(second > first);
    let mut session = store.read().await.unwrap();
    assert_eq!(session.resource(id).await.unwrap().unwrap().resource, changed);
    assert_eq!(session.resource_version(id, first).await.unwrap(), Some(resource.clone()));
    assert_eq!(session.resource_version(id, second).await.unwrap(), Some(changed));
    assert_eq!(session.resource_version("other", first).await.unwrap(), None);
    let start = (Timestamp::MIN, "", "");
    let all = session.subject_changes_after(start, 10).await.unwrap();
    let codes: Vec<_> = all.iter().map(|change| (change.subject.as_str(), change.is_deleted)).collect();
    let urns = subjects(&["a", "b", "c"]);
    // In the order in which they were noted, though the clock stood still.
    assert_eq!(codes, [(&*urns[1], false), (&*urns[0], true), (&*urns[2], false)]);
    // One page after the other: nothing is lost and nothing comes twice.
    let page = session.subject_changes_after(start, 2).await.unwrap();
    let after = (page[1].updated, page[1].identifier.as_str(), page[1].subject.as_str());
    assert_eq!(session.subject_changes_after(after, 2).await.unwrap(), &all[2..]);
    let changes = session.resource_changes_after(0, 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| &*change.identifier).collect::<Vec<_>>(), ["other", id]);
    assert_eq!(session.resource_changes_after(changes[0].number, 1).await.unwrap(), &changes[1..]);
    drop(session);

    let (system, customer) = system_and_customer(&store).await;
    let user = system_user(&request(&system, &customer));
    let mut tx = write(&store).await;
    tx.insert_system_user(&user).await.unwrap();
    assert!(tx.delete_resource(id).await.unwrap());
    assert!(!tx.delete_resource(id).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.resource(id).await.unwrap(), None);
    assert!(session.system_user(user.id).await.unwrap().unwrap().rights.is_empty());
    let changes = session.subject_changes_after(start, 10).await.unwrap();
    assert!(changes.iter().all(|change| change.is_deleted));
}

async fn access_lists_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let (a, b) = (organisation("310904473", 1), organisation("312654121", 2));
    let owner: OrgNumber = "974761076".parse().unwrap();
    let mut tx = write(&store).await;
    tx.put_organisation(&a).await.unwrap();
    tx.put_organisation(&b).await.unwrap();
    tx.put_access_list(owner, "pilot", "Pilot", "Early users").await.unwrap();
    tx.put_access_list(owner, "other", "Other", "").await.unwrap();
    tx.change_members(owner, "pilot", &[a.party_uuid, b.party_uuid, a.party_uuid], &[]).await.unwrap();
    tx.put_listed_resource(owner, "pilot", "ske-krav", &["read".into()]).await.unwrap();
    tx.put_listed_resource(owner, "pilot", "ske-skatt", &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let list = session.access_list(owner, "pilot").await.unwrap().unwrap();
    assert_eq!((list.name.as_str(), list.description.as_str(), list.members.len()), ("Pilot", "Early users", 2));
    assert_eq!(list.resources["ske-krav"].actions, ["read"]);
    assert!(list.resources["ske-skatt"].actions.is_empty());
    assert_eq!(session.access_list(owner, "none").await.unwrap(), None);
    assert_eq!(session.access_lists().await.unwrap().len(), 2);
    drop(session);

    let mut tx = write(&store).await;
    tx.change_members(owner, "pilot", &[], &[a.party_uuid]).await.unwrap();
    assert!(tx.delete_listed_resource(owner, "pilot", "ske-krav").await.unwrap());
    assert!(!tx.delete_listed_resource(owner, "pilot", "ske-krav").await.unwrap());
    tx.put_access_list(owner, "pilot", "Pilots", "").await.unwrap();
    assert!(tx.delete_access_list(owner, "other").await.unwrap());
    assert!(!tx.delete_access_list(owner, "other").await.unwrap());
    tx.commit().await.unwrap();
    let lists = store.read().await.unwrap().access_lists().await.unwrap();
    let [changed] = lists.as_slice() else { panic!("{lists:?}") };
    assert!(changed.version > list.version && changed.name == "Pilots");
    assert_eq!(changed.members.keys().collect::<Vec<_>>(), [&b.party_uuid]);
    assert_eq!(changed.resources.keys().collect::<Vec<_>>(), ["ske-skatt"]);
    // What belongs to a list goes with it.
    let mut tx = write(&store).await;
    assert!(tx.delete_access_list(owner, "pilot").await.unwrap());
    tx.put_access_list(owner, "pilot", "Anew", "").await.unwrap();
    tx.commit().await.unwrap();
    let anew = store.read().await.unwrap().access_list(owner, "pilot").await.unwrap().unwrap();
    assert!(anew.members.is_empty() && anew.resources.is_empty());
}

async fn connections_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let (giver, receiver) = (organisation("310904473", 1), person(3));
    let pair = (giver.party_uuid, receiver.person.party_uuid);
    let right = DelegatedRight { resource: "ske-krav".into(), action: "read".into() };
    let mut tx = write(&store).await;
    tx.put_organisation(&giver).await.unwrap();
    tx.put_person(&receiver).await.unwrap();
    assert!(tx.insert_connection(pair.0, pair.1, id()).await.unwrap());
    assert!(!tx.insert_connection(pair.0, pair.1, id()).await.unwrap());
    assert!(tx.give_connection_package(pair.0, pair.1, &package("lonn")).await.unwrap());
    assert!(!tx.give_connection_package(pair.0, pair.1, &package("lonn")).await.unwrap());
    assert!(tx.give_connection_right(pair.0, pair.1, &right).await.unwrap());
    assert!(!tx.give_connection_right(pair.0, pair.1, &right).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let connection = session.connection(pair.0, pair.1).await.unwrap().unwrap();
    assert_eq!((&connection.packages, &connection.rights), (&vec![package("lonn")], &vec![right.clone()]));
    assert_eq!(session.connections().await.unwrap(), [connection]);
    assert_eq!(session.connection(pair.1, pair.0).await.unwrap(), None);
    drop(session);
    let mut tx = write(&store).await;
    assert!(tx.take_connection_package(pair.0, pair.1, &package("lonn")).await.unwrap());
    assert!(!tx.take_connection_package(pair.0, pair.1, &package("lonn")).await.unwrap());
    assert!(tx.take_connection_right(pair.0, pair.1, &right).await.unwrap());
    assert!(!tx.take_connection_right(pair.0, pair.1, &right).await.unwrap());
    tx.give_connection_right(pair.0, pair.1, &right).await.unwrap();
    assert!(tx.delete_connection(pair.0, pair.1).await.unwrap());
    assert!(!tx.delete_connection(pair.0, pair.1).await.unwrap());
    tx.insert_connection(pair.0, pair.1, id()).await.unwrap();
    tx.commit().await.unwrap();
    let anew = store.read().await.unwrap().connection(pair.0, pair.1).await.unwrap().unwrap();
    assert!(anew.packages.is_empty() && anew.rights.is_empty());
}

async fn an_edition_of_the_metadata_is_kept(database: TestDatabase) {
    let store = database.open().await;
    let document = serde_json::json!({"packages": []});
    for edition in [Some(&document), Some(&document), None] {
        let mut tx = write(&store).await;
        tx.put_access_metadata(edition).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(store.read().await.unwrap().access_metadata().await.unwrap().as_ref(), edition);
    }
}

async fn what_is_given_to_a_system_user_is_kept(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let user = SystemUser { kind: SystemUserKind::Agent, ..system_user(&request(&system, &customer)) };
    let client = organisation("991825827", 99);
    let for_client = |code: &str| ClientPackage { role: "regnskapsforer".into(), package: package(code) };
    let (salaries, tax) = (for_client("regnskapsforer-lonn"), for_client("skatt"));
    let right = DelegatedRight { resource: "ske-krav-og-betalinger".into(), action: "sign".into() };
    let mut tx = write(&store).await;
    tx.put_organisation(&client).await.unwrap();
    tx.insert_system_user(&user).await.unwrap();
    tx.give_rights(user.id, std::slice::from_ref(&right)).await.unwrap();
    assert!(tx.take_right(user.id, &user.rights[0]).await.unwrap());
    assert!(!tx.take_right(user.id, &user.rights[0]).await.unwrap());
    tx.give_packages(user.id, &[package("toll"), package("lonn")]).await.unwrap();
    assert!(tx.take_package(user.id, &package("lonn")).await.unwrap());
    assert!(!tx.take_package(user.id, &package("lonn")).await.unwrap());
    tx.insert_system_user_client(user.id, client.party_uuid).await.unwrap();
    assert!(tx.give_client_package(user.id, client.party_uuid, &tax).await.unwrap());
    assert!(tx.give_client_package(user.id, client.party_uuid, &salaries).await.unwrap());
    assert!(!tx.give_client_package(user.id, client.party_uuid, &salaries).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let stored = session.system_user(user.id).await.unwrap().unwrap();
    assert_eq!(*stored.rights, [right, user.rights[1].clone()]);
    assert_eq!(*stored.access_packages, [package("skatt-naering"), package("toll")]);
    let packages = [salaries.clone(), tax.clone()].into();
    assert_eq!(stored.clients, [AgentClient { client: client.party_uuid, packages }]);
    let of_client = session.packages_for_client(client.party_uuid).await.unwrap();
    let rows: Vec<_> = of_client.iter().map(|row| (row.system_user, row.owner, row.package.as_str())).collect();
    let owner = customer.party_uuid;
    assert_eq!(rows, [(user.id, owner, &*salaries.package.urn), (user.id, owner, &*tax.package.urn)]);
    drop(session);

    // The client goes with the last of what could be done for it.
    let mut tx = write(&store).await;
    assert!(tx.take_client_package(user.id, client.party_uuid, &tax).await.unwrap());
    assert!(!tx.take_client_package(user.id, client.party_uuid, &tax).await.unwrap());
    assert_eq!(tx.system_user(user.id).await.unwrap().unwrap().clients.len(), 1);
    assert!(tx.take_client_package(user.id, client.party_uuid, &salaries).await.unwrap());
    assert_eq!(tx.system_user(user.id).await.unwrap().unwrap().clients, []);
    tx.insert_system_user_client(user.id, client.party_uuid).await.unwrap();
    tx.give_client_package(user.id, client.party_uuid, &tax).await.unwrap();
    assert!(tx.delete_system_user_client(user.id, client.party_uuid).await.unwrap());
    assert!(!tx.delete_system_user_client(user.id, client.party_uuid).await.unwrap());
    assert_eq!(tx.packages_for_client(client.party_uuid).await.unwrap(), []);
}

async fn system_users_come_in_chunks(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let mut tx = write(&store).await;
    let mut expected = Vec::new();
    for number in 0..5 {
        let request = Request { external_ref: number.to_string(), ..request(&system, &customer) };
        let user = system_user(&request);
        tx.insert_system_user(&user).await.unwrap();
        expected.push(user);
    }
    tx.commit().await.unwrap();
    expected.sort_by_key(|user| user.id);
    let mut session = store.read().await.unwrap();
    let (mut found, mut after) = (Vec::new(), Uuid::nil());
    loop {
        let chunk = session.system_users_after(after, 2).await.unwrap();
        let Some(last) = chunk.last() else { break };
        after = last.id;
        found.extend(chunk);
    }
    assert_eq!(found, expected);
}

async fn a_request_is_answered_once(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let mut request = request(&system, &customer);
    let mut tx = write(&store).await;
    tx.insert_request(&request).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.request(request.id).await.unwrap(), Some(request.clone()));
    assert_eq!(session.request(id()).await.unwrap(), None);
    assert_eq!(session.latest_request(&key_of(&request)).await.unwrap(), Some(request.clone()));
    assert_eq!(session.open_requests(customer.party_uuid).await.unwrap(), [request.clone()]);
    assert_eq!(session.waiting_requests(system.vendor, customer.party_uuid).await.unwrap(), 1);
    assert_eq!(session.waiting_requests(customer.org_number, customer.party_uuid).await.unwrap(), 0);
    drop(session);

    let pia = id();
    let mut tx = write(&store).await;
    assert!(tx.answer_request(request.id, RequestStatus::Accepted, now(), pia).await.unwrap());
    assert!(!tx.answer_request(request.id, RequestStatus::Rejected, now(), pia).await.unwrap());
    assert!(!tx.time_out_request(request.id).await.unwrap());
    tx.commit().await.unwrap();
    request.status = RequestStatus::Accepted;
    request.answered = Some((now(), pia));
    let mut session = store.read().await.unwrap();
    assert_eq!(session.request(request.id).await.unwrap(), Some(request.clone()));
    assert_eq!(session.open_requests(customer.party_uuid).await.unwrap(), []);
    assert_eq!(session.waiting_requests(system.vendor, customer.party_uuid).await.unwrap(), 0);
    assert_eq!(session.requests_of_party(customer.party_uuid).await.unwrap(), [request.clone()]);
    assert_eq!(session.requests_of_party(id()).await.unwrap(), []);
    drop(session);

    let mut tx = write(&store).await;
    assert!(tx.delete_request(request.id).await.unwrap());
    assert!(!tx.delete_request(request.id).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().request(request.id).await.unwrap(), None);
}

async fn racing_answers_have_one_winner(database: TestDatabase) {
    let store = Arc::new(database.open().await);
    let (system, customer) = system_and_customer(&store).await;
    let request = request(&system, &customer);
    let mut tx = write(&store).await;
    tx.insert_request(&request).await.unwrap();
    tx.commit().await.unwrap();

    let tasks: Vec<_> = (0..100)
        .map(|number| {
            let (store, request) = (Arc::clone(&store), request.clone());
            tokio::spawn(async move {
                let mut tx = write(&store).await;
                // Read, then write: what was read must still hold.
                let seen = tx.request(request.id).await.unwrap().unwrap();
                let status = if number % 2 == 0 { RequestStatus::Accepted } else { RequestStatus::Rejected };
                let won = tx.answer_request(request.id, status, now(), id()).await.unwrap();
                assert_eq!(won, seen.status == RequestStatus::New);
                if won && status == RequestStatus::Accepted {
                    tx.insert_system_user(&system_user(&request)).await.unwrap();
                }
                tx.commit().await.unwrap();
                won
            })
        })
        .collect();
    let mut winners = 0;
    for task in tasks {
        winners += usize::from(task.await.unwrap());
    }
    assert_eq!(winners, 1);
    let mut session = store.read().await.unwrap();
    let status = session.request(request.id).await.unwrap().unwrap().status;
    let users = session.system_users_after(Uuid::nil(), 10).await.unwrap().len();
    assert_eq!(users, usize::from(status == RequestStatus::Accepted));
}

async fn a_triple_has_one_request_at_a_time(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let first = request(&system, &customer);
    let second = Request { id: id(), ..first.clone() };
    let insert = async |request: &Request| {
        let mut tx = write(&store).await;
        let inserted = tx.insert_request(request).await;
        if inserted.is_ok() {
            tx.commit().await.unwrap();
        }
        inserted
    };
    insert(&first).await.unwrap();
    assert!(matches!(insert(&second).await, Err(StoreError::Duplicate(_))));
    // Another reference is another triple.
    insert(&Request { id: id(), external_ref: "other".into(), ..first.clone() }).await.unwrap();

    // When the first was not answered in time, there is room for the next; the newest is the one that counts.
    let mut tx = write(&store).await;
    assert!(tx.time_out_request(first.id).await.unwrap());
    tx.commit().await.unwrap();
    insert(&Request { created: now() + 1.hour(), ..second.clone() }).await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.request(first.id).await.unwrap().unwrap().status, RequestStatus::Timedout);
    assert_eq!(session.latest_request(&key_of(&first)).await.unwrap().unwrap().id, second.id);
}

async fn system_users_are_kept_and_unique_while_they_live(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let user = system_user(&request(&system, &customer));
    let mut tx = write(&store).await;
    tx.insert_system_user(&user).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.system_user(user.id).await.unwrap(), Some(user.clone()));
    assert_eq!(session.system_user(id()).await.unwrap(), None);
    assert_eq!(session.system_users_after(Uuid::nil(), 10).await.unwrap(), std::slice::from_ref(&user));
    drop(session);

    // It is renamed, and it is noted when it was used.
    let mut tx = write(&store).await;
    assert!(tx.rename_system_user(user.id, "Lønn").await.unwrap());
    assert!(!tx.rename_system_user(id(), "Lønn").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().system_user(user.id).await.unwrap().unwrap().title, "Lønn");
    let noted = |client: &str, at| (user.id, client.to_owned(), at);
    let first = store.note_uses(&[noted("a", now()), noted("b", now()), (id(), "a".into(), now())]).await.unwrap();
    assert_eq!(first, [user.id]);
    let later = [noted("a", now() + 1.hour()), noted("a", now() - 1.hour())];
    assert_eq!(store.note_uses(&later).await.unwrap(), Vec::<Uuid>::new());
    let used =
        |client: &str, last| SystemUserUse { system_user: user.id, client_id: client.into(), first: now(), last };
    let uses = [used("a", now() + 1.hour()), used("b", now())];
    let mut session = store.read().await.unwrap();
    assert_eq!(session.uses_of(user.id).await.unwrap(), uses);
    let last = session.last_uses_of_owner(user.owner_party).await.unwrap();
    assert_eq!(last, [(user.id, now() + 1.hour())]);
    assert_eq!(session.last_uses_of_owner(id()).await.unwrap(), []);
    drop(session);

    let again = SystemUser { id: id(), kind: SystemUserKind::Agent, ..user.clone() };
    let mut tx = write(&store).await;
    assert!(matches!(tx.insert_system_user(&again).await, Err(StoreError::Duplicate(_))));
    drop(tx);

    let mut tx = write(&store).await;
    assert!(tx.delete_system_user(user.id).await.unwrap());
    assert!(!tx.delete_system_user(user.id).await.unwrap());
    tx.insert_system_user(&again).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let (system, owner) = (user.system_internal_id, user.owner_party);
    assert!(session.had_system_user(system, owner, &user.external_ref).await.unwrap());
    assert!(!session.had_system_user(system, owner, "never").await.unwrap());
    let deleted = session.system_user(user.id).await.unwrap().unwrap();
    assert!(deleted.is_deleted && deleted.rights.is_empty() && deleted.access_packages.is_empty());
    assert_eq!(session.system_user(again.id).await.unwrap(), Some(again));
}

async fn sessions_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let pia = person(1);
    let mut tx = write(&store).await;
    tx.put_person(&pia).await.unwrap();
    tx.commit().await.unwrap();
    let session = PersonSession {
        person: pia.person.party_uuid,
        level: 4,
        created: now(),
        last_seen: now(),
        expires: now() + 1.hour(),
        provider_sid: Some("s".into()),
        id_token: Some(vec![1, 2]),
    };
    store.insert_session(b"a", &session).await.unwrap();
    assert_eq!(store.session(b"a").await.unwrap(), Some(session.clone()));
    assert_eq!(store.session(b"b").await.unwrap(), None);
    store.touch_session(b"a", now() + 1.minute()).await.unwrap();
    assert_eq!(store.session(b"a").await.unwrap().unwrap().last_seen, now() + 1.minute());
    // What has run out, or was left, is cleared away.
    let later = PersonSession { created: now() + 2.hours(), expires: now() + 3.hours(), ..session.clone() };
    store.insert_session(b"b", &later).await.unwrap();
    store.delete_old_sessions(now() + 30.minutes(), now()).await.unwrap();
    assert!(store.session(b"a").await.unwrap().is_some() && store.session(b"b").await.unwrap().is_some());
    store.delete_old_sessions(now() + 30.minutes(), now() + 1.minute()).await.unwrap();
    assert_eq!(store.session(b"a").await.unwrap(), None);
    store.insert_session(b"f", &session).await.unwrap();
    store.delete_old_sessions(now() + 1.hour(), now() - 1.hour()).await.unwrap();
    assert_eq!(store.session(b"f").await.unwrap(), None);
    store.delete_session(b"b").await.unwrap();
    assert_eq!(store.session(b"b").await.unwrap(), None);
    // The provider ends its session, and with it ours.
    for (id, sid) in [(b"c", "s"), (b"d", "s"), (b"e", "t")] {
        let session = PersonSession { provider_sid: Some(sid.into()), ..later.clone() };
        store.insert_session(id, &session).await.unwrap();
    }
    store.delete_sessions_of_provider("s").await.unwrap();
    assert_eq!(store.session(b"c").await.unwrap().or(store.session(b"d").await.unwrap()), None);
    assert!(store.session(b"e").await.unwrap().is_some());
}

async fn change_numbers_follow_the_order_of_commits(database: TestDatabase) {
    let store = Arc::new(database.open().await);
    let tasks: Vec<_> = (0..30)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut tx = write(&store).await;
                tx.put_scope_prefix(&format!("p{number}"), "991825827".parse().unwrap()).await.unwrap();
                tx.put_scope_prefix(&format!("q{number}"), "991825827".parse().unwrap()).await.unwrap();
                let last = tx.commit().await.unwrap();
                // Whoever is told a number sees all changes up to it.
                let seen = store.read().await.unwrap().changes_since(0).await.unwrap();
                assert!(seen.iter().filter(|change| change.number <= last).count() >= 2);
                last
            })
        })
        .collect();
    let mut lasts = HashSet::new();
    for task in tasks {
        lasts.insert(task.await.unwrap());
    }
    assert_eq!(lasts.len(), 30);
    let mut session = store.read().await.unwrap();
    let changes = session.changes_since(0).await.unwrap();
    assert_eq!(changes.len(), 60);
    assert!(changes.is_sorted_by(|a, b| a.number < b.number));
    assert!(changes.iter().all(|change| change.kind == ChangeKind::ScopePrefix));
    let middle = changes[29].number;
    assert_eq!(session.changes_since(middle).await.unwrap(), changes[30..]);
}

async fn what_is_not_committed_never_happened(database: TestDatabase) {
    let store = database.open().await;
    let mut tx = write(&store).await;
    tx.put_scope_prefix("p", "991825827".parse().unwrap()).await.unwrap();
    drop(tx);
    let mut tx = write(&store).await;
    tx.put_scope_prefix("q", "991825827".parse().unwrap()).await.unwrap();
    let last = tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let changes = session.changes_since(0).await.unwrap();
    assert_eq!(changes.iter().map(|change| (change.number, &*change.key)).collect::<Vec<_>>(), [(last, "q")]);
    assert_eq!(session.scope_prefixes().await.unwrap().len(), 1);
}

async fn the_audit_journal_is_kept(database: TestDatabase) {
    let store = database.open().await;
    let entry = |event, subject: &str| AuditEntry {
        id: id(),
        event,
        party: Some(id()),
        subject: subject.into(),
        details: serde_json::json!({"a": [1, "æ"]}),
    };
    let mut tx = write(&store).await;
    tx.audit(entry("request.approved", "r1")).await.unwrap();
    tx.commit().await.unwrap();
    let context = ChangeContext { actor: "person:1".into(), ..ChangeContext::default() };
    store.audit(entry("request.viewed", "r1"), &context, now() - 1.hour()).await.unwrap();
    store.audit(entry("request.viewed", "r2"), &context, now()).await.unwrap();
    let found = store.read().await.unwrap().audit_of("r1").await.unwrap();
    let expected = [("request.viewed", "person:1", "r1"), ("request.approved", "test", "r1")];
    let found: Vec<_> = found.iter().map(|found| (&*found.event, &*found.actor, &*found.subject)).collect();
    assert_eq!(found, expected);
    let decided = ["r3", "r3"].map(|subject| JournalEntry {
        entry: entry("decision", subject),
        actor: "org:974761076".into(),
        at: now(),
        request_id: None,
    });
    store.journal(decided.into()).await.unwrap();
    assert_eq!(store.read().await.unwrap().audit_of("r3").await.unwrap().len(), 2);
    let of_party = entry("client.added", "u1");
    let party = of_party.party.unwrap();
    store.audit(of_party.clone(), &context, now()).await.unwrap();
    store.audit(AuditEntry { party: Some(party), ..entry("decision", "u1") }, &context, now()).await.unwrap();
    for (event, hours) in [("changerequest.reminded", -1), ("request.escalated", -2), ("request.escalated", -4)] {
        let forwarded = AuditEntry { party: Some(party), ..entry(event, "r4") };
        store.audit(forwarded, &context, now() + hours.hours()).await.unwrap();
    }
    let forwarded = store.read().await.unwrap().forwardings_of_party(party, now() - 2.hours()).await.unwrap();
    let forwarded: Vec<_> = forwarded.iter().map(|found| &*found.event).collect();
    assert_eq!(forwarded, ["changerequest.reminded", "request.escalated"]);
    let later = AuditEntry { party: Some(party), ..entry("systemuser.renamed", "u1") };
    store.audit(later, &context, now() + 1.hour()).await.unwrap();
    let mut session = store.read().await.unwrap();
    let found = session.audit_of_party(party, None, 10).await.unwrap();
    let events: Vec<_> = found.iter().map(|found| (&*found.event, found.at)).collect();
    assert_eq!(events[..2], [("systemuser.renamed", now() + 1.hour()), ("client.added", now())]);
    assert_eq!(events.len(), 5);
    assert_eq!((found[1].party, &found[1].details), (Some(party), &of_party.details));
    let first = (found[0].at, found[0].id);
    assert_eq!(session.audit_of_party(party, Some(first), 10).await.unwrap(), found[1..]);
    assert_eq!(session.audit_of_party(party, None, 1).await.unwrap(), found[..1]);
    let latest = session.latest_audit_of("u1", 2).await.unwrap();
    assert_eq!(latest.iter().map(|it| &*it.event).next(), Some("systemuser.renamed"));
    assert_eq!(latest.len(), 2);
    drop(session);
    let mut session = store.read().await.unwrap();
    let forwarded = session.forwardings_of("r4").await.unwrap();
    let forwarded: Vec<_> = forwarded.iter().map(|found| &*found.event).collect();
    assert_eq!(forwarded, ["changerequest.reminded", "request.escalated", "request.escalated"]);
    for (subject, event, actor, is_audited) in [
        ("r4", "request.escalated", None, true),
        ("r4", "request.escalated", Some("person:1"), true),
        ("r4", "request.escalated", Some("person:2"), false),
        ("r4", "request.viewed", None, false),
        ("r5", "request.escalated", None, false),
    ] {
        assert_eq!(session.is_audited(subject, event, actor).await.unwrap(), is_audited, "{subject} {event}");
    }
    drop(session);
    // What happens at the same moment is neither lost nor repeated between pages.
    let crowded = id();
    let at_once = (0..5).map(|_| JournalEntry {
        entry: AuditEntry { party: Some(crowded), ..entry("client.added", "u2") },
        actor: "system".into(),
        at: now(),
        request_id: None,
    });
    store.journal(at_once.collect()).await.unwrap();
    let mut session = store.read().await.unwrap();
    let all = session.audit_of_party(crowded, None, 10).await.unwrap();
    let (mut paged, mut after) = (vec![], None);
    while let [record] = &*session.audit_of_party(crowded, after, 1).await.unwrap() {
        after = Some((record.at, record.id));
        paged.push(record.clone());
    }
    assert_eq!((paged.len(), paged), (5, all));
    drop(session);
    // Journal entries are no changes.
    assert_eq!(store.read().await.unwrap().changes_since(0).await.unwrap(), []);
}

async fn signing_keys_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let key = signing_key(KeyPurpose::Maskinporten);
    let earlier = StoredKey { kid: "j".into(), signs_from: now() - 1.hour(), certificates: vec![], ..key.clone() };
    let mut tx = write(&store).await;
    tx.insert_signing_key(&key).await.unwrap();
    tx.insert_signing_key(&earlier).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().signing_keys().await.unwrap(), [earlier, key.clone()]);
    let mut tx = write(&store).await;
    assert!(tx.delete_signing_key("j").await.unwrap());
    assert!(!tx.delete_signing_key("j").await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(store.read().await.unwrap().signing_keys().await.unwrap(), [key]);
}

/// Whoever comes after the one that took over must not believe that the database knows what that one took.
async fn one_that_was_taken_over_from_says_nothing_of_used_grants(database: TestDatabase) {
    let store = database.open().await;
    store.set_grants_recorded(true).await.unwrap();
    database.take_over().await;
    store.set_grants_recorded(true).await.unwrap();
    store.close(now()).await.unwrap();
    let opened = Store::open(database.database.clone(), InstallationKind::Sandbox, b"", now()).await;
    let (store, installation) = opened.unwrap();
    assert!(!installation.grants_recorded);
    store.set_grants_recorded(true).await.unwrap();
    store.close(now()).await.unwrap();
    let opened = Store::open(database.database.clone(), InstallationKind::Sandbox, b"", now()).await;
    assert!(opened.unwrap().1.grants_recorded);
}

fn signing_key(purpose: KeyPurpose) -> StoredKey {
    let certificates = vec!["MIIB".to_owned()];
    StoredKey { kid: "k".into(), purpose, sealed: vec![7; 99], created: now(), signs_from: now(), certificates }
}

async fn a_grant_is_used_once(database: TestDatabase) {
    let store = database.open().await;
    let grant = |first: u8, expires| UsedGrant { hash: [first; 32], expires };
    let batch = [grant(1, 100), grant(2, 100), grant(1, 100)];
    assert_eq!(store.use_grants(&batch, 10).await.unwrap(), [true, true, false]);
    assert_eq!(store.use_grants(&[grant(2, 100), grant(3, 100)], 99).await.unwrap(), [false, true]);
    // What has expired is forgotten: the check of its times refuses it from then on.
    assert_eq!(store.use_grants(&[grant(1, 200)], 100).await.unwrap(), [true]);
    assert_eq!(store.use_grants(&[], 100).await.unwrap(), Vec::<bool>::new());
    assert_eq!(store.read().await.unwrap().used_grants().await.unwrap(), [grant(1, 200)]);
}

async fn why_there_is_no_system_user_is_found(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let request = request(&system, &customer);
    let agent = SystemUser { kind: SystemUserKind::Agent, ..system_user(&request) };
    let client = organisation("991825827", 99);
    let (system, party, reference) = (request.system_internal_id, request.party, &request.external_ref);
    let mut tx = write(&store).await;
    tx.put_organisation(&client).await.unwrap();
    tx.insert_request(&request).await.unwrap();
    assert!(!tx.withdrew_request(system, party, reference).await.unwrap());
    assert!(tx.delete_request(request.id).await.unwrap());
    assert!(tx.withdrew_request(system, party, reference).await.unwrap());
    assert_eq!(tx.withdrawn_request_to(request.id).await.unwrap(), Some(party));
    assert_eq!(tx.withdrawn_request_to(id()).await.unwrap(), None);
    assert!(!tx.withdrew_request(system, party, "another").await.unwrap());
    tx.insert_system_user(&agent).await.unwrap();
    assert!(!tx.agent_has_client(system, client.party_uuid).await.unwrap());
    tx.insert_system_user_client(agent.id, client.party_uuid).await.unwrap();
    assert!(tx.agent_has_client(system, client.party_uuid).await.unwrap());
    assert!(!tx.agent_has_client(id(), client.party_uuid).await.unwrap());
    tx.delete_system_user(agent.id).await.unwrap();
    assert!(!tx.agent_has_client(system, client.party_uuid).await.unwrap());
}

async fn texts_differ_by_case(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    for external_ref in ["Avdeling", "avdeling", "AVDELING", "ævdeling"] {
        let mut tx = write(&store).await;
        let request = Request { id: id(), external_ref: external_ref.into(), ..request(&system, &customer) };
        tx.insert_request(&request).await.unwrap();
        tx.commit().await.unwrap();
    }
}

async fn starting_over_leaves_keys_and_numbers(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let request = request(&system, &customer);
    let pia = person(7);
    let mut tx = write(&store).await;
    tx.insert_request(&request).await.unwrap();
    tx.insert_system_user(&system_user(&request)).await.unwrap();
    tx.put_person(&pia).await.unwrap();
    tx.replace_roles(customer.party_uuid, &[("DAGL".into(), pia.person.party_uuid)]).await.unwrap();
    let key = signing_key(KeyPurpose::TestLogin);
    tx.insert_signing_key(&key).await.unwrap();
    let before = tx.commit().await.unwrap();
    let mut tx = write(&store).await;
    tx.wipe().await.unwrap();
    let last = tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert!(
        session.systems().await.unwrap().is_empty()
            && session.system_users_after(Uuid::nil(), 1).await.unwrap().is_empty()
    );
    assert!(session.organisations().await.unwrap().is_empty() && session.persons().await.unwrap().is_empty());
    assert_eq!(session.signing_keys().await.unwrap(), [key]);
    assert_eq!(session.last_change().await.unwrap(), last);
    let changes = session.changes_since(before).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::Everything]);
}

async fn a_system_is_changed_and_its_log_is_kept(database: TestDatabase) {
    let store = database.open().await;
    let (kept, _) = system_and_customer(&store).await;
    let change = |client_ids: &[&str], is_deleted| RegisteredSystem {
        client_ids: client_ids.iter().map(|id| (*id).to_owned()).collect(),
        is_deleted,
        ..kept.clone()
    };
    let mut tx = write(&store).await;
    tx.update_system(&change(&["client-2"], false)).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let stored = session.system(kept.internal_id).await.unwrap().unwrap();
    assert_eq!((stored.version, &*stored.client_ids), (2, &["client-2".to_owned()][..]));
    assert_eq!(session.system_of_client("client-1").await.unwrap(), None);
    assert_eq!(session.system_of_client("client-2").await.unwrap(), Some(kept.internal_id));
    drop(session);
    // A deleted one keeps its list, and gives the clients free.
    let mut tx = write(&store).await;
    tx.update_system(&change(&["client-2"], true)).await.unwrap();
    for (change, data) in
        [(SystemChange::Update, serde_json::json!({"a": 1})), (SystemChange::Delete, serde_json::Value::Null)]
    {
        let changed_by = kept.vendor;
        let entry = SystemLogEntry {
            id: id(),
            internal_id: kept.internal_id,
            change,
            changed_by,
            client_id: None,
            changed_data: data,
        };
        tx.log_system_change(&entry).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.system_of_client("client-2").await.unwrap(), None);
    let stored = session.system(kept.internal_id).await.unwrap().unwrap();
    assert_eq!((stored.is_deleted, &*stored.client_ids), (true, &["client-2".to_owned()][..]));
    let log = session.system_log(kept.internal_id).await.unwrap();
    let mut kinds: Vec<_> = log.iter().map(|(entry, _)| entry.change.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["delete", "update"]);
}

async fn what_is_listed_has_the_order_of_being_made(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let mut ids = Vec::new();
    for reference in ["a", "b", "c"] {
        let request = Request { external_ref: reference.into(), ..request(&system, &customer) };
        let mut tx = write(&store).await;
        tx.insert_request(&request).await.unwrap();
        tx.insert_system_user(&system_user(&request)).await.unwrap();
        tx.commit().await.unwrap();
        ids.push(request.id);
    }
    let mut session = store.read().await.unwrap();
    let kind = SystemUserKind::Standard;
    let first = session.requests_of_system(system.internal_id, kind, 0, 2).await.unwrap();
    assert_eq!(first.iter().map(|(_, request)| request.id).collect::<Vec<_>>(), ids[..2]);
    let rest = session.requests_of_system(system.internal_id, kind, first[1].0, 2).await.unwrap();
    assert_eq!(rest.iter().map(|(_, request)| request.id).collect::<Vec<_>>(), ids[2..]);
    assert_eq!(session.requests_of_system(system.internal_id, SystemUserKind::Agent, 0, 2).await.unwrap(), []);
    let users = session.system_users_of_system(system.internal_id, 0, 9).await.unwrap();
    assert_eq!(users.iter().map(|(_, id)| *id).collect::<Vec<_>>(), ids);
    let changes = session.system_users_changed(0, 9).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.id).collect::<Vec<_>>(), ids);
    assert_eq!(session.last_system_user_change().await.unwrap(), changes[2].number);
    drop(session);
    // What is changed moves to the end of the changes, and stays in its place in the list.
    let mut tx = write(&store).await;
    tx.give_packages(ids[0], &[package("toll")]).await.unwrap();
    tx.delete_system_user(ids[1]).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let changed: Vec<_> = session.system_users_changed(0, 9).await.unwrap().iter().map(|change| change.id).collect();
    assert_eq!(changed, [ids[2], ids[0], ids[1]]);
    let users = session.system_users_of_system(system.internal_id, 0, 9).await.unwrap();
    assert_eq!(users.iter().map(|(_, id)| *id).collect::<Vec<_>>(), [ids[0], ids[2]]);
    let change = session.system_user_change(ids[1]).await.unwrap().unwrap();
    assert_eq!(Some(change.number), session.last_change().await.ok());
}

async fn change_requests_are_kept_and_answered_once(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let asked = request(&system, &customer);
    let user = system_user(&asked);
    let change = |number: i64| ChangeRequest {
        id: id(),
        system_user: user.id,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        party: customer.party_uuid,
        party_org: customer.org_number,
        external_ref: user.external_ref.clone(),
        change: RightsChange { required_packages: vec![package("toll")], ..RightsChange::default() },
        status: RequestStatus::New,
        redirect_url: None,
        is_deleted: false,
        created: now(),
        expires: now() + number.hours(),
        answered: None,
    };
    let (first, second) = (change(1), change(2));
    let mut tx = write(&store).await;
    tx.insert_system_user(&user).await.unwrap();
    tx.insert_change_request(&first).await.unwrap();
    tx.insert_change_request(&second).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.change_request(first.id).await.unwrap().unwrap(), first);
    assert_eq!(session.change_requests_of(user.id).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(session.waiting_change_requests(user.id).await.unwrap(), 2);
    let waiting = session.change_requests_of_party(user.owner_party, false).await.unwrap();
    assert_eq!(waiting, [second.clone(), first.clone()]);
    assert_eq!(session.change_requests_of_party(id(), true).await.unwrap(), []);
    let latest = session.latest_change_request(system.internal_id, customer.party_uuid, &user.external_ref);
    assert_eq!(latest.await.unwrap().unwrap().id, second.id);
    let listed = session.change_requests_of_system(system.internal_id, 0, 1).await.unwrap();
    assert_eq!(listed[0].1.id, first.id);
    assert_eq!(session.change_requests_of_system(system.internal_id, listed[0].0, 9).await.unwrap()[0].1.id, second.id);
    assert_eq!(session.overdue_change_requests(now() + 1.hours()).await.unwrap(), [first.id]);
    drop(session);
    let mut tx = write(&store).await;
    assert!(tx.time_out_change_request(first.id).await.unwrap());
    assert!(!tx.answer_change_request(first.id, RequestStatus::Accepted, now(), id()).await.unwrap());
    assert!(tx.answer_change_request(second.id, RequestStatus::Accepted, now(), id()).await.unwrap());
    assert!(!tx.answer_change_request(second.id, RequestStatus::Rejected, now(), id()).await.unwrap());
    assert!(tx.delete_change_request(second.id).await.unwrap());
    assert!(!tx.delete_change_request(second.id).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    let gone = session.change_request(second.id).await.unwrap().unwrap();
    assert_eq!((gone.is_deleted, gone.status), (true, RequestStatus::Accepted));
    assert_eq!(session.change_requests_of(user.id).await.unwrap().len(), 1);
    assert_eq!(session.waiting_change_requests(user.id).await.unwrap(), 0);
    assert_eq!(session.change_requests_of_party(user.owner_party, false).await.unwrap(), []);
    assert_eq!(session.change_requests_of_party(user.owner_party, true).await.unwrap().len(), 1);
}

async fn requests_are_forwarded_and_time_out_while_they_are_new(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let request = request(&system, &customer);
    let mut tx = write(&store).await;
    tx.insert_request(&request).await.unwrap();
    assert!(tx.set_request_escalated(request.id, true).await.unwrap());
    assert!(tx.set_request_escalated(request.id, false).await.unwrap());
    assert!(!tx.request(request.id).await.unwrap().unwrap().escalated);
    assert!(tx.set_request_escalated(request.id, true).await.unwrap());
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert!(session.request(request.id).await.unwrap().unwrap().escalated);
    assert!(session.overdue_requests(now()).await.unwrap().is_empty());
    assert_eq!(session.overdue_requests(request.expires).await.unwrap(), [request.id]);
    drop(session);
    let mut tx = write(&store).await;
    assert!(tx.time_out_request(request.id).await.unwrap());
    assert!(!tx.set_request_escalated(request.id, true).await.unwrap());
    tx.commit().await.unwrap();
    assert!(store.read().await.unwrap().overdue_requests(request.expires).await.unwrap().is_empty());
}

async fn jobs_with_many_clients_are_kept(database: TestDatabase) {
    let store = database.open().await;
    let (system, customer) = system_and_customer(&store).await;
    let user = system_user(&request(&system, &customer));
    let job = |level| ClientJob { id: id(), system_user: user.id, person: id(), level, created: now() };
    let (first, second) = (job(3), job(4));
    let mut tx = write(&store).await;
    tx.insert_system_user(&user).await.unwrap();
    let items = [(ClientAction::Add, "310904473".to_owned()), (ClientAction::Remove, "x".to_owned())];
    tx.insert_client_job(&first, &items).await.unwrap();
    tx.insert_client_job(&second, &items[..1]).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.client_job(first.id).await.unwrap().unwrap(), first);
    let waiting = session.waiting_client_job_items(9).await.unwrap();
    assert_eq!(
        waiting.iter().map(|item| (item.job, item.position)).collect::<Vec<_>>(),
        [(first.id, 0), (first.id, 1)]
    );
    drop(session);
    let mut tx = write(&store).await;
    let mut done = waiting[0].clone();
    done.status = ItemStatus::Done;
    let mut refused = waiting[1].clone();
    (refused.status, refused.refusal) = (ItemStatus::Refused, Some(("AUTH-00079".into(), "no".into())));
    tx.finish_client_job_item(&done).await.unwrap();
    tx.finish_client_job_item(&refused).await.unwrap();
    tx.commit().await.unwrap();
    let mut session = store.read().await.unwrap();
    assert_eq!(session.client_job_items(first.id).await.unwrap(), [done, refused]);
    assert_eq!(session.waiting_clients_of(user.id).await.unwrap(), 1);
    assert_eq!(session.waiting_clients_of(first.id).await.unwrap(), 0);
    assert_eq!(session.waiting_client_job_items(9).await.unwrap()[0].job, second.id);
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::sqlite();
    let _store = database.open().await;
    let files: Vec<_> = std::fs::read_dir(database.folder.path()).unwrap().map(Result::unwrap).collect();
    let kept = files.iter().filter(|file| !file.file_name().to_string_lossy().ends_with(".lock"));
    let modes: Vec<u32> = kept.map(|file| file.metadata().unwrap().permissions().mode() & 0o777).collect();
    assert!(!modes.is_empty() && modes.iter().all(|mode| *mode == 0o600), "{modes:?}");
}
