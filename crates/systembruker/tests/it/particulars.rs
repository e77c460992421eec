//! Particulars of the contract that clients could trip over: the order of checks, repeated calls, turned clocks.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answers::{RAGNHILD, asked_of_agent};
use crate::world::{CUSTOMER, REQUESTS, RESOURCE, SYSTEM, World, asked, right, with};

const SYSTEM_USERS: &str = "/authentication/api/v1/systemuser";

#[tokio::test(flavor = "multi_thread")]
async fn a_lookup_says_what_is_missing_before_who_may_ask() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let token =
        world.get("/api/GetEnterpriseToken?orgNo=991825827&scopes=altinn:maskinporten/systemuser.read", "").await;
    let find = async |query: String| world.get(&format!("{SYSTEM_USERS}/byExternalId?{query}"), &token.text).await;
    let client = &vendor.client_id;
    let missing = find(format!("clientId={client}&systemUserOwnerOrgNo={CUSTOMER}")).await;
    assert_eq!(missing.problem(), "400 -");
    assert!(missing.json()["errors"]["systemProviderOrgNo"].is_array(), "{missing:?}");
    let cased = find(format!("CLIENTID={client}&SystemProviderOrgNo=991825827&SystemUserOwnerOrgNo={CUSTOMER}")).await;
    assert_eq!((cased.status, &cased.json()["id"]), (200, &json!(id)));
    let foreign =
        find(format!("clientId={client}&systemProviderOrgNo=974761076&systemUserOwnerOrgNo={CUSTOMER}")).await;
    assert_eq!(foreign.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_names_what_it_is_about_and_nothing_twice() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    for member in ["systemId", "partyOrgNo"] {
        let blank = world.ask(&vendor, &with(asked(), member, json!(" "))).await;
        assert_eq!(blank.problem(), "400 -");
        assert!(blank.json()["errors"][member].is_array(), "{blank:?}");
    }
    let twice = with(asked(), "rights", json!([right(RESOURCE), right(RESOURCE)]));
    assert_eq!(world.ask(&vendor, &twice).await.problem(), "400 AUTH-00001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_there_is_found_whatever_else_is() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["regnskapsforer-lonn"]).await;
    let agent = world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await;
    assert_eq!(agent.status, 201, "{agent:?}");
    let id = agent.json()["id"].as_str().unwrap().to_owned();
    let party = world.party_id(crate::answers::ACCOUNTANT);
    let reject = format!("{SYSTEM_USERS}/request/agent/{party}/{id}/reject");
    assert_eq!(world.as_person(RAGNHILD, Method::POST, &reject, None).await.status, 200);
    let standard = with(asked(), "partyOrgNo", json!(crate::answers::ACCOUNTANT));
    assert_eq!(world.ask(&vendor, &standard).await.status, 201);
    let again = world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await;
    assert_eq!((again.status, &again.json()["status"]), (200, &json!("Rejected")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_request_is_found_by_the_order_of_being_made() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let day = 24 * 3_600;
    world.advance(20 * day).await;
    let first = world.ask(&vendor, &asked()).await.json()["id"].clone();
    world.advance(11 * day).await;
    // That it has timed out is written when the next is asked for.
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let list = format!("{REQUESTS}/bysystem/{SYSTEM}");
    let read = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
    let second = world.get(&list, &read).await.json()["data"].as_array().unwrap().last().unwrap()["id"].clone();
    assert_ne!(first, second);
    let withdraw = world.request(Method::DELETE, &format!("{REQUESTS}/{}", second.as_str().unwrap()));
    assert_eq!(world.send(withdraw.bearer_auth(&token)).await.status, 202);
    // The clock is turned back: what is made now is newer all the same.
    let back =
        world.request(Method::PUT, "/systembruker/api/v1/sandbox/clock").json(&json!({"advanceSeconds": -31 * day}));
    assert_eq!(world.send(back).await.status, 200);
    let scope = "altinn:authentication/systemuser.request.write";
    let token = world.get(&format!("/api/GetEnterpriseToken?orgNo=991825827&scopes={scope}"), "").await.text;
    let third = world.post(REQUESTS, &token, &asked()).await;
    assert_eq!(third.status, 201, "{third:?}");
    let again = world.post(REQUESTS, &token, &asked()).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &third.json()["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_nothing_is_none_for_agents_too() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let path = |id| format!("{SYSTEM_USERS}/changerequest/vendor?correlation-id={id}&system-user-id={agent}");
    let send = async |body: Value| world.post(&path(world.app.random.uuid()), &token, &body).await;
    let nothing = send(json!({})).await;
    assert_eq!((nothing.status, &nothing.json()["status"]), (200, &json!("NoChangeNeeded")));
    assert_eq!(send(json!({"unwantedRights": [right(RESOURCE)]})).await.problem(), "404 AUTH-00015");
    let missing = world.person_token(RAGNHILD, "altinn:clientdelegations.read").await;
    let titles = async |query: &str| {
        let refused = world.get(&format!("/authentication/api/v1/enduser/systemuser/clients{query}"), &missing).await;
        let error = refused.json()["validationErrors"][0].clone();
        (error["code"].clone(), error["title"].clone())
    };
    let (absent, unknown) = (titles("").await, titles(&format!("?agent={}", world.app.random.uuid())).await);
    assert_eq!((&absent.0, &absent.0), (&unknown.0, &json!("AUTH.VLD-00014")));
    assert_ne!(absent.1, unknown.1);
}
