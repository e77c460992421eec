//! Every refusal of the token endpoint, triggered over HTTP. `docs/token-refusals.md` is written from what came:
//! `UPDATE_DOCS=1 ./test postgres cargo test -p systembruker refusals` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use model::{OrgNumber, RegisteredSystem, ScopeDelegation, SystemId, SystemUser, SystemUserKind};
use reqwest::Method;
use serde_json::{Value, json};
use systembruker::sandbox::seed::WITH_CERTIFICATE;
use token::certificates::CertificateChain;
use token::certificates::authority::{Authority, Profile, Subject};
use token::keys::SigningKey;

use crate::world::{
    Actor, Answer, CUSTOMER, REGISTER, SCOPE, SYSTEM, TOO_LARGE, VENDOR_SCOPES, World, asked, system, with,
};

const API: &str = "skatteetaten:testinnsyn";
/// Rask Regnskap AS, an accountant, and a client of theirs.
const AGENT: &str = "312654121";
const CLIENT_OF_AGENT: &str = "312652757";
const SUB_UNIT: &str = "312651386";

/// The page, as it grows.
struct Page {
    text: String,
    issuer: String,
    error_uris: BTreeSet<String>,
}

impl Page {
    fn new(world: &World) -> Self {
        let text = "# Refusals of the token endpoint\n\n\
            Every refusal that a request can bring about, with the answer as it came when a test did so. `ISSUER`, `TRACE` and \
            `N` stand for what differs from one to the next. Written by `crates/systembruker/tests/it/refusals.rs`; do not \
            change it here.\n";
        Self { text: text.to_owned(), issuer: format!("{}/", world.origin), error_uris: BTreeSet::new() }
    }

    fn section(&mut self, title: &str) {
        write!(self.text, "\n## {title}\n").unwrap();
    }

    fn row(&mut self, cause: &str, answer: &Answer) {
        // Checks the form of a refusal, too.
        let line = answer.refusal();
        assert!(
            answer.headers["cache-control"] == "no-store" && answer.content_type() == "application/json",
            "{cause}"
        );
        let body = answer.json();
        // The last world is another one, with the same codes.
        let uri = body["error_uri"].as_str().filter(|uri| uri.starts_with(&self.issuer));
        self.error_uris.extend(uri.map(str::to_owned));
        let description = body["error_description"].as_str().unwrap();
        let (_, trace) = description.rsplit_once("trace_id: ").unwrap();
        let shown = answer.text.replace(trace.trim_end_matches(')'), "TRACE").replace(&self.issuer, "ISSUER");
        let shown = without_seconds(&shown);
        let retry = answer.headers.get("retry-after").map(|_| ", with `Retry-After`").unwrap_or_default();
        writeln!(self.text, "\n{cause}: {}{retry}\n\n    {shown}", line.split(' ').next().unwrap()).unwrap();
    }

