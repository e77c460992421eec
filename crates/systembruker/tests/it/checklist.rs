//! What callers of the decision point rely on, case by case, over HTTP.

use std::sync::Arc;

use model::{AccessPackage, ClientPackage, Organisation, SystemUser, SystemUserKind};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use store::ChangeContext;
use systembruker::access::import;
use systembruker::resource_registry::builtin::{policy_document, policy_document_for};
use uuid::Uuid;

use crate::world::{
    Actor, Answer, CUSTOMER, REGISTER, RESOURCE, SYSTEM, VENDOR_SCOPES, World, asked, resource, system, with,
};

pub const AUTHORIZE: &str = "/authorization/api/v1/authorize";
pub const DECISION: &str = "/authorization/api/v1/decision";
const ORG: &str = "urn:altinn:organization:identifier-no";
const ACTION_ID: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";
const SUB_UNIT: &str = "312651386";
const OTHER: &str = "312652757";
const ACCOUNTANT: &str = "312654121";
const SOLE_PROPRIETORSHIP: &str = "312655497";
/// A resource that access packages open.
const WITH_PACKAGE: &str = "ske-med-tilgangspakke";
const PACKAGE: &str = "urn:altinn:accesspackage:krav-og-utlegg";
const ACCOUNTANTS_PACKAGE: &str = "urn:altinn:accesspackage:regnskapsforer-lonn";

pub fn attribute(id: &str, value: &str) -> Value {
    json!({"AttributeId": id, "Value": value})
}

pub fn question(subject: &[(&str, &str)], action: &str, resource: &[(&str, &str)]) -> Value {
    let of = |attributes: &[(&str, &str)]| json!([{"Attribute": attributes.iter().map(|(id, value)| attribute(id, value)).collect::<Vec<_>>()}]);
    json!({"Request": {"AccessSubject": of(subject), "Action": of(&[(ACTION_ID, action)]), "Resource": of(resource)}})
}

impl World {
    /// All results of the decision point.
    pub async fn decide_all(&self, question: &Value) -> Vec<Value> {
        let token = self.token("Skatteetaten", "altinn:authorization/authorize").await;
        let answer = self.post(AUTHORIZE, &token, question).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["response"].as_array().unwrap().clone()
    }

    /// Decision and status of one result: `Permit ok`.
    pub async fn decide(&self, subject: &[(&str, &str)], action: &str, resource: &[(&str, &str)]) -> String {
        let results = self.decide_all(&question(subject, action, resource)).await;
        let [result] = results.as_slice() else { panic!("{results:?}") };
        summary(result)
    }

    /// What a system user may do with a resource for an organisation.
    pub async fn system_user_may(&self, id: &str, resource: &str, action: &str, party: &str) -> String {
        let subject = [("urn:altinn:systemuser:uuid", id)];
        self.decide(&subject, action, &[("urn:altinn:resource", resource), (ORG, party)]).await
    }

    pub fn organisation(&self, number: &str) -> Arc<Organisation> {
        self.app.model.parties().by_number(number.parse().unwrap()).unwrap()
    }

    pub async fn person_named(&self, name: &str) -> model::Person {
        let persons = self.app.store.read().await.unwrap().persons().await.unwrap();
        persons.into_iter().map(|(person, _)| person).find(|person| person.name == name).unwrap()
    }

    /// Imports parties as an operator would.
    pub async fn import(&self, lines: &[Value]) {
        let text = lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
        let app = &self.app;
        let now = app.clock.now();
        import::import(&app.store, &app.vault, &app.random, ChangeContext::default(), now, &text).await.unwrap();
        app.catch_up().await.unwrap();
    }

    pub async fn put_policy(&self, id: &str, document: String) -> Answer {
        let token = self.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
        let path = format!("/resourceregistry/api/v1/resource/{id}/policy");
        let request = self.request(Method::POST, &path).bearer_auth(token).header(CONTENT_TYPE, "application/xml");
        self.send(request.body(document)).await
    }

    /// Registers a resource of Skatteetaten's with this policy.
    pub async fn offer(&self, registration: &Value, policy: String) {
        let token = self.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
        let made = self.post("/resourceregistry/api/v1/resource", &token, registration).await;
        assert_eq!(made.status, 201, "{made:?}");
        let put = self.put_policy(registration["identifier"].as_str().unwrap(), policy).await;
        assert_eq!(put.status, 201, "{put:?}");
    }

