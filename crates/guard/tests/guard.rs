//! The guard against an issuer and a decision point that the test plays: whatever fails, nobody is let in.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is a failure")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use client::{Connection, Environment, Maskinporten};
use guard::{Caller, Denied, Guard, Requirements};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Value, json};
use token::keys::SigningKey;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

const NOW: i64 = 1_790_000_000;
const SCOPE: &str = "skatteetaten:kravogbetalinger";

/// What the services answer: the decision point's status and body, and whether keys are served.
struct Services {
    decision: (u16, Value),
    keys_status: u16,
    key: SigningKey,
}

type Shared = Arc<Mutex<Services>>;

struct World {
    guard: Arc<Guard>,
    services: Shared,
    origin: String,
}

async fn world() -> World {
    let key = SigningKey::generate(2048).unwrap();
    let own = SigningKey::generate(2048).unwrap();
    let permit = json!({"response": [{"decision": "Permit", "obligations": null}]});
    let services: Shared = Arc::new(Mutex::new(Services { decision: (200, permit), keys_status: 200, key }));
    let status = |code: u16| StatusCode::from_u16(code).unwrap();
    let keys = move |State(shared): State<Shared>| async move {
        let services = shared.lock().unwrap();
        (status(services.keys_status), json!({"keys": [services.key.public_jwk()]}).to_string())
    };
    let decide = move |State(shared): State<Shared>| async move {
        let services = shared.lock().unwrap();
        (status(services.decision.0), services.decision.1.to_string())
    };
    let token =
        async || json!({"access_token": "x", "token_type": "Bearer", "expires_in": 119, "scope": "s"}).to_string();
    let app = Router::new()
        .route("/jwk", get(keys))
        .route("/token", post(token))
        .route("/authorization/api/v1/authorize", post(decide))
        .with_state(Arc::clone(&services));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url: url::Url = origin.parse().unwrap();
    let connection = Connection::new(http, Environment::new(url.clone(), url));
    let maskinporten = Maskinporten::new(connection, "owner".into(), own).with_clock(|| NOW);
    let requirements = Requirements { scope: SCOPE.into(), resource: "krav".into(), audience: None };
    let guard = Arc::new(Guard::new(requirements, maskinporten, || NOW).unwrap());
    World { guard, services, origin }
}

impl World {
    fn claims(&self) -> Value {
        let iso = |org: &str| json!({"authority": "iso6523-actorid-upis", "ID": format!("0192:{org}")});
        json!({"iss": self.origin, "scope": SCOPE, "exp": NOW + 100, "consumer": iso("991825827"),
            "authorization_details": [{"type": "urn:altinn:systemuser", "systemuser_org": iso("310904473"),
                "systemuser_id": ["0e6f7c7a-58f0-4bb0-9a5c-4a1f2f5b9d21"], "system_id": "991825827_x"}]})
    }

    fn sign(&self, claims: &Value) -> HeaderMap {
        let token = self.services.lock().unwrap().key.sign(claims).unwrap();
        HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {token}").parse().unwrap())])
    }

    async fn authenticate(&self, claims: &Value) -> Result<Caller, String> {
        self.guard.authenticate(&self.sign(claims)).await.map_err(|denied| denied.to_string())
    }

    async fn authorize(&self, decision: (u16, Value)) -> Result<(), Denied> {
        let caller = self.authenticate(&self.claims()).await.unwrap();
        self.services.lock().unwrap().decision = decision;
        self.guard.authorize(&caller, "read", "310904473".parse().unwrap()).await
    }
}

