//! Change requests, from vendor to customer.

use reqwest::Method;
use serde_json::{Value, json};

use crate::answers::{ACCOUNTANT, RAGNHILD, package, walk};
use crate::world::{Actor, Answer, CUSTOMER, REDIRECT, RESOURCE, SYSTEM, World, right, with};

const ASK: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";
const CHANGES: &str = "/authentication/api/v1/systemuser/changerequest";
const ID: &str = "7d3f5b1a-9c2e-4e6f-8a1b-0c2d4e6f8a1b";

struct Story {
    world: World,
    vendor: Actor,
    user: String,
}

async fn story() -> Story {
    let world = World::new().await;
    let (vendor, user) = world.system_user().await;
    world.offer_packages(&vendor, &["lonn", "skatt-naering"]).await;
    Story { world, vendor, user }
}

impl Story {
    async fn post(&self, id: &str, body: &Value) -> Answer {
        let token = self.vendor.token(&self.world, ASK).await;
        let path = format!("{CHANGES}/vendor?correlation-id={id}&system-user-id={}", self.user);
        self.world.post(&path, &token, body).await
    }

    async fn vendor_reads(&self, path: &str) -> Answer {
        let token = self.vendor.token(&self.world, READ).await;
        self.world.get(&format!("{CHANGES}/vendor/{path}"), &token).await
    }

    async fn pia(&self, action: &str) -> Answer {
        let path = format!("{CHANGES}/{}/{ID}{action}", self.world.party_id(CUSTOMER));
        let method = if action.is_empty() { Method::GET } else { Method::POST };
        self.world.pia(method, &path).await
    }

    async fn delegations(&self) -> Value {
        let path =
            format!("/authentication/api/v1/systemuser/{}/{}/delegations", self.world.party_id(CUSTOMER), self.user);
        self.world.pia(Method::GET, &path).await.json()
    }
}

