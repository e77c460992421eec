//! What the platform's own load tests (Altinn's K6 suites) do, step by step, with each of their assertions: status and
//! reason, and what the answers must say.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::resource_registry::builtin::policy_document;
use systembruker::system_users::SystemUserSettings;

use crate::answers::package;
use crate::world::{Answer, CUSTOMER, REGISTER, REQUESTS, World, resource, right, with};

const VENDOR: &str = "991825827";
const RESOURCES: [&str; 2] = ["authentication-e2e-test", "vegardtestressurs"];
const VENDOR_SCOPES: &str = "altinn:authentication/systemregister.write altinn:authentication/systemuser.request.write altinn:authentication/systemuser.request.read altinn:maskinporten/systemuser.read";
const PUBLIC: &str = "https://systembruker.example";

/// A sandbox behind a public address, with the resources that the suites expect and small pages.
async fn world() -> World {
    let face = |name: &str| format!("{name}={PUBLIC}").parse().unwrap();
    let options = SandboxOptions {
        public_urls: ["maskinporten", "platform", "portal", "kravOgBetalinger"].map(face).to_vec(),
        system_users: SystemUserSettings { page_size: 2, ..SystemUserSettings::default() },
        ..SandboxOptions::default()
    };
    let world = World::of_template(options).await;
    let token = enterprise(&world, "orgNo=974761076", "altinn:resourceregistry/resource.write").await;
    for id in RESOURCES {
        assert_eq!(world.post("/resourceregistry/api/v1/resource", &token, &resource(id)).await.status, 201);
        let policy = policy_document(id, &["DAGL"], &["read"], 3);
        let path = format!("/resourceregistry/api/v1/resource/{id}/policy");
        let request = world.request(Method::POST, &path).bearer_auth(&token).header(CONTENT_TYPE, "application/xml");
        assert_eq!(world.send(request.body(policy)).await.status, 201);
    }
    world
}

