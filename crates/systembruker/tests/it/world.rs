//! A sandbox of a test's own, and what it takes to speak to it.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use store::{ChangeContext, Write};
use systembruker::app::{self, App, http_client};
use systembruker::cli::demo::browser::{Browser, Window};
use systembruker::cli::demo::paper::Paper;
use systembruker::cli::sandbox::{SandboxOptions, start};
use systembruker::maskinporten::service::TokenSettings;
use systembruker::resource_registry::builtin::policy_document;
use tempfile::TempDir;
use token::keys::SigningKey;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, oneshot};
use tokio::task::JoinHandle;

pub const SCOPE: &str = "skatteetaten:kravogbetalinger";
pub const RESOURCE: &str = "ske-krav-og-betalinger";
pub const SYSTEM: &str = "991825827_smartcloud";
pub const CUSTOMER: &str = "310904473";
pub const REGISTER: &str = "/authentication/api/v1/systemregister/vendor";
pub const REQUESTS: &str = "/authentication/api/v1/systemuser/request/vendor";
/// One byte more than any body may have. Not many more: a client that still sends when it is refused may not see the
/// answer.
pub const TOO_LARGE: usize = 2 * 1024 * 1024 + 1;
pub const REDIRECT: &str = "https://smartcloud.example/receipt";

/// A folder with keys and seed, made once: making keys is what takes time.
static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();

async fn template() -> &'static Path {
    let folder = TEMPLATE.get_or_init(async || {
        let folder = TempDir::new().unwrap();
        let data = Some(folder.path().to_owned());
        let world = World::with(SandboxOptions { data, ..SandboxOptions::default() }).await;
        world.stop().await;
        folder
    });
    folder.await.path()
}

/// A running sandbox.
pub struct World {
    pub app: Arc<App>,
    pub origin: String,
    pub http: Client,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<anyhow::Result<()>>,
    /// Kept until the world ends.
    folder: Option<TempDir>,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub fn content_type(&self) -> &str {
        self.headers.get(CONTENT_TYPE).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of a problem: `404 AUTH-00011`.
    pub fn problem(&self) -> String {
        let body = self.json();
        assert!(self.content_type().starts_with("application/problem+json"), "{self:?}");
        assert_eq!(body["status"], json!(self.status));
        assert!(body["traceId"].as_str().unwrap().starts_with("00-"), "{body}");
        format!("{} {}", self.status, body["code"].as_str().unwrap_or("-"))
    }

    /// A refusal of the token endpoint in a line: status, error, code, text.
    pub fn refusal(&self) -> String {
        let body = self.json();
        let text = body["error_description"].as_str().unwrap();
        assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\'), "{text}");
        let (text, trace) = text.rsplit_once(" (trace_id: ").unwrap();
        assert!(trace.len() == 33 && trace.ends_with(')'), "{trace}");
        let code = body["error_uri"].as_str().map_or("-", |uri| uri.rsplit('/').next().unwrap());
        format!("{} {} {code} {text}", self.status, body["error"].as_str().unwrap())
    }
}

impl World {
    /// A sandbox on SQLite.
    pub async fn new() -> Self {
        Self::of_template(SandboxOptions::default()).await
    }

    /// A sandbox on PostgreSQL.
    pub async fn on_postgres() -> Self {
        Self::on(postgres().await).await
    }

    /// A sandbox on this database.
    pub async fn on(database: String) -> Self {
        Self::of_template(SandboxOptions { database: Some(database), ..SandboxOptions::default() }).await
    }

    /// A sandbox whose token service is set up so.
    pub async fn with_tokens(tokens: TokenSettings) -> Self {
        Self::of_template(SandboxOptions { tokens, ..SandboxOptions::default() }).await
    }

    /// Changes what no API changes yet.
    pub async fn change(&self, change: impl AsyncFnOnce(&mut Write)) {
        let context = ChangeContext { actor: "test".into(), ..ChangeContext::default() };
        let mut tx = self.app.store.write(context, self.app.clock.now()).await.unwrap();
        change(&mut tx).await;
        self.app.commit(tx).await.unwrap();
    }

    /// A sandbox with the keys of the template.
    pub async fn of_template(mut options: SandboxOptions) -> Self {
        let folder = TempDir::new().unwrap();
        for file in std::fs::read_dir(template().await).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
        }
        options.data = Some(folder.path().to_owned());
        let mut world = Self::with(options).await;
        world.folder = Some(folder);
        world
    }

    /// A sandbox with these options.
    pub async fn with(options: SandboxOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let app = Box::pin(start(&listener, options)).await.unwrap();
        let (stop, stopped) = oneshot::channel();
        let signal = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(app::serve(Arc::clone(&app), listener, signal));
        Self { app, origin, http: http_client().unwrap(), stop: Some(stop), server, folder: None }
    }