fn more() -> Value {
    json!({"requiredAccessPackages": [package("lonn")], "unwantedRights": [right(RESOURCE)], "redirectUrl": REDIRECT})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_asked_for_and_approved() {
    let story = story().await;
    let posted = story.post(ID, &more()).await;
    assert_eq!(posted.status, 201, "{posted:?}");
    let body = posted.json();
    let confirm =
        format!("{}/accessmanagement/ui/systemuser/changerequest?id={ID}&DONTCHOOSEREPORTEE=true", story.world.origin);
    let expected = json!({"id": ID, "externalRef": CUSTOMER, "systemId": SYSTEM, "systemUserId": story.user, "partyOrgNo": CUSTOMER,
        "requiredRights": [], "unwantedRights": [right(RESOURCE)], "requiredAccessPackages": [package("lonn")],
        "unwantedAccessPackages": [], "status": "New", "redirectUrl": REDIRECT, "confirmUrl": confirm,
        "created": body["created"], "timedOut": false});
    assert_eq!(body, expected);
    let again = story.post(ID, &json!({"requiredRights": [right(RESOURCE)]})).await;
    assert_eq!((again.status, again.json()), (200, body.clone()));
    assert_eq!(story.vendor_reads(ID).await.json(), body);
    assert_eq!(story.vendor_reads(&format!("byexternalref/{SYSTEM}/{CUSTOMER}/{CUSTOMER}")).await.json(), body);
    assert_eq!(story.pia("").await.json()["status"], json!("New"));
    let seen = story.world.pia(Method::GET, &format!("{CHANGES}/{ID}")).await.json();
    assert_eq!(
        (&seen["partyId"], &seen["requiredAccessPackages"]),
        (&json!(story.world.party_id(CUSTOMER)), &json!([package("lonn")]))
    );
    let approved = story.pia("/approve").await;
    assert_eq!((approved.status, &*approved.text), (200, "true"), "{approved:?}");
    let now = json!({"systemUserId": story.user, "rights": [], "accessPackages": [package("lonn")]});
    assert_eq!(story.delegations().await, now);
    assert_eq!(story.vendor_reads(ID).await.json()["status"], json!("Accepted"));
    assert_eq!(story.pia("/approve").await.problem(), "409 AUTH-00013");
    assert_eq!(story.pia("/reject").await.problem(), "409 AUTH-00013");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_rejected_or_runs_out_of_time_changes_nothing() {
    let story = story().await;
    let before = story.delegations().await;
    story.post(ID, &more()).await;
    assert_eq!(story.pia("/reject").await.text, "true");
    assert_eq!(story.delegations().await, before);
    let other = "00000000-0000-4000-8000-000000000001";
    assert_eq!(story.post(other, &more()).await.status, 201);
    story.world.advance(10 * 24 * 3_600).await;
    let path = format!("{CHANGES}/{}/{other}/approve", story.world.party_id(CUSTOMER));
    assert_eq!(story.world.pia(Method::POST, &path).await.problem(), "409 AUTH-00013");
    let read = story.vendor_reads(other).await.json();
    assert_eq!((&read["status"], &read["timedOut"]), (&json!("Timedout"), &json!(true)));
    assert_eq!(story.delegations().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_asked_for_is_refused() {
    let story = story().await;
    let token = story.vendor.token(&story.world, ASK).await;
    let at =
        async |query: &str, body: &Value| story.world.post(&format!("{CHANGES}/vendor{query}"), &token, body).await;
    let user = &story.user;
    let missing = at(&format!("?system-user-id={user}"), &more()).await;
    assert_eq!((missing.status, missing.content_type()), (400, "text/plain; charset=utf-8"));
    assert_eq!(at(&format!("?correlation-id=x&system-user-id={user}"), &more()).await.problem(), "400 -");
    assert_eq!(at(&format!("?correlation-id={user}&system-user-id={user}"), &more()).await.status, 400);
    assert_eq!(at(&format!("?correlation-id={ID}"), &more()).await.problem(), "404 AUTH-00015");
    assert_eq!(at(&format!("?correlation-id={ID}&system-user-id={ID}"), &more()).await.problem(), "404 AUTH-00015");
    let none = story.post(ID, &json!({})).await;
    let body = none.json();
    assert_eq!((none.status, &body["status"], &body["confirmUrl"]), (200, &json!("NoChangeNeeded"), &json!("")));
    assert_eq!(body["created"], json!("0001-01-01T00:00:00"));
    assert_eq!(story.vendor_reads(ID).await.problem(), "404 AUTH-00010");
    for (name, value, code) in [
        ("redirectUrl", json!("https://elsewhere.example/"), "400 AUTH-00021"),
        ("redirectUrl", json!("not a url"), "400 AUTH-00021"),
        ("requiredRights", json!([right("unknown")]), "400 AUTH-00001"),
        ("requiredAccessPackages", json!([package("toll")]), "400 AUTH-00063"),
        ("requiredAccessPackages", json!(null), "400 -"),
    ] {
        let mut body = more();
        body[name] = value;
        assert_eq!(story.post(ID, &body).await.problem(), code, "{body}");
    }
    // A withdrawn one leaves its id used.
    assert_eq!(story.post(ID, &more()).await.status, 201);
    let withdraw = story.world.request(Method::DELETE, &format!("{CHANGES}/vendor/{ID}")).bearer_auth(&token);
    assert_eq!(story.world.send(withdraw).await.status, 202);
    assert_eq!(story.post(ID, &more()).await.problem(), "409 AUTH-00061");
    assert_eq!(story.pia("/approve").await.problem(), "404 AUTH-00010");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_party_and_another_vendor_can_do_nothing() {
    let story = story().await;
    let world = &story.world;
    assert_eq!(story.post(ID, &more()).await.status, 201);
    // The manager of another organisation would give that one's rights to this system user.
    for action in ["approve", "reject"] {
        let path = format!("{CHANGES}/{}/{ID}/{action}", world.party_id(ACCOUNTANT));
        assert_eq!(world.as_person(RAGNHILD, Method::POST, &path, None).await.problem(), "403 AUTH-00041");
        let path = format!("{CHANGES}/{}/{ID}/{action}", world.party_id(CUSTOMER));
        assert_eq!(world.as_person(RAGNHILD, Method::POST, &path, None).await.status, 403);
    }
    let seen = world.as_person(RAGNHILD, Method::GET, &format!("{CHANGES}/{ID}"), None).await;
    assert_eq!(seen.problem(), "403 AUTH-00066");
    let path = format!("{CHANGES}/{}/{ID}", world.party_id(ACCOUNTANT));
    assert_eq!(world.as_person(RAGNHILD, Method::GET, &path, None).await.problem(), "404 AUTH-00010");
    let ask = world.token("Digdir", ASK).await;
    let delete = world.request(Method::DELETE, &format!("{CHANGES}/vendor/{ID}")).bearer_auth(&ask);
    assert_eq!(world.send(delete).await.problem(), "404 AUTH-00010");
    let path = format!("{CHANGES}/vendor?correlation-id={ID}&system-user-id={}", story.user);
    assert_eq!(world.post(&path, &ask, &more()).await.problem(), "404 AUTH-00015");
    let read = world.token("Digdir", READ).await;
    assert_eq!(world.get(&format!("{CHANGES}/vendor/{ID}"), &read).await.problem(), "404 AUTH-00010");
    let list = format!("{CHANGES}/vendor/bysystem/{SYSTEM}");
    assert_eq!(world.get(&list, &read).await.problem(), "404 AUTH-00011");
    let (entries, pages) = walk(world, &list, &story.vendor.token(world, READ).await).await;
    assert_eq!((entries.len(), pages), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_user_can_be_named_in_the_body() {
    let story = story().await;
    let token = story.vendor.token(&story.world, ASK).await;
    let body = json!({"systemId": SYSTEM, "partyOrgNo": CUSTOMER, "requiredAccessPackages": [package("lonn")]});
    let post = async |body: &Value| story.world.post(&format!("{CHANGES}/vendor"), &token, body).await;
    let first = post(&body).await;
    assert_eq!((first.status, &first.json()["systemUserId"]), (201, &json!(story.user)));
    let again = post(&body).await;
    assert_eq!((again.status, &again.json()["id"]), (200, &first.json()["id"]));
    assert_eq!(post(&with(body.clone(), "externalRef", json!("other"))).await.problem(), "404 AUTH-00015");
    assert_eq!(post(&with(body, "systemId", json!("other"))).await.problem(), "404 AUTH-00011");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_person_cannot_give_is_not_given() {
    let story = story().await;
    assert_eq!(story.post(ID, &more()).await.status, 201);
    // Since then the system has lost the package, and got it back.
    story.world.offer_packages(&story.vendor, &["skatt-naering"]).await;
    assert_eq!(story.pia("/approve").await.problem(), "400 AUTH-00063");
    story.world.offer_packages(&story.vendor, &["lonn"]).await;
    assert_eq!(story.pia("/approve").await.text, "true");
    // The system user is deleted before the next one is answered.
    let other = "00000000-0000-4000-8000-000000000002";
    assert_eq!(story.post(other, &json!({"unwantedAccessPackages": [package("lonn")]})).await.status, 201);
    let party = story.world.party_id(CUSTOMER);
    let delete = format!("/accessmanagement/api/v1/systemuser/{party}/{}", story.user);
    let deleted = story.world.pia(Method::DELETE, &delete).await;
    assert_eq!((deleted.status, &*deleted.text), (202, "1"));
    let late = story.world.pia(Method::POST, &format!("{CHANGES}/{party}/{other}/approve")).await;
    assert_eq!(late.problem(), "404 AUTH-00015");
    let again = story.world.pia(Method::DELETE, &delete).await;
    assert_eq!((again.status, &*again.text), (404, "0"));
}
