//! System users as their owners see to them, agents' with their clients, and the list of all of them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answers::{ACCOUNTANT, PIA, RAGNHILD, asked_of_agent, package};
use crate::world::{Answer, CUSTOMER, RESOURCE, SYSTEM, World, asked, right, system, with};

const BASE: &str = "/authentication/api/v1/systemuser";
const CLIENTS: &str = "/authentication/api/v1/enduser/systemuser";
const OTHER: &str = "312652757";

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_sees_and_deletes_its_system_users() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let (party, other) = (world.party_id(CUSTOMER), world.party_id(ACCOUNTANT));
    let list = world.pia(Method::GET, &format!("{BASE}/{party}")).await.json();
    let expected = json!({"id": id, "integrationTitle": "SmartCloud", "systemId": SYSTEM, "productName": "", "reporteeOrgNo": CUSTOMER,
        "created": list[0]["created"], "isDeleted": false, "supplierName": "", "supplierOrgno": "991825827", "externalRef": CUSTOMER,
        "userType": "standard", "systemInternalId": list[0]["systemInternalId"], "partyId": party.to_string(), "partyUuId": "",
        "accessPackages": []});
    assert_eq!(list, json!([expected]));
    let read = world.pia(Method::GET, &format!("{BASE}/{party}/{id}")).await.json();
    assert_eq!(read, with(expected, "rights", json!([right(RESOURCE)])));
    let delegations = world.pia(Method::GET, &format!("{BASE}/{party}/{id}/delegations")).await.json();
    assert_eq!(delegations, json!({"systemUserId": id, "rights": [right(RESOURCE)], "accessPackages": []}));
    let ragnhild = async |method, path: String| world.as_person(RAGNHILD, method, &path, None).await;
    assert_eq!(ragnhild(Method::GET, format!("{BASE}/{party}")).await.status, 403);
    for path in ["0", "-1", "agent/0"] {
        let nobodys = world.pia(Method::GET, &format!("{BASE}/{path}")).await;
        assert_eq!((nobodys.status, &*nobodys.text), (200, "[]"), "{path}");
    }
    assert_eq!(world.pia(Method::GET, &format!("{BASE}/999999999")).await.problem(), "400 AUTH-00000");
    assert_eq!(ragnhild(Method::GET, format!("{BASE}/{other}/{id}")).await.status, 404);
    assert_eq!(ragnhild(Method::GET, format!("{BASE}/{other}/{id}/delegations")).await.problem(), "404 AUTH-00015");
    assert_eq!(ragnhild(Method::DELETE, format!("{BASE}/{other}/{id}")).await.problem(), "403 AUTH-00024");
    assert_eq!(ragnhild(Method::DELETE, format!("{BASE}/{party}/{id}")).await.status, 403);
    let facilitator = world.party(ACCOUNTANT);
    let as_agent = format!("{BASE}/agent/{other}/{id}?facilitatorId={facilitator}");
    assert_eq!(ragnhild(Method::DELETE, as_agent).await.problem(), "403 AUTH-00024");
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    let deleted = world.pia(Method::DELETE, &format!("{BASE}/{party}/{id}")).await;
    assert_eq!((deleted.status, &*deleted.text), (202, "1"));
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 400);
    assert_eq!(world.pia(Method::GET, &format!("{BASE}/{party}/{id}")).await.status, 404);
    // The vendor can ask again.
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_makes_a_system_user_without_a_request() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let party = world.party_id(CUSTOMER);
    let create = async |person: &str, body: Value| {
        world.as_person(person, Method::POST, &format!("{BASE}/{party}/create"), Some(body)).await
    };
    let body = json!({"integrationTitle": " Regnskapet ", "systemId": SYSTEM});
    let made = create(PIA, body.clone()).await;
    assert_eq!((made.status, &made.json()["integrationTitle"]), (200, &json!("Regnskapet")), "{made:?}");
    assert_eq!((&made.json()["externalRef"], &made.json()["systemId"]), (&json!(CUSTOMER), &json!(SYSTEM)));
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    assert_eq!(create(PIA, body.clone()).await.problem(), "400 AUTH-00004");
    assert_eq!(create(PIA, with(body.clone(), "systemId", json!("x"))).await.problem(), "404 AUTH-00011");
    assert_eq!(create(PIA, with(body.clone(), "integrationTitle", json!(""))).await.problem(), "400 -");
    assert_eq!(create("Arne Ansatt", json!("not looked at")).await.status, 403);
    // A hidden system is for those that its vendor asks.
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let hidden = with(with(system("991825827_hidden", "c"), "isVisible", json!(false)), "clientId", json!(["c"]));
    assert_eq!(world.post(crate::world::REGISTER, &token, &hidden).await.status, 200);
    assert_eq!(create(PIA, with(body, "systemId", json!("991825827_hidden"))).await.problem(), "404 AUTH-00011");
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_clients_are_given_and_taken_in_the_portal() {
    let world = World::new().await;
    let (vendor, standard) = world.system_user().await;
    let id = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let (party, provider) = (world.party_id(ACCOUNTANT), world.party(ACCOUNTANT));
    let (client, stranger) = (world.party(OTHER), world.party("314250052"));
    let send = async |method: Method, path: String| -> Answer {
        world.as_person(RAGNHILD, method, &format!("{BASE}/agent/{path}"), None).await
    };
    let clients = send(Method::GET, format!("{party}/clients?facilitator={provider}")).await.json();
    let numbers: Vec<_> = clients.as_array().unwrap().iter().map(|client| &client["organizationIdentifier"]).collect();
    assert!(numbers.contains(&&json!(OTHER)) && numbers.is_sorted_by_key(|number| number.as_str()), "{numbers:?}");
    assert_eq!(clients[0]["access"][0]["role"], json!("regnskapsforer"));
    let with_package = |code: &str| {
        let urn = format!("urn:altinn:accesspackage:{code}");
        send(Method::GET, format!("{party}/clients?facilitator={provider}&packages={urn}"))
    };
    assert_eq!(with_package("regnskapsforer-lonn").await.json(), clients);
    assert_eq!(with_package("skatt-naering").await.json(), json!([]));
    let nobody = send(Method::GET, format!("{party}/clients")).await;
    assert_eq!(nobody.problem(), "400 AUTH-00000");
    assert_eq!(send(Method::GET, format!("{party}/clients?facilitator={client}")).await.problem(), "403 AUTH-00044");
    let give = |id: &str, client| send(Method::POST, format!("{party}/{id}?provider={provider}&client={client}"));
    let given = give(&id, client).await;
    let expected = json!({"agentSystemUserId": id, "delegationId": client, "customerId": client,
        "assignmentId": "00000000-0000-0000-0000-000000000000"});
    assert_eq!((given.status, given.json()), (200, json!([expected])));
    assert_eq!(give(&id, client).await.status, 200);
    assert_eq!(give(&id, stranger).await.problem(), "400 AUTH-00079");
    assert_eq!(give(&client.to_string(), client).await.problem(), "400 -");
    let foreign = give(&standard, client).await;
    assert_eq!((foreign.status, &*foreign.text), (403, ""));
    let listed = send(Method::GET, format!("{party}/{provider}/{id}/delegations")).await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["customerOrganizationNumber"], json!(OTHER));
    assert_eq!(send(Method::GET, format!("{party}/{client}/{id}/delegations")).await.problem(), "400 AUTH-00038");
    let take = |client| send(Method::DELETE, format!("{party}/{id}/client?provider={provider}&client={client}"));
    let taken = take(client).await;
    assert_eq!((taken.status, &*taken.text), (200, ""));
    assert_eq!(take(client).await.status, 200, "who repeats it has lost the answer");
    let unknown = send(Method::DELETE, format!("{party}/{client}/client?provider={provider}&client={client}")).await;
    assert_eq!(unknown.problem(), "400 AUTH-00031");
    // Another organisation's manager administers nothing here.
    let pia = world.pia(Method::POST, &format!("{BASE}/agent/{party}/{id}?provider={provider}&client={client}")).await;
    assert_eq!(pia.status, 403);
    let own = world.party_id(CUSTOMER);
    let pia =
        world.pia(Method::DELETE, &format!("{BASE}/agent/{own}/{id}?facilitatorId={}", world.party(CUSTOMER))).await;
    assert_eq!(pia.problem(), "403 AUTH-00024");
    assert_eq!(send(Method::DELETE, format!("{party}/{id}?facilitatorId={client}")).await.problem(), "400 AUTH-00038");
    // Who was refused took nothing, its request neither.
    let read = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
    let request = format!("{BASE}/request/vendor/agent/{id}");
    assert_eq!(world.get(&request, &read).await.json()["status"], json!("Accepted"));
    let deleted = send(Method::DELETE, format!("{party}/{id}?facilitatorId={provider}")).await;
    assert_eq!((deleted.status, &*deleted.text), (200, ""));
    assert_eq!(
        send(Method::DELETE, format!("{party}/{id}?facilitatorId={provider}")).await.problem(),
        "404 AUTH-00015"
    );
    // Its request is gone with it.
    assert_eq!(world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_acts_for_a_client_with_all_its_packages_or_not_at_all() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.approved_agent(&vendor, &["regnskapsforer-lonn", "skatt-naering"]).await;
    let (party, provider, client) = (world.party_id(ACCOUNTANT), world.party(ACCOUNTANT), world.party(OTHER));
    let give = async || {
        let path = format!("{BASE}/agent/{party}/{id}?provider={provider}&client={client}");
        world.as_person(RAGNHILD, Method::POST, &path, None).await
    };
    let refused = give().await;
    assert_eq!(refused.problem(), "400 AUTH-00080");
    assert_eq!(refused.json()["MissingPackages"], json!("urn:altinn:accesspackage:skatt-naering"));
    // The client gives what is missing.
    let connect = format!("/accessmanagement/api/v1/enduser/connections?party={client}&to={provider}");
    assert_eq!(world.as_person("Mona Modig", Method::POST, &connect, None).await.status, 200);
    let gift = format!(
        "/accessmanagement/api/v1/enduser/connections/accesspackages?party={client}&to={provider}&package=skatt-naering"
    );
    let given = world.as_person("Mona Modig", Method::POST, &gift, None).await;
    assert!(given.status < 300, "{given:?}");
    assert_eq!(give().await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_acts_for_itself_too_where_it_wants() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.approved_agent(&vendor, &["skatt-naering"]).await;
    let (party, own, other) = (world.party_id(ACCOUNTANT), world.party(ACCOUNTANT), world.party(OTHER));
    let send = async |method: Method, uuid| {
        world.as_person(RAGNHILD, method, &format!("{BASE}/agent/{party}/{id}/self/?partyUuid={uuid}"), None).await
    };
    assert_eq!(send(Method::GET, own).await.text, "false");
    assert_eq!(send(Method::POST, own).await.text, "true");
    assert_eq!(send(Method::GET, own).await.text, "true");
    assert_eq!(send(Method::POST, other).await.status, 403);
    let decide = async || {
        let token = world.token("Digdir", "altinn:authorization/authorize").await;
        let body = json!({"subject": id, "resource": RESOURCE, "action": "read", "party": ACCOUNTANT});
        world.post("/systembruker/api/v1/decisions", &token, &body).await.json()["decisions"][0]["decision"].clone()
    };
    assert_eq!(decide().await, json!("NotApplicable"));
    // It is no client: nothing that happens to the basis of clients touches it.
    let clients = format!("{BASE}/agent/{party}/{own}/{id}/delegations");
    assert_eq!(world.as_person(RAGNHILD, Method::GET, &clients, None).await.json(), json!([]));
    assert_eq!(send(Method::DELETE, own).await.text, "true");
    assert_eq!(send(Method::GET, own).await.text, "false");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_of_end_users_administer_clients() {
    let world = World::new().await;
    let (vendor, standard) = world.system_user().await;
    let id = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let client = world.party(OTHER);
    let token = world.person_token(RAGNHILD, "altinn:clientdelegations.read altinn:clientdelegations.write").await;
    let send = async |method: Method, path: String| {
        world.send(world.request(method, &format!("{CLIENTS}/{path}")).bearer_auth(&token)).await
    };
    let available = send(Method::GET, format!("clients/available?agent={id}")).await.json();
    assert_eq!(available["links"], json!({}));
    assert_eq!(available["systemUserInformation"], json!({"systemUserId": id, "systemUserOwnerOrg": ACCOUNTANT}));
    let numbers: Vec<_> =
        available["data"].as_array().unwrap().iter().map(|of| &of["clientOrganizationNumber"]).collect();
    assert!(numbers.contains(&&json!(OTHER)), "{numbers:?}");
    let both = json!({"agent": id, "client": client});
    let given = send(Method::POST, format!("clients?agent={id}&client={client}")).await;
    assert_eq!((given.status, given.json()), (200, both.clone()));
    let listed = send(Method::GET, format!("clients?agent={id}")).await.json();
    assert_eq!(listed["data"][0]["clientId"], json!(client));
    let taken = send(Method::DELETE, format!("clients?agent={id}&client={client}")).await;
    assert_eq!((taken.status, taken.json()), (200, both));
    assert_eq!(send(Method::DELETE, format!("clients?agent={id}&client={client}")).await.status, 200);
    let agents = send(Method::GET, format!("agents?party={ACCOUNTANT}")).await.json();
    assert_eq!(agents[0]["id"], json!(id));
    let errors = |answer: &Answer| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let errors = answer.json()["validationErrors"].clone();
        errors.as_array().unwrap().iter().map(|error| (text(&error["code"]), text(&error["paths"][0]))).collect()
    };
    let missing = send(Method::POST, "clients".to_owned()).await;
    let pair = |code: &str, path: &str| (code.to_owned(), path.to_owned());
    assert_eq!(errors(&missing), [pair("AUTH.VLD-00014", "?agent"), pair("AUTH.VLD-00016", "?client")]);
    let wrong_kind = send(Method::GET, format!("clients?agent={standard}")).await;
    assert_eq!(errors(&wrong_kind), [pair("AUTH.VLD-00015", "?agent")]);
    assert_eq!(send(Method::GET, "clients?agent=x".to_owned()).await.problem(), "400 -");
    assert_eq!(send(Method::GET, "agents".to_owned()).await.problem(), "400 -");
    let unknown = send(Method::GET, "agents?party=1".to_owned()).await;
    assert_eq!((unknown.status, &unknown.json()["title"]), (404, &json!("Party not found")));
    assert_eq!(send(Method::GET, format!("agents?party={CUSTOMER}")).await.status, 403);
    // The portal's scope opens nothing here, and reading does not let one write.
    let portal = world.person_token(RAGNHILD, "altinn:portal/enduser").await;
    assert_eq!(world.get(&format!("{CLIENTS}/clients?agent={id}"), &portal).await.status, 403);
    let reader = world.person_token(RAGNHILD, "altinn:clientdelegations.read").await;
    let write = world.post(&format!("{CLIENTS}/clients?agent={id}&client={client}"), &reader, &json!({})).await;
    assert_eq!(write.status, 403);
    let pia = world.person_token(PIA, "altinn:clientdelegations.read").await;
    assert_eq!(world.get(&format!("{CLIENTS}/clients?agent={id}"), &pia).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_all_system_users_can_be_kept() {
    let world = World::new().await;
    let stream = format!("{BASE}/internal/systemusers/stream");
    let admin = world.token("Digdir", "altinn:authentication/systemuser.admin").await;
    let empty = world.get(&stream, &admin).await.json();
    assert_eq!(empty, json!({"stats": {"pageStart": 0, "pageEnd": 0, "sequenceMax": 0}, "links": {}, "data": []}));
    let (vendor, id) = world.system_user().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let page = world.get(&stream, &admin).await.json();
    let ids = |page: &Value| -> Vec<String> {
        page["data"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&page), [&*id, &*agent]);
    let first = &page["data"][0];
    assert_eq!((&first["systemUserType"], &first["partyOrgNo"]), (&json!("standard"), &json!(CUSTOMER)));
    assert_eq!(page["stats"]["pageEnd"], page["data"][1]["sequenceNo"]);
    let next = page["links"]["next"].as_str().unwrap().strip_prefix(&world.origin).unwrap().to_owned();
    let end = world.get(&next, &admin).await.json();
    assert_eq!((ids(&end), &end["links"]), (vec![], &json!({})));
    // What is changed comes again, at the end; deleted ones too.
    let path = format!("{BASE}/{}/{id}", world.party_id(CUSTOMER));
    assert_eq!(world.pia(Method::DELETE, &path).await.status, 202);
    let changed = world.get(&next, &admin).await.json();
    assert_eq!((ids(&changed), &changed["data"][0]["isDeleted"]), (vec![id.clone()], &json!(true)));
    assert_ne!(changed["data"][0]["lastChanged"], first["lastChanged"]);
    let one = |id: &str| format!("{BASE}/internal/systemusers/{id}");
    assert_eq!(world.get(&one(&agent), &admin).await.json(), page["data"][1]);
    assert_eq!(world.get(&one(&id), &admin).await.status, 410);
    assert_eq!(world.get(&one("x"), &admin).await.status, 404);
    // By credential, not by whoever signs tokens.
    assert_eq!(world.get(&stream, &world.token("Digdir", "idporten:dcr.read").await).await.status, 403);
    assert_eq!(world.send(world.request(Method::GET, &stream)).await.status, 401);
    let component =
        world.send(world.request(Method::GET, "/api/GetPlatformAccessToken?env=tt02&app=register")).await.text;
    let by = async |token: &str| {
        world.send(world.request(Method::GET, &stream).header("PlatformAccessToken", token)).await.status
    };
    assert_eq!((by(&component).await, by(&admin).await, by("x").await), (200, 401, 401));
    let person = world.person_token(PIA, "altinn:portal/enduser").await;
    assert_eq!(by(&person).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_of_an_agents_is_changed_for_every_client() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    assert_eq!(package("x")["urn"], json!("urn:altinn:accesspackage:x"));
    let ask = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let path =
        format!("{BASE}/changerequest/vendor?correlation-id=00000000-0000-4000-8000-000000000009&system-user-id={id}");
    let body = json!({"requiredAccessPackages": [package("regnskapsforer-lonn")]});
    assert_eq!(world.post(&path, &ask, &body).await.problem(), "404 AUTH-00015");
}
