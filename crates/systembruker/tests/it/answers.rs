//! Requests as customers see them, and those for agents.

use reqwest::Method;
use serde_json::{Value, json};
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::system_users::SystemUserSettings;

use crate::world::{
    Actor, Answer, CUSTOMER, REDIRECT, REGISTER, REQUESTS, RESOURCE, SYSTEM, World, asked, right, system, with,
};

const WRITE: &str = "altinn:authentication/systemregister.write";
const ASK: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";
const BASE: &str = "/authentication/api/v1/systemuser";
pub const ACCOUNTANT: &str = "312654121";
pub const PIA: &str = "Pia Tilfeldig";
pub const RAGNHILD: &str = "Ragnhild Rask";

pub fn package(code: &str) -> Value {
    json!({"urn": format!("urn:altinn:accesspackage:{code}")})
}

impl World {
    /// The party id of an organisation.
    pub fn party_id(&self, number: &str) -> i64 {
        self.organisation(number).party_id
    }

    /// Gives the vendor's system these packages, hidden from customers since some are for clients only.
    pub async fn offer_packages(&self, vendor: &Actor, codes: &[&str]) {
        let packages: Vec<Value> = codes.iter().map(|code| package(code)).collect();
        let body = with(system(SYSTEM, &vendor.client_id), "accessPackages", json!(packages));
        let token = vendor.token(self, WRITE).await;
        let request = self.request(Method::PUT, &format!("{REGISTER}/{SYSTEM}")).bearer_auth(token);
        let put = self.send(request.json(&with(body, "isVisible", json!(false)))).await;
        assert_eq!(put.status, 200, "{put:?}");
    }

    /// Asks the accountant for an agent's system user.
    pub async fn ask_agent(&self, vendor: &Actor, body: &Value) -> Answer {
        let token = vendor.token(self, ASK).await;
        self.post(&format!("{REQUESTS}/agent"), &token, body).await
    }

    /// An agent's system user of the accountant's, with these packages, approved.
    pub async fn approved_agent(&self, vendor: &Actor, codes: &[&str]) -> String {
        self.offer_packages(vendor, codes).await;
        let posted = self.ask_agent(vendor, &asked_of_agent(codes)).await;
        assert_eq!(posted.status, 201, "{posted:?}");
        let id = posted.json()["id"].as_str().unwrap().to_owned();
        let path = format!("{BASE}/request/agent/{}/{id}/approve", self.party_id(ACCOUNTANT));
        let approved = self.as_person(RAGNHILD, Method::POST, &path, None).await;
        assert_eq!((approved.status, approved.json()), (200, json!(true)), "{approved:?}");
        id
    }
}

pub fn asked_of_agent(codes: &[&str]) -> Value {
    let packages: Vec<Value> = codes.iter().map(|code| package(code)).collect();
    json!({"systemId": SYSTEM, "partyOrgNo": ACCOUNTANT, "accessPackages": packages, "externalRef": "clients"})
}

