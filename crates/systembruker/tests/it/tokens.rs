//! The token endpoint: what it gives, and every refusal.

use reqwest::Method;
use serde_json::{Value, json};
use token::access_token::AccessTokenClaims;
use token::jws::Jws;
use token::keys::{JwkSet, SigningKey, VerifyingKey};

use crate::world::{Actor, CUSTOMER, SCOPE, VENDOR_SCOPES, World, asked, system, with};

const API: &str = "skatteetaten:testinnsyn";

async fn refused(world: &World, actor: &Actor, claims: &Value) -> String {
    world.exchange(&actor.sign(claims)).await.refusal()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_has_the_documented_form_and_verifies_with_the_published_keys() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let answer = world.exchange(&actor.sign(&actor.claims(&world, API))).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&json!("Bearer"), &json!(119), &json!(API))
    );
    assert_eq!(body.as_object().unwrap().len(), 4);
    let token = body["access_token"].as_str().unwrap();
    let jws = Jws::parse(token).unwrap();
    let keys: JwkSet = serde_json::from_str(&world.get("/jwk", "").await.text).unwrap();
    let key = keys.keys.iter().find(|key| key.kid == jws.header().kid).unwrap();
    assert_eq!((key.usage.as_deref(), key.alg.as_deref(), &*key.kty), (Some("sig"), Some("RS256"), "RSA"));
    let payload = jws.verify(&VerifyingKey::from_jwk(key).unwrap()).unwrap();
    let claims: AccessTokenClaims = serde_json::from_slice(payload).unwrap();
    assert_eq!(claims.iss, format!("{}/", world.origin));
    assert_eq!(claims.exp - claims.iat, 120);
    assert_eq!(claims.client_amr, "private_key_jwt");
    assert_eq!((claims.consumer.id.as_str(), claims.jti.len()), ("0192:991825827", 43));
    let names: Value = serde_json::from_slice(payload).unwrap();
    for absent in ["sub", "nbf", "aud", "supplier", "authorization_details"] {
        assert!(names.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_that_clients_in_use_send_are_accepted() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let claims = || actor.claims(&world, API);
    let now = world.app.clock.seconds();
    for accepted in [
        with(claims(), "jti", Value::Null),
        with(claims(), "sub", json!(actor.client_id)),
        with(claims(), "nbf", json!(now)),
        with(claims(), "exp", json!(now + 10)),
        with(claims(), "exp", json!(now + 120)),
        with(claims(), "iat", json!(now + 5)),
        with(claims(), "aud", json!([format!("{}/", world.origin)])),
        with(claims(), "pid", json!("17858212081")),
    ] {
        let answer = world.exchange(&actor.sign(&accepted)).await;
        assert_eq!(answer.status, 200, "{accepted} {answer:?}");
    }
    // The URN unescaped, and a parameter that is not known.
    let body =
        format!("alg=RS256&grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={}", actor.sign(&claims()));
    let request = world
        .request(Method::POST, "/token")
        .header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
    assert_eq!(world.send(request.body(body)).await.status, 200);
    // One audience is a text.
    let answer = world.exchange(&actor.sign(&with(claims(), "resource", json!(["https://api.example"])))).await.json();
    let payload = Jws::parse(answer["access_token"].as_str().unwrap()).unwrap().unverified_payload().to_vec();
    assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["aud"], json!("https://api.example"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_is_refused() {
    let world = World::new().await;
    let post = async |body: &str| {
        let request = world.request(Method::POST, "/token").header("Content-Type", "application/x-www-form-urlencoded");
        world.send(request.body(body.to_owned())).await.refusal()
    };
    let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    assert_eq!(post("").await, "400 invalid_request - Invalid request. The parameter grant_type is missing.");
    assert_eq!(post(grant).await, "400 invalid_request - Invalid request. The parameter assertion is missing.");
    assert_eq!(
        post(&format!("{grant}&{grant}")).await,
        "400 invalid_request - Invalid request. The parameter grant_type is there more than once."
    );
    assert_eq!(
        post("grant_type=client_credentials&assertion=x").await,
        "400 unsupported_grant_type - Unsupported grant type. Use urn:ietf:params:oauth:grant-type:jwt-bearer."
    );
    assert_eq!(
        post(&format!("{grant}&assertion=abc")).await,
        "400 invalid_request MP-011 Invalid assertion. Invalid parameter value. The token is not three parts separated by dots."
    );
    assert_eq!(
        post("\u{0}\u{1}%%%=&&&").await,
        "400 invalid_request - Invalid request. The parameter grant_type is missing."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_claim_that_is_wrong_is_named() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let claims = |name: &str, value: Value| with(actor.claims(&world, API), name, value);
    let now = world.app.clock.seconds();
    for (claims, expected) in [
        (
            claims("iss", Value::Null),
            "400 invalid_request MP-011 Invalid assertion. Invalid parameter value. The claim iss is missing.",
        ),
        (
            claims("scope", json!(" ")),
            "400 invalid_request MP-011 Invalid assertion. Invalid parameter value. The claim scope is not a text.",
        ),
        (
            claims("admin", json!(1)),
            "400 invalid_grant MP-011 Invalid assertion. Invalid parameter value. The claim admin is not known; remove it.",
        ),
        (
            claims("exp", json!("soon")),
            "400 invalid_request MP-011 Invalid assertion. Invalid parameter value. The claim exp is not a number of seconds since 1970.",
        ),
        (
            claims("iss", json!("nobody")),
            "400 invalid_grant MP-100 Invalid assertion. Client authentication failed. Client not found. Check iss: it is the client id, and clients belong to one environment.",
        ),
        (
            claims("pid", json!("12345678901")),
            "400 invalid_request MP-011 Invalid assertion. Invalid parameter value. The claim pid is not a national identity number.",
        ),
        (
            claims("consumer_org", json!("991825827")),
            "400 invalid_request - Validation of JWT claim failed: The combination consumer_org in claim and delegation scope on client is invalid. consumer_org is the client's own organisation. Leave it out.",
        ),
        (
            claims("consumer_org", json!("310904473")),
            "403 forbidden MP-251 Consumer 310904473 has not delegated access to the scope skatteetaten:testinnsyn to supplier 991825827. The scope cannot be delegated: its owner has set no delegation_source. Leave consumer_org out, or ask the owner.",
        ),
    ] {
        assert_eq!(refused(&world, &actor, &claims).await, expected);
    }
    let wrong_audience = refused(&world, &actor, &claims("aud", json!(format!("{}/token", world.origin)))).await;
    assert_eq!(
        wrong_audience,
        format!(
            "400 invalid_grant MP-110 Invalid assertion. Client authentication failed. Invalid JWT claim aud. aud must be {}/",
            world.origin
        )
    );
    for (claims, expected) in [
        (claims("iat", json!(now + 60)), "400 invalid_grant - Issue time is after now. The grant's iat is "),
        (
            with(claims("iat", json!(now - 100)), "exp", json!(now - 5)),
            "400 invalid_grant MP-130 JWT is expired. The grant expired ",
        ),
        (
            with(claims("exp", json!(now + 3_600)), "iat", json!(now)),
            "400 invalid_grant - Invalid assertion. Client authentication failed. The grant lasts 3600 s from iat to exp; it must last from 1 to 180 s.",
        ),
    ] {
        let came = refused(&world, &actor, &claims).await;
        assert!(came.starts_with(expected), "{came}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_bound_to_clients_and_signatures_to_keys() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let claims = || actor.claims(&world, API);
    let stranger = SigningKey::generate(2048).unwrap();
    let unknown = "400 invalid_grant - Invalid assertion. Client authentication failed. Unknown key identifier (kid) for client. Register the key on the client, or name one that is.";
    assert_eq!(world.exchange(&stranger.sign(&claims()).unwrap()).await.refusal(), unknown);
    // Another client's key does not do either.
    let other = world.seeded("Skatteetaten");
    assert_eq!(world.exchange(&other.sign(&claims())).await.refusal(), unknown);
    // A foreign key under the right name.
    let forged = SigningKey::from_pkcs8(&stranger.to_pkcs8().unwrap(), Some(actor.key.kid().to_owned())).unwrap();
    let wrong = "400 invalid_grant MP-124 Invalid assertion. Client authentication failed. Invalid JWT signature. The signature is not of the key or certificate that the header names, with the algorithm that the key is registered for.";
    assert_eq!(world.exchange(&forged.sign(&claims()).unwrap()).await.refusal(), wrong);
    // A good signature over something else.
    let good = actor.sign(&claims());
    let (_, signature) = good.rsplit_once('.').unwrap();
    let other = actor.sign(&claims());
    let (signed, _) = other.rsplit_once('.').unwrap();
    assert_eq!(world.exchange(&format!("{signed}.{signature}")).await.refusal(), wrong);
    for header in [r#"{"alg":"none","kid":"KID"}"#, r#"{"alg":"HS256","kid":"KID"}"#, r#"{"alg":"RS512","kid":"KID"}"#]
    {
        use base64::Engine as _;
        let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let header = encode(&header.replace("KID", actor.key.kid()));
        let payload = encode(&claims().to_string());
        assert_eq!(world.exchange(&format!("{header}.{payload}.{signature}")).await.refusal(), wrong);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_for_a_year_and_a_repost_renews_it() {
    let world = World::new().await;
    let actor = world.new_client(&[API]).await;
    world.advance(366 * 24 * 3_600).await;
    assert_eq!(
        refused(&world, &actor, &actor.claims(&world, API)).await,
        "400 invalid_grant MP-121 Invalid assertion. Client authentication failed. Expired key. A registered key lasts a year. Post it again, or a new one."
    );
    // The administration client's key has expired too; the sandbox is started over.
    assert_eq!(world.send(world.request(Method::POST, "/systembruker/api/v1/sandbox/reset")).await.status, 204);
    assert!(!world.seeded("SmartCloud AS").token(&world, API).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_must_be_on_the_client_and_granted() {
    let world = World::new().await;
    world.api_is_offered().await;
    let actor = world.new_client(&[API, "altinn:maskinporten/systemuser.read", "skatteetaten:unknown"]).await;
    let ask = async |scope: &str| world.exchange(&actor.sign(&actor.claims(&world, scope))).await;
    assert_eq!(
        ask(&format!("{SCOPE} {API} skatteetaten:unknown")).await.refusal(),
        "400 invalid_scope MP-200 Token request contains invalid scopes for client, skatteetaten:kravogbetalinger skatteetaten:unknown. On the client, but deactivated or not existing (ask the owner): skatteetaten:unknown. The others are not on the client: add them."
    );
    assert_eq!(
        ask("altinn:maskinporten/systemuser.read").await.refusal(),
        "400 invalid_scope MP-250 Consumer has not been granted access to the scope altinn:maskinporten/systemuser.read. Ask the owner of the scope to grant it to your organisation."
    );
    // The scope comes back as it was written.
    let spaced = format!("{API}  {API}");
    assert_eq!(ask(&spaced).await.json()["scope"], json!(spaced));
    // Taken back, it counts at once.
    let token = world.token("Skatteetaten", "idporten:scopes.write").await;
    let path = format!("/api/v1/scopes/access/991825827?scope={API}");
    assert_eq!(world.send(world.request(Method::DELETE, &path).bearer_auth(token)).await.status, 200);
    assert!(ask(API).await.refusal().starts_with("400 invalid_scope MP-250"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_good_for_one_token() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let used = "400 invalid_grant MP-012 Grant is used before. Sign a new one, with a new jti, for every request.";
    for claims in [actor.claims(&world, API), with(actor.claims(&world, API), "jti", Value::Null)] {
        let assertion = actor.sign(&claims);
        assert_eq!(world.exchange(&assertion).await.status, 200);
        // What stands around it makes it no other grant.
        for again in [assertion.clone(), format!("{assertion} "), format!("\n\t{assertion}\r\n")] {
            assert_eq!(world.exchange(&again).await.refusal(), used);
        }
    }
    // The same jti in another grant is the same grant.
    let first = actor.claims(&world, API);
    let second = with(first.clone(), "exp", json!(first["exp"].as_i64().unwrap() + 1));
    assert_eq!(world.exchange(&actor.sign(&first)).await.status, 200);
    assert_eq!(world.exchange(&actor.sign(&second)).await.refusal(), used);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_from_before_a_restart_or_a_turned_clock_is_refused() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let (assertion, unused) = (actor.sign(&actor.claims(&world, API)), actor.sign(&actor.claims(&world, API)));
    assert_eq!(world.exchange(&assertion).await.status, 200);
    world.advance(300).await;
    world.advance(-300).await;
    assert!(world.exchange(&assertion).await.refusal().contains("MP-012"));
    assert_eq!(
        world.exchange(&unused).await.refusal(),
        "400 invalid_grant - Invalid assertion. Client authentication failed. The grant was signed before the service started last. Sign a new one, in a few seconds."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn authorization_details_are_read_exactly() {
    let world = World::new().await;
    let actor = world.seeded("SmartCloud AS");
    let ask = async |details: Value| {
        let claims = with(actor.claims(&world, API), "authorization_details", details);
        world.exchange(&actor.sign(&claims)).await.refusal()
    };
    let org = json!({"authority": "iso6523-actorid-upis", "ID": "0192:310904473"});
    assert_eq!(
        ask(json!([{"type": "urn:altinn:other"}])).await,
        "400 invalid_authorization_details MP-301 Invalid authorization_details. The authorization details type urn:altinn:other is not known; use urn:altinn:systemuser."
    );
    assert_eq!(
        ask(json!([{"type": "urn:altinn:systemuser", "systemuser_org": org, "extra": 1}])).await,
        "400 invalid_authorization_details MP-302 Invalid authorization_details. The authorization details have an unknown field extra; remove it."
    );
    for wrong in [
        json!([]),
        json!({}),
        json!([{"type": "urn:altinn:systemuser"}]),
        json!([{"type": "urn:altinn:consent", "id": "x"}]),
    ] {
        let came = ask(wrong).await;
        assert!(came.starts_with("400 invalid_authorization_details MP-303 "), "{came}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn why_there_is_no_system_user_is_told_to_the_vendor() {
    let world = World::new().await;
    const NONE: &str = "400 invalid_altinn_customer_configuration MP-303 Invalid authorization_details. No matching system user found.";
    let vendor = world.vendor().await;
    let ask = async |actor: &Actor, org: &str, external_ref: Option<&str>| {
        let came = actor.ask_for_system_user(&world, org, external_ref).await.refusal();
        came.strip_prefix(NONE).unwrap_or_else(|| panic!("{came}")).trim().to_owned()
    };
    let outside = world.new_client(&VENDOR_SCOPES).await;
    assert_eq!(
        ask(&outside, CUSTOMER, None).await,
        "The client id is registered on no system in the system register. Add it to the system's clientId list."
    );
    let none = "The customer has no system user for this system. Post a request for one. systemuser_org must be the owner of the system user, not a client of the owner.";
    assert_eq!(ask(&vendor, CUSTOMER, None).await, none);
    assert_eq!(ask(&vendor, "312659603", None).await, none);

    let request = world.ask(&vendor, &asked()).await.json();
    let id = request["id"].as_str().unwrap();
    let waits = ask(&vendor, CUSTOMER, None).await;
    assert!(waits.starts_with("A request for this system user waits for the customer's approval."), "{waits}");
    world.advance(10 * 24 * 3_600).await;
    assert_eq!(
        ask(&vendor, CUSTOMER, None).await,
        "The request for this system user was not answered in time. Post a new one."
    );

    let again = world.ask(&vendor, &asked()).await;
    assert_eq!(again.status, 201);
    let (mut browser, page) = world.open_request("Pia Tilfeldig", again.json()["id"].as_str().unwrap()).await;
    browser.press(&page, "Avvis").await.unwrap();
    let rejected = ask(&vendor, CUSTOMER, None).await;
    assert!(rejected.starts_with("The customer rejected the request"), "{rejected}");
    assert_ne!(again.json()["id"], json!(id));

    // Under another reference there is one; under this one there is none.
    let mut other = asked();
    other["externalRef"] = json!("avdeling-2");
    let other = world.ask(&vendor, &other).await.json();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", other["id"].as_str().unwrap()).await;
    browser.press(&page, "Godkjenn").await.unwrap();
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, Some("avdeling-2")).await.status, 200);
    let reference = ask(&vendor, CUSTOMER, Some("avdeling-3")).await;
    assert!(
        reference.starts_with("The customer has a system user for this system under another externalRef."),
        "{reference}"
    );
    assert_eq!(
        ask(&vendor, "312651386", None).await,
        "The organisation is a sub-unit. Its main unit 310904473 has a system user: ask with that number."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_vendors_client_learns_nothing_of_a_system_user() {
    let world = World::new().await;
    let (_, _) = world.system_user().await;
    // A client of Skatteetaten's, on no system, asks for SmartCloud's customer.
    let other = world.seeded("Skatteetaten");
    let claims = with(
        other.claims(&world, "altinn:authorization/authorize"),
        "authorization_details",
        json!([{"type": "urn:altinn:systemuser", "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:310904473"}}]),
    );
    let came = refused(&world, &other, &claims).await;
    assert!(came.contains("The client id is registered on no system"), "{came}");
    // A system that lists another organisation's client gets nothing either.
    let token = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    let listed = world.post(crate::world::REGISTER, &token, &system("991825827_other", &other.client_id)).await;
    assert_eq!(listed.json()["validationErrors"][0]["code"], json!("AUTH.VLD-00004"));
    let system = model::RegisteredSystem {
        internal_id: world.app.random.uuid(),
        id: model::SystemId::registered("991825827_other".into()),
        client_ids: vec![other.client_id.clone()],
        ..(*world.app.model.system_by_id(crate::world::SYSTEM).unwrap()).clone()
    };
    world.change(async |tx| tx.insert_system(&system).await.unwrap()).await;
    let claims = with(claims, "jti", json!("another"));
    let came = refused(&world, &other, &claims).await;
    assert!(
        came.contains("The client and the system it is registered on belong to different organisations."),
        "{came}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_has_exactly_seven_members() {
    let world = World::new().await;
    let metadata = world.get("/.well-known/oauth-authorization-server", "").await.json();
    let issuer = format!("{}/", world.origin);
    assert_eq!(
        metadata,
        json!({"issuer": issuer, "token_endpoint": format!("{issuer}token"), "jwks_uri": format!("{issuer}jwk"),
            "grant_types_supported": ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": ["RS256", "RS384", "RS512"],
            "authorization_details_types_supported": ["urn:altinn:systemuser", "urn:altinn:consent"]})
    );
}