    /// Stops in good order.
    pub async fn stop(self) {
        let Self { app, stop, server, folder, .. } = self;
        drop(app);
        stop.unwrap().send(()).unwrap();
        server.await.unwrap().unwrap();
        drop(folder);
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// Id and key of a seeded client: `Digdir`, `Skatteetaten` or `SmartCloud AS`.
    pub fn seeded(&self, name: &str) -> Actor {
        let clients = &self.app.sandbox.as_ref().unwrap().clients;
        let seeded = clients.iter().find(|client| client.name == name).unwrap();
        let key = SigningKey::from_pem(&seeded.private_key_pem, seeded.kid.clone()).unwrap();
        Actor { client_id: seeded.client_id.clone(), key }
    }

    /// A token of a seeded client.
    pub async fn token(&self, name: &str, scope: &str) -> String {
        self.seeded(name).token(self, scope).await
    }

    /// Sends an assertion.
    pub async fn exchange(&self, assertion: &str) -> Answer {
        let form = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)];
        self.send(self.request(Method::POST, "/token").form(&form)).await
    }

    /// What Skatteetaten does in the story: scope, grant, resource, policy.
    pub async fn api_is_offered(&self) {
        let token = self.token("Skatteetaten", "idporten:scopes.write").await;
        let scope = json!({"prefix": "skatteetaten", "subscope": "kravogbetalinger", "description": "Krav"});
        assert_eq!(self.post("/api/v1/scopes", &token, &scope).await.status, 200);
        let path = format!("/api/v1/scopes/access/991825827?scope={SCOPE}");
        assert_eq!(self.send(self.request(Method::PUT, &path).bearer_auth(&token)).await.status, 200);
        let token = self.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
        let made = self.post("/resourceregistry/api/v1/resource", &token, &resource(RESOURCE)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let policy = policy_document(RESOURCE, &["DAGL", "INNH"], &["read"], 3);
        let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
        let request = self.request(Method::POST, &path).bearer_auth(&token).header(CONTENT_TYPE, "application/xml");
        assert_eq!(self.send(request.body(policy)).await.status, 201);
    }

    /// A Maskinporten client of SmartCloud's with these scopes and a key of its own.
    pub async fn new_client(&self, scopes: &[&str]) -> Actor {
        self.new_client_of("SmartCloud AS", scopes).await
    }

    /// A Maskinporten client of a seeded organisation, with these scopes and its key.
    pub async fn new_client_of(&self, name: &str, scopes: &[&str]) -> Actor {
        let token = self.token(name, "idporten:dcr.write").await;
        let body = json!({"integration_type": "maskinporten", "client_name": "test", "scopes": scopes});
        let made = self.post("/api/v1/clients", &token, &body).await;
        assert_eq!(made.status, 200, "{made:?}");
        let client_id = made.json()["client_id"].as_str().unwrap().to_owned();
        // The seeded key will do: keys are unique within a client only.
        let key = self.seeded(name).key;
        let path = format!("/api/v1/clients/{client_id}/jwks");
        let posted = self.post(&path, &token, &json!({"keys": [key.public_jwk()]})).await;
        assert_eq!(posted.status, 200, "{posted:?}");
        Actor { client_id, key }
    }

    /// What SmartCloud does in the story: a client and a system.
    pub async fn vendor(&self) -> Actor {
        self.api_is_offered().await;
        let actor = self.new_client(&VENDOR_SCOPES).await;
        let token = actor.token(self, "altinn:authentication/systemregister.write").await;
        let made = self.post(REGISTER, &token, &system(SYSTEM, &actor.client_id)).await;
        assert_eq!(made.status, 200, "{made:?}");
        actor
    }

    /// Asks the customer for a system user, and gives the request.
    pub async fn ask(&self, vendor: &Actor, body: &Value) -> Answer {
        let token = vendor.token(self, "altinn:authentication/systemuser.request.write").await;
        self.post(REQUESTS, &token, body).await
    }

    /// The whole way to a system user, which Pia has approved.
    pub async fn system_user(&self) -> (Actor, String) {
        let vendor = self.vendor().await;
        let request = self.ask(&vendor, &asked()).await;
        assert_eq!(request.status, 201, "{request:?}");
        let id = request.json()["id"].as_str().unwrap().to_owned();
        let (mut browser, page) = self.open_request("Pia Tilfeldig", &id).await;
        let receipt = browser.press(&page, "Godkjenn").await.unwrap();
        assert_eq!(receipt.heading().unwrap(), "Tilgangen er gitt");
        (vendor, id)
    }

    /// A browser in which a person has logged in, at `path`.
    pub async fn logged_in(&self, person: &str, path: &str) -> (Browser, Window) {
        let mut browser = Browser::new(self.http.clone(), Paper::silent());
        let login = browser.open(&format!("{}{path}", self.origin)).await.unwrap();
        let page = browser.press(&login, person).await.unwrap();
        (browser, page)
    }

    pub async fn open_request(&self, person: &str, id: &str) -> (Browser, Window) {
        self.logged_in(person, &format!("/accessmanagement/ui/systemuser/request?id={id}")).await
    }

    /// Turns the clock forward.
    pub async fn advance(&self, seconds: i64) {
        let request = self.request(Method::PUT, "/systembruker/api/v1/sandbox/clock");
        let turned = self.send(request.json(&json!({"advanceSeconds": seconds}))).await;
        assert_eq!(turned.status, 200, "{turned:?}");
    }

    /// Asks the sample API.
    pub async fn claims_of(&self, party: &str, token: &str) -> Answer {
        self.get(&format!("/v1/regnskapssystem/{party}/aapnekrav"), token).await
    }
}