fn id_of(answer: &Answer) -> String {
    answer.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_reads_and_approves_a_request() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let party = world.party_id(CUSTOMER);
    let pia = async |method: Method, path: String| world.pia(method, &path).await;
    let seen = pia(Method::GET, format!("{BASE}/request/{id}")).await.json();
    let expected = json!({"id": id, "externalRef": CUSTOMER, "systemId": SYSTEM, "partyOrgNo": CUSTOMER, "partyId": party,
        "partyUuid": world.party(CUSTOMER), "rights": [right(RESOURCE)], "accessPackages": [], "status": "New",
        "redirectUrl": format!("{REDIRECT}?state=1"), "escalated": false, "userMayEscalateButNotApprove": false,
        "created": seen["created"], "timedOut": false, "systemUserType": "standard"});
    assert_eq!(seen, expected);
    let read = pia(Method::GET, format!("{BASE}/request/{party}/{id}")).await.json();
    assert_eq!((&read["status"], read.get("confirmUrl")), (&json!("New"), None));
    let pending = pia(Method::GET, format!("{BASE}/request/{party}/{CUSTOMER}/pending")).await.json();
    assert_eq!(pending.as_array().unwrap().len(), 1);
    let approve = format!("/accessmanagement/api/v1/systemuser/request/{party}/{id}/approve");
    let approved = pia(Method::POST, approve.clone()).await;
    assert_eq!((approved.status, &*approved.text), (200, "true"));
    assert_eq!(pia(Method::POST, approve).await.problem(), "409 AUTH-00013");
    assert_eq!(pia(Method::POST, format!("{BASE}/request/{party}/{id}/reject")).await.problem(), "409 AUTH-00013");
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    let pending = pia(Method::GET, format!("{BASE}/request/{party}/{CUSTOMER}/pending")).await.json();
    assert_eq!(pending, json!([]));
    // It has the id of the request.
    let user = pia(Method::GET, format!("{BASE}/{party}/{id}")).await.json();
    assert_eq!((&user["id"], &user["rights"]), (&json!(id), &json!([right(RESOURCE)])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_request_is_answered() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let path = format!("{BASE}/request/{}/{id}/reject", world.party_id(CUSTOMER));
    let rejected = world.pia(Method::POST, &path).await;
    assert_eq!((rejected.status, &*rejected.text), (200, "true"));
    let token = vendor.token(&world, READ).await;
    assert_eq!(world.get(&format!("{REQUESTS}/{id}"), &token).await.json()["status"], json!("Rejected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_or_sees_what_is_not_for_them() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let (own, other) = (world.party_id(CUSTOMER), world.party_id(ACCOUNTANT));
    let send = async |person: &str, method: Method, path: String| world.as_person(person, method, &path, None).await;
    // The manager of another organisation, for its own and for the customer.
    for action in ["approve", "reject"] {
        let wrong_party = send(RAGNHILD, Method::POST, format!("{BASE}/request/{other}/{id}/{action}")).await;
        assert_eq!(wrong_party.problem(), "403 AUTH-00041");
        let no_power = send(RAGNHILD, Method::POST, format!("{BASE}/request/{own}/{id}/{action}")).await;
        assert_eq!((no_power.status, &*no_power.text), (403, ""));
        let agents = send(PIA, Method::POST, format!("{BASE}/request/agent/{own}/{id}/{action}")).await;
        assert_eq!(agents.problem(), "404 AUTH-00030");
    }
    let escalate = |party: i64| format!("{BASE}/request/{party}/{id}/escalate");
    assert_eq!(send(RAGNHILD, Method::POST, escalate(other)).await.problem(), "403 AUTH-00041");
    assert_eq!(send("Kari Uten Verv", Method::POST, escalate(own)).await.text, "false");
    assert_eq!(send(RAGNHILD, Method::GET, format!("{BASE}/request/{other}/{id}")).await.problem(), "404 AUTH-00010");
    let stranger = send("Kari Uten Verv", Method::GET, format!("{BASE}/request/{id}")).await;
    assert_eq!(stranger.problem(), "403 AUTH-00066");
    // Somebody else's number, with one's own party.
    let foreign = send(RAGNHILD, Method::GET, format!("{BASE}/request/{other}/{CUSTOMER}/pending")).await;
    assert_eq!((foreign.status, &*foreign.text), (403, ""));
    // Parties that are none.
    assert_eq!(send(PIA, Method::POST, format!("{BASE}/request/1/{id}/approve")).await.problem(), "400 AUTH-00000");
    assert_eq!(send(PIA, Method::POST, format!("{BASE}/request/x/{id}/approve")).await.problem(), "400 -");
    assert_eq!(
        send(PIA, Method::POST, format!("{BASE}/request/person/{id}/approve")).await.problem(),
        "400 AUTH-00000"
    );
    assert_eq!(send(PIA, Method::POST, format!("{BASE}/request/{own}/x/approve")).await.problem(), "400 -");
    // An organisation's token is no person's, and approving takes the portal's scope.
    let approve = format!("{BASE}/request/{own}/{id}/approve");
    let organisation = vendor.token(&world, ASK).await;
    assert_eq!(world.post(&approve, &organisation, &json!({})).await.status, 403);
    let without_scope = world.person_token(PIA, "altinn:instances.read").await;
    assert_eq!(world.post(&approve, &without_scope, &json!({})).await.status, 403);
    assert_eq!(world.get(&format!("{BASE}/request/{id}"), &without_scope).await.status, 403);
    assert_eq!(world.send(world.request(Method::POST, &approve)).await.status, 401);
    // A cookie of the portal's opens no API.
    let cookie = world.request(Method::POST, &approve).header("cookie", "session=x");
    assert_eq!(world.send(cookie).await.status, 401);
    let token = vendor.token(&world, READ).await;
    assert_eq!(world.get(&format!("{REQUESTS}/{id}"), &token).await.json()["status"], json!("New"));
    // By number in a header instead.
    let person = world.person_token(PIA, "altinn:portal/enduser").await;
    let by_number = world.request(Method::POST, &format!("{BASE}/request/organization/{id}/approve"));
    let by_number = by_number.bearer_auth(person).header("Altinn-Party-OrganizationNumber", CUSTOMER);
    assert_eq!(world.send(by_number).await.text, "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_without_power_may_see_and_forward_a_request() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let party = world.party_id(CUSTOMER);
    let arne = async |method: Method, path: String| world.as_person("Arne Ansatt", method, &path, None).await;
    let seen = arne(Method::GET, format!("{BASE}/request/{id}")).await.json();
    assert_eq!(seen["userMayEscalateButNotApprove"], json!(true));
    assert_eq!(arne(Method::POST, format!("{BASE}/request/{party}/{id}/approve")).await.status, 403);
    assert_eq!(arne(Method::POST, format!("{BASE}/request/{party}/{id}/escalate")).await.text, "true");
    let token = vendor.token(&world, READ).await;
    assert_eq!(world.get(&format!("{REQUESTS}/{id}"), &token).await.json()["escalated"], json!(true));
    let pia = world.pia(Method::GET, &format!("{BASE}/request/{party}/{id}")).await.json();
    assert_eq!(pia["escalated"], json!(true));
    world.pia(Method::POST, &format!("{BASE}/request/{party}/{id}/reject")).await;
    let late = arne(Method::POST, format!("{BASE}/request/{party}/{id}/escalate")).await;
    assert_eq!(late.problem(), "409 AUTH-00013");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_runs_out_of_time_and_makes_room() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    world.advance(10 * 24 * 3_600).await;
    let path = format!("{BASE}/request/{}/{id}/approve", world.party_id(CUSTOMER));
    assert_eq!(world.pia(Method::POST, &path).await.problem(), "409 AUTH-00013");
    systembruker::requests::answer::time_out(&world.app).await.unwrap();
    let stored = world.app.store.read().await.unwrap().request(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.status, model::RequestStatus::Timedout);
    let token = vendor.token(&world, READ).await;
    let read = world.get(&format!("{REQUESTS}/{id}"), &token).await.json();
    assert_eq!((&read["status"], &read["timedOut"]), (&json!("Timedout"), &json!(true)));
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_surer_login_is_not_given_without() {
    use reqwest::header::CONTENT_TYPE;
    use systembruker::resource_registry::builtin::policy_document;
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let owner = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let policy = policy_document(RESOURCE, &["DAGL"], &["read"], 4);
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let put = world.request(Method::PUT, &path).bearer_auth(owner).header(CONTENT_TYPE, "application/xml").body(policy);
    assert_eq!(world.send(put).await.status, 201);
    let approve = format!("{BASE}/request/{}/{id}/approve", world.party_id(CUSTOMER));
    assert_eq!(world.pia(Method::POST, &approve).await.problem(), "403 AUTH-00020");
    let uuid = world.person_named(PIA).await.party_uuid;
    let path = format!("/api/GetPersonalToken?scopes=altinn:portal/enduser&partyuuid={uuid}&authLvl=4");
    let surer = world.send(world.request(Method::GET, &path)).await.text;
    assert_eq!(world.post(&approve, &surer, &json!({})).await.text, "true");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_here_can_give_says_what_would_give_it() {
    use reqwest::header::CONTENT_TYPE;
    use systembruker::resource_registry::builtin::policy_document;
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = id_of(&world.ask(&vendor, &asked()).await);
    let owner = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let approve = format!("{BASE}/request/{}/{id}/approve", world.party_id(CUSTOMER));
    let policy = policy_document(RESOURCE, &["REVI"], &["read"], 3);
    let by_role =
        world.request(Method::PUT, &path).bearer_auth(&owner).header(CONTENT_TYPE, "application/xml").body(policy);
    assert_eq!(world.send(by_role).await.status, 201);
    assert_eq!(world.pia(Method::POST, &approve).await.problem(), "403 AUTH-00016");
    let policy = policy_document(RESOURCE, &["REVI"], &["read"], 3);
    let by_package = policy
        .replace("urn:altinn:rolecode", "urn:altinn:accesspackage")
        .replace("revi", "regnskapsforer-lonn")
        .replace("REVI", "regnskapsforer-lonn");
    let by_package =
        world.request(Method::PUT, &path).bearer_auth(&owner).header(CONTENT_TYPE, "application/xml").body(by_package);
    assert_eq!(world.send(by_package).await.status, 201);
    let refused = world.pia(Method::POST, &approve).await;
    assert_eq!(refused.problem(), "403 AUTH-00068", "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_request_is_posted_read_and_approved() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["regnskapsforer-lonn", "lonn", "hovedadministrator"]).await;
    let refused = async |body: Value| world.ask_agent(&vendor, &body).await.problem();
    assert_eq!(refused(asked_of_agent(&[])).await, "400 AUTH-00058");
    assert_eq!(refused(with(asked_of_agent(&[]), "accessPackages", Value::Null)).await, "400 -");
    assert_eq!(refused(asked_of_agent(&["skatt-naering"])).await, "400 AUTH-00063");
    assert_eq!(refused(with(asked_of_agent(&["lonn"]), "systemId", json!("x"))).await, "404 AUTH-00011");
    let posted = world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let (id, body) = (id_of(&posted), posted.json());
    assert!(body.get("rights").is_none(), "{body}");
    let confirm =
        format!("{}/accessmanagement/ui/systemuser/agentrequest?id={id}&DONTCHOOSEREPORTEE=true", world.origin);
    assert_eq!(body["confirmUrl"], json!(confirm));
    assert_eq!(posted.headers["location"], format!("{}{REQUESTS}/agent/{id}", world.origin));
    assert_eq!(world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await.status, 200);
    let token = vendor.token(&world, READ).await;
    let get = async |path: String| world.get(&path, &token).await;
    assert_eq!(get(format!("{REQUESTS}/agent/{id}")).await.json(), body);
    assert_eq!(get(format!("{REQUESTS}/agent/byexternalref/{SYSTEM}/{ACCOUNTANT}/clients")).await.json(), body);
    // It is not one of the other kind.
    assert_eq!(get(format!("{REQUESTS}/{id}")).await.problem(), "404 AUTH-00010");
    assert_eq!(
        get(format!("{REQUESTS}/byexternalref/{SYSTEM}/{ACCOUNTANT}/clients")).await.problem(),
        "404 AUTH-00010"
    );
    let party = world.party_id(ACCOUNTANT);
    let ragnhild = async |method, path: String| world.as_person(RAGNHILD, method, &path, None).await;
    let seen = ragnhild(Method::GET, format!("{BASE}/request/agent/{id}")).await.json();
    assert_eq!((&seen["systemUserType"], &seen["rights"]), (&json!("agent"), &json!([])));
    assert_eq!(ragnhild(Method::GET, format!("{BASE}/request/agent/{party}/{id}")).await.json()["id"], json!(id));
    let pending = ragnhild(Method::GET, format!("{BASE}/request/agent/{party}/{ACCOUNTANT}/pending")).await.json();
    assert_eq!(pending.as_array().unwrap().len(), 1);
    let path = format!("{BASE}/request/agent/{}/{id}/approve", world.party_id(CUSTOMER));
    assert_eq!(world.pia(Method::POST, &path).await.problem(), "403 AUTH-00042");
    let standard = ragnhild(Method::POST, format!("{BASE}/request/{party}/{id}/approve")).await;
    assert_eq!(standard.problem(), "404 AUTH-00010");
    assert_eq!(ragnhild(Method::POST, format!("{BASE}/request/agent/{party}/{id}/approve")).await.text, "true");
    let again = ragnhild(Method::POST, format!("{BASE}/request/agent/{party}/{id}/reject")).await;
    assert_eq!(again.problem(), "409 AUTH-00013");
    let agents = ragnhild(Method::GET, format!("{BASE}/agent/{party}")).await.json();
    assert_eq!((&agents[0]["id"], &agents[0]["userType"]), (&json!(id), &json!("agent")));
    assert_eq!(agents[0]["accessPackages"], json!([package("regnskapsforer-lonn")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_both_kinds_stand_in_each_others_way() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["lonn"]).await;
    let agent = with(asked_of_agent(&["lonn"]), "externalRef", Value::Null);
    let standard = json!({"systemId": SYSTEM, "partyOrgNo": ACCOUNTANT, "accessPackages": [package("lonn")]});
    let first = id_of(&world.ask_agent(&vendor, &agent).await);
    assert_eq!(world.ask(&vendor, &standard).await.problem(), "400 AUTH-00007");
    let token = vendor.token(&world, ASK).await;
    let delete = async |id: &str| {
        let request = world.request(Method::DELETE, &format!("{REQUESTS}/{id}")).bearer_auth(&token);
        world.send(request).await.status
    };
    assert_eq!(delete(&first).await, 202);
    let second = id_of(&world.ask(&vendor, &standard).await);
    assert_eq!(world.ask_agent(&vendor, &agent).await.problem(), "400 AUTH-00007");
    let reject = format!("{BASE}/request/{}/{second}/reject", world.party_id(ACCOUNTANT));
    assert_eq!(world.as_person(RAGNHILD, Method::POST, &reject, None).await.status, 200);
    assert_eq!(world.ask_agent(&vendor, &agent).await.problem(), "400 AUTH-00009");
    assert_eq!(delete(&second).await, 202);
    assert_eq!(world.ask_agent(&vendor, &agent).await.status, 201);
}

/// Follows `links.next` to the end; all entries, and how many pages there were.
pub async fn walk(world: &World, first: &str, token: &str) -> (Vec<Value>, usize) {
    let (mut entries, mut pages, mut next) = (Vec::new(), 0, Some(format!("{}{first}", world.origin)));
    while let Some(address) = next {
        let page = world.get(address.strip_prefix(&world.origin).unwrap(), token).await;
        assert_eq!(page.status, 200, "{page:?}");
        let body = page.json();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["links", "data"]);
        entries.extend(body["data"].as_array().unwrap().iter().cloned());
        next = body["links"].get("next").map(|next| next.as_str().unwrap().to_owned());
        pages += 1;
    }
    (entries, pages)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_in_pages_neither_lose_nor_repeat() {
    let system_users = SystemUserSettings { page_size: 2, ..SystemUserSettings::default() };
    let world = World::of_template(SandboxOptions { system_users, ..SandboxOptions::default() }).await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["regnskapsforer-lonn"]).await;
    let ask = vendor.token(&world, ASK).await;
    let mut ids = Vec::new();
    for number in 0..5 {
        let body = with(asked(), "externalRef", json!(format!("ref-{number}")));
        ids.push(id_of(&world.post(REQUESTS, &ask, &body).await));
        let agent = with(asked_of_agent(&["regnskapsforer-lonn"]), "externalRef", json!(format!("a-{number}")));
        assert_eq!(world.ask_agent(&vendor, &agent).await.status, 201);
    }
    let read = vendor.token(&world, READ).await;
    let list = format!("{REQUESTS}/bysystem/{SYSTEM}");
    let (entries, pages) = walk(&world, &list, &read).await;
    let found: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((found, pages), (ids.clone(), 3));
    assert!(entries.iter().all(|entry| entry.get("confirmUrl").is_none()));
    let (agents, pages) = walk(&world, &format!("{REQUESTS}/agent/bysystem/{SYSTEM}"), &read).await;
    assert_eq!((agents.len(), pages), (5, 3));
    // While a reader is under way, one is withdrawn behind it and one is added.
    let first = world.get(&list, &read).await.json();
    let withdraw = world.request(Method::DELETE, &format!("{REQUESTS}/{}", ids[0])).bearer_auth(&ask);
    assert_eq!(world.send(withdraw).await.status, 202);
    let added = id_of(&world.post(REQUESTS, &ask, &with(asked(), "externalRef", json!("ref-5"))).await);
    let rest = first["links"]["next"].as_str().unwrap().strip_prefix(&world.origin).unwrap().to_owned();
    let (entries, _) = walk(&world, &rest, &read).await;
    let found: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert_eq!(found, [&*ids[2], &*ids[3], &*ids[4], &*added]);
    // System users likewise.
    for id in &ids[1..] {
        let path = format!("{BASE}/request/{}/{id}/approve", world.party_id(CUSTOMER));
        assert_eq!(world.pia(Method::POST, &path).await.status, 200);
    }
    let write = vendor.token(&world, WRITE).await;
    let (users, pages) = walk(&world, &format!("{BASE}/vendor/bysystem/{SYSTEM}"), &write).await;
    let found: Vec<_> = users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((found, pages), (ids[1..].to_vec(), 2));
    for wrong in ["x", "e30"] {
        assert_eq!(world.get(&format!("{list}?token={wrong}"), &read).await.problem(), "400 -");
    }
    let digdir = world.token("Digdir", READ).await;
    assert_eq!(world.get(&list, &digdir).await.problem(), "404 AUTH-00011");
    let digdir = world.token("Digdir", WRITE).await;
    assert_eq!(world.get(&format!("{BASE}/vendor/bysystem/{SYSTEM}"), &digdir).await.problem(), "404 AUTH-00011");
}
