//! Tokens of the platform: exchanged, made for tests, and verified.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};

use crate::answers::PIA;
use crate::world::{Answer, CUSTOMER, REGISTER, SYSTEM, World, with};

const EXCHANGE: &str = "/authentication/api/v1/exchange/maskinporten";
const OPENID: &str = "/authentication/api/v1/openid/.well-known/openid-configuration";

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn header(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

/// The national identity number of one of the sandbox's people.
async fn national_id(world: &World, name: &str) -> String {
    let persons = systembruker::sandbox::info::persons(&world.app).await.unwrap();
    persons.into_iter().find(|person| person.name == name).unwrap().national_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_maskinporten_is_exchanged() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let original = vendor.ask_for_system_user(&world, CUSTOMER, None).await.json()["access_token"].clone();
    let original = original.as_str().unwrap();
    let exchanged = world.get(&format!("{EXCHANGE}?test=true"), original).await;
    assert_eq!((exchanged.status, exchanged.content_type()), (200, "text/plain; charset=utf-8"));
    let (before, after) = (claims(original), claims(&exchanged.text));
    let issuer = format!("{}/authentication/api/v1/openid/", world.origin);
    assert_eq!(after["iss"], json!(issuer));
    assert_eq!((&after["urn:altinn:orgNumber"], &after["urn:altinn:authlevel"]), (&json!("991825827"), &json!(3)));
    assert_eq!(after["urn:altinn:authenticatemethod"], json!("maskinporten"));
    for kept in ["scope", "consumer", "client_id", "jti", "exp"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    assert_eq!((after.get("client_amr"), after.get("urn:altinn:org")), (None, None));
    // A list of one has become the object, and is still read as the system user.
    assert_eq!(after["authorization_details"]["systemuser_id"], json!([id]));
    // Who verifies finds the key.
    let metadata = world.get(OPENID, "").await.json();
    assert_eq!(
        (&metadata["issuer"], &metadata["jwks_uri"]),
        (&json!(issuer), &json!(format!("{}{OPENID}/jwks", world.origin)))
    );
    let keys = world.get(&format!("{OPENID}/jwks"), "").await.json();
    assert_eq!(keys["keys"][0]["kid"], header(&exchanged.text)["kid"]);
    assert!(!keys["keys"][0]["n"].as_str().unwrap().contains(['+', '/', '=']), "base64url");
    // It is as good as the one it was exchanged for, and not exchanged again.
    let registration = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let registration = world.get(EXCHANGE, &registration).await.text;
    assert_eq!(world.get(&format!("{REGISTER}/{SYSTEM}"), &registration).await.status, 200);
    assert_eq!(world.get(EXCHANGE, &registration).await.status, 401);
    world.advance(300).await;
    assert_eq!(world.get(&format!("{REGISTER}/{SYSTEM}"), &registration).await.status, 401);
    assert_eq!(world.get(EXCHANGE, original).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_exchanged_is_refused() {
    let world = World::new().await;
    let token = world.token("SmartCloud AS", "idporten:dcr.read").await;
    let get = async |provider: &str, authorization: Option<&str>| -> Answer {
        let request = world.request(Method::GET, &format!("/authentication/api/v1/exchange/{provider}"));
        let request = match authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        };
        world.send(request).await
    };
    let bearer = format!("Bearer {token}");
    assert_eq!(get("other", None).await.problem(), "401 -");
    assert_eq!(get("maskinporten", Some("Basic x")).await.problem(), "401 -");
    assert_eq!(get("maskinporten", Some("Bearer x")).await.problem(), "401 -");
    let unknown = get("other", Some(&bearer)).await;
    assert_eq!((unknown.status, unknown.content_type()), (400, "text/plain; charset=utf-8"));
    assert_eq!(get("id-porten", Some(&bearer)).await.problem(), "401 -");
    assert_eq!(get("Maskinporten", Some(&bearer)).await.status, 200);
    let (rest, _) = bearer.rsplit_once('.').unwrap();
    assert_eq!(get("maskinporten", Some(&format!("{rest}.AAAA"))).await.problem(), "401 -");
    let enterprise = world.request(Method::GET, EXCHANGE).bearer_auth(&token);
    let enterprise = enterprise.header("X-Altinn-EnterpriseUser-Authentication", "x");
    assert_eq!(world.send(enterprise).await.problem(), "410 -");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_token_of_the_login_provider_is_exchanged() {
    const ID_PORTEN: &str = "/authentication/api/v1/exchange/id-porten";
    let world = World::new().await;
    let (app, now) = (&world.app, world.app.clock.seconds());
    let pia = national_id(&world, PIA).await;
    let provider = format!("{}/sandbox/login", world.origin);
    let good = json!({"iss": provider, "aud": "x", "sub": "x", "sid": "x", "exp": now + 600, "iat": now, "pid": pia, "amr": ["BankID"],
        "acr": "idporten-loa-high", "scope": "openid altinn:portal/enduser", "client_id": "x", "consumer": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}});
    let keys = app.model.test_login_keys();
    let sign = |claims: &Value| keys.signing(app.clock.now()).unwrap().sign(claims).unwrap();
    let exchanged = world.get(ID_PORTEN, &sign(&good)).await;
    assert_eq!((exchanged.status, exchanged.content_type()), (200, "text/plain; charset=utf-8"), "{exchanged:?}");
    let said = claims(&exchanged.text);
    assert_eq!(said["exp"], good["exp"]);
    assert_eq!((&said["urn:altinn:authlevel"], &said["urn:altinn:authenticatemethod"]), (&json!(4), &json!("BankID")));
    assert_eq!((said.get("aud"), said.get("sub")), (None, None));
    assert_eq!(said["iss"], json!(format!("{}/authentication/api/v1/openid/", world.origin)));
    // It is as good as a session: Pia sees what her organisation has.
    let own = format!("/authentication/api/v1/systemuser/{}", world.party_id(CUSTOMER));
    assert_eq!(world.get(&own, &exchanged.text).await.status, 200);
    for (change, to, expected) in [
        ("scope", json!("openid"), 403),
        ("scope", Value::Null, 403),
        ("iss", json!(format!("{provider}/")), 401),
        ("exp", json!(now - 11), 401),
        ("exp", Value::Null, 401),
        ("nbf", json!(now + 60), 401),
        ("pid", json!("17858212082"), 401),
        ("pid", Value::Null, 401),
        ("consumer", Value::Null, 401),
        ("acr", json!("selfregistered-email"), 401),
        ("acr", Value::Null, 401),
    ] {
        let refused = world.get(ID_PORTEN, &sign(&with(good.clone(), change, to.clone()))).await;
        assert_eq!(refused.status, expected, "{change} {to}");
    }
    // Maskinporten's are not the login provider's, nor the other way round.
    let foreign = world.token("SmartCloud AS", "idporten:dcr.read").await;
    assert_eq!(world.get(ID_PORTEN, &foreign).await.status, 401);
    assert_eq!(world.get(EXCHANGE, &sign(&good)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_for_tests_are_given_to_anybody_in_a_sandbox() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let get = async |path: &str| {
        world.send(world.request(Method::GET, &format!("/api/{path}")).basic_auth("any", Some("body"))).await
    };
    let token = get(
        "GetEnterpriseToken?env=tt02&orgNo=991825827&scopes=altinn%3Aauthentication%2Fsystemregister.write+a&ttl=3600",
    )
    .await;
    assert_eq!((token.status, token.content_type()), (200, "text/plain; charset=utf-8"), "{token:?}");
    let said = claims(&token.text);
    assert_eq!(said["consumer"], json!({"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}));
    assert_eq!(
        (&said["urn:altinn:orgNumber"], &said["scope"]),
        (&json!("991825827"), &json!("altinn:authentication/systemregister.write a"))
    );
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 3_600);
    assert_eq!(world.get(&format!("{REGISTER}/{SYSTEM}"), &token.text).await.status, 200);
    let by_code = claims(&get("GetEnterpriseToken?org=ttd&scopes=altinn:portal/enduser").await.text);
    assert_eq!(by_code["urn:altinn:org"], json!("ttd"));
    let of_user = claims(&get(&format!("GetSystemUserToken?systemUserId={id}&scopes=x")).await.text);
    let detail = json!({"type": "urn:altinn:systemuser", "systemuser_id": [id],
        "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{CUSTOMER}")}, "system_id": SYSTEM});
    assert_eq!(of_user["authorization_details"], detail);
    assert_eq!(of_user["consumer"]["ID"], json!("0192:991825827"));
    assert_eq!(get("GetSystemUserToken").await.problem(), "400 -");
    assert_eq!(get("GetEnterpriseToken?orgNo=5").await.problem(), "400 -");
    assert_eq!(claims(&get("GetPlatformAccessToken").await.text)["urn:altinn:app"], json!("authentication"));
}