#[tokio::test]
async fn a_good_token_names_its_caller() {
    let world = world().await;
    let caller = world.authenticate(&world.claims()).await.unwrap();
    assert_eq!(caller.owner.as_str(), "310904473");
    assert_eq!(caller.vendor.as_str(), "991825827");
    assert_eq!(caller.system_id, "991825827_x");
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_is_refused() {
    let world = world().await;
    let with = |name: &str, value: Value| {
        let mut claims = world.claims();
        claims.as_object_mut().unwrap().insert(name.to_owned(), value);
        claims
    };
    let consent = json!([{"type": "urn:altinn:consent"}]);
    let mut two = world.claims();
    two.pointer_mut("/authorization_details/0/systemuser_id").unwrap().as_array_mut().unwrap().push(json!("b"));
    for (claims, reason) in [
        (with("iss", json!("https://other.example/")), "another issuer made it"),
        (with("exp", json!(NOW - 10)), "it has expired"),
        (with("scope", json!("skatteetaten:krav")), "the token lacks the scope"),
        (with("authorization_details", json!([])), "not for a system user"),
        (with("authorization_details", consent), "not for a system user"),
        (with("consumer", json!("text")), "it is not a Maskinporten token"),
        (two, "not for a system user"),
    ] {
        let error = world.authenticate(&claims).await.unwrap_err();
        assert!(error.contains(reason), "{claims} {error}");
    }
    let stranger = SigningKey::generate(2048).unwrap();
    let kid = world.services.lock().unwrap().key.kid().to_owned();
    let forged = SigningKey::from_pkcs8(&stranger.to_pkcs8().unwrap(), Some(kid)).unwrap();
    for key in [stranger, forged] {
        let token = format!("Bearer {}", key.sign(&world.claims()).unwrap());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, token.parse().unwrap())]);
        assert!(matches!(world.guard.authenticate(&headers).await, Err(Denied::InvalidToken(_))));
    }
}

#[tokio::test]
async fn only_an_explicit_permit_lets_a_call_through() {
    let world = world().await;
    let answer = |decision: &str| json!({"response": [{"decision": decision}]});
    assert!(world.authorize((200, answer("Permit"))).await.is_ok());
    for decision in ["Deny", "NotApplicable", "Indeterminate"] {
        let denied = world.authorize((200, answer(decision))).await.unwrap_err();
        assert!(matches!(denied, Denied::NotPermitted { .. }));
        assert_eq!(denied.status(), StatusCode::FORBIDDEN);
    }
    let twice = json!({"response": [{"decision": "Permit"}, {"decision": "Permit"}]});
    for broken in
        [(200, answer("permit")), (200, twice), (200, json!("Permit")), (500, answer("Permit")), (403, json!({}))]
    {
        let denied = world.authorize(broken).await.unwrap_err();
        assert!(matches!(denied, Denied::Unavailable(_)));
        assert_eq!(denied.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn without_the_issuers_keys_nobody_is_let_in() {
    let world = world().await;
    world.services.lock().unwrap().keys_status = 500;
    let denied = world.guard.authenticate(&world.sign(&world.claims())).await.unwrap_err();
    assert_eq!(denied.status(), StatusCode::SERVICE_UNAVAILABLE);
    // Once they are fetched they are kept.
    world.services.lock().unwrap().keys_status = 200;
    assert!(world.authenticate(&world.claims()).await.is_ok());
    world.services.lock().unwrap().keys_status = 500;
    assert!(world.authenticate(&world.claims()).await.is_ok());
}

#[tokio::test]
async fn the_layer_gives_the_service_its_caller_and_answers_others_itself() {
    let world = world().await;
    let inner = service_fn(async |request: Request<String>| {
        let Some(caller) = request.extensions().get::<Caller>() else { panic!("no caller") };
        Ok::<_, std::convert::Infallible>(Response::new(caller.system_id.clone()))
    });
    let service = ServiceBuilder::new().layer(world.guard.layer()).service(inner);
    let mut request = Request::new(String::new());
    let refused = service.clone().oneshot(request.clone()).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.extensions().get::<Arc<Denied>>().is_some());
    *request.headers_mut() = world.sign(&world.claims());
    assert_eq!(service.oneshot(request).await.unwrap().into_body(), "991825827_x");
}