    fn compare(&self, file: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
        #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
        if std::env::var("UPDATE_DOCS").is_ok() {
            std::fs::write(&path, &self.text).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        let differs = written.lines().zip(self.text.lines()).find(|(written, came)| written != came);
        assert!(
            written == self.text,
            "docs/{file} is stale: UPDATE_DOCS=1 ./test postgres cargo test -p systembruker refusals\n{differs:#?}"
        );
    }
}

/// A text in which numbers of seconds that depend on when the test runs are `N`.
fn without_seconds(text: &str) -> String {
    let words = text.split(' ').collect::<Vec<_>>();
    let unstable = |index: usize, word: &str| {
        word.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(words.get(index + 1), Some(&("s" | "s.")))
            && !matches!(words.get(index.wrapping_sub(1)), Some(&("most" | "to" | "lasts")))
    };
    let shown: Vec<&str> =
        words.iter().enumerate().map(|(index, word)| if unstable(index, word) { "N" } else { word }).collect();
    shown.join(" ")
}

/// A grant with this header, which no key need have signed.
fn forged(header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", encode(header), encode(claims), URL_SAFE_NO_PAD.encode([7; 256]))
}

/// A grant signed by a certificate's key.
fn by_certificate(key: &SigningKey, chain_pem: &str, claims: &Value) -> String {
    let x5c = CertificateChain::from_pem(chain_pem).unwrap().to_x5c();
    crate::world::sign_with_header(key, &json!({"alg": "RS256", "x5c": x5c}), claims)
}

async fn form(world: &World, body: &str) -> Answer {
    let request = world.request(Method::POST, "/token").header("Content-Type", "application/x-www-form-urlencoded");
    world.send(request.body(body.to_owned())).await
}

async fn malformed(world: &World, page: &mut Page) {
    const GRANT: &str = "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer";
    page.section("The form");
    page.row("`grant_type` is missing", &form(world, "").await);
    page.row("`assertion` is missing", &form(world, GRANT).await);
    page.row("A parameter is there twice", &form(world, &format!("{GRANT}&{GRANT}")).await);
    page.row("Another grant type", &form(world, "grant_type=client_credentials&assertion=x").await);
    page.row("A form of more than two megabytes", &form(world, &"x".repeat(TOO_LARGE)).await);
    page.section("The assertion");
    page.row("No JSON Web Signature", &form(world, &format!("{GRANT}&assertion=abc")).await);
    page.row("A header that is no JSON", &form(world, &format!("{GRANT}&assertion=e30.e30.")).await);
    let critical = forged(&json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &json!({}));
    page.row("A header with `crit`", &world.exchange(&critical).await);
}

async fn claims(world: &World, page: &mut Page) {
    page.section("Its claims");
    let actor = world.seeded("SmartCloud AS");
    let now = world.app.clock.seconds();
    let claims = |name: &str, value: Value| with(actor.claims(world, API), name, value);
    for (cause, claims) in [
        ("`iss` is missing", claims("iss", Value::Null)),
        ("`scope` is missing", claims("scope", Value::Null)),
        ("`exp` is a text", claims("exp", json!("soon"))),
        ("`aud` has two values", claims("aud", json!(["a", "b"]))),
        ("`resource` is no URI", claims("resource", json!(["orders"]))),
        ("`consumer_org` is no organisation number", claims("consumer_org", json!("123456789"))),
        ("A claim that is not known", claims("admin", json!(true))),
        ("`iss_onbehalfof`, which Maskinporten clients cannot use", claims("iss_onbehalfof", json!(CUSTOMER))),
        ("`pid` is no national identity number", claims("pid", json!("12345678901"))),
        ("Another audience", claims("aud", json!("https://other.example/"))),
        ("`iat` is ahead of the server's clock", with(claims("iat", json!(now + 60)), "exp", json!(now + 120))),
        ("`exp` has passed", with(claims("iat", json!(now - 100)), "exp", json!(now - 5))),
        ("More than 180 seconds from `iat` to `exp`", with(claims("exp", json!(now + 3_600)), "iat", json!(now))),
    ] {
        page.row(cause, &world.exchange(&actor.sign(&claims)).await);
    }
    let assertion = actor.sign(&actor.claims(world, API));
    assert_eq!(world.exchange(&assertion).await.status, 200);
    page.row("The grant was used before", &world.exchange(&assertion).await);
}

async fn client_and_key(world: &World, page: &mut Page) {
    page.section("The client and its key");
    let actor = world.seeded("SmartCloud AS");
    let claims = || actor.claims(world, API);
    page.row("No such client", &world.exchange(&actor.sign(&with(claims(), "iss", json!("nobody")))).await);
    let gone = world.new_client(&[API]).await;
    let admin = world.token("SmartCloud AS", "idporten:dcr.write").await;
    let path = format!("/api/v1/clients/{}", gone.client_id);
    assert_eq!(world.send(world.request(Method::DELETE, &path).bearer_auth(&admin)).await.status, 204);
    page.row("A client that is deactivated", &world.exchange(&gone.sign(&gone.claims(world, API))).await);
    let unknown = forged(&json!({"alg": "RS256", "kid": "another"}), &claims());
    page.row("A `kid` that is not the client's", &world.exchange(&unknown).await);
    page.row("Neither `kid` nor `x5c`", &world.exchange(&forged(&json!({"alg": "RS256"}), &claims())).await);
    let wrong = forged(&json!({"alg": "RS256", "kid": actor.key.kid()}), &claims());
    page.row("A signature that is not the key's", &world.exchange(&wrong).await);
}

async fn certificates(world: &World, page: &mut Page, authority: &Authority) {
    page.section("Enterprise certificates");
    let key = SigningKey::generate(2048).unwrap();
    let issue = |organisation: &str, profile, years, serial| {
        let subject = Subject { organisation: organisation.parse().unwrap(), name: "x".into(), profile };
        authority.issue(&key, &subject, years, serial).unwrap()
    };
    let registered = world.seeded("SmartCloud AS");
    let actor = world.seeded(WITH_CERTIFICATE);
    let claims = || actor.claims(world, API);
    let valid = issue("991825827", Profile::SerialNumber, 2020..2049, 7);
    let with_chain = |chain: &str| by_certificate(&key, chain, &claims());
    assert_eq!(world.exchange(&with_chain(&valid)).await.status, 200);
    let instead = by_certificate(&key, &valid, &registered.claims(world, API));
    page.row("A client with registered keys sends `x5c`", &world.exchange(&instead).await);
    for (cause, x5c) in [
        ("`x5c` is no array", json!("MII")),
        ("`x5c` is no base64", json!(["?"])),
        ("`x5c` is no certificate", json!(["AAAA"])),
    ] {
        page.row(cause, &world.exchange(&forged(&json!({"alg": "RS256", "x5c": x5c}), &claims())).await);
    }
    let stranger = Authority::new(2020).unwrap();
    let subject =
        Subject { organisation: "991825827".parse().unwrap(), name: "x".into(), profile: Profile::SerialNumber };
    let foreign = stranger.issue(&key, &subject, 2020..2049, 7).unwrap();
    for (cause, chain) in [
        ("A certificate of another authority", foreign),
        ("A certificate that has expired", issue("991825827", Profile::SerialNumber, 2020..2021, 7)),
        ("A certificate that is not valid yet", issue("991825827", Profile::SerialNumber, 2047..2049, 7)),
        ("A certificate that is revoked", issue("991825827", Profile::SerialNumber, 2020..2049, 8)),
        ("A certificate for encryption", issue("991825827", Profile::Encryption, 2020..2049, 7)),
        ("A certificate that names no organisation", issue("991825827", Profile::Nameless, 2020..2049, 7)),
        ("A certificate of another organisation", issue("974761076", Profile::SerialNumber, 2020..2049, 7)),
    ] {
        page.row(cause, &world.exchange(&with_chain(&chain)).await);
    }
    let x5c = CertificateChain::from_pem(&valid).unwrap().to_x5c();
    let unsigned = forged(&json!({"alg": "RS256", "x5c": x5c}), &claims());
    page.row("A signature that is not the certificate's", &world.exchange(&unsigned).await);
}

async fn scopes(world: &World, page: &mut Page) {
    page.section("Scopes");
    let owner = world.token("Skatteetaten", "idporten:scopes.write").await;
    for (name, types, source) in
        [("others", json!(["idporten"]), Value::Null), ("delegable", json!([]), json!(world.origin))]
    {
        let scope = json!({"prefix": "skatteetaten", "subscope": name, "description": "d",
            "allowed_integration_types": types, "delegation_source": source});
        assert_eq!(world.post("/api/v1/scopes", &owner, &scope).await.status, 200);
    }
    const PLATFORM: &str = "altinn:maskinporten/systemuser.read";
    let (others, delegable) = ("skatteetaten:others", "skatteetaten:delegable");
    let actor = world.new_client(&[API, others, delegable, PLATFORM, "skatteetaten:gone"]).await;
    let ask = async |scope: &str, consumer: Option<&str>| {
        let claims = with(actor.claims(world, scope), "consumer_org", json!(consumer));
        world.exchange(&actor.sign(&claims)).await
    };
    page.row("A scope that is not on the client", &ask(&format!("{API} {SCOPE}"), None).await);
    page.row("A scope on the client that does not exist or is deactivated", &ask("skatteetaten:gone", None).await);
    page.row("A scope that is not for Maskinporten", &ask(others, None).await);
    page.row("A scope that was not granted", &ask(PLATFORM, None).await);
    page.row("`consumer_org` is the client's own organisation", &ask(delegable, Some("991825827")).await);
    page.row("A scope that cannot be delegated", &ask(API, Some(CUSTOMER)).await);
    page.row("The consumer has delegated nothing", &ask(delegable, Some(CUSTOMER)).await);
    let (consumer, supplier): (OrgNumber, OrgNumber) = (CUSTOMER.parse().unwrap(), "991825827".parse().unwrap());
    world
        .change(async |tx| {
            let mut scope = tx.scope(API).await.unwrap().unwrap();
            scope.delegation_source = Some("https://elsewhere.example/".into());
            tx.update_scope(&scope).await.unwrap();
            for scope in [API, delegable] {
                tx.put_scope_delegation(&ScopeDelegation { scope: scope.parse().unwrap(), consumer, supplier })
                    .await
                    .unwrap();
            }
        })
        .await;
    page.row("The consumer has delegated what it was not granted itself", &ask(delegable, Some(CUSTOMER)).await);
    page.row("Scopes delegated in different registries", &ask(&format!("{delegable} {API}"), Some(CUSTOMER)).await);
    let grant = format!("/api/v1/scopes/access/{CUSTOMER}?scope={delegable}");
    assert_eq!(world.send(world.request(Method::PUT, &grant).bearer_auth(owner)).await.status, 200);
    let both = with(actor.claims(world, delegable), "consumer_org", json!(CUSTOMER));
    let both = with(both, "authorization_details", details(&json!({})));
    page.row("`consumer_org` and a system user at once", &world.exchange(&actor.sign(&both)).await);
}

/// `authorization_details` for the customer, with these members changed.
fn details(changes: &Value) -> Value {
    let mut detail = json!({"type": "urn:altinn:systemuser",
        "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{CUSTOMER}")}});
    for (name, value) in changes.as_object().unwrap() {
        detail[name] = value.clone();
    }
    json!([detail])
}

