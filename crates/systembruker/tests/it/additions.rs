//! What this program has beyond the official one: for vendors, and for whoever administers many clients.

use std::fmt::Write as _;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::answers::{ACCOUNTANT, PIA, RAGNHILD, package};
use crate::world::{Answer, CUSTOMER, RESOURCE, SCOPE, World, asked, with};

const OWN: &str = "/systembruker/api/v1";
const ASK: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";
const OTHER: &str = "312652757";

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_deletes_a_system_user_of_its_own_system() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let delete = async |token: &str, id: &str| {
        world.send(world.request(Method::DELETE, &format!("{OWN}/systemusers/{id}")).bearer_auth(token)).await
    };
    let foreign = world.token("Digdir", ASK).await;
    assert_eq!(delete(&foreign, &id).await.problem(), "404 AUTH-00015");
    let reader = vendor.token(&world, READ).await;
    assert_eq!(delete(&reader, &id).await.status, 403);
    let token = vendor.token(&world, ASK).await;
    assert_eq!(delete(&token, &id).await.status, 204);
    assert_eq!(delete(&token, &id).await.problem(), "404 AUTH-00015");
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 400);
    let journal = world.app.store.read().await.unwrap().audit_of(&id).await.unwrap();
    let last = journal.last().unwrap();
    assert_eq!((&*last.event, &*last.actor), ("systemuser.deleted_by_vendor", "org:991825827"));
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_told_who_can_approve_and_what_hinders_others() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let token = vendor.token(&world, READ).await;
    let told = world.get(&format!("{OWN}/requests/{id}/approvers"), &token).await;
    assert!(!told.text.contains("Pia") && !told.text.contains("Arne"), "vendors learn no names: {told:?}");
    let told = told.json();
    assert!(told["canApprove"].as_array().unwrap().iter().any(|person| person["roles"] == json!(["DAGL"])), "{told}");
    let hindered = told["hindered"].as_array().unwrap();
    let hindrances = hindered.iter().find(|person| person["roles"] == json!(["MVAU"])).unwrap()["hindrances"].clone();
    let what: Vec<_> = hindrances.as_array().unwrap().iter().map(|hindrance| &hindrance["what"]).collect();
    assert_eq!(what, ["accessManagement", "right"]);
    assert_eq!(hindrances[1]["which"], json!(RESOURCE));
    // Persons of the organisation learn the names.
    let person =
        world.as_person("Arne Ansatt", Method::GET, &format!("{OWN}/enduser/requests/{id}/approvers"), None).await;
    assert!(person.json()["canApprove"].as_array().unwrap().iter().any(|who| who["name"] == json!(PIA)), "{person:?}");
    let path = format!("{OWN}/enduser/requests/{id}/approvers");
    assert_eq!(world.as_person("Kari Uten Verv", Method::GET, &path, None).await.problem(), "404 AUTH-00010");
    let foreign = world.token("Digdir", READ).await;
    assert_eq!(world.get(&format!("{OWN}/requests/{id}/approvers"), &foreign).await.problem(), "404 AUTH-00010");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_to_a_token_is_walked() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = vendor.token(&world, ASK).await;
    let explain = async |token: &str, customer: &str| -> Answer {
        let body =
            json!({"clientId": vendor.client_id, "scope": format!("{SCOPE} unknown:scope"), "customer": customer});
        world.post(&format!("{OWN}/tokens/explain"), token, &body).await
    };
    let page = |answer: Answer| {
        let body = answer.json();
        let mut page = format!("{}\n", body["wouldBeIssued"]);
        for link in body["links"].as_array().unwrap() {
            writeln!(page, "{} {}: {}", link["good"], link["link"].as_str().unwrap(), link["text"].as_str().unwrap())
                .unwrap();
        }
        page
    };
    let before = page(explain(&token, CUSTOMER).await);
    assert!(
        before.starts_with("false\ntrue client: The client belongs to 991825827 and is active.\ntrue key: "),
        "{before}"
    );
    assert!(before.contains("true scope: The scope is on the client"), "{before}");
    assert!(before.contains("false scope: There is no such scope"), "{before}");
    assert!(before.contains("true system: The client is on the system's list."), "{before}");
    assert!(before.contains("true customer: The customer is TILFELDIG SUBTIL APE."), "{before}");
    assert!(before.contains("false systemUser: "), "{before}");
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/authentication/api/v1/systemuser/request/{}/{id}/approve", world.party_id(CUSTOMER));
    assert_eq!(world.pia(Method::POST, &path).await.status, 200);
    let body = json!({"clientId": vendor.client_id, "scope": SCOPE, "customer": CUSTOMER});
    let after = world.post(&format!("{OWN}/tokens/explain"), &token, &body).await.json();
    assert_eq!(after["wouldBeIssued"], json!(true), "{after}");
    // Of another organisation's client nothing is told, not even that it is there.
    let foreign = world.token("Skatteetaten", "idporten:dcr.read").await;
    assert_eq!(explain(&foreign, CUSTOMER).await.status, 403);
    let unknown = json!({"clientId": "x", "scope": SCOPE});
    assert_eq!(world.post(&format!("{OWN}/tokens/explain"), &token, &unknown).await.status, 403);
    // The platform may ask about all, with the scope for it.
    let get = async |path: &str| world.get(&format!("/api/{path}"), "").await.text;
    let with_scope = |scope: &str| format!("GetEnterpriseToken?org=digdir&orgNo=312650010&scopes={scope}");
    let platform = get(&with_scope("altinn:maskinporten/systemuser.read")).await;
    assert_eq!(explain(&platform, CUSTOMER).await.status, 200);
    assert_eq!(explain(&get(&with_scope("idporten:dcr.read")).await, CUSTOMER).await.status, 403);
    // A token for something else tells its holder nothing, nor does that of a person, or of one who acts for another.
    assert_eq!(explain(&vendor.token(&world, SCOPE).await, CUSTOMER).await.status, 403);
    let person = world.person_token(PIA, "idporten:dcr.read").await;
    assert_eq!(explain(&person, CUSTOMER).await.status, 403);
    let supplied = get("GetEnterpriseToken?orgNo=991825827&supplierOrgNo=974761076&scopes=idporten:dcr.read").await;
    assert_eq!(explain(&supplied, CUSTOMER).await.status, 403);
    assert_eq!(explain(&token, "5").await.problem(), "400 -");
}

