//! Changing systems in the register, and choosing among them.

use reqwest::Method;
use reqwest::header::IF_MATCH;
use serde_json::{Value, json};

use crate::world::{Answer, CUSTOMER, REGISTER, RESOURCE, SYSTEM, World, right, system, with};

const WRITE: &str = "altinn:authentication/systemregister.write";
const OWN: &str = "/authentication/api/v1/systemregister/vendor/991825827_smartcloud";

struct Vendor {
    world: World,
    token: String,
    client_id: String,
}

async fn vendor() -> Vendor {
    let world = World::new().await;
    let actor = world.vendor().await;
    let token = actor.token(&world, WRITE).await;
    Vendor { world, token, client_id: actor.client_id }
}

impl Vendor {
    async fn send(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = self.world.request(method, path).bearer_auth(&self.token);
        self.world.send(if body.is_null() { request } else { request.json(body) }).await
    }

    async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, body).await
    }

    fn system(&self) -> Value {
        system(SYSTEM, &self.client_id)
    }
}

fn codes(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["validationErrors"].clone();
    errors.as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_replaced_whole() {
    let vendor = vendor().await;
    let succeeded = json!({"succeeded": true});
    let body = json!({"id": SYSTEM, "vendor": {"ID": "0192:991825827"}, "name": {"nb": "Ny", "nn": "Ny", "en": "New", "de": "Neu"},
        "description": {"nb": "b", "nn": "b", "en": "b"}});
    let put = vendor.put(OWN, &body).await;
    assert_eq!((put.status, put.json()), (200, succeeded));
    let read = vendor.send(Method::GET, OWN, &Value::Null).await.json();
    let expected = json!({"id": SYSTEM, "vendor": {"ID": "0192:991825827"}, "name": {"nb": "Ny", "nn": "Ny", "en": "New", "de": "Neu"},
        "description": {"nb": "b", "nn": "b", "en": "b"}, "rights": [], "accessPackages": [], "isDeleted": false, "clientId": [],
        "isVisible": true, "allowedRedirectUrls": []});
    assert_eq!(read, expected);
    // The client that it gave up is free for another system.
    let other = vendor.send(Method::POST, REGISTER, &system("991825827_other", &vendor.client_id)).await;
    assert_eq!(other.status, 200);
    let taken = vendor.put(OWN, &vendor.system()).await;
    assert_eq!(codes(&taken), ["AUTH.VLD-00004"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_replaced_is_refused_in_order() {
    let vendor = vendor().await;
    let digdir = vendor.world.token("Digdir", WRITE).await;
    let foreign = vendor.world.request(Method::PUT, OWN).bearer_auth(&digdir).json(&json!({"bad": 1}));
    let foreign = vendor.world.send(foreign).await;
    assert_eq!((foreign.status, &*foreign.text), (403, ""));
    let unknown = vendor.put(&format!("{REGISTER}/991825827_none"), &vendor.system()).await;
    assert_eq!((unknown.status, &*unknown.text), (404, "There is no system with the id 991825827_none."));
    let other_vendor = vendor.put(OWN, &with(vendor.system(), "vendor", json!({"ID": "0192:974761076"}))).await;
    assert_eq!(
        (other_vendor.status, &*other_vendor.text),
        (404, "There is no system with the id 991825827_smartcloud.")
    );
    let other_id = vendor.put(OWN, &with(vendor.system(), "id", json!("991825827_x"))).await;
    assert_eq!(codes(&other_id), ["AUTH.VLD-00012"]);
    let twice = json!(["B", "b"]);
    let wrong =
        with(with(vendor.system(), "clientId", twice), "allowedRedirectUrls", json!(["http://vendor.example/"]));
    assert_eq!(codes(&vendor.put(OWN, &wrong).await), ["AUTH.VLD-00005", "AUTH.VLD-00011"]);
    let languages = vendor.put(OWN, &with(vendor.system(), "name", json!({"nb": "a"}))).await;
    assert_eq!(languages.problem(), "400 -");
    // Nothing of it was stored.
    assert_eq!(vendor.send(Method::GET, OWN, &Value::Null).await.json()["clientId"], json!([vendor.client_id]));
    assert_eq!(vendor.send(Method::DELETE, OWN, &Value::Null).await.status, 200);
    let deleted = vendor.put(OWN, &vendor.system()).await;
    assert_eq!(deleted.status, 400);
    assert!(deleted.text.contains("is deleted"), "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_and_packages_are_replaced_by_themselves() {
    let vendor = vendor().await;
    let (rights, packages) = (format!("{OWN}/rights"), format!("{OWN}/accesspackages"));
    let package = |code: &str| json!({"urn": format!("urn:altinn:accesspackage:{code}")});
    assert_eq!(vendor.put(&rights, &json!([])).await.json(), json!({"succeeded": true}));
    assert_eq!(vendor.put(&packages, &json!([package("lonn")])).await.json(), json!({"succeeded": true}));
    let read = vendor.send(Method::GET, OWN, &Value::Null).await.json();
    assert_eq!((&read["rights"], &read["accessPackages"]), (&json!([]), &json!([package("lonn")])));
    assert_eq!(read["clientId"], json!([vendor.client_id]));
    let twice = vendor.put(&rights, &json!([right(RESOURCE), right(RESOURCE), right("none")])).await;
    assert_eq!(codes(&twice), ["AUTH.VLD-00003", "AUTH.VLD-00006"]);
    let client_only = vendor.put(&packages, &json!([package("regnskapsforer-lonn")])).await;
    assert_eq!(codes(&client_only), ["AUTH.VLD-00018"]);
    let wrong =
        vendor.put(&packages, &json!([package("none"), {"urn": "a:b"}, package("lonn"), package("lonn")])).await;
    assert_eq!(codes(&wrong), ["AUTH.VLD-00008", "AUTH.VLD-00007"]);
    let details = wrong.json()["validationErrors"][0]["Invalid Urn Details : "].clone();
    assert_eq!(details, json!("malformed: a:b | not found: urn:altinn:accesspackage:none"));
    assert_eq!(vendor.put(&rights, &json!([{"resource": []}])).await.problem(), "400 -");
    assert_eq!(vendor.put(&rights, &json!({"resource": []})).await.problem(), "400 -");
    for path in ["rights", "accesspackages"] {
        assert_eq!(vendor.put(&format!("{REGISTER}/991825827_none/{path}"), &json!([])).await.status, 404);
        let digdir = vendor.world.token("Digdir", WRITE).await;
        let foreign =
            vendor.world.request(Method::PUT, &format!("{OWN}/{path}")).bearer_auth(&digdir).json(&json!("bad"));
        assert_eq!(vendor.world.send(foreign).await.status, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_system_may_have_packages_for_clients_only() {
    let vendor = vendor().await;
    let packages = json!([{"urn": "urn:altinn:accesspackage:regnskapsforer-lonn"}]);
    let visible = with(vendor.system(), "accessPackages", packages);
    assert_eq!(codes(&vendor.put(OWN, &visible).await), ["AUTH.VLD-00018"]);
    assert_eq!(vendor.put(OWN, &with(visible, "isVisible", json!(false))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_system_stays_known_and_issues_no_tokens() {
    let vendor = vendor().await;
    let deleted = vendor.send(Method::DELETE, OWN, &Value::Null).await;
    assert_eq!((deleted.status, deleted.json()), (200, json!({"succeeded": true})));
    assert_eq!(vendor.send(Method::DELETE, OWN, &Value::Null).await.status, 200);
    assert_eq!(vendor.send(Method::GET, OWN, &Value::Null).await.json()["isDeleted"], json!(true));
    assert_eq!(vendor.send(Method::GET, REGISTER, &Value::Null).await.json(), json!([]));
    let unknown = vendor.send(Method::DELETE, &format!("{REGISTER}/991825827_none"), &Value::Null).await;
    assert_eq!((unknown.status, unknown.json()["errors"]["return"].is_array()), (400, true));
    // The id is never free again, the client is.
    let again = vendor.send(Method::POST, REGISTER, &vendor.system()).await;
    assert_eq!(codes(&again), ["AUTH.VLD-00002"]);
    let other = vendor.send(Method::POST, REGISTER, &system("991825827_next", &vendor.client_id)).await;
    assert_eq!(other.status, 200, "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_issued_through_a_deleted_system() {
    let world = World::new().await;
    let (actor, _) = world.system_user().await;
    assert_eq!(actor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    let token = actor.token(&world, WRITE).await;
    assert_eq!(world.send(world.request(Method::DELETE, OWN).bearer_auth(&token)).await.status, 200);
    let refused = actor.ask_for_system_user(&world, CUSTOMER, None).await;
    assert_eq!(refused.status, 400);
    assert!(refused.refusal().contains("deleted"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_with_a_system_user_can_be_deleted_without_a_client() {
    let vendor = vendor().await;
    assert_eq!(vendor.put(OWN, &with(vendor.system(), "clientId", json!([]))).await.status, 200);
    assert_eq!(vendor.send(Method::DELETE, OWN, &Value::Null).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_can_be_bound_to_the_version_that_was_read() {
    let vendor = vendor().await;
    let read = vendor.send(Method::GET, OWN, &Value::Null).await;
    let tag = read.headers["etag"].to_str().unwrap().to_owned();
    let put = |tag: String| {
        let request = vendor.world.request(Method::PUT, &format!("{OWN}/rights")).bearer_auth(&vendor.token);
        vendor.world.send(request.header(IF_MATCH, tag).json(&json!([])))
    };
    assert_eq!(put(tag.clone()).await.status, 200);
    assert_eq!(put(tag.clone()).await.status, 412);
    let delete = vendor.world.request(Method::DELETE, OWN).bearer_auth(&vendor.token).header(IF_MATCH, tag);
    assert_eq!(vendor.world.send(delete).await.status, 412);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_in_the_log() {
    let vendor = vendor().await;
    let log = format!("{OWN}/changelog");
    vendor.put(&format!("{OWN}/rights"), &json!([right(RESOURCE)])).await;
    vendor.put(&format!("{OWN}/accesspackages"), &json!([{"urn": "urn:altinn:accesspackage:lonn"}])).await;
    vendor.put(OWN, &vendor.system()).await;
    vendor.send(Method::DELETE, OWN, &Value::Null).await;
    let entries = vendor.send(Method::GET, &log, &Value::Null).await.json();
    let entries = entries.as_array().unwrap();
    let types: Vec<&str> = entries.iter().map(|entry| entry["changeType"].as_str().unwrap()).collect();
    assert_eq!(types, ["delete", "update", "accesspackageupdate", "rightsupdate", "create"]);
    assert!(entries[0].get("changedData").is_none());
    assert_eq!(entries[2]["changedData"], json!([{"Urn": "urn:altinn:accesspackage:lonn"}]));
    let logged_right = json!({"Action": null, "Resource": [{"id": "urn:altinn:resource", "value": RESOURCE}]});
    assert_eq!(entries[3]["changedData"], json!([logged_right]));
    let created = &entries[4];
    assert_eq!(created["changedByOrgNumber"], json!("991825827"));
    assert_eq!(created["clientId"].as_str().map(str::len), Some(36));
    assert!(created["created"].as_str().unwrap().ends_with("+00:00"), "{created}");
    assert_eq!(created["changedData"]["Vendor"], json!({"ID": "0192:991825827"}));
    assert_eq!(created["changedData"]["Rights"], json!([logged_right]));
    assert_eq!(created["changedData"]["IsVisible"], json!(true));
    let digdir = vendor.world.token("Digdir", WRITE).await;
    assert_eq!(vendor.world.get(&log, &digdir).await.status, 403);
    assert_eq!(
        vendor.send(Method::GET, &format!("{REGISTER}/991825827_none/changelog"), &Value::Null).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_choose_among_visible_systems() {
    let vendor = vendor().await;
    let hidden = with(system("991825827_hidden", "other"), "isVisible", json!(false));
    let hidden = with(hidden, "rights", json!([right("app_skd_a_b")]));
    assert_eq!(codes(&vendor.send(Method::POST, REGISTER, &hidden).await), ["AUTH.VLD-00003"]);
    let hidden = with(hidden, "rights", json!([]));
    assert_eq!(vendor.send(Method::POST, REGISTER, &hidden).await.status, 200);
    let path = "/api/GetPersonalToken?scopes=altinn:portal/enduser";
    let token = vendor.world.send(vendor.world.request(Method::GET, path)).await.text;
    let base = "/authentication/api/v1/systemregister";
    let get = async |path: &str| vendor.world.get(&format!("{base}{path}"), &token).await;
    let list = get("").await;
    assert_eq!(list.headers["cache-control"], "no-store,no-cache");
    let ids: Vec<Value> = list.json().as_array().unwrap().iter().map(|system| system["systemId"].clone()).collect();
    assert_eq!(ids, [json!(SYSTEM)]);
    assert_eq!(get("/991825827_hidden").await.json()["isVisible"], json!(false));
    assert_eq!(get("/991825827_none").await.status, 404);
    assert_eq!(get(&format!("/{SYSTEM}/rights")).await.json(), json!([right(RESOURCE)]));
    assert_eq!(get(&format!("/{SYSTEM}/rights?useOldFormatForApp=true")).await.json(), json!([right(RESOURCE)]));
    assert_eq!(get("/991825827_none/rights").await.json(), json!([]));
    assert_eq!(get(&format!("/{SYSTEM}/accesspackages")).await.json(), json!([]));
    assert_eq!(vendor.world.get(base, &vendor.token).await.status, 403);
}