async fn authorization_details(world: &World, page: &mut Page) {
    page.section("Authorization details");
    let actor = world.seeded("SmartCloud AS");
    for (cause, details) in [
        ("A type that is not known", details(&json!({"type": "urn:altinn:other"}))),
        ("A field that is not known", details(&json!({"reference": "x"}))),
        (
            "A field of the organisation that is not known",
            details(
                &json!({"systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:310904473", "name": "x"}}),
            ),
        ),
        (
            "No organisation",
            details(&json!({"systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "310904473"}})),
        ),
        ("A reference that is no text", details(&json!({"externalRef": 7}))),
        ("Not exactly one", json!([])),
        ("Consent", json!([{"type": "urn:altinn:consent", "id": "0e6f7c7a-58f0-4bb0-9a5c-4a1f2f5b9d21", "from": "x"}])),
    ] {
        let claims = with(actor.claims(world, API), "authorization_details", details);
        page.row(cause, &world.exchange(&actor.sign(&claims)).await);
    }
}

/// A live system user of an agent's, with a client.
async fn agent(world: &World) -> SystemUser {
    let parties = world.app.model.parties();
    let party = |number: &str| parties.by_number(number.parse().unwrap()).unwrap();
    let system = world.app.model.system_by_id(SYSTEM).unwrap();
    let user = SystemUser {
        id: world.app.random.uuid(),
        kind: SystemUserKind::Agent,
        system_internal_id: system.internal_id,
        system_id: system.id.clone(),
        owner_party: party(AGENT).party_uuid,
        owner: AGENT.parse().unwrap(),
        external_ref: AGENT.into(),
        title: "Regnskap".into(),
        rights: [].into(),
        access_packages: [].into(),
        clients: vec![],
        is_deleted: false,
        created: world.app.clock.now(),
        created_by: party(AGENT).party_uuid,
    };
    let client = party(CLIENT_OF_AGENT).party_uuid;
    world
        .change(async |tx| {
            tx.insert_system_user(&user).await.unwrap();
            tx.insert_system_user_client(user.id, client).await.unwrap();
        })
        .await;
    user
}

async fn system_users(world: &World, page: &mut Page) {
    page.section("No system user");
    let vendor = world.vendor().await;
    let ask = async |actor: &Actor, org: &str, reference: Option<&str>| {
        actor.ask_for_system_user(world, org, reference).await
    };
    let outside = world.new_client(&VENDOR_SCOPES).await;
    page.row("The client is on no system", &ask(&outside, CUSTOMER, None).await);
    let register = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    // Another organisation's client on SmartCloud's system.
    let owner = world.token("Skatteetaten", "idporten:scopes.write").await;
    let grant = format!("/api/v1/scopes/access/974761076?scope={SCOPE}");
    assert_eq!(world.send(world.request(Method::PUT, &grant).bearer_auth(&owner)).await.status, 200);
    let foreign = world.new_client_of("Skatteetaten", &[SCOPE]).await;
    let other = system("991825827_other", &foreign.client_id);
    assert_eq!(world.post(REGISTER, &register, &other).await.status, 400, "others' clients are not for the taking");
    let smartcloud = world.app.model.system_by_id(SYSTEM).unwrap();
    let other = RegisteredSystem {
        internal_id: world.app.random.uuid(),
        id: SystemId::registered("991825827_other".into()),
        client_ids: vec![foreign.client_id.clone()],
        ..(*smartcloud).clone()
    };
    world.change(async |tx| tx.insert_system(&other).await.unwrap()).await;
    page.row("The client belongs to another organisation than the system", &ask(&foreign, CUSTOMER, None).await);
    // A system that is deleted.
    let doomed = world.new_client(&VENDOR_SCOPES).await;
    let kept = world.app.model.system_by_id(SYSTEM).unwrap();
    let deleted = RegisteredSystem {
        internal_id: world.app.random.uuid(),
        id: SystemId::registered("991825827_doomed".into()),
        client_ids: vec![doomed.client_id.clone()],
        is_deleted: true,
        ..(*kept).clone()
    };
    world.change(async |tx| tx.insert_system(&deleted).await.unwrap()).await;
    page.row("The system is deleted", &ask(&doomed, CUSTOMER, None).await);

    page.row("The customer has none", &ask(&vendor, CUSTOMER, None).await);
    let request = world.ask(&vendor, &asked()).await.json();
    let id = request["id"].as_str().unwrap();
    page.row("A request waits", &ask(&vendor, CUSTOMER, None).await);
    let write = vendor.token(world, "altinn:authentication/systemuser.request.write").await;
    let withdraw = world.request(Method::DELETE, &format!("{}/{id}", crate::world::REQUESTS)).bearer_auth(write);
    assert_eq!(world.send(withdraw).await.status, 202);
    page.row("The request was withdrawn", &ask(&vendor, CUSTOMER, None).await);
    let answered = async |body: &Value, button: &str| {
        let request = world.ask(&vendor, body).await.json();
        let (mut browser, window) = world.open_request("Pia Tilfeldig", request["id"].as_str().unwrap()).await;
        browser.press(&window, button).await.unwrap();
    };
    answered(&with(asked(), "externalRef", json!("rejected")), "Avvis").await;
    page.row("The request was rejected", &ask(&vendor, CUSTOMER, Some("rejected")).await);
    answered(&with(asked(), "externalRef", json!("dept-7")), "Godkjenn").await;
    assert_eq!(ask(&vendor, CUSTOMER, Some("dept-7")).await.status, 200);
    page.row("There is one under another reference", &ask(&vendor, CUSTOMER, Some("dept-8")).await);
    page.row("The organisation is a sub-unit of one that has it", &ask(&vendor, SUB_UNIT, None).await);
    let agent = agent(world).await;
    assert_eq!(ask(&vendor, AGENT, None).await.status, 200);
    page.row("The organisation is a client of an agent that has it", &ask(&vendor, CLIENT_OF_AGENT, None).await);
    world.change(async |tx| assert!(tx.delete_system_user(agent.id).await.unwrap())).await;
    page.row("The system user was deleted", &ask(&vendor, AGENT, None).await);
    assert_eq!(world.ask(&vendor, &with(asked(), "externalRef", json!("late"))).await.status, 201);
    world.advance(11 * 24 * 3_600).await;
    page.row("The request was not answered in time", &ask(&vendor, CUSTOMER, Some("late")).await);
}

async fn service(world: &World, page: &mut Page) {
    page.section("The service");
    let actor = world.new_client(&[API]).await;
    let assertion = actor.sign(&actor.claims(world, API));
    world.advance(300).await;
    world.advance(-300).await;
    page.row("A grant from before the service started", &world.exchange(&assertion).await);
    // The instance makes sure that it is current once a second, and may do so just now.
    let unavailable = loop {
        world.app.model.suspend();
        let answer = world.exchange(&actor.sign(&actor.claims(world, API))).await;
        if answer.status == 503 {
            break answer;
        }
    };
    page.row("Nothing can be decided", &unavailable);
    world.app.catch_up().await.unwrap();
    world.app.clock.turn_to(world.app.clock.now() + SignedDuration::from_hours(366 * 24));
    page.row("A key that is more than a year old", &world.exchange(&actor.sign(&actor.claims(world, API))).await);
}

/// What a refusal points to is a page, in each language.
async fn explained(world: &World, error_uris: &BTreeSet<String>) {
    assert_eq!(error_uris.len(), 17);
    for uri in error_uris {
        let (_, code) = uri.rsplit_once('/').unwrap();
        let moved = world.send(world.http.get(uri)).await;
        let page = moved.headers["location"].to_str().unwrap();
        assert_eq!((moved.status, page), (303, &*format!("{}/help/errors/{code}", world.origin)));
        for (language, title) in [("nb", "ga ikke token"), ("nn", "gav ikkje token"), ("en", "gave no token")] {
            let shown = world.send(world.http.get(page).header("Accept-Language", language)).await;
            assert!(shown.status == 200 && shown.text.contains(title) && shown.text.contains(code), "{shown:?}");
        }
    }
    let unknown = world.send(world.http.get(format!("{}/help/errors/MP-999", world.origin))).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_is_as_the_page_says() {
    let authority = Authority::new(2020).unwrap();
    let folder = tempfile::TempDir::new().unwrap();
    let world = World::with_tokens(crate::maskinporten::trusting(&authority, &[8], folder.path())).await;
    let mut page = Page::new(&world);
    malformed(&world, &mut page).await;
    claims(&world, &mut page).await;
    client_and_key(&world, &mut page).await;
    certificates(&world, &mut page, &authority).await;
    authorization_details(&world, &mut page).await;
    scopes(&world, &mut page).await;
    system_users(&world, &mut page).await;
    service(&world, &mut page).await;
    let limited = crate::maskinporten::limited_world().await;
    let actor = limited.seeded("SmartCloud AS");
    let too_many = loop {
        let answer = limited.exchange(&actor.sign(&actor.claims(&limited, API))).await;
        if answer.status != 200 {
            break answer;
        }
    };
    page.row("A client asks too often", &too_many);
    explained(&world, &page.error_uris).await;
    page.compare("token-refusals.md");
}
