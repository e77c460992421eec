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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_is_bounded_in_length() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let long = "x".repeat(256);
    let register = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let text = "x".repeat(2_001);
    let plain = crate::world::system("991825827_long", "some");
    for (member, value) in [
        ("name", json!({"nb": text, "nn": "x", "en": "x"})),
        ("clientId", json!([long])),
        ("allowedRedirectUrls", json!([format!("https://vendor.example/{text}")])),
        ("accessPackages", json!([{"urn": long}])),
        ("rights", json!([{"action": long, "resource": right(RESOURCE)["resource"]}])),
    ] {
        let refused = world.post(crate::world::REGISTER, &register, &with(plain.clone(), member, value)).await;
        assert_eq!((refused.status, refused.json()["errors"].is_object()), (400, true), "{member}: {refused:?}");
    }
    let action = json!([{"action": long, "resource": right(RESOURCE)["resource"]}]);
    let refused = world.ask(&vendor, &with(with(asked(), "rights", action.clone()), "externalRef", json!("x"))).await;
    assert_eq!(refused.problem(), "400 -");
    let url = format!("{}?state={text}", crate::world::REDIRECT);
    let refused = world.ask(&vendor, &with(with(asked(), "redirectUrl", json!(url)), "externalRef", json!("x"))).await;
    assert_eq!(refused.problem(), "400 -");
    // What is not to be had any more is as long as anything else; so is what is only tried.
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let change = json!({"unwantedAccessPackages": [{"urn": long}]});
    for path in
        [format!("{SYSTEM_USERS}/changerequest/vendor?"), "/systembruker/api/v1/changerequests?dry-run=true&".into()]
    {
        let path = format!("{path}correlation-id={}&system-user-id={id}", world.app.random.uuid());
        assert_eq!(world.post(&path, &token, &change).await.problem(), "400 -");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_asks_about_the_systems_packages_only() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let stored = world.app.random.uuid();
    let path = |id, dry: bool| {
        format!("/systembruker/api/v1/changerequests?correlation-id={id}&system-user-id={agent}&dry-run={dry}")
    };
    let own = json!({"unwantedAccessPackages": [crate::answers::package("regnskapsforer-lonn")]});
    assert_eq!(world.post(&path(stored, false), &token, &own).await.status, 201);
    // Also under the id of one that is there.
    let foreign = json!({"requiredAccessPackages": [crate::answers::package("skatt-naering")]});
    for id in [stored, world.app.random.uuid()] {
        assert_eq!(world.post(&path(id, true), &token, &foreign).await.problem(), "400 AUTH-00063");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_front_ends_addresses_are_for_persons() {
    let world = World::new().await;
    let token = world.get("/api/GetEnterpriseToken?scopes=altinn:authentication/systemuser.admin", "").await.text;
    let stream = "systemuser/internal/systemusers/stream";
    assert_eq!(world.get(&format!("/authentication/api/v1/{stream}"), &token).await.status, 200);
    for front in ["systemuser/internal/systemusers/stream", "SystemUser//INTERNAL/systemusers/stream"] {
        assert_eq!(world.get(&format!("/accessmanagement/api/v1/{front}"), &token).await.status, 404, "{front}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_on_the_web_resets_no_sandbox() {
    let world = World::new().await;
    let reset = |origin: &str| {
        world.request(Method::POST, "/systembruker/api/v1/sandbox/reset").header("Origin", origin.to_owned())
    };
    assert_eq!(world.send(reset("https://evil.example")).await.status, 403);
    let cross =
        world.request(Method::POST, "/systembruker/api/v1/sandbox/reset").header("Sec-Fetch-Site", "cross-site");
    assert_eq!(world.send(cross).await.status, 403);
    let own = world.origin.clone();
    assert!(world.send(reset(&own)).await.status < 300);
}