    /// A system user with the package that opens [`WITH_PACKAGE`], which Pia has approved.
    async fn system_user_with_package(&self) -> String {
        self.api_is_offered().await;
        let policy = policy_document_for(
            WITH_PACKAGE,
            &[
                ("urn:altinn:rolecode", &["DAGL"]),
                ("urn:altinn:accesspackage", &["krav-og-utlegg", "regnskapsforer-lonn"]),
            ],
            &["read"],
            3,
        );
        self.offer(&resource(WITH_PACKAGE), policy).await;
        let vendor = self.new_client(&VENDOR_SCOPES).await;
        let packages = json!([{"urn": PACKAGE}]);
        let token = vendor.token(self, "altinn:authentication/systemregister.write").await;
        let registration = with(system(SYSTEM, &vendor.client_id), "accessPackages", packages.clone());
        let made = self.post(REGISTER, &token, &registration).await;
        assert_eq!(made.status, 200, "{made:?}");
        let asked = with(with(asked(), "rights", json!([])), "accessPackages", packages);
        self.approved(&vendor, &asked).await
    }

    /// A system user of the accountant's, for clients that it has yet to get.
    pub async fn agent_of_accountant(&self) -> Uuid {
        self.agent(&[]).await
    }

    async fn approved(&self, vendor: &Actor, asked: &Value) -> String {
        let request = self.ask(vendor, asked).await;
        assert_eq!(request.status, 201, "{request:?}");
        let id = request.json()["id"].as_str().unwrap().to_owned();
        let (mut browser, page) = self.open_request("Pia Tilfeldig", &id).await;
        let receipt = browser.press(&page, "Godkjenn").await.unwrap();
        assert_eq!(receipt.heading().unwrap(), "Tilgangen er gitt");
        id
    }

    /// A system user of the accountant, for clients.
    async fn agent(&self, clients: &[(&str, &str, &str)]) -> Uuid {
        let system = self.app.model.system_by_id(SYSTEM).unwrap();
        let owner = self.organisation(ACCOUNTANT);
        let user = SystemUser {
            id: self.app.random.uuid(),
            kind: SystemUserKind::Agent,
            system_internal_id: system.internal_id,
            system_id: system.id.clone(),
            owner_party: owner.party_uuid,
            owner: owner.org_number,
            external_ref: "agent".into(),
            title: "Agent".into(),
            rights: [].into(),
            access_packages: [].into(),
            clients: vec![],
            is_deleted: false,
            created: self.app.clock.now(),
            created_by: owner.party_uuid,
        };
        self.change(async |tx| {
            tx.insert_system_user(&user).await.unwrap();
            for (client, role, package) in clients {
                let client = self.organisation(client).party_uuid;
                tx.insert_system_user_client(user.id, client).await.unwrap();
                let package = AccessPackage { urn: (*package).into() };
                let given = ClientPackage { role: (*role).into(), package };
                tx.give_client_package(user.id, client, &given).await.unwrap();
            }
        })
        .await;
        user.id
    }
}

