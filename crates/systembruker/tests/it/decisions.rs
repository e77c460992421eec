//! The decision point, and the sample API behind it.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use systembruker::resource_registry::builtin::policy_document;

use crate::world::{CUSTOMER, RESOURCE, SCOPE, World};

const AUTHORIZE: &str = "/authorization/api/v1/authorize";
const DECISION: &str = "/authorization/api/v1/decision";

fn attribute(id: &str, value: &str) -> Value {
    json!({"AttributeId": id, "Value": value})
}

fn question(subject: Vec<Value>, action: &str, resource: Vec<Value>) -> Value {
    json!({"Request": {"AccessSubject": [{"Attribute": subject}],
        "Action": [{"Attribute": [attribute("urn:oasis:names:tc:xacml:1.0:action:action-id", action)]}],
        "Resource": [{"Attribute": resource}]}})
}

fn of_resource(party: (&str, &str)) -> Vec<Value> {
    vec![attribute("urn:altinn:resource", RESOURCE), attribute(party.0, party.1)]
}

const ORG: &str = "urn:altinn:organization:identifier-no";
const ACTION: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";

async fn ask(world: &World, question: &Value) -> Value {
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    let answer = world.post(AUTHORIZE, &token, question).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let results = answer.json()["response"].clone();
    assert_eq!(results.as_array().unwrap().len(), 1);
    results[0].clone()
}

async fn decide(world: &World, question: &Value) -> String {
    let result = ask(world, question).await;
    let status = result["status"]["statusCode"]["value"].as_str().unwrap().rsplit(':').next().unwrap().to_owned();
    format!("{} {status}", result["decision"].as_str().unwrap())
}

