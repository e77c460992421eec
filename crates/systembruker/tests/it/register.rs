//! The system register and requests, for vendors.

use reqwest::Method;
use serde_json::{Value, json};

use crate::world::{CUSTOMER, REDIRECT, REGISTER, REQUESTS, RESOURCE, SYSTEM, World, asked, right, system, with};

const WRITE: &str = "altinn:authentication/systemregister.write";
const ASK: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_registered_and_read() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = vendor.token(&world, WRITE).await;
    let read = world.get(&format!("{REGISTER}/{SYSTEM}"), &token).await;
    let mut expected = system(SYSTEM, &vendor.client_id);
    expected["vendor"] = json!({"ID": "0192:991825827"});
    expected["isDeleted"] = json!(false);
    expected["accessPackages"] = json!([]);
    assert_eq!((read.status, read.json()), (200, expected));
    let list = world.get(REGISTER, &token).await;
    assert_eq!(list.headers["cache-control"], "no-store,no-cache");
    assert_eq!(list.json()[0]["systemId"], json!(SYSTEM));
    assert_eq!(list.json()[0]["systemVendorOrgNumber"], json!("991825827"));
    assert_eq!(world.get(&format!("{REGISTER}/991825827_unknown"), &token).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_members_may_be_written_in_any_case() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("SmartCloud AS", WRITE).await;
    let texts = json!({"nb": "a", "nn": "a", "en": "a"});
    let body = json!({"Id": " 991825827_cased ", "VENDOR": {"id": "0192:991825827"}, "Name": texts, "description": texts,
        "Rights": [{"Resource": [{"Id": "urn:altinn:resource", "VALUE": RESOURCE}], "action": null}], "clientid": null,
        "AllowedRedirectURLs": null, "accesspackages": [], "integrationTitle": "ignored"});
    let made = world.post(REGISTER, &token, &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(made.json().as_str().map(str::len), Some(36));
    // The path may be in any case too, with a slash too many.
    let read = world.get("/AUTHENTICATION/api/V1/SystemRegister/vendor/991825827_cased/", &token).await;
    assert_eq!(read.json()["rights"], json!([right(RESOURCE)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_system_is_said_at_once() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = vendor.token(&world, WRITE).await;
    let twice = right(RESOURCE);
    let body = json!({"id": "310904473 x", "vendor": {"ID": "0192:991825827"}, "name": {"nb": "a", "nn": "a", "en": "a"},
        "description": {"nb": "a", "nn": "a", "en": "a"}, "clientId": [vendor.client_id, "b", "b"],
        "rights": [twice, twice, {"resource": [{"id": "urn:other", "value": "unknown"}]}, right("altinn_access_management")],
        "accessPackages": [{"urn": "urn:altinn:accesspackage:nope"}, {"urn": "urn:altinn:accesspackage:nope"}],
        "allowedRedirectUrls": ["http://smartcloud.example/"]});
    let answer = world.post(REGISTER, &token, &body).await;
    assert_eq!(answer.problem(), "400 STD-00000");
    let errors = answer.json()["validationErrors"].clone();
    let codes: Vec<&str> = errors.as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    assert_eq!(
        codes,
        [
            "AUTH.VLD-00013",
            "AUTH.VLD-00001",
            "AUTH.VLD-00005",
            "AUTH.VLD-00004",
            "AUTH.VLD-00011",
            "AUTH.VLD-00009",
            "AUTH.VLD-00003",
            "AUTH.VLD-00006",
            "AUTH.VLD-00008",
            "AUTH.VLD-00007"
        ]
    );
    assert_eq!(errors[5]["Invalid Resource Id Details : "], json!("urn:other"));
    assert_eq!(errors[6]["ResourceIds Not Found : "], json!("unknown"));
    assert_eq!(errors[0]["paths"], json!(["/registersystemrequest/systemid"]));
    let again = world.post(REGISTER, &token, &system(SYSTEM, "new-client")).await;
    let error = &again.json()["validationErrors"][0];
    assert_eq!(error["code"], json!("AUTH.VLD-00002"));
    // What clients in use look for.
    assert!(error["title"].as_str().unwrap().contains("already exists"));
    // Nothing of it was stored.
    assert_eq!(world.get(REGISTER, &token).await.json().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_cannot_be_read_says_where() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("SmartCloud AS", WRITE).await;
    let body = |name: &str, to: Value| with(system("991825827_x", "c"), name, to);
    for (body, member) in [
        (body("id", Value::Null), "$"),
        (body("name", json!({"nb": "a"})), "name"),
        (body("description", json!("text")), "description"),
        (body("rights", json!([{"resource": []}])), "rights[0].resource"),
        (body("rights", json!([{"resource": [{"id": "urn:altinn:resource", "value": " "}]}])), "rights[0].resource"),
        (body("isVisible", json!("yes")), "isVisible"),
        (json!([]), "$"),
    ] {
        let answer = world.post(REGISTER, &token, &body).await;
        assert_eq!(answer.problem(), "400 -", "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors.as_object().unwrap().keys().collect::<Vec<_>>(), [member], "{errors}");
    }
    let vendor = world.post(REGISTER, &token, &body("vendor", json!({"ID": "9908:991825827"}))).await;
    assert_eq!(vendor.json()["validationErrors"][0]["code"], json!("AUTH.VLD-00000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_vendor_registers_and_reads_its_systems() {
    let world = World::new().await;
    world.vendor().await;
    let path = format!("{REGISTER}/{SYSTEM}");
    let empty = |answer: &crate::world::Answer| answer.text.is_empty();
    // No token, one without the scope, one of another organisation.
    let none = world.send(world.request(Method::POST, REGISTER).json(&json!({"bad": 1}))).await;
    assert!(none.status == 401 && empty(&none));
    let token = world.token("Skatteetaten", "idporten:dcr.read").await;
    let scope = world.post(REGISTER, &token, &json!({"bad": 1})).await;
    assert!(scope.status == 403 && empty(&scope));
    let foreign = with(system("974761076_x", "c"), "vendor", json!({"ID": "0192:974761076"}));
    let token = world.token("SmartCloud AS", WRITE).await;
    let org = world.post(REGISTER, &token, &with(foreign, "rights", json!([right("unknown")]))).await;
    assert!(org.status == 403 && empty(&org));
    let digdir = world.token("Digdir", WRITE).await;
    assert_eq!(world.get(&path, &digdir).await.status, 403);
    // The administrator may.
    let admin = world.token("Digdir", "altinn:authentication/systemregister.admin").await;
    assert_eq!(world.get(&path, &admin).await.status, 200);
    // A token that was changed is none.
    let (rest, signature) = admin.rsplit_once('.').unwrap();
    let broken = format!("{rest}.{}", signature.chars().rev().collect::<String>());
    assert_eq!(world.get(&path, &broken).await.status, 401);
    world.advance(200).await;
    assert_eq!(world.get(&path, &admin).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_posted_read_and_withdrawn() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let posted = world.ask(&vendor, &asked()).await;
    assert_eq!(posted.status, 201);
    let body = posted.json();
    let id = body["id"].as_str().unwrap();
    let confirm = format!("{}/accessmanagement/ui/systemuser/request?id={id}&DONTCHOOSEREPORTEE=true", world.origin);
    assert_eq!(
        with(body.clone(), "created", Value::Null),
        json!({"id": id, "integrationTitle": "SmartCloud", "externalRef": CUSTOMER, "systemId": SYSTEM, "partyOrgNo": CUSTOMER,
            "rights": [right(RESOURCE)], "accessPackages": [], "status": "New", "redirectUrl": format!("{REDIRECT}?state=1"),
            "confirmUrl": confirm, "escalated": false, "timedOut": false})
    );
    assert!(body["created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(posted.headers["location"].to_str().unwrap(), format!("{}{REQUESTS}/{id}", world.origin));
    // The same again is the same request, whatever else is in it.
    let again = world.ask(&vendor, &with(asked(), "rights", json!([]))).await;
    assert_eq!((again.status, again.json()), (200, body.clone()));
    let empty = world.ask(&vendor, &with(asked(), "externalRef", json!(""))).await;
    assert_eq!((empty.status, &empty.json()["id"]), (200, &json!(id)));

    let token = vendor.token(&world, READ).await;
    let path = format!("{REQUESTS}/{id}");
    assert_eq!(world.get(&path, &token).await.json(), body);
    let by_reference = format!("{REQUESTS}/byexternalref/{SYSTEM}/{CUSTOMER}/{CUSTOMER}");
    assert_eq!(world.get(&by_reference, &token).await.json(), body);
    assert_eq!(world.get(&format!("{REQUESTS}/not-an-id"), &token).await.problem(), "400 -");

    let write = vendor.token(&world, ASK).await;
    let delete = || world.send(world.request(Method::DELETE, &path).bearer_auth(&write));
    let deleted = delete().await;
    assert_eq!((deleted.status, deleted.text.as_str()), (202, ""));
    assert_eq!(delete().await.problem(), "404 AUTH-00010");
    assert_eq!(world.get(&path, &token).await.problem(), "404 AUTH-00010");
    assert_eq!(world.get(&by_reference, &token).await.problem(), "404 AUTH-00010");
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_of_a_request() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    for (body, expected) in [
        (with(asked(), "systemId", json!("991825827_unknown")), "404 AUTH-00011"),
        (with(asked(), "partyOrgNo", json!("310904474")), "400 AUTH-00000"),
        (with(asked(), "partyOrgNo", json!("312659603")), "400 AUTH-00000"),
        (with(asked(), "redirectUrl", json!("https://evil.example/receipt")), "400 AUTH-00021"),
        (with(asked(), "redirectUrl", json!("relative")), "400 AUTH-00021"),
        (with(asked(), "redirectUrl", json!(format!("{REDIRECT}/more"))), "400 AUTH-00021"),
        (with(asked(), "rights", Value::Null), "400 AUTH-00001"),
        (with(asked(), "rights", json!([])), "400 AUTH-00059"),
        (with(asked(), "rights", json!([right("altinn_access_management")])), "400 AUTH-00001"),
        (with(asked(), "rights", json!([{"resource": []}])), "400 AUTH-00001"),
        (with(asked(), "accessPackages", json!([{"urn": "urn:altinn:accesspackage:x"}])), "400 AUTH-00063"),
        (with(asked(), "partyOrgNo", Value::Null), "400 -"),
        (with(asked(), "externalRef", json!("x".repeat(256))), "400 -"),
    ] {
        let answer = world.ask(&vendor, &body).await;
        assert_eq!(answer.problem(), expected, "{body}");
    }
    // A system without redirect URLs.
    let token = vendor.token(&world, WRITE).await;
    let bare = with(system("991825827_bare", "bare"), "allowedRedirectUrls", json!([]));
    assert_eq!(world.post(REGISTER, &token, &bare).await.status, 200);
    let body = with(asked(), "systemId", json!("991825827_bare"));
    assert_eq!(world.ask(&vendor, &body).await.problem(), "400 AUTH-00026");
    // Foreign systems look like none, whatever there is on them.
    world.ask(&vendor, &asked()).await;
    let foreign = world.token("Digdir", ASK).await;
    assert_eq!(world.post(REQUESTS, &foreign, &asked()).await.problem(), "404 AUTH-00011");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vendor_neither_reads_nor_deletes_a_request() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("{REQUESTS}/{id}");
    let read = world.token("Digdir", READ).await;
    assert_eq!(world.get(&path, &read).await.problem(), "404 AUTH-00010");
    let by_reference = format!("{REQUESTS}/byexternalref/{SYSTEM}/{CUSTOMER}/{CUSTOMER}");
    assert_eq!(world.get(&by_reference, &read).await.problem(), "404 AUTH-00011");
    let write = world.token("Digdir", ASK).await;
    let deleted = world.send(world.request(Method::DELETE, &path).bearer_auth(&write)).await;
    assert_eq!(deleted.problem(), "404 AUTH-00010");
    let token = vendor.token(&world, READ).await;
    assert_eq!(world.get(&path, &token).await.json()["status"], json!("New"));
    // Writing does not imply reading.
    let write = vendor.token(&world, ASK).await;
    assert_eq!(world.get(&path, &write).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_runs_out_after_ten_days_and_makes_room() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let first = world.ask(&vendor, &asked()).await.json();
    world.advance(10 * 24 * 3_600 - 60).await;
    let token = vendor.token(&world, READ).await;
    let path = format!("{REQUESTS}/{}", first["id"].as_str().unwrap());
    assert_eq!(world.get(&path, &token).await.json()["status"], json!("New"));
    world.advance(61).await;
    let read = world.get(&path, &token).await.json();
    assert_eq!((&read["status"], &read["timedOut"]), (&json!("Timedout"), &json!(true)));
    let second = world.ask(&vendor, &asked()).await;
    assert_eq!(second.status, 201);
    assert_ne!(second.json()["id"], first["id"]);
    assert_eq!(world.get(&path, &token).await.json()["status"], json!("Timedout"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_user_is_found_by_maskinporten_and_its_vendor() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let lookup = world.token("Digdir", "altinn:maskinporten/systemuser.read").await;
    let path = "/authentication/api/v1/systemuser/byExternalId";
    let query = format!("clientId={}&systemProviderOrgNo=991825827&systemUserOwnerOrgNo={CUSTOMER}", vendor.client_id);
    let found = world.get(&format!("{path}?{query}"), &lookup).await;
    assert_eq!(found.headers["cache-control"], "no-store,no-cache");
    assert_eq!(
        with(found.json(), "created", Value::Null),
        json!({"id": id, "integrationTitle": "SmartCloud", "systemId": SYSTEM, "productName": SYSTEM, "reporteeOrgNo": CUSTOMER,
            "isDeleted": false, "supplierName": "", "supplierOrgno": "991825827", "externalRef": CUSTOMER, "userType": "standard"})
    );
    for (query, status) in [
        (format!("{query}&externalRef={CUSTOMER}"), 200),
        (format!("{query}&externalRef=other"), 404),
        (query.replace("991825827", "974761076"), 404),
        (query.replace(&vendor.client_id, "x"), 404),
        (query.replace("clientId", "other"), 400),
        (query.replace(CUSTOMER, ""), 400),
    ] {
        assert_eq!(world.get(&format!("{path}?{query}"), &lookup).await.status, status, "{query}");
    }
    let token = vendor.token(&world, ASK).await;
    let path = "/authentication/api/v1/systemuser/vendor/byquery";
    let query = format!("system-id={SYSTEM}&orgno={CUSTOMER}&external-ref={CUSTOMER}");
    assert_eq!(world.get(&format!("{path}?{query}"), &token).await.json()["productName"], json!(""));
    assert_eq!(world.get(&format!("{path}?system-id={SYSTEM}"), &token).await.problem(), "400 -");
    let other = world.token("Digdir", ASK).await;
    assert_eq!(world.get(&format!("{path}?{query}"), &other).await.status, 404);
    // With a system user there, nothing more can be asked for under the same triple.
    assert_eq!(world.ask(&vendor, &asked()).await.problem(), "400 AUTH-00004");
}
