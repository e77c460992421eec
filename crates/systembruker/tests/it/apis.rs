//! Maskinporten's administration and the resource registry.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use systembruker::resource_registry::builtin::policy_document;

use crate::world::{RESOURCE, SCOPE, TOO_LARGE, World, resource};

fn messages(answer: &crate::world::Answer) -> Vec<String> {
    let errors = answer.json()["errors"].clone();
    errors.as_array().unwrap().iter().map(|error| error["errorMessage"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_made_and_read_by_its_owner_only() {
    let world = World::new().await;
    let actor = world.new_client(&["a:b", "a:b", "c:d"]).await;
    let token = world.token("SmartCloud AS", "idporten:dcr.read").await;
    let path = format!("/api/v1/clients/{}", actor.client_id);
    let client = world.get(&path, &token).await.json();
    assert_eq!(client["scopes"], json!(["a:b", "c:d"]));
    assert_eq!((&client["access_token_lifetime"], &client["authorization_lifetime"]), (&json!(120), &json!(7200)));
    assert_eq!((&client["client_orgno"], &client["active"]), (&json!("991825827"), &json!(true)));
    assert_eq!(world.get("/api/v1/clients", &token).await.json().as_array().unwrap().len(), 3);
    let keys = world.get(&format!("{path}/jwks"), &token).await.json();
    assert_eq!(keys["keys"][0]["kid"], json!(actor.key.kid()));
    let year = keys["keys"][0]["exp"].as_i64().unwrap() - world.app.clock.seconds();
    assert!((364 * 86_400..=365 * 86_400).contains(&year));
    let other = world.token("Skatteetaten", "idporten:dcr.read").await;
    assert_eq!(messages(&world.get(&path, &other).await), ["There is no such client among yours."]);
    assert_eq!(world.get(&format!("{path}/jwks"), &other).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_or_key_that_is_wrong_is_refused_with_all_reasons() {
    let world = World::new().await;
    let actor = world.new_client(&["a:b"]).await;
    let token = world.token("SmartCloud AS", "idporten:dcr.write").await;
    let wrong = json!({"integration_type": "idporten", "client_name": " ", "scopes": ["no prefix"], "access_token_lifetime": 9999});
    let answer = world.post("/api/v1/clients", &token, &wrong).await;
    assert_eq!(
        (answer.status, messages(&answer)),
        (
            400,
            vec![
                "integration_type must be maskinporten.".into(),
                "client_name has 1 to 255 characters.".into(),
                "scopes are written prefix:subscope.".into(),
                "access_token_lifetime is 1 to 7200 seconds.".into(),
            ]
        )
    );
    let path = format!("/api/v1/clients/{}/jwks", actor.client_id);
    let good = serde_json::to_value(actor.key.public_jwk()).unwrap();
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    for (keys, expected) in [
        (json!([]), "keys has 1 to 5 keys. To remove the last one, use DELETE."),
        (json!([1, 2, 3, 4, 5, 6]), "keys has 1 to 5 keys. To remove the last one, use DELETE."),
        (
            json!([with("d", json!("x"))]),
            "keys[0]: it has private members. Send the public key only, and replace this one: it is no longer secret.",
        ),
        (json!([with("use", json!("enc"))]), "keys[0]: use must be sig."),
        (json!([with("use", Value::Null)]), "keys[0]: use is missing."),
        (json!([with("kty", json!("EC"))]), "keys[0]: kty must be RSA."),
        (json!([with("alg", json!("PS256"))]), "keys[0]: alg must be RS256, RS384 or RS512."),
        (
            json!([with("kid", json!("a b"))]),
            "keys[0]: kid has 1 to 255 letters, digits and the characters . _ - only.",
        ),
        (json!([with("n", json!("AQAB"))]), "keys[0]: an RSA key has 2048 to 4096 bits, this one has 17."),
        (json!([good, good]), "keys[1]: the kid is used more than once."),
    ] {
        let answer = world.post(&path, &token, &json!({"keys": keys})).await;
        assert_eq!((answer.status, messages(&answer)), (400, vec![expected.to_owned()]));
    }
    // None of it took the good key away.
    assert!(!actor.token_of_open_scope(&world).await.is_empty());
}

impl crate::world::Actor {
    /// The client has no scope that exists; its authentication is what matters.
    async fn token_of_open_scope(&self, world: &World) -> String {
        let answer = world.exchange(&self.sign(&self.claims(world, "a:b"))).await;
        assert!(answer.refusal().starts_with("400 invalid_scope MP-200"), "{answer:?}");
        answer.text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_belong_to_the_owner_of_their_prefix() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("Skatteetaten", "idporten:scopes.write").await;
    let scope = |prefix: &str, subscope: &str| json!({"prefix": prefix, "subscope": subscope, "description": "d"});
    assert_eq!(world.post("/api/v1/scopes", &token, &scope("altinn", "mine")).await.status, 403);
    assert_eq!(world.post("/api/v1/scopes", &token, &scope("nobody", "mine")).await.status, 403);
    let again = world.post("/api/v1/scopes", &token, &scope("skatteetaten", "kravogbetalinger")).await;
    assert_eq!(
        (again.status, messages(&again)),
        (409, vec![format!("The scope {SCOPE} already exists. Use PUT to change it or make it active.")])
    );
    let wrong = world.post("/api/v1/scopes", &token, &scope("skatteetaten", "with space")).await;
    assert_eq!(messages(&wrong), ["a scope has letters, digits and the characters _ - . / : only."]);
    let own = world.get("/api/v1/scopes", &token).await.json();
    assert_eq!(own.as_array().unwrap().len(), 2);
    let all = world.get("/api/v1/scopes/all", "").await.json();
    assert!(all.as_array().unwrap().iter().any(|scope| scope["name"] == json!(SCOPE)));
    let access = world.get(&format!("/api/v1/scopes/access?scope={SCOPE}"), &token).await.json();
    assert_eq!((&access[0]["consumer_orgno"], &access[0]["state"]), (&json!("991825827"), &json!("APPROVED")));
    let put = async |token: &str, org: &str| {
        let path = format!("/api/v1/scopes/access/{org}?scope={SCOPE}");
        world.send(world.request(Method::PUT, &path).bearer_auth(token)).await
    };
    assert_eq!(put(&token, "123").await.status, 400);
    let foreign = world.token("Digdir", "idporten:scopes.write").await;
    assert_eq!(put(&foreign, "991825827").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_is_public_and_written_by_its_owner() {
    let world = World::new().await;
    world.api_is_offered().await;
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}");
    // What the owner wrote comes back as it was, members that are not known included.
    let read = world.get(&path, "").await.json();
    for (name, value) in resource(RESOURCE).as_object().unwrap() {
        assert_eq!(&read[name], value, "{name}");
    }
    let policy = world.get(&format!("{path}/policy"), "").await;
    assert_eq!(policy.content_type(), "text/xml; charset=utf-8");
    assert_eq!(policy.text, policy_document(RESOURCE, &["DAGL", "INNH"], &["read"], 3));
    let list = world.get("/resourceregistry/api/v1/resource/resourcelist", "").await.json();
    assert_eq!(list.as_array().unwrap().len(), 4);
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let post = async |token: &str, body: &Value| world.post("/resourceregistry/api/v1/resource", token, body).await;
    assert_eq!(post(&token, &resource(RESOURCE)).await.problem(), "409 -");
    let foreign = world.token("Digdir", "altinn:resourceregistry/resource.write").await;
    assert_eq!(post(&foreign, &resource("some-resource")).await.status, 403);
    let admin = world.token("Digdir", "altinn:resourceregistry/resource.admin").await;
    assert_eq!(post(&admin, &resource("some-resource")).await.status, 201);
    for (name, value, member) in [
        ("identifier", json!("Has Space"), "identifier"),
        ("identifier", json!("abc"), "identifier"),
        ("identifier", json!("app_skd_x"), "identifier"),
        ("title", json!({"nb": "a"}), "title"),
        ("rightDescription", Value::Null, "rightDescription"),
        ("resourceType", json!("Nonsense"), "resourceType"),
        ("hasCompetentAuthority", json!({"organization": "1"}), "hasCompetentAuthority.organization"),
    ] {
        let mut body = resource("another-resource");
        body[name] = value;
        let answer = post(&token, &body).await;
        assert_eq!(answer.problem(), "400 -", "{body}");
        let errors = answer.json()["errors"].clone();
        assert_eq!(errors.as_object().unwrap().keys().collect::<Vec<_>>(), [member], "{errors}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_must_be_about_its_own_resource_and_says_what_is_wrong() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let send = async |content_type: &str, body: String| {
        let request = world.request(Method::PUT, &path).bearer_auth(&token).header(CONTENT_TYPE, content_type);
        world.send(request.body(body)).await
    };
    let good = || policy_document(RESOURCE, &["LEDE"], &["read", "write"], 2);
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"policyFile\"; filename=\"p.xml\"\r\n\r\n{}\r\n--b--\r\n",
        good()
    );
    assert_eq!(send("multipart/form-data; boundary=b", multipart).await.status, 201);
    assert!(world.get(&path, "").await.text.contains("LEDE"));
    let xml = async |body: String| {
        let answer = send("application/xml", body).await;
        assert_eq!(answer.problem(), "400 -");
        answer.json()["errors"]["policyFile"][0].as_str().unwrap().to_owned()
    };
    let foreign = xml(policy_document("altinn_access_management", &["DAGL"], &["read"], 2)).await;
    assert!(foreign.contains("must be about the resource ske-krav-og-betalinger and no other"), "{foreign}");
    let unknown = xml(good().replace("Effect=\"Permit\"", "Effect=\"Yes\"")).await;
    assert_eq!(unknown, "line 5 column 3: `Yes` is not a known effect.");
    let entities = xml(format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{}", good())).await;
    assert!(entities.contains("not acceptable XML"), "{entities}");
    assert!(!xml("--b--".into()).await.is_empty());
    assert_eq!(send("multipart/form-data; boundary=b", "--b--\r\n".into()).await.problem(), "400 -");
    assert_eq!(send("text/plain", good()).await.problem(), "415 -");
    assert_eq!(send("application/xml", " ".repeat(TOO_LARGE)).await.status, 413);
    // None of it replaced the good one.
    assert_eq!(world.get(&path, "").await.text, good());
}