pub const VENDOR_SCOPES: [&str; 4] = [
    SCOPE,
    "altinn:authentication/systemregister.write",
    "altinn:authentication/systemuser.request.write",
    "altinn:authentication/systemuser.request.read",
];

/// Signs under a header of one's own, with the algorithm it names.
pub fn sign_with_header(key: &SigningKey, header: &Value, claims: &Value) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    let pair = aws_lc_rs::rsa::KeyPair::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
    let padding = match header["alg"].as_str().unwrap() {
        "RS256" => &signature::RSA_PKCS1_SHA256,
        "RS384" => &signature::RSA_PKCS1_SHA384,
        "RS512" => &signature::RSA_PKCS1_SHA512,
        other => panic!("{other}"),
    };
    let mut made = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), signed.as_bytes(), &mut made).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(made))
}

/// A Maskinporten client with its key.
pub struct Actor {
    pub client_id: String,
    pub key: SigningKey,
}

impl Actor {
    /// The claims of a grant that is valid.
    pub fn claims(&self, world: &World, scope: &str) -> Value {
        let now = world.app.clock.seconds();
        json!({"aud": world.app.faces.issuer(), "iss": self.client_id, "scope": scope, "iat": now, "exp": now + 100,
            "jti": world.app.random.token()})
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign(claims).unwrap()
    }

    pub async fn token(&self, world: &World, scope: &str) -> String {
        let answer = world.exchange(&self.sign(&self.claims(world, scope))).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks for a token for the customer's system user.
    pub async fn ask_for_system_user(&self, world: &World, org: &str, external_ref: Option<&str>) -> Answer {
        let mut claims = self.claims(world, SCOPE);
        let mut detail = json!({"type": "urn:altinn:systemuser",
            "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{org}")}});
        if let Some(external_ref) = external_ref {
            detail["externalRef"] = json!(external_ref);
        }
        claims["authorization_details"] = json!([detail]);
        world.exchange(&self.sign(&claims)).await
    }
}

/// A resource as Skatteetaten registers one.
pub fn resource(id: &str) -> Value {
    let texts = |text: &str| json!({"nb": text, "nn": text, "en": text});
    json!({"identifier": id, "title": texts("Krav og betalinger"), "description": texts("Innsyn"),
        "rightDescription": texts("Kan se hva virksomheten skylder."), "resourceType": "GenericAccessResource",
        "hasCompetentAuthority": {"organization": "974761076", "orgcode": "skd", "name": texts("Skatteetaten")},
        "contactPoints": [], "extra": {"Kept": true}})
}

/// A system as SmartCloud registers one.
pub fn system(id: &str, client_id: &str) -> Value {
    let texts = |text: &str| json!({"nb": text, "nn": text, "en": text});
    json!({"id": id, "vendor": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}, "name": texts("SmartCloud"),
        "description": texts("Regnskap"), "rights": [right(RESOURCE)], "clientId": [client_id],
        "allowedRedirectUrls": [REDIRECT], "isVisible": true})
}

pub fn right(resource: &str) -> Value {
    json!({"resource": [{"id": "urn:altinn:resource", "value": resource}]})
}

/// What SmartCloud asks the customer for.
pub fn asked() -> Value {
    json!({"systemId": SYSTEM, "partyOrgNo": CUSTOMER, "rights": [right(RESOURCE)], "redirectUrl": format!("{REDIRECT}?state=1")})
}

fn server() -> String {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where these tests read it")]
    std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL; see ./test")
}

/// A value with one member changed; `null` leaves it out.
pub fn with(mut value: Value, name: &str, to: Value) -> Value {
    let members = value.as_object_mut().unwrap();
    members.remove(name);
    if !to.is_null() {
        members.insert(name.to_owned(), to);
    }
    value
}

/// An empty PostgreSQL database.
pub async fn postgres() -> String {
    let url = server();
    let name = format!("it_{}", systembruker::clock::Random.uuid().simple());
    let mut admin = PgConnection::connect(&url).await.unwrap();
    admin.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

/// Makes a database unreachable, or reachable again.
pub async fn reachable(database: &str, reachable: bool) {
    let name = database.rsplit_once('/').unwrap().1;
    let mut admin = PgConnection::connect(&server()).await.unwrap();
    admin.execute(AssertSqlSafe(format!("ALTER DATABASE {name} ALLOW_CONNECTIONS {reachable}"))).await.unwrap();
    if !reachable {
        let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        admin.execute(AssertSqlSafe(end)).await.unwrap();
    }
}
