//! The token service beyond the plain grant: certificates, delegation, strictness, limits, keys and their times; and the
//! administration.

use std::num::NonZeroU32;
use std::path::Path;

use jiff::SignedDuration;
use model::ScopeDelegation;
use reqwest::Method;
use serde_json::{Value, json};
use store::ChangeKind;
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::maskinporten::housekeeping;
use systembruker::maskinporten::keys::RotationPolicy;
use systembruker::maskinporten::service::{CertificateSource, TokenSettings};
use systembruker::sandbox::seed::WITH_CERTIFICATE;
use token::certificates::CertificateChain;
use token::certificates::authority::{Authority, Profile, Subject};
use token::grant::Strictness;
use token::jws::Jws;
use token::keys::SigningKey;

use crate::world::{Actor, Answer, CUSTOMER, World, postgres, sign_with_header, with};

const API: &str = "skatteetaten:testinnsyn";

/// A token service that trusts this authority, whose revocation lists are in files.
pub fn trusting(authority: &Authority, revoked: &[u64], folder: &Path) -> TokenSettings {
    let roots = folder.join("roots.pem");
    std::fs::write(&roots, authority.root_pem()).unwrap();
    let revocation_lists = revoke(authority, revoked, folder);
    TokenSettings {
        certificates: Some(CertificateSource::Files { roots, revocation_lists }),
        ..TokenSettings::default()
    }
}

/// Writes the authority's revocation lists.
fn revoke(authority: &Authority, revoked: &[u64], folder: &Path) -> Vec<std::path::PathBuf> {
    // Valid in the year of the machine's clock and the next.
    let year = systembruker::clock::Clock::default().now().to_zoned(jiff::tz::TimeZone::UTC).year();
    let lists = authority.revocation_lists(revoked, i32::from(year)).unwrap();
    let files = lists.iter().enumerate().map(|(index, list)| {
        let file = folder.join(format!("{index}.crl"));
        std::fs::write(&file, list).unwrap();
        file
    });
    files.collect()
}

/// A sandbox that gives a client one token a second.
pub async fn limited_world() -> World {
    World::with_tokens(TokenSettings { requests_per_second: NonZeroU32::new(1), ..TokenSettings::default() }).await
}

/// The claims of the token in an answer.
fn claims_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let token = Jws::parse(body["access_token"].as_str().unwrap()).unwrap();
    serde_json::from_slice(token.unverified_payload()).unwrap()
}