async fn enterprise(world: &World, who: &str, scopes: &str) -> String {
    let scopes = scopes.replace(' ', "+");
    let path = format!("/api/GetEnterpriseToken?env=tt02&{who}&scopes={scopes}&ttl=3600");
    let answer = world.send(world.request(Method::GET, &path).basic_auth("user", Some("password"))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text
}

async fn vendor(world: &World) -> String {
    enterprise(world, &format!("orgNo={VENDOR}"), VENDOR_SCOPES).await
}

/// The customer's manager, as the suites ask for her: by party uuid and user id, with the portal's scope.
async fn approver(world: &World) -> String {
    let person = world.person_named("Pia Tilfeldig").await;
    let (uuid, user) = (person.party_uuid, person.user_id);
    let path = format!(
        "/api/GetPersonalToken?env=tt02&partyuuid={uuid}&scopes=altinn%3Aportal%2Fenduser&ttl=3600&userId={user}"
    );
    world.send(world.request(Method::GET, &path)).await.text
}

async fn send(world: &World, token: &str, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = world.request(method, path).bearer_auth(token);
    world
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

/// Whether it is 200 with JSON, which is read.
fn ok(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn new_system(id: &str, client: &str) -> Value {
    let texts = |text: &str| json!({"en": text, "nb": text, "nn": text});
    let mut first = right(RESOURCES[0]);
    first["action"] = json!("read");
    json!({"id": id, "vendor": {"id": format!("0192:{VENDOR}")}, "name": texts("K6"), "description": texts("K6"),
        "rights": [first, right(RESOURCES[1])], "accessPackages": [package("jordbruk")], "clientId": [client],
        "isVisible": false, "allowedRedirectUrls": ["https://altinn.no"]})
}

#[tokio::test(flavor = "multi_thread")]
async fn systems_are_registered_changed_and_deleted() {
    let world = world().await;
    let token = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    let id = format!("{VENDOR}_K6-super-system-1");
    let path = format!("{REGISTER}/{id}");
    let send = async |method: Method, path: &str, body: Option<&Value>| send(&world, &token, method, path, body).await;
    let system = new_system(&id, "11111111-2222-4333-8444-555555555555");
    assert_eq!(ok(&send(Method::POST, REGISTER, Some(&system)).await).as_str().map(str::len), Some(36));
    let is_listed = async || {
        let list = ok(&send(Method::GET, REGISTER, None).await);
        list.as_array().unwrap().iter().any(|listed| listed["systemId"] == json!(id))
    };
    assert!(is_listed().await);
    assert_eq!(ok(&send(Method::GET, &path, None).await)["id"], json!(id));
    let texts = json!({"en": "new", "nb": "ny", "nn": "ny"});
    let put = send(Method::PUT, &path, Some(&with(system, "description", texts.clone()))).await;
    assert_eq!(ok(&put)["succeeded"], json!(true));
    assert_eq!(ok(&send(Method::GET, &path, None).await)["description"], texts);
    let rights = json!([right(RESOURCES[1])]);
    assert_eq!(ok(&send(Method::PUT, &format!("{path}/rights"), Some(&rights)).await)["succeeded"], json!(true));
    assert_eq!(ok(&send(Method::GET, &path, None).await)["rights"], rights);
    let packages = json!([package("sjofart"), package("jordbruk")]);
    assert_eq!(
        ok(&send(Method::PUT, &format!("{path}/accesspackages"), Some(&packages)).await)["succeeded"],
        json!(true)
    );
    assert_eq!(ok(&send(Method::GET, &path, None).await)["accessPackages"], packages);
    assert_eq!(ok(&send(Method::DELETE, &path, None).await)["succeeded"], json!(true));
    assert_eq!(ok(&send(Method::GET, &path, None).await)["isDeleted"], json!(true));
    assert!(!is_listed().await);
    let log = ok(&send(Method::GET, &format!("{path}/changelog"), None).await);
    let changes: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["changeType"].as_str().unwrap()).collect();
    assert_eq!(changes, ["delete", "accesspackageupdate", "rightsupdate", "update", "create"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn end_users_read_rights_and_packages_of_systems() {
    let world = world().await;
    let token = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    let end_user = enterprise(&world, "org=ttd", "altinn:portal/enduser").await;
    let id = format!("{VENDOR}_K6-rights-system-1");
    let system = new_system(&id, "11111111-2222-4333-8444-555555555556");
    ok(&send(&world, &token, Method::POST, REGISTER, Some(&system)).await);
    let read = async |what: &str| {
        ok(&send(&world, &end_user, Method::GET, &format!("/authentication/api/v1/systemregister/{id}/{what}"), None)
            .await)
    };
    assert_eq!(read("rights").await, system["rights"]);
    assert_eq!(read("accesspackages").await, system["accessPackages"]);
    let packages = json!([package("sjofart")]);
    let put = send(&world, &token, Method::PUT, &format!("{REGISTER}/{id}/accesspackages"), Some(&packages)).await;
    assert_eq!(ok(&put)["succeeded"], json!(true));
    assert_eq!(read("accesspackages").await, packages);
    assert_eq!(
        ok(&send(&world, &token, Method::DELETE, &format!("{REGISTER}/{id}"), None).await)["succeeded"],
        json!(true)
    );
}

fn new_request(system: &str, reference: &str) -> Value {
    json!({"externalRef": reference, "systemId": system, "partyOrgNo": CUSTOMER, "rights": [right(RESOURCES[0])],
        "accessPackages": [package("jordbruk")], "redirectUrl": "https://altinn.no"})
}

/// Registers a system, asks the customer for a system user, and has it approved.
async fn approved(world: &World, system: &str, reference: &str) -> String {
    let token = vendor(world).await;
    let posted = send(world, &token, Method::POST, REQUESTS, Some(&new_request(system, reference))).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let body = posted.json();
    assert_eq!(
        (&body["systemId"], &body["partyOrgNo"], &body["externalRef"]),
        (&json!(system), &json!(CUSTOMER), &json!(reference))
    );
    assert_eq!(body["status"], json!("New"));
    assert!(body["confirmUrl"].as_str().unwrap().starts_with("https://"), "{body}");
    let id = body["id"].as_str().unwrap().to_owned();
    let party = world.party_id(CUSTOMER);
    let path = format!("/accessmanagement/api/v1/systemuser/request/{party}/{id}/approve");
    let approval = send(world, &approver(world).await, Method::POST, &path, None).await;
    assert_eq!((approval.status, approval.json()), (200, json!(true)), "{approval:?}");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_made_and_approved() {
    let world = world().await;
    let token = vendor(&world).await;
    let system = format!("{VENDOR}_request");
    ok(&send(&world, &token, Method::POST, REGISTER, Some(&new_system(&system, "c1"))).await);
    let id = approved(&world, &system, "11111111-2222-4333-8444-555555555557").await;
    let read = ok(&send(&world, &token, Method::GET, &format!("{REQUESTS}/{id}"), None).await);
    assert_eq!(read["status"], json!("Accepted"));
}

/// Follows the pages as the suites do: each has something new, and each address is another.
async fn pages(world: &World, token: &str, first: String, system: &str) {
    let (mut path, mut seen, mut count) = (first, Vec::new(), 0);
    loop {
        let page = ok(&send(world, token, Method::GET, &path, None).await);
        let data = page["data"].as_array().unwrap();
        assert!(!data.is_empty());
        for entry in data {
            assert_eq!(entry["systemId"], json!(system));
            assert!(!seen.contains(&entry["id"]), "an entry came twice");
            seen.push(entry["id"].clone());
        }
        count += 1;
        let Some(next) = page["links"]["next"].as_str() else { break };
        assert!(next.starts_with(&format!("{PUBLIC}/authentication/")), "{next}");
        let next = next.strip_prefix(PUBLIC).unwrap().to_owned();
        assert_ne!(next, path);
        path = next;
    }
    assert!(count > 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_by_system_have_several_pages() {
    let world = world().await;
    let token = vendor(&world).await;
    let system = format!("{VENDOR}_Virksomhetsbruker");
    let mut body = new_system(&system, "c2");
    body["accessPackages"] = json!([package("jordbruk"), package("regnskapsforer-lonn")]);
    ok(&send(&world, &token, Method::POST, REGISTER, Some(&body)).await);
    for number in 0..3 {
        approved(&world, &system, &format!("ref-{number}")).await;
        let agent = json!({"systemId": system, "partyOrgNo": CUSTOMER, "externalRef": format!("agent-{number}"),
            "accessPackages": [package("regnskapsforer-lonn")]});
        let posted = send(&world, &token, Method::POST, &format!("{REQUESTS}/agent"), Some(&agent)).await;
        assert_eq!(posted.status, 201, "{posted:?}");
    }
    let read = enterprise(&world, &format!("orgNo={VENDOR}"), "altinn:authentication/systemuser.request.read").await;
    pages(&world, &read, format!("{REQUESTS}/bysystem/{system}"), &system).await;
    pages(&world, &read, format!("{REQUESTS}/agent/bysystem/{system}"), &system).await;
    let write = enterprise(&world, &format!("orgNo={VENDOR}"), "altinn:authentication/systemregister.write").await;
    pages(&world, &write, format!("/authentication/api/v1/systemuser/vendor/bysystem/{system}"), &system).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_request_is_made_and_approved() {
    let world = world().await;
    let token = vendor(&world).await;
    let search = world.get("/accessmanagement/api/v1/meta/info/accesspackages/search?term=", "").await;
    assert!(!ok(&search).as_array().unwrap().is_empty());
    let system = format!("{VENDOR}_changerequest1");
    let mut body = new_system(&system, "c3");
    body["accessPackages"] = json!([package("jordbruk"), package("sjofart")]);
    ok(&send(&world, &token, Method::POST, REGISTER, Some(&body)).await);
    let reference = "11111111-2222-4333-8444-555555555558";
    let user = approved(&world, &system, reference).await;
    let look_up = format!(
        "/authentication/api/v1/systemuser/byExternalId?clientId=c3&systemProviderOrgNo={VENDOR}&systemUserOwnerOrgNo={CUSTOMER}&externalRef={reference}"
    );
    assert_eq!(ok(&send(&world, &token, Method::GET, &look_up, None).await)["id"], json!(user));
    // Beside the suite: the platform may look up everybody's, another organisation with the same scope nobody's.
    let platform = enterprise(&world, "orgNo=312650010", VENDOR_SCOPES).await;
    assert_eq!(ok(&send(&world, &platform, Method::GET, &look_up, None).await)["id"], json!(user));
    let foreign = enterprise(&world, "orgNo=974761076", VENDOR_SCOPES).await;
    assert_eq!(send(&world, &foreign, Method::GET, &look_up, None).await.status, 403);
    let id = "21111111-2222-4333-8444-555555555558";
    let path =
        format!("/authentication/api/v1/systemuser/changerequest/vendor?correlation-id={id}&system-user-id={user}");
    let change = json!({"requiredRights": [right(RESOURCES[1])], "unwantedRights": [],
        "requiredAccessPackages": [package("sjofart")], "unwantedAccessPackages": [package("jordbruk")], "redirectUrl": "https://altinn.no"});
    let posted = send(&world, &token, Method::POST, &path, Some(&change)).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let body = posted.json();
    assert_eq!(body["systemUserId"], json!(user));
    assert!(body["confirmUrl"].as_str().unwrap().starts_with("https://"));
    for list in ["requiredRights", "requiredAccessPackages", "unwantedAccessPackages"] {
        assert_eq!(body[list], change[list]);
    }
    let again = ok(&send(&world, &token, Method::POST, &path, Some(&change)).await);
    assert_eq!(again["id"], body["id"]);
    let party = world.party_id(CUSTOMER);
    let approve = format!("/accessmanagement/api/v1/systemuser/changerequest/{party}/{id}/approve");
    let person = approver(&world).await;
    assert_eq!(ok(&send(&world, &person, Method::POST, &approve, None).await), json!(true));
    let path = format!("/authentication/api/v1/systemuser/changerequest/vendor/{id}");
    assert_eq!(ok(&send(&world, &token, Method::GET, &path, None).await)["status"], json!("Accepted"));
    let delete = format!("/accessmanagement/api/v1/systemuser/{party}/{user}");
    assert_eq!(send(&world, &person, Method::DELETE, &delete, None).await.status, 202);
    ok(&send(&world, &token, Method::DELETE, &format!("{REGISTER}/{system}"), None).await);
}