pub fn summary(result: &Value) -> String {
    let status = result["status"]["statusCode"]["value"].as_str().unwrap().rsplit(':').next().unwrap();
    format!("{} {status}", result["decision"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn case_1_names_are_read_in_camel_and_in_pascal_case() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let pascal =
        question(&[("urn:altinn:systemuser:uuid", &id)], "read", &[("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)]);
    let camel = json!({"request": {
        "accessSubject": [{"attribute": [{"attributeId": "urn:altinn:systemuser:uuid", "value": id}]}],
        "action": [{"attribute": [{"attributeId": ACTION_ID, "value": "read", "dataType": "string"}]}],
        "resource": [{"attribute": [{"attributeId": "urn:altinn:resource", "value": RESOURCE}, {"attributeId": ORG, "value": CUSTOMER}]}]}});
    for question in [pascal, camel] {
        assert_eq!(summary(&world.decide_all(&question).await[0]), "Permit ok");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_2_to_4_a_package_opens_what_policies_give_it_for_the_owner_and_its_sub_units() {
    let world = World::new().await;
    let id = world.system_user_with_package().await;
    let subject = [("urn:altinn:systemuser:uuid", &*id)];
    let customer = world.organisation(CUSTOMER);
    let (party_id, uuid) = (customer.party_id.to_string(), customer.party_uuid.to_string());
    for party in [(ORG, CUSTOMER), ("urn:altinn:partyid", &party_id), ("urn:altinn:party:uuid", &uuid), (ORG, SUB_UNIT)]
    {
        let resource = [("urn:altinn:resource", WITH_PACKAGE), party];
        assert_eq!(world.decide(&subject, "read", &resource).await, "Permit ok", "{party:?}");
    }
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "read", OTHER).await, "NotApplicable ok");
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "write", CUSTOMER).await, "NotApplicable ok");
    assert_eq!(world.system_user_may(&id, RESOURCE, "read", CUSTOMER).await, "NotApplicable ok");
    let stranger = Uuid::from_u128(7).to_string();
    assert_eq!(world.system_user_may(&stranger, WITH_PACKAGE, "read", CUSTOMER).await, "NotApplicable ok");
    // An organisation that is part of another (ORGL) is its own master.
    let unit = json!({"orgNumber": "313000028", "name": "ETAT", "unitType": "ORGL", "parent": CUSTOMER, "roles": []});
    world.import(&[unit]).await;
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "read", "313000028").await, "NotApplicable ok");
    // What the policy gives counts from the call that changed it.
    let without = policy_document(WITH_PACKAGE, &["DAGL"], &["read"], 3);
    assert_eq!(world.put_policy(WITH_PACKAGE, without).await.status, 201);
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "read", CUSTOMER).await, "NotApplicable ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_5_a_single_right_comes_with_the_obligations_of_the_policy() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let subject = [("urn:altinn:systemuser:uuid", &*id)];
    let results =
        world.decide_all(&question(&subject, "read", &[("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)])).await;
    assert_eq!(summary(&results[0]), "Permit ok");
    let assignment = &results[0]["obligations"][0]["attributeAssignment"][0];
    assert_eq!(assignment["category"], "urn:altinn:minimum-authenticationlevel");
    assert_eq!(assignment["value"], "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_6_and_7_what_makes_no_sense_is_indeterminate() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let party = [("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)];
    let user = ("urn:altinn:systemuser:uuid", &*id);
    for second in [("urn:altinn:userid", "1"), ("urn:altinn:sessionid", "x"), ("urn:altinn:org", "skd")] {
        assert_eq!(world.decide(&[user, second], "read", &party).await, "Indeterminate processing-error");
    }
    assert_eq!(
        world.decide(&[("urn:altinn:systemuser:uuid", "no")], "read", &party).await,
        "Indeterminate processing-error"
    );
    let unknown = [("urn:altinn:resource", "unknown-resource"), (ORG, CUSTOMER)];
    assert_eq!(world.decide(&[user], "read", &unknown).await, "Indeterminate processing-error");
    let both = [("urn:altinn:userid", "20000001"), (ORG, CUSTOMER)];
    assert_eq!(world.decide(&both, "read", &party).await, "Indeterminate processing-error");
    let pia = world.person_named("Pia Tilfeldig").await;
    let two = [("urn:altinn:userid", &*pia.user_id.to_string()), ("urn:altinn:person:identifier-no", "17858212081")];
    assert_eq!(world.decide(&two, "read", &party).await, "Indeterminate processing-error");
    for asserted in [
        "urn:altinn:rolecode",
        "urn:altinn:accesspackage",
        "urn:altinn:partytype",
        "urn:altinn:access-list",
        "urn:altinn:external-role:ccr",
    ] {
        assert_eq!(
            world.decide(&[(asserted, "x")], "read", &party).await,
            "Indeterminate processing-error",
            "{asserted}"
        );
    }
    // A service owner says itself who it is.
    assert_eq!(world.decide(&[("urn:altinn:org", "skd")], "read", &party).await, "NotApplicable ok");
}

fn several(subjects: &[&str], actions: &[&str], id: &str) -> Value {
    let references: Vec<_> =
        subjects.iter().flat_map(|s| actions.iter().map(move |a| json!({"ReferenceId": [s, a, "r"]}))).collect();
    let action = |name: &&str| json!({"Id": name, "Attribute": [{"AttributeId": ACTION_ID, "Value": name, "IncludeInResult": true}]});
    json!({"Request": {
        "AccessSubject": [{"Id": "s", "Attribute": [attribute("urn:altinn:systemuser:uuid", id)]}, {"Id": "bad", "Attribute": [attribute("urn:altinn:systemuser:uuid", "bad")]}],
        "Action": actions.iter().map(action).collect::<Vec<_>>(),
        "Resource": [{"Id": "r", "Attribute": [attribute("urn:altinn:resource", RESOURCE), attribute(ORG, CUSTOMER)]}],
        "MultiRequests": {"RequestReference": references}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn cases_8_and_9_each_reference_has_its_own_result() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let results = world.decide_all(&several(&["s"], &["read", "write"], &id)).await;
    assert_eq!(results.iter().map(summary).collect::<Vec<_>>(), ["Permit ok", "NotApplicable ok"]);
    let echo = &results[0]["category"][0];
    assert_eq!(echo["categoryId"], "urn:oasis:names:tc:xacml:3.0:attribute-category:action");
    assert_eq!(
        (&echo["attribute"][0]["value"], &echo["attribute"][0]["includeInResult"]),
        (&json!("read"), &json!(false))
    );
    assert_eq!(results[1]["category"], Value::Null);
    assert_eq!(results[0]["requestReference"], json!(["s", "read", "r"]));
    assert_eq!(results[1]["requestReference"], json!(["s", "write", "r"]));
    // One that fails does not take the others with it.
    let results = world.decide_all(&several(&["bad", "s"], &["read"], &id)).await;
    assert_eq!(results.iter().map(summary).collect::<Vec<_>>(), ["Indeterminate processing-error", "Permit ok"]);
    let results = world.decide_all(&several(&["s"], &["read"], &id)).await;
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].get("requestReference"), None);
    // At most 500.
    let actions: Vec<String> = (0..501).map(|number| format!("a{number}")).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let results = world.decide_all(&several(&["s"], &actions, &id)).await;
    assert_eq!(results.iter().map(summary).collect::<Vec<_>>(), ["Indeterminate processing-error"]);
    assert!(results[0]["status"]["statusMessage"].as_str().unwrap().contains("at most 500"));
    assert_eq!(world.decide_all(&several(&["s"], &actions[..500], &id)).await.len(), 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn case_10_callers_need_a_token_with_the_scope_and_a_request() {
    let world = World::new().await;
    let question = question(&[("urn:altinn:userid", "1")], "read", &[("urn:altinn:resource", RESOURCE)]);
    let none = world.send(world.request(Method::POST, AUTHORIZE).json(&question)).await;
    assert_eq!((none.status, none.text.as_str()), (401, ""));
    let without = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    let without = world.post(AUTHORIZE, &without, &question).await;
    assert_eq!((without.status, without.text.as_str()), (403, ""));
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    for body in ["{", "", "[]", "{}", r#"{"Request": []}"#] {
        let request =
            world.request(Method::POST, AUTHORIZE).bearer_auth(&token).header(CONTENT_TYPE, "application/json");
        assert_eq!(world.send(request.body(body)).await.problem(), "400 -", "{body}");
    }
    let request = world.request(Method::POST, AUTHORIZE).bearer_auth(&token).body(question.to_string());
    assert_eq!(world.send(request).await.problem(), "415 -");
    let scalars = json!({"Request": {"AccessSubject": [{"Attribute": [{"AttributeId": "urn:altinn:userid", "Value": 1, "DataType": "integer"}]}],
        "Action": [{"Attribute": [{"AttributeId": ACTION_ID, "Value": "read"}]}],
        "Resource": [{"Attribute": [{"AttributeId": "urn:altinn:resource", "Value": "altinn_access_management"}, {"AttributeId": "urn:altinn:partyid", "Value": world.organisation(CUSTOMER).party_id}]}]}});
    assert_eq!(summary(&world.decide_all(&scalars).await[0]), "NotApplicable ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn case_11_access_lists_let_members_in_only() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}");
    let closed = with(resource(RESOURCE), "accessListMode", json!("Enabled"));
    let put = world.send(world.request(Method::PUT, &path).bearer_auth(&token).json(&closed)).await;
    assert_eq!(put.status, 200, "{put:?}");
    let may = async |action: &str| world.system_user_may(&id, RESOURCE, action, CUSTOMER).await;
    assert_eq!(may("read").await, "Deny ok");
    assert_eq!(may("write").await, "NotApplicable ok");
    let lists = world.token("Skatteetaten", "altinn:resourceregistry/accesslist.write").await;
    let send = async |method: Method, path: &str, body: Value| {
        let path = format!("/resourceregistry/api/v1/access-lists/skd/{path}");
        let answer = world.send(world.request(method, &path).bearer_auth(&lists).json(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    send(Method::PUT, "pilot", json!({"name": "Pilot"})).await;
    send(Method::PUT, &format!("pilot/resource-connections/{RESOURCE}"), json!({"actionFilters": ["write"]})).await;
    assert_eq!(may("read").await, "Deny ok");
    send(Method::POST, "pilot/members", json!({"data": [format!("{ORG}:{CUSTOMER}")]})).await;
    assert_eq!(may("read").await, "Deny ok");
    send(Method::PUT, &format!("pilot/resource-connections/{RESOURCE}"), json!({})).await;
    assert_eq!(may("read").await, "Permit ok");
    let check = async |party: &str, resource: &str| {
        let of = |id: &str, value: &str| json!({"type": id, "value": value});
        let body = json!({"subject": of(ORG, party), "resource": of("urn:altinn:resource", resource), "action": of(ACTION_ID, "read")});
        let path = "/authorization/api/v1/accesslist/accessmanagement/authorization";
        let answer = world.send(world.request(Method::POST, path).json(&body)).await.json();
        assert_eq!(answer["action"], body["action"]);
        answer["result"].as_str().unwrap().to_owned()
    };
    assert_eq!(check(CUSTOMER, RESOURCE).await, "Authorized");
    assert_eq!(check(SUB_UNIT, RESOURCE).await, "NotAuthorized");
    assert_eq!(check(SUB_UNIT, "altinn_access_management").await, "Authorized");
    assert_eq!(check("312659603", RESOURCE).await, "NotDetermined");
    // A member's sub-unit is not a member.
    assert_eq!(world.system_user_may(&id, RESOURCE, "read", SUB_UNIT).await, "Deny ok");
    send(Method::DELETE, "pilot/members", json!({"data": [format!("{ORG}:{CUSTOMER}")]})).await;
    assert_eq!(may("read").await, "Deny ok");
    let question =
        question(&[("urn:altinn:systemuser:uuid", &id)], "read", &[("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)]);
    let denied = &world.decide_all(&question).await[0];
    assert_eq!((&denied["obligations"], &denied["category"]), (&Value::Null, &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_agents_act_for_their_clients() {
    let world = World::new().await;
    world.system_user_with_package().await;
    let owner = json!({"nationalId": "05868812038", "name": "Ola Ensom"});
    let business = |deleted: Value, accountant: bool| {
        let mut roles = vec![json!({"role": "INNH", "person": owner})];
        if accountant {
            roles.push(json!({"role": "REGN", "orgNumber": ACCOUNTANT}));
        }
        json!({"orgNumber": SOLE_PROPRIETORSHIP, "name": "OLAS", "unitType": "ENK", "deleted": deleted, "roles": roles})
    };
    world.import(&[business(Value::Null, true)]).await;
    let clients =
        [(OTHER, "regnskapsforer", ACCOUNTANTS_PACKAGE), (SOLE_PROPRIETORSHIP, "regnskapsforer", ACCOUNTANTS_PACKAGE)];
    let id = world.agent(&clients).await.to_string();
    let may = async |party: &str| world.system_user_may(&id, WITH_PACKAGE, "read", party).await;
    assert_eq!(may(OTHER).await, "Permit ok");
    assert_eq!(may(CUSTOMER).await, "NotApplicable ok");
    // Not for its own organisation either.
    assert_eq!(may(ACCOUNTANT).await, "NotApplicable ok");
    assert_eq!(may(SOLE_PROPRIETORSHIP).await, "Permit ok");

    // The owner of a sole proprietorship is one with it, as a person, in every form.
    let ola = world.person_named("Ola Ensom").await;
    let (party_id, uuid) = (ola.party_id.to_string(), ola.party_uuid.to_string());
    let subject = [("urn:altinn:systemuser:uuid", &*id)];
    let forms = [
        ("urn:altinn:person:identifier-no", "05868812038"),
        ("urn:altinn:partyid", &*party_id),
        ("urn:altinn:party:uuid", &*uuid),
    ];
    let for_owner = async || {
        let mut decisions = Vec::new();
        for form in forms {
            decisions.push(world.decide(&subject, "read", &[("urn:altinn:resource", WITH_PACKAGE), form]).await);
        }
        decisions.dedup();
        decisions.join(", ")
    };
    assert_eq!(for_owner().await, "Permit ok");
    // Also for two years after the business was deleted, and no longer.
    let now = world.app.clock.now();
    let days_ago = |days: i64| json!((now - jiff::SignedDuration::from_hours(24 * days)).to_string());
    world.import(&[business(days_ago(700), true)]).await;
    assert_eq!(for_owner().await, "Permit ok");
    world.import(&[business(days_ago(731), true)]).await;
    assert_eq!(for_owner().await, "NotApplicable ok");
    assert_eq!(may(SOLE_PROPRIETORSHIP).await, "Permit ok");
    // Nor for one who is dead.
    world.import(&[business(Value::Null, true)]).await;
    assert_eq!(for_owner().await, "Permit ok");
    let dead = json!({"person": {"nationalId": "05868812038", "name": "Ola Ensom", "deceased": days_ago(1)}});
    world.import(&[dead]).await;
    assert_eq!(for_owner().await, "NotApplicable ok");

    // An accountant that is no longer one loses what rested on it, in the same change.
    world.import(&[business(Value::Null, false)]).await;
    assert_eq!(may(SOLE_PROPRIETORSHIP).await, "NotApplicable ok");
    assert_eq!(may(OTHER).await, "Permit ok");
    let kept = world.app.model.system_user(id.parse().unwrap()).unwrap();
    assert_eq!(kept.clients.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_system_user_may_nothing_at_once() {
    let world = World::new().await;
    let id = world.system_user_with_package().await;
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "read", CUSTOMER).await, "Permit ok");
    let uuid = id.parse().unwrap();
    world.change(async |tx| assert!(tx.delete_system_user(uuid).await.unwrap())).await;
    assert_eq!(world.system_user_may(&id, WITH_PACKAGE, "read", CUSTOMER).await, "NotApplicable ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_act_through_roles_key_roles_and_what_they_were_given() {
    let world = World::new().await;
    world.system_user_with_package().await;
    let may = async |name: &str, party: &str| {
        let user = world.person_named(name).await.user_id.to_string();
        world
            .decide(&[("urn:altinn:userid", &user)], "read", &[("urn:altinn:resource", WITH_PACKAGE), (ORG, party)])
            .await
    };
    // The chair has the package by role, for the sub-unit too; an employee has neither role nor package.
    assert_eq!(may("Sverre Subtil", CUSTOMER).await, "Permit ok");
    assert_eq!(may("Sverre Subtil", SUB_UNIT).await, "Permit ok");
    assert_eq!(may("Arne Ansatt", CUSTOMER).await, "NotApplicable ok");
    // The general manager of the accountant stands for it.
    assert_eq!(may("Ragnhild Rask", OTHER).await, "Permit ok");
    assert_eq!(may("Ragnhild Rask", SOLE_PROPRIETORSHIP).await, "NotApplicable ok");
    let accountant = [(ORG, ACCOUNTANT)];
    let resource = |party| [("urn:altinn:resource", WITH_PACKAGE), (ORG, party)];
    assert_eq!(world.decide(&accountant, "read", &resource(OTHER)).await, "Permit ok");
    assert_eq!(
        world.decide(&[("urn:altinn:organizationnumber", ACCOUNTANT)], "read", &resource(OTHER)).await,
        "Permit ok"
    );
    assert_eq!(world.decide(&accountant, "read", &resource(SOLE_PROPRIETORSHIP)).await, "NotApplicable ok");

    // What a person was given counts at once, and so does its end.
    let (giver, arne) = (world.organisation(CUSTOMER).party_uuid, world.person_named("Arne Ansatt").await.party_uuid);
    world
        .change(async |tx| {
            tx.insert_connection(giver, arne, giver).await.unwrap();
            tx.give_connection_package(giver, arne, &AccessPackage { urn: PACKAGE.into() }).await.unwrap();
        })
        .await;
    assert_eq!(may("Arne Ansatt", CUSTOMER).await, "Permit ok");
    assert_eq!(may("Arne Ansatt", SUB_UNIT).await, "Permit ok");
    world.change(async |tx| assert!(tx.delete_connection(giver, arne).await.unwrap())).await;
    assert_eq!(may("Arne Ansatt", CUSTOMER).await, "NotApplicable ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_main_administrator_administers_and_uses_nothing() {
    let world = World::new().await;
    world.system_user_with_package().await;
    let kari = world.person_named("Kari Uten Verv").await;
    let user = kari.user_id.to_string();
    let may = async |resource: &str, action: &str| {
        world.decide(&[("urn:altinn:userid", &user)], action, &[("urn:altinn:resource", resource), (ORG, OTHER)]).await
    };
    assert_eq!(may("altinn_access_management", "write").await, "NotApplicable ok");
    let giver = world.organisation(OTHER).party_uuid;
    let package = AccessPackage { urn: "urn:altinn:accesspackage:hovedadministrator".into() };
    world
        .change(async |tx| {
            tx.insert_connection(giver, kari.party_uuid, giver).await.unwrap();
            tx.give_connection_package(giver, kari.party_uuid, &package).await.unwrap();
        })
        .await;
    assert_eq!(may("altinn_access_management", "write").await, "Permit ok");
    assert_eq!(may("altinn_client_administration", "read").await, "Permit ok");
    assert_eq!(may(WITH_PACKAGE, "read").await, "NotApplicable ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_party_policies_see_what_the_subject_is() {
    let world = World::new().await;
    let id = "ske-samtykke";
    let policy = policy_document_for(
        id,
        &[("urn:altinn:partytype", &["organization"]), ("urn:altinn:access-list", &["skd:pilot"])],
        &["consent"],
        3,
    );
    let registration = with(resource(id), "resourceType", json!("Consent"));
    world.offer(&registration, policy).await;
    let alone = [("urn:altinn:resource", id)];
    assert_eq!(world.decide(&[(ORG, CUSTOMER)], "consent", &alone).await, "Permit ok");
    let pia = world.person_named("Pia Tilfeldig").await.user_id.to_string();
    assert_eq!(world.decide(&[("urn:altinn:userid", &pia)], "consent", &alone).await, "NotApplicable ok");
    let owner = "974761076".parse().unwrap();
    let person = world.person_named("Pia Tilfeldig").await.party_uuid;
    world
        .change(async |tx| {
            tx.put_access_list(owner, "pilot", "Pilot", "").await.unwrap();
            tx.change_members(owner, "pilot", &[person], &[]).await.unwrap();
        })
        .await;
    assert_eq!(world.decide(&[("urn:altinn:userid", &pia)], "consent", &alone).await, "Permit ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn components_of_the_platform_ask_in_json_and_xml() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let resource = [("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)];
    let json_question = question(&[("urn:altinn:systemuser:uuid", &id)], "read", &resource);
    let send = async |content_type: Option<&str>, body: String| {
        let mut request = world.request(Method::POST, DECISION).body(body);
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        world.send(request).await
    };
    let answer = send(Some("application/json"), json_question.to_string()).await;
    assert_eq!(summary(&answer.json()["response"][0]), "Permit ok");
    let xml = |combined: bool, subject: &str| {
        let attribute = |category: &str, attributes: &[(&str, &str)]| {
            let one = |(id, value): &(&str, &str)| {
                format!(
                    r#"<Attribute AttributeId="{id}" IncludeInResult="false"><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{value}</AttributeValue></Attribute>"#
                )
            };
            let attributes: String = attributes.iter().map(one).collect();
            format!(r#"<Attributes Category="{category}">{attributes}</Attributes>"#)
        };
        format!(
            r#"<Request xmlns="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" ReturnPolicyIdList="false" CombinedDecision="{combined}">{}{}{}</Request>"#,
            attribute(
                "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject",
                &[("urn:altinn:systemuser:uuid", subject)]
            ),
            attribute("urn:oasis:names:tc:xacml:3.0:attribute-category:action", &[(ACTION_ID, "read")]),
            attribute("urn:oasis:names:tc:xacml:3.0:attribute-category:resource", &resource),
        )
    };
    let answer = send(Some("application/xml"), xml(false, &id)).await;
    assert_eq!(answer.content_type(), "application/xml; charset=utf-8");
    assert!(answer.text.contains("Decision>Permit</"), "{}", answer.text);
    assert!(answer.text.contains("urn:altinn:minimum-authenticationlevel"), "{}", answer.text);
    for (content_type, body) in
        [("text/xml", xml(true, &id)), ("text/plain", xml(false, "bad")), ("application/xml", "<".into())]
    {
        let answer = send(Some(content_type), body).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.text.contains("Decision>Indeterminate</") && answer.text.contains("syntax-error"),
            "{}",
            answer.text
        );
    }
    assert_eq!(send(None, json_question.to_string()).await.problem(), "415 -");
    // Every fault is one of syntax, and nobody is named by a national identity number.
    for question in [
        question(&[("urn:altinn:systemuser:uuid", "bad")], "read", &resource),
        question(&[("urn:altinn:person:identifier-no", "17858212081")], "read", &resource),
    ] {
        let answer = send(Some("application/json"), question.to_string()).await;
        assert_eq!(summary(&answer.json()["response"][0]), "Indeterminate syntax-error");
    }
    let answer = send(Some("application/json"), "{".into()).await;
    assert_eq!(summary(&answer.json()["response"][0]), "Indeterminate syntax-error");
}

#[tokio::test(flavor = "multi_thread")]
async fn decisions_are_asked_for_in_four_fields_and_explained() {
    let world = World::new().await;
    let id = world.system_user_with_package().await;
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    let ask = async |body: Value| world.post("/systembruker/api/v1/decisions", &token, &body).await;
    let answer =
        ask(json!({"subject": id, "resource": [WITH_PACKAGE, RESOURCE], "action": "read", "party": [CUSTOMER, OTHER]}))
            .await;
    let decisions = answer.json()["decisions"].as_array().unwrap().clone();
    let short: Vec<_> = decisions
        .iter()
        .map(|of| {
            format!(
                "{} {} {}",
                of["resource"].as_str().unwrap(),
                of["party"].as_str().unwrap(),
                of["decision"].as_str().unwrap()
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            format!("{WITH_PACKAGE} {CUSTOMER} Permit"),
            format!("{WITH_PACKAGE} {OTHER} NotApplicable"),
            format!("{RESOURCE} {CUSTOMER} NotApplicable"),
            format!("{RESOURCE} {OTHER} NotApplicable"),
        ]
    );
    assert_eq!(decisions[0]["minimumAuthenticationLevel"], 3);
    assert_eq!(decisions[0].get("explanation"), None);

    let explained = async |resource: &str, party: &str| {
        let answer =
            ask(json!({"subject": id, "resource": resource, "action": "read", "party": party, "explain": true})).await;
        answer.json()["decisions"][0]["explanation"].clone()
    };
    let permitted = explained(WITH_PACKAGE, CUSTOMER).await;
    assert_eq!(permitted["relations"], json!([{"basis": "owner", "from": CUSTOMER, "packages": ["krav-og-utlegg"]}]));
    assert_eq!(
        permitted["rules"],
        json!([{"id": format!("urn:altinn:resource:{WITH_PACKAGE}:rule:1"), "decision": "Permit"}])
    );
    assert_eq!(permitted["remedies"], json!([]));
    let foreign = explained(WITH_PACKAGE, OTHER).await;
    assert_eq!(foreign["relations"], json!([]));
    assert_eq!(foreign["remedies"][0]["kind"], "systemUser");
    // A policy with roles only: the single right is what is missing.
    let missing = explained(RESOURCE, CUSTOMER).await;
    assert_eq!(
        missing["remedies"],
        json!([{"kind": "singleRight", "value": RESOURCE, "text": format!("The party gives the single right read on {RESOURCE}.")}])
    );
    let uuid = id.parse().unwrap();
    world
        .change(async |tx| assert!(tx.take_package(uuid, &AccessPackage { urn: PACKAGE.into() }).await.unwrap()))
        .await;
    let missing = explained(WITH_PACKAGE, CUSTOMER).await;
    let remedies: Vec<_> = missing["remedies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| (of["kind"].as_str().unwrap(), of["value"].as_str().unwrap()))
        .collect();
    assert_eq!(remedies, [("accessPackage", PACKAGE), ("singleRight", WITH_PACKAGE)]);

    for (body, member) in [
        (json!({"resource": "a", "action": "b"}), "subject"),
        (json!({"subject": "x", "resource": "abcd", "action": "b"}), "subject"),
        (json!({"subject": id, "resource": [], "action": "b"}), "$"),
        (json!({"subject": id, "resource": "abcd", "action": "b", "party": "x"}), "party"),
        (json!({"subject": id, "resource": "abcd", "action": vec!["b"; 501]}), "$"),
    ] {
        let answer = ask(body).await;
        assert_eq!(answer.problem(), "400 -");
        let errors = answer.json()["errors"].clone();
        assert!(errors.get(member).is_some() || errors.to_string().contains(member), "{errors}");
    }
    let without = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    assert_eq!(world.post("/systembruker/api/v1/decisions", &without, &json!({})).await.status, 403);
}