fn subject(profile: Profile) -> Subject {
    Subject { organisation: "991825827".parse().unwrap(), name: "SmartCloud AS".into(), profile }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_profiles_of_certificates_authenticate_a_client_without_keys() {
    let authority = Authority::new(2020).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let world = World::with_tokens(trusting(&authority, &[], folder.path())).await;
    let actor = world.seeded(WITH_CERTIFICATE);
    for (profile, alg) in [(Profile::SerialNumber, "RS256"), (Profile::OrganizationIdentifier, "RS512")] {
        let chain = authority.issue(&actor.key, &subject(profile), 2020..2049, 7).unwrap();
        let x5c = CertificateChain::from_pem(&chain).unwrap().to_x5c();
        let grant = sign_with_header(&actor.key, &json!({"alg": alg, "x5c": x5c}), &actor.claims(&world, API));
        let claims = claims_of(&world.exchange(&grant).await);
        assert_eq!(claims["client_amr"], json!("virksomhetssertifikat"));
        assert_eq!(claims["consumer"]["ID"], json!("0192:991825827"));
        // HS256 with the certificate as the secret, and the like, are not even tried.
        for alg in ["none", "HS256", "PS256", "ES256"] {
            let forged = grant.replacen(grant.split('.').next().unwrap(), &header(alg, &x5c), 1);
            assert!(world.exchange(&forged).await.refusal().starts_with("400 invalid_grant MP-124"), "{alg}");
        }
    }
    world.stop().await;
}

fn header(alg: &str, x5c: &[String]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json!({"alg": alg, "x5c": x5c}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_bound_to_a_certificate_falls_with_it() {
    let authority = Authority::new(2020).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let world = World::with_tokens(trusting(&authority, &[], folder.path())).await;
    let actor = world.new_client(&[API]).await;
    let chain = authority.issue(&actor.key, &subject(Profile::SerialNumber), 2020..2049, 7).unwrap();
    let mut jwk = serde_json::to_value(actor.key.public_jwk()).unwrap();
    jwk["x5c"] = json!(CertificateChain::from_pem(&chain).unwrap().to_x5c());
    let token = world.token("SmartCloud AS", "idporten:dcr.modify").await;
    let path = format!("/api/v1/clients/{}/jwks", actor.client_id);
    let posted = world.post(&path, &token, &json!({"keys": [jwk]})).await;
    assert_eq!(posted.json()["keys"][0]["x5c"], jwk["x5c"]);
    let ask = async || world.exchange(&actor.sign(&actor.claims(&world, API))).await;
    assert_eq!(claims_of(&ask().await)["client_amr"], json!("private_key_jwt"));
    revoke(&authority, &[7], folder.path());
    world.app.tokens.reload_certificates();
    assert!(ask().await.refusal().starts_with("400 invalid_grant MP-120"));
    // Lists that cannot be read leave those from before in force.
    std::fs::write(folder.path().join("0.crl"), "damaged").unwrap();
    world.app.tokens.reload_certificates();
    assert!(ask().await.refusal().contains("It is revoked"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn how_strictly_grants_are_read_is_one_switch() {
    let world_with =
        async |strictness| World::with_tokens(TokenSettings { strictness, ..TokenSettings::default() }).await;
    for (strictness, accepted) in [
        (Strictness::Strict, [true, false, false, false, false]),
        (Strictness::Standard, [true, true, false, false, false]),
        (Strictness::Lenient, [true, true, true, true, true]),
    ] {
        let world = world_with(strictness).await;
        let actor = world.seeded("SmartCloud AS");
        let claims = |name: &str, value: Value| with(actor.claims(&world, API), name, value);
        let now = world.app.clock.seconds();
        let tries = [
            claims("exp", json!(now + 119)),
            claims("exp", json!(now + 178)),
            claims("admin", json!(true)),
            claims("aud", json!(format!("{}/token", world.origin))),
            claims("aud", json!(world.origin)),
        ];
        let mut came = vec![];
        for claims in &tries {
            came.push(world.exchange(&actor.sign(claims)).await.status == 200);
        }
        assert_eq!(came, accepted, "{strictness:?}");
        // What would be another token than the one asked for is refused at any level.
        let refused = world.exchange(&actor.sign(&claims("iss_onbehalfof", json!("x")))).await.refusal();
        assert!(refused.starts_with("400 invalid_grant MP-011"), "{refused}");
        world.stop().await;
    }
}

async fn delegation_counts_at_once(world: World) {
    let owner = world.token("Skatteetaten", "idporten:scopes.write").await;
    let name = "skatteetaten:delegable";
    let scope = json!({"prefix": "skatteetaten", "subscope": "delegable", "description": "d",
        "delegation_source": format!("{}/", world.origin)});
    assert_eq!(world.post("/api/v1/scopes", &owner, &scope).await.status, 200);
    let path = format!("/api/v1/scopes/access/{CUSTOMER}?scope={name}");
    assert_eq!(world.send(world.request(Method::PUT, &path).bearer_auth(&owner)).await.status, 200);
    let supplier = world.new_client(&[name]).await;
    let ask = async || {
        let claims = with(supplier.claims(&world, name), "consumer_org", json!(CUSTOMER));
        world.exchange(&supplier.sign(&claims)).await
    };
    assert_eq!(ask().await.status, 403);
    let (consumer, org) = (CUSTOMER.parse().unwrap(), "991825827".parse().unwrap());
    let delegation = ScopeDelegation { scope: name.parse().unwrap(), consumer, supplier: org };
    world.change(async |tx| tx.put_scope_delegation(&delegation).await.unwrap()).await;
    let claims = claims_of(&ask().await);
    assert_eq!(claims["consumer"], json!({"authority": "iso6523-actorid-upis", "ID": "0192:310904473"}));
    assert_eq!(claims["supplier"], json!({"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}));
    assert_eq!(claims["delegation_source"], json!(format!("{}/", world.origin)));
    // The supplier was never granted the scope itself.
    let own = world.exchange(&supplier.sign(&supplier.claims(&world, name))).await.refusal();
    assert!(own.starts_with("400 invalid_scope MP-250"), "{own}");
    world.change(async |tx| assert!(tx.delete_scope_delegation(&delegation).await.unwrap())).await;
    assert_eq!(ask().await.status, 403);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegated_scope_gives_a_token_with_a_supplier_on_sqlite() {
    delegation_counts_at_once(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delegated_scope_gives_a_token_with_a_supplier_on_postgres() {
    delegation_counts_at_once(World::on_postgres().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_apis_are_known_by_their_prefixes() {
    let world = World::new().await;
    let owner = world.seeded("Skatteetaten");
    let claims = |scope| world.exchange_claims(&owner, scope);
    let registry = claims_of(&claims("altinn:resourceregistry/resource.write").await);
    assert_eq!(registry["consumer_prefix"], json!(["skatteetaten"]));
    assert_eq!(claims_of(&claims("idporten:dcr.read").await).get("consumer_prefix"), None);
}

impl World {
    async fn exchange_claims(&self, actor: &Actor, scope: &str) -> Answer {
        self.exchange(&actor.sign(&actor.claims(self, scope))).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let world = limited_world().await;
    let busy = world.seeded("SmartCloud AS");
    let mut refused = None;
    for _ in 0..10 {
        let answer = world.exchange_claims(&busy, API).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("ten requests at once are too many for one a second");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    // Whoever cannot sign for a client uses nothing of its share up.
    let other = world.seeded("Skatteetaten");
    let stranger = SigningKey::generate(2048).unwrap();
    let stranger = SigningKey::from_pkcs8(&stranger.to_pkcs8().unwrap(), Some(other.key.kid().to_owned())).unwrap();
    for _ in 0..10 {
        let forged = stranger.sign(&other.claims(&world, "idporten:dcr.read")).unwrap();
        assert!(world.exchange(&forged).await.refusal().contains("MP-124"));
    }
    assert_eq!(world.exchange_claims(&other, "idporten:dcr.read").await.status, 200);
}

/// Grants that were used are used after a restart too, whether they were recorded all along or when the instance stopped.
async fn recorded(database: Option<String>, record_used_grants: bool) {
    let folder = tempfile::TempDir::new().unwrap();
    let options = || SandboxOptions {
        data: Some(folder.path().to_owned()),
        database: database.clone(),
        tokens: TokenSettings { record_used_grants, ..TokenSettings::default() },
        ..SandboxOptions::default()
    };
    let world = World::with(options()).await;
    let actor = world.seeded("SmartCloud AS");
    let with_origin = |world: &World, claims: &Value| with(claims.clone(), "aud", json!(format!("{}/", world.origin)));
    let (used, unused) = (actor.claims(&world, API), actor.claims(&world, API));
    let assertions: Vec<String> = (0..20).map(|_| actor.sign(&actor.claims(&world, API))).collect();
    let answers = futures_of(&world, &assertions).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.exchange(&actor.sign(&used)).await.status, 200);
    world.stop().await;
    // At once: grants of the second of the stop are good, if they were not used.
    let world = World::with(options()).await;
    let again = world.exchange(&actor.sign(&with_origin(&world, &used))).await.refusal();
    assert!(again.contains("MP-012"), "{again}");
    assert_eq!(world.exchange(&actor.sign(&with_origin(&world, &unused))).await.status, 200);
    world.stop().await;
}

async fn futures_of(world: &World, assertions: &[String]) -> Vec<Answer> {
    let origin = world.origin.clone();
    let tasks: Vec<_> = assertions
        .iter()
        .map(|assertion| {
            let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)];
            let request = world.http.post(format!("{origin}/token")).form(&form);
            tokio::spawn(async move {
                let response = request.send().await.unwrap();
                let (status, headers) = (response.status().as_u16(), response.headers().clone());
                Answer { status, headers, text: response.text().await.unwrap() }
            })
        })
        .collect();
    let mut answers = vec![];
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_grants_outlive_a_restart_on_sqlite() {
    recorded(None, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_are_remembered_when_an_instance_stops_in_good_order() {
    recorded(None, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn recorded_grants_outlive_a_restart_on_postgres() {
    recorded(Some(postgres().await), true).await;
    recorded(Some(postgres().await), false).await;
}

/// The ids of the published keys, and of the one that signs.
async fn keys(world: &World) -> (Vec<String>, String) {
    let published = world.get("/jwk", "").await;
    assert_eq!(published.headers["cache-control"], "public, max-age=3600");
    let set = published.json();
    let kids = set["keys"].as_array().unwrap().iter().map(|key| {
        let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["kty", "use", "alg", "kid", "e", "n", "x5c"]);
        let chain = CertificateChain::from_x5c(&key["x5c"]).unwrap();
        assert!(chain.is_for(key["n"].as_str().unwrap(), key["e"].as_str().unwrap()));
        key["kid"].as_str().unwrap().to_owned()
    });
    let kids = kids.collect();
    let token = world.token("SmartCloud AS", API).await;
    let signs = Jws::parse(&token).unwrap().header().kid.clone().unwrap();
    (kids, signs)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published_before_they_sign_and_go_when_their_time_is_over() {
    let rotation = RotationPolicy { bits: 2048, ..RotationPolicy::default() };
    let world = World::with_tokens(TokenSettings { rotation, ..TokenSettings::default() }).await;
    let hours = |hours: i64| world.app.clock.turn_to(world.app.clock.now() + SignedDuration::from_hours(hours));
    let (published, first) = keys(&world).await;
    assert_eq!(published, std::slice::from_ref(&first));
    hours(179 * 24);
    housekeeping::run(&world.app).await.unwrap();
    housekeeping::run(&world.app).await.unwrap();
    let (published, signs) = keys(&world).await;
    assert_eq!((published.len(), &signs), (2, &first), "the next key is published and does not sign yet");
    let second = published[1].clone();
    let early = world.token("SmartCloud AS", "idporten:dcr.read").await;
    hours(25);
    let (published, signs) = keys(&world).await;
    assert_eq!((published.len(), &signs), (2, &second));
    // What the first one signed shortly before is still good as long as it lasts.
    assert_eq!(world.get("/api/v1/clients", &early).await.status, 401, "it has expired");
    hours(26);
    housekeeping::run(&world.app).await.unwrap();
    assert_eq!(keys(&world).await, (vec![second.clone()], second));
    assert_eq!(
        world.app.store.read().await.unwrap().signing_keys().await.unwrap().len(),
        3,
        "with the platform's and the test login's"
    );
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_about_to_expire_is_in_the_change_log_once() {
    let world = World::new().await;
    let actor = world.new_client(&[API]).await;
    let noted = async || {
        let mut session = world.app.store.read().await.unwrap();
        let changes = session.changes_since(0).await.unwrap();
        let expiring = changes.into_iter().filter(|change| change.kind == ChangeKind::ClientKeyExpires);
        let key = format!("{} {}", actor.client_id, actor.key.kid());
        expiring.filter(|change| change.key == key).count()
    };
    housekeeping::run(&world.app).await.unwrap();
    assert_eq!(noted().await, 0);
    world.app.clock.turn_to(world.app.clock.now() + SignedDuration::from_hours(340 * 24));
    housekeeping::run(&world.app).await.unwrap();
    assert_eq!(noted().await, 1);
    world.app.clock.turn_to(world.app.clock.now() + SignedDuration::from_hours(2));
    housekeeping::run(&world.app).await.unwrap();
    assert_eq!(noted().await, 1);
    world.stop().await;
}

fn messages(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].clone();
    errors.as_array().unwrap().iter().map(|error| error["errorMessage"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_changed_and_deactivated_for_good() {
    let world = World::new().await;
    let actor = world.new_client(&[API]).await;
    let path = format!("/api/v1/clients/{}", actor.client_id);
    let modify = world.token("SmartCloud AS", "idporten:dcr.modify").await;
    let write = world.token("SmartCloud AS", "idporten:dcr.write").await;
    let send = async |method, path: &str, token: &str, body: Option<&Value>| {
        let request = world.request(method, path).bearer_auth(token);
        world.send(if let Some(body) = body { request.json(body) } else { request }).await
    };
    // As read, with what only the server sets, and changed in two places.
    let mut client = world.get(&path, &modify).await.json();
    client["description"] = json!("changed");
    client["access_token_lifetime"] = json!(600);
    let put = send(Method::PUT, &path, &modify, Some(&client)).await;
    assert_eq!((put.status, &put.json()["access_token_lifetime"]), (200, &json!(600)));
    let token = world.exchange(&actor.sign(&actor.claims(&world, API))).await.json();
    assert_eq!(token["expires_in"], json!(599));
    client["integration_type"] = json!("idporten");
    let refused = send(Method::PUT, &path, &modify, Some(&client)).await;
    assert_eq!((refused.status, messages(&refused)), (400, vec!["integration_type must be maskinporten.".into()]));
    // Keys go as a whole; what is left is a client that may only use a certificate.
    let jwks = format!("{path}/jwks");
    assert_eq!(send(Method::DELETE, &jwks, &modify, None).await.status, 204);
    assert_eq!(world.get(&jwks, &modify).await.json()["keys"], json!([]));
    // Others learn nothing, and do nothing.
    let other = world.token("Skatteetaten", "idporten:dcr.write").await;
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(send(method, &path, &other, None).await.status, 404);
    }
    assert_eq!(send(Method::DELETE, &path, &modify, None).await.status, 403, "modify may not deactivate");
    for _ in 0..2 {
        assert_eq!(send(Method::DELETE, &path, &write, None).await.status, 204);
    }
    let listed = async |query: &str| {
        let clients = world.get(&format!("/api/v1/clients{query}"), &write).await.json();
        clients.as_array().unwrap().iter().any(|client| client["client_id"] == json!(actor.client_id))
    };
    assert_eq!((listed("").await, listed("?inactive=true").await), (false, true));
    client["integration_type"] = json!("maskinporten");
    for (method, path) in [(Method::PUT, &*path), (Method::POST, "/api/v1/clients"), (Method::DELETE, &*jwks)] {
        let answer = send(method, path, &write, Some(&client)).await;
        assert_eq!(answer.status, 409, "{answer:?}");
    }
    let keys = json!({"keys": [actor.key.public_jwk()]});
    assert_eq!(send(Method::POST, &jwks, &write, Some(&keys)).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_manages_the_clients_it_made_for_others() {
    let world = World::new().await;
    let supplier = world.token("Digdir", "idporten:dcr.supplier").await;
    let body = json!({"integration_type": "maskinporten", "client_name": "for another", "scopes": [API], "client_orgno": "991825827"});
    let made = world.post("/api/v1/clients", &supplier, &body).await.json();
    assert_eq!((&made["client_orgno"], &made["supplier_orgno"]), (&json!("991825827"), &json!("312650010")));
    let path = format!("/api/v1/clients/{}", made["client_id"].as_str().unwrap());
    assert_eq!(world.get(&path, &supplier).await.status, 200);
    let owner = world.token("SmartCloud AS", "idporten:dcr.read").await;
    assert_eq!(world.get(&path, &owner).await.status, 200);
    // Without that scope nobody makes a client for another, and with it alone none of its own.
    let write = world.token("Skatteetaten", "idporten:dcr.write").await;
    assert_eq!(world.post("/api/v1/clients", &write, &body).await.status, 403);
    let own = with(body, "client_orgno", Value::Null);
    assert_eq!(world.post("/api/v1/clients", &supplier, &own).await.status, 403);
    // Nor may it become the organisation.
    let administration = with(own, "scopes", json!(["idporten:dcr.write"]));
    let administration = with(administration, "client_orgno", json!("991825827"));
    let refused = world.post("/api/v1/clients", &supplier, &administration).await;
    assert_eq!(messages(&refused), ["a client for another organisation cannot have idporten: scopes."]);
    let digdirs = world.new_client_of("Digdir", &[]).await;
    assert_eq!(world.get(&format!("/api/v1/clients/{}", digdirs.client_id), &supplier).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_is_changed_deactivated_and_made_active_again() {
    let world = World::new().await;
    world.api_is_offered().await;
    let owner = world.token("Skatteetaten", "idporten:scopes.write").await;
    let path = format!("/api/v1/scopes?scope={}", crate::world::SCOPE);
    let send = async |method, path: &str, body: Option<&Value>| {
        let request = world.request(method, path).bearer_auth(&owner);
        world.send(if let Some(body) = body { request.json(body) } else { request }).await
    };
    let mut scope = send(Method::GET, &path, None).await.json();
    scope["description"] = json!("changed");
    scope["at_max_age"] = json!(30);
    let changed = send(Method::PUT, &path, Some(&scope)).await;
    assert_eq!((changed.status, &changed.json()["authorization_max_lifetime"]), (200, &json!(30)));
    let actor = world.new_client(&[crate::world::SCOPE]).await;
    let ask = async || world.exchange(&actor.sign(&actor.claims(&world, crate::world::SCOPE))).await;
    assert_eq!(ask().await.json()["expires_in"], json!(29));
    let gone = send(Method::DELETE, &path, None).await;
    assert_eq!((gone.status, &gone.json()["active"]), (200, &json!(false)));
    assert!(ask().await.refusal().contains("MP-200"));
    let listed = async |path: &str| {
        let scopes = send(Method::GET, path, None).await.json();
        scopes.as_array().unwrap().iter().any(|listed| listed["name"] == json!(crate::world::SCOPE))
    };
    assert!(!listed("/api/v1/scopes").await && listed("/api/v1/scopes?inactive=true").await);
    assert!(!listed("/api/v1/scopes/all").await);
    let again = json!({"prefix": "skatteetaten", "subscope": "kravogbetalinger", "description": "d"});
    assert_eq!(world.post("/api/v1/scopes", &owner, &again).await.status, 409);
    let grant = format!("/api/v1/scopes/access/310904473?scope={}", crate::world::SCOPE);
    assert_eq!(send(Method::PUT, &grant, None).await.status, 409);
    // What was granted has survived.
    scope["active"] = json!(true);
    assert_eq!(send(Method::PUT, &path, Some(&scope)).await.json()["active"], json!(true));
    assert_eq!(ask().await.status, 200);
    scope["subscope"] = json!("another");
    scope["visibility"] = json!("SECRET");
    scope["allowed_integration_types"] = json!(["fax"]);
    assert_eq!(messages(&send(Method::PUT, &path, Some(&scope)).await).len(), 3);
    assert_eq!(send(Method::GET, "/api/v1/scopes?scope=altinn:portal/enduser", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_scopes_sources_and_grants_are_as_documented() {
    let world = World::new().await;
    let free = world.get("/api/v1/scopes/all?accessible_for_all=true&prefix=idporten", "").await.json();
    let names: Vec<_> = free.as_array().unwrap().iter().map(|scope| scope["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["idporten:dcr.modify", "idporten:dcr.read", "idporten:dcr.write", "idporten:scopes.write"]);
    let sources = world.get("/api/v1/delegationsources", "").await.json();
    assert_eq!((&sources[0]["name"], &sources[0]["issuer"]), (&json!("altinn"), &json!(format!("{}/", world.origin))));
    let token = world.token("SmartCloud AS", "idporten:dcr.read").await;
    let granted = world.get("/api/v1/scopes/access/all", &token).await.json();
    assert_eq!(granted.as_array().unwrap().len(), 1);
    assert_eq!(
        (&granted[0]["scope"], &granted[0]["state"], &granted[0]["owner_orgno"], &granted[0]["prefix"]),
        (&json!(API), &json!("APPROVED"), &json!("974761076"), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_in_the_shape_of_the_administration() {
    let world = World::new().await;
    let write = world.token("SmartCloud AS", "idporten:dcr.write").await;
    for body in [json!({"scopes": "x"}), json!([]), json!(7)] {
        let refused = world.post("/api/v1/clients", &write, &body).await;
        assert_eq!((refused.status, messages(&refused).len()), (400, 1), "{refused:?}");
    }
    assert_eq!(messages(&world.post("/api/v1/clients", &write, &json!({})).await).len(), 2);
    let plain = world.request(Method::POST, "/api/v1/clients").bearer_auth(&write).body("{}");
    let plain = world.send(plain).await;
    assert_eq!((plain.status, messages(&plain).len()), (415, 1));
    let wrong = world.get("/api/v1/clients?inactive=perhaps", &write).await;
    assert_eq!((wrong.status, messages(&wrong).len()), (400, 1));
}

/// Many changes of one client at once with one deactivation among them: whatever comes first, it stays deactivated.
#[tokio::test(flavor = "multi_thread")]
async fn a_deactivation_is_never_undone_by_a_change_on_its_way() {
    let world = World::new().await;
    let write = world.token("SmartCloud AS", "idporten:dcr.write").await;
    for _ in 0..5 {
        let actor = world.new_client(&[API]).await;
        let path = format!("/api/v1/clients/{}", actor.client_id);
        let client = world.get(&path, &write).await.json();
        let changes: Vec<_> = (0..12)
            .map(|turn| {
                let method = if turn == 6 { Method::DELETE } else { Method::PUT };
                let request = world.request(method, &path).bearer_auth(&write).json(&client);
                tokio::spawn(async move { request.send().await.unwrap().status().as_u16() })
            })
            .collect();
        for change in changes {
            let status = change.await.unwrap();
            assert!([200, 204, 409].contains(&status), "{status}");
        }
        assert_eq!(world.get(&path, &write).await.json()["active"], json!(false));
    }
}