async fn refused(world: &World, question: &Value, expected: &str, message: &str) {
    let result = ask(world, question).await;
    assert!(result["status"]["statusMessage"].as_str().unwrap().contains(message), "{result}");
    assert_eq!(decide(world, question).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_user_is_permitted_what_was_delegated_to_it() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let subject = || vec![attribute("urn:altinn:systemuser:uuid", &id)];
    let customer = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap();
    let (party_id, uuid) = (customer.party_id.to_string(), customer.party_uuid.to_string());
    for party in [
        (ORG, CUSTOMER),
        ("urn:altinn:organizationnumber", CUSTOMER),
        ("urn:altinn:partyid", &party_id),
        ("urn:altinn:party:uuid", &uuid),
    ] {
        assert_eq!(decide(&world, &question(subject(), "read", of_resource(party))).await, "Permit ok");
    }
    // A sub-unit inherits from its main unit; others do not.
    assert_eq!(decide(&world, &question(subject(), "read", of_resource((ORG, "312651386")))).await, "Permit ok");
    assert_eq!(decide(&world, &question(subject(), "read", of_resource((ORG, "312652757")))).await, "NotApplicable ok");
    assert_eq!(decide(&world, &question(subject(), "write", of_resource((ORG, CUSTOMER)))).await, "NotApplicable ok");
    assert_eq!(
        decide(&world, &question(subject(), "read", vec![attribute("urn:altinn:resource", RESOURCE)])).await,
        "NotApplicable ok"
    );
    let result = ask(&world, &question(subject(), "read", of_resource((ORG, CUSTOMER)))).await;
    assert_eq!(
        result,
        json!({"decision": "Permit", "status": {"statusMessage": null, "statusDetails": null,
                "statusCode": {"value": "urn:oasis:names:tc:xacml:1.0:status:ok", "statusCode": null}},
            "obligations": [{"id": "urn:altinn:obligation:authenticationLevel1", "attributeAssignment": [{
                "attributeId": "urn:altinn:obligation-assignment:1", "value": "3", "category": "urn:altinn:minimum-authenticationlevel",
                "dataType": "http://www.w3.org/2001/XMLSchema#integer", "issuer": null}]}],
            "associateAdvice": null, "category": null, "policyIdentifierList": null})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_decided_says_why() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let user = || attribute("urn:altinn:systemuser:uuid", &id);
    let party = || of_resource((ORG, CUSTOMER));
    let role = attribute("urn:altinn:rolecode", "DAGL");
    for (question, expected, message) in [
        (
            question(vec![user(), attribute("urn:altinn:userid", "1")], "read", party()),
            "Indeterminate processing-error",
            "is given alone",
        ),
        (
            question(vec![attribute("urn:altinn:systemuser:uuid", "x")], "read", party()),
            "Indeterminate processing-error",
            "is not a uuid",
        ),
        (question(vec![role], "read", party()), "Indeterminate processing-error", "is found out here"),
        (question(vec![], "read", party()), "Indeterminate processing-error", "the subject is missing"),
        (
            question(vec![user()], "read", vec![attribute("urn:altinn:resource", "unknown")]),
            "Indeterminate processing-error",
            "not in the resource registry",
        ),
        (
            question(vec![user()], "read", vec![attribute(ORG, CUSTOMER)]),
            "Indeterminate processing-error",
            "the resource is missing",
        ),
        (
            question(vec![user()], "read", of_resource((ORG, "312659603"))),
            "Indeterminate syntax-error",
            "no party is known",
        ),
    ] {
        refused(&world, &question, expected, message).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_one_thing_of_each_and_not_too_much() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let user = || attribute("urn:altinn:systemuser:uuid", &id);
    let party = || of_resource((ORG, CUSTOMER));
    let parties = world.app.model.parties();
    let party_id = |number: &str| parties.by_number(number.parse().unwrap()).unwrap().party_id.to_string();
    let (other, nobody) = (party_id("312652757"), uuid::Uuid::from_u128(7).to_string());
    let of_instance =
        |id: &str| vec![attribute("urn:altinn:resource", RESOURCE), attribute("urn:altinn:instance-id", id)];
    let with_actions = |actions: Vec<Value>| {
        let mut question = question(vec![user()], "read", party());
        question["Request"]["Action"][0]["Attribute"] = json!(actions);
        question
    };
    // An instance of the customer's is as good as its number; 64 values are not too many.
    let own = format!("{}/{nobody}", party_id(CUSTOMER));
    for resource in [
        of_instance(&own),
        [of_instance(&own), vec![attribute(ORG, CUSTOMER)]].concat(),
        [party(), vec![attribute("urn:altinn:task", "x"); 60]].concat(),
    ] {
        assert_eq!(decide(&world, &question(vec![user()], "read", resource)).await, "Permit ok");
    }
    for (question, expected, message) in [
        // A subject that several attributes name must be the same by all of them.
        (
            question(
                vec![attribute(ORG, CUSTOMER), attribute("urn:altinn:organization:uuid", &nobody)],
                "read",
                party(),
            ),
            "Indeterminate processing-error",
            "names nobody who is known",
        ),
        (
            question(vec![attribute(ORG, CUSTOMER), attribute("urn:altinn:partyid", &other)], "read", party()),
            "Indeterminate processing-error",
            "name different parties",
        ),
        // Of several actions, a policy would be content with one.
        (
            with_actions(vec![attribute(ACTION, "read"), attribute(ACTION, "write")]),
            "Indeterminate processing-error",
            "give one of urn:oasis:names:tc:xacml:1.0:action:action-id only",
        ),
        (
            with_actions(vec![json!({"AttributeId": ACTION, "Value": ["read", "write"]})]),
            "Indeterminate processing-error",
            "give one of urn:oasis:names:tc:xacml:1.0:action:action-id only",
        ),
        // What a request may hold is limited.
        (
            question(vec![user()], "read", [party(), vec![attribute("urn:altinn:task", "x"); 63]].concat()),
            "Indeterminate processing-error",
            "at most 64 attribute values",
        ),
        (
            question(vec![user()], &"x".repeat(1_025), party()),
            "Indeterminate processing-error",
            "at most 64 attribute values of at most 1024 bytes",
        ),
        // An instance belongs to a party.
        (
            question(vec![user()], "read", of_instance("1")),
            "Indeterminate processing-error",
            "is not a party id, a slash and a uuid",
        ),
        (
            question(vec![user()], "read", of_instance(&format!("99999999/{nobody}"))),
            "Indeterminate syntax-error",
            "no party is known by the urn:altinn:instance-id",
        ),
        (
            question(
                vec![user()],
                "read",
                [of_instance(&format!("{other}/{nobody}")), vec![attribute(ORG, CUSTOMER)]].concat(),
            ),
            "Indeterminate processing-error",
            "the party is another than that of urn:altinn:instance-id",
        ),
    ] {
        refused(&world, &question, expected, message).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_are_decided_by_their_roles() {
    let world = World::new().await;
    world.api_is_offered().await;
    let person = |name: &str| {
        let parties = world.app.model.parties();
        let customer = parties.by_number(CUSTOMER.parse().unwrap()).unwrap();
        let mut session = futures_block(world.app.store.read());
        let persons = futures_block(session.persons());
        let (person, _) = persons.into_iter().find(|(person, _)| person.name == name).unwrap();
        (person, customer)
    };
    for (name, resource, action, expected) in [
        ("Pia Tilfeldig", "altinn_access_management", "write", "Permit ok"),
        ("Sverre Subtil", "altinn_access_management", "write", "Permit ok"),
        ("Arne Ansatt", "altinn_access_management", "write", "NotApplicable ok"),
        ("Mona Modig", "altinn_access_management", "write", "NotApplicable ok"),
        ("Pia Tilfeldig", "altinn_client_administration", "read", "Permit ok"),
        ("Pia Tilfeldig", RESOURCE, "read", "Permit ok"),
        ("Sverre Subtil", RESOURCE, "read", "NotApplicable ok"),
    ] {
        let (person, _) = person(name);
        let resource = vec![attribute("urn:altinn:resource", resource), attribute(ORG, CUSTOMER)];
        let subject = attribute("urn:altinn:userid", &person.user_id.to_string());
        assert_eq!(decide(&world, &question(vec![subject], action, resource)).await, expected, "{name}");
    }
}

/// Waits for a store's answer inside a closure.
fn futures_block<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(future)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn several_questions_are_answered_in_their_order() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let action = |id: &str, action: &str| json!({"id": id, "attribute": [{"attributeId": "urn:oasis:names:tc:xacml:1.0:action:action-id", "value": action, "includeInResult": true}]});
    let request = json!({"request": {"accessSubject": [{"id": "s", "attribute": [{"attributeId": "urn:altinn:systemuser:uuid", "value": id}]}],
        "action": [action("a1", "read"), action("a2", "write")],
        "resource": [{"id": "r", "attribute": [{"attributeId": "urn:altinn:resource", "value": RESOURCE}, {"attributeId": ORG, "value": CUSTOMER}]}],
        "multiRequests": {"requestReference": [{"referenceId": ["s", "a2", "r"]}, {"referenceId": ["s", "a1", "r"]}]}}});
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    let results = world.post(AUTHORIZE, &token, &request).await.json()["response"].clone();
    assert_eq!((&results[0]["decision"], &results[1]["decision"]), (&json!("NotApplicable"), &json!("Permit")));
    assert_eq!(results[1]["category"][0]["attribute"][0]["value"], json!("read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_a_client_error_at_authorize_and_indeterminate_at_decision() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    let send = async |path: &str, content_type: &str, body: &'static str| {
        let request = world.request(Method::POST, path).bearer_auth(&token);
        world.send(request.header(CONTENT_TYPE, content_type).body(body)).await
    };
    for body in ["", "{", "[]", "{}", r#"{"Request":1}"#, r#"{"Request":{"Action":[{"Attribute":[{}]}]}}"#, "\u{0}"] {
        assert_eq!(send(AUTHORIZE, "application/json", body).await.problem(), "400 -", "{body}");
        let answer = send(DECISION, "application/json", body).await;
        assert_eq!(answer.status, 200);
        let result = answer.json()["response"][0].clone();
        assert_eq!(result["decision"], json!("Indeterminate"));
        assert!(result["status"]["statusCode"]["value"].as_str().unwrap().ends_with("syntax-error"));
    }
    assert_eq!(send(AUTHORIZE, "text/xml", "<Request/>").await.problem(), "415 -");
    let deep: &'static str = Box::leak(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)).into_boxed_str());
    assert_eq!(send(AUTHORIZE, "application/json", deep).await.problem(), "400 -");
    assert_eq!(send(DECISION, "application/json", deep).await.status, 200);
    assert_eq!(world.post(AUTHORIZE, "", &json!({})).await.status, 401);
    let other = world.token("SmartCloud AS", "idporten:dcr.read").await;
    assert_eq!(world.post(AUTHORIZE, &other, &json!({})).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_api_lets_only_the_right_system_user_through() {
    let world = World::new().await;
    let (vendor, _) = world.system_user().await;
    let answer = vendor.ask_for_system_user(&world, CUSTOMER, None).await.json();
    let token = answer["access_token"].as_str().unwrap();
    let open = world.claims_of(CUSTOMER, token).await;
    assert_eq!(open.status, 200);
    assert_eq!(open.json()["partIdentifikator"], json!(CUSTOMER));
    assert!(open.json()["totalOversikt"]["saldo"].is_number());
    let code = |answer: &crate::world::Answer| {
        let body = answer.json();
        assert!(!body["korrelasjonsid"].as_str().unwrap().is_empty());
        format!("{} {} {}", answer.status, body["kode"].as_str().unwrap(), body["melding"].as_str().unwrap())
    };
    assert_eq!(
        code(&world.claims_of("312652757", token).await),
        "403 KB-005 the system user has no right to read ske-krav-og-betalinger for organisation 312652757"
    );
    assert!(code(&world.claims_of("12", token).await).starts_with("400 KB-006"));
    let none = world.send(world.request(Method::GET, "/v1/regnskapssystem/310904473/aapnekrav")).await;
    assert!(code(&none).starts_with("401 KB-004 no token"));
    assert!(code(&world.claims_of(CUSTOMER, "abc").await).starts_with("401 KB-004 the token is not valid"));
    let plain = vendor.token(&world, SCOPE).await;
    assert!(
        code(&world.claims_of(CUSTOMER, &plain).await).starts_with("403 KB-005 the token is not for a system user")
    );
    let read = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
    assert!(code(&world.claims_of(CUSTOMER, &read).await).starts_with("403 KB-005 the token lacks the scope"));
    let request = world.request(Method::GET, "/v1/regnskapssystem/310904473/aapnekrav").bearer_auth(token);
    let xml = world.send(request.header("Accept", "application/xml").header("Korrelasjonsid", "mine")).await;
    assert_eq!((xml.status, &xml.json()["korrelasjonsid"]), (406, &json!("mine")));
    world.advance(200).await;
    assert!(
        code(&world.claims_of(CUSTOMER, token).await).starts_with("401 KB-004 the token is not valid: it has expired")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_policy_counts_at_once_and_an_obligation_must_be_met() {
    let world = World::new().await;
    let (vendor, _) = world.system_user().await;
    let answer = vendor.ask_for_system_user(&world, CUSTOMER, None).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(world.claims_of(CUSTOMER, token).await.status, 200);
    let owner = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let request = world.request(Method::PUT, &path).bearer_auth(&owner).header(CONTENT_TYPE, "application/xml");
    let strict = policy_document(RESOURCE, &["DAGL"], &["read"], 4);
    assert_eq!(world.send(request.body(strict)).await.status, 201);
    let refused = world.claims_of(CUSTOMER, token).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["melding"].as_str().unwrap().contains("an obligation that is not met"), "{refused:?}");
}