impl World {
    /// The clients that the accountant's system user acts for, by number.
    async fn clients_of(&self, agent: &str) -> Vec<String> {
        let token = self.person_token(RAGNHILD, "altinn:clientdelegations.read").await;
        let path = format!("/authentication/api/v1/enduser/systemuser/clients?agent={agent}");
        let list = self.get(&path, &token).await.json();
        let number = |client: &Value| client["clientOrganizationNumber"].as_str().unwrap().to_owned();
        list["data"].as_array().unwrap().iter().map(number).collect()
    }

    /// Has the accountant give and take clients, and waits for what comes of it.
    async fn job(&self, agent: &str, body: &Value) -> Value {
        let token = self.person_token(RAGNHILD, "altinn:clientdelegations.write altinn:clientdelegations.read").await;
        let posted = self.post(&format!("{OWN}/systemusers/{agent}/clients/jobs"), &token, body).await;
        assert_eq!(posted.status, 202, "{posted:?}");
        let path = posted.headers["location"].to_str().unwrap().strip_prefix(&self.origin).unwrap().to_owned();
        for _ in 0..200 {
            let job = self.get(&path, &token).await.json();
            if job["finished"] == json!(true) {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the job does not end");
    }
}

async fn many_clients(world: World) {
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let job = world.job(&agent, &json!({"add": [OTHER, CUSTOMER, "314250052", "nonsense"]})).await;
    assert_eq!((&job["done"], &job["refused"]), (&json!(2), &json!(2)), "{job}");
    let items: Vec<_> = job["items"].as_array().unwrap().iter().map(|item| (&item["status"], &item["code"])).collect();
    let refused = (&json!("refused"), &json!("AUTH-00079"));
    assert_eq!(items, [(&json!("done"), &Value::Null), (&json!("done"), &Value::Null), refused, refused]);
    assert_eq!(world.clients_of(&agent).await, [CUSTOMER, OTHER]);
    let job = world.job(&agent, &json!({"remove": [CUSTOMER, world.party(CUSTOMER).to_string()]})).await;
    assert_eq!(job["items"][1]["code"], json!("AUTH-00031"), "{job}");
    assert_eq!(world.clients_of(&agent).await, [OTHER]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_are_given_and_taken_at_once() {
    many_clients(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_are_given_and_taken_at_once_on_postgres() {
    many_clients(World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_for_those_who_administer_clients() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let path = format!("{OWN}/systemusers/{agent}/clients/jobs");
    let body = json!({"add": [OTHER]});
    let pia = world.person_token(PIA, "altinn:clientdelegations.write").await;
    assert_eq!(world.post(&path, &pia, &json!({"bad": 1})).await.status, 403);
    let reader = world.person_token(RAGNHILD, "altinn:clientdelegations.read").await;
    assert_eq!(world.post(&path, &reader, &body).await.status, 403);
    let token = world.person_token(RAGNHILD, "altinn:clientdelegations.write").await;
    assert_eq!(world.post(&path, &token, &json!({})).await.problem(), "400 -");
    assert_eq!(world.post(&path, &token, &json!({"add": [""]})).await.problem(), "400 -");
    let unknown = format!("{OWN}/systemusers/{}/clients/jobs", world.party(OTHER));
    assert_eq!(world.post(&unknown, &token, &body).await.problem(), "400 STD-00000");
    let missing = format!("{path}/{}", world.party(OTHER));
    assert_eq!(world.get(&missing, &reader).await.status, 404);
    // One at a time, so that what waits is limited. These are many transactions.
    let long: Vec<_> = (0..10_000).map(|number| number.to_string()).collect();
    assert_eq!(world.post(&path, &token, &json!({"add": long})).await.status, 202);
    assert_eq!(world.post(&path, &token, &body).await.problem(), "409 -");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_on_after_a_restart() {
    use store::{ChangeContext, ClientAction, ClientJob};
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    // As if the program had ended right after it was stored: nobody was told of it.
    let person = world.person_named(RAGNHILD).await.party_uuid;
    let context = ChangeContext { actor: "test".into(), ..ChangeContext::default() };
    let now = world.app.clock.now();
    let mut tx = world.app.store.write(context, now).await.unwrap();
    let id = world.app.random.uuid();
    let job = ClientJob { id, system_user: agent.parse().unwrap(), person, level: 3, created: now };
    tx.insert_client_job(&job, &[(ClientAction::Add, OTHER.to_owned())]).await.unwrap();
    world.app.commit(tx).await.unwrap();
    for _ in 0..100 {
        if !world.clients_of(&agent).await.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.clients_of(&agent).await, [OTHER]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_system_user_is_changed_and_a_dry_run_says_for_whom_it_would_not_do() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    world.job(&agent, &json!({"add": [OTHER, CUSTOMER]})).await;
    world.offer_packages(&vendor, &["regnskapsforer-lonn", "regnskapsforer-med-signeringsrettighet", "lonn"]).await;
    let ask = vendor.token(&world, ASK).await;
    let id = "00000000-0000-4000-8000-00000000000a";
    let path = |dry: bool| format!("{OWN}/changerequests?correlation-id={id}&system-user-id={agent}&dry-run={dry}");
    let lacking = json!({"requiredAccessPackages": [package("lonn")]});
    let dry = world.post(&path(true), &ask, &lacking).await;
    assert_eq!(dry.status, 200, "{dry:?}");
    let dry = dry.json();
    assert_eq!((&dry["clients"], dry["clientsLackingPackages"].as_array().unwrap().len()), (&json!(2), 2), "{dry}");
    assert_eq!(dry["clientsLackingPackages"][0]["organizationNumber"], json!(CUSTOMER));
    assert_eq!(dry["clientsLackingPackages"][0]["missingPackages"], json!(["urn:altinn:accesspackage:lonn"]));
    // Nothing was stored.
    let read = vendor.token(&world, READ).await;
    let stored = format!("/authentication/api/v1/systemuser/changerequest/vendor/{id}");
    assert_eq!(world.get(&stored, &read).await.problem(), "404 AUTH-00010");
    let more = json!({"requiredAccessPackages": [package("regnskapsforer-med-signeringsrettighet")],
        "unwantedAccessPackages": [package("regnskapsforer-lonn")]});
    assert_eq!(world.post(&path(true), &ask, &more).await.json()["clientsLackingPackages"], json!([]));
    assert_eq!(world.post(&path(false), &ask, &more).await.status, 201);
    let rights = with(more, "requiredRights", json!([crate::world::right(RESOURCE)]));
    let other = path(false).replace(id, "00000000-0000-4000-8000-00000000000b");
    assert_eq!(world.post(&other, &ask, &rights).await.problem(), "400 AUTH-00001");
    let approve =
        format!("/authentication/api/v1/systemuser/changerequest/{}/{id}/approve", world.party_id(ACCOUNTANT));
    let approved = world.as_person(RAGNHILD, Method::POST, &approve, None).await;
    assert_eq!(approved.text, "true", "{approved:?}");
    let user = world.app.model.system_user(agent.parse().unwrap()).unwrap();
    let codes = |packages: &[model::AccessPackage]| {
        packages.iter().map(|package| package.code().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(codes(&user.user.access_packages), ["regnskapsforer-med-signeringsrettighet"]);
    for client in user.clients.values() {
        let given: Vec<_> = client.given.iter().map(|given| given.package.code()).collect();
        assert_eq!(given, ["regnskapsforer-med-signeringsrettighet"]);
    }
    assert_eq!(user.clients.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_one_customer_is_limited() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let user = world.app.model.system_user(id.parse().unwrap()).unwrap();
    world
        .change(async |tx| {
            let (created, day) = (tx.now(), jiff::SignedDuration::from_hours(24));
            for number in 0..200 {
                let request = model::Request {
                    id: world.app.random.uuid(),
                    kind: model::RequestKind::Standard,
                    system_internal_id: user.system_internal_id,
                    system_id: user.system_id.clone(),
                    party: user.owner_party,
                    party_org: user.owner,
                    external_ref: number.to_string(),
                    title: "x".into(),
                    rights: vec![],
                    access_packages: vec![],
                    status: model::RequestStatus::New,
                    redirect_url: None,
                    escalated: false,
                    created,
                    expires: created + day,
                    answered: None,
                };
                tx.insert_request(&request).await.unwrap();
            }
            for _ in 0..200 {
                let request = model::ChangeRequest {
                    id: world.app.random.uuid(),
                    system_user: user.id,
                    system_internal_id: user.system_internal_id,
                    system_id: user.system_id.clone(),
                    party: user.owner_party,
                    party_org: user.owner,
                    external_ref: user.external_ref.clone(),
                    change: model::RightsChange::default(),
                    status: model::RequestStatus::New,
                    redirect_url: None,
                    is_deleted: false,
                    created,
                    expires: created + day,
                    answered: None,
                };
                tx.insert_change_request(&request).await.unwrap();
            }
        })
        .await;
    let refused = world.ask(&vendor, &with(asked(), "externalRef", json!("another"))).await;
    assert_eq!(refused.problem(), "429 -");
    // Another customer is not concerned.
    assert_eq!(world.ask(&vendor, &with(asked(), "partyOrgNo", json!(OTHER))).await.status, 201);
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let path = format!("{OWN}/changerequests?correlation-id={}&system-user-id={id}", world.app.random.uuid());
    let change = json!({"unwantedRights": [crate::world::right(crate::world::RESOURCE)]});
    assert_eq!(world.post(&path, &token, &change).await.problem(), "429 -");
}
