//! The story, step by step.

use std::fmt::Debug;

use anyhow::{Context as _, bail};
use client::{
    Connection, Maskinporten, SystemRegistration, SystemUser, SystemUserAsked, SystemUserRequest, TokenRequest, Vendor,
};
use model::{Iso6523, OrgNumber, Right, Translated};
use reqwest::Method;
use serde_json::{Value, json};
use token::keys::SigningKey;
use url::Url;

use super::browser::{Browser, Window};
use super::paper::Paper;
use crate::app::{App, http_client};
use crate::http::faces::Face;
use crate::krav_og_betalinger::{RESOURCE, SCOPE};
use crate::resource_registry::builtin::policy_document;
use crate::sandbox::seed::{SKATTEETATEN, SMARTCLOUD};

/// TILFELDIG SUBTIL APE, the customer.
const CUSTOMER: &str = "310904473";
/// An organisation that has given SmartCloud nothing.
const STRANGER: &str = "312652757";
const SYSTEM: &str = "991825827_smartcloud";
const PIA: &str = "Pia Tilfeldig";

/// Tells the story on a sandbox. An error names the step, what was expected and what came.
pub async fn tell(app: &App, paper: &Paper, vendor_page: &str) -> anyhow::Result<()> {
    let stage = Stage::new(app, *paper, vendor_page)?;
    paper.chapter("A. Skatteetaten offers the API “Krav og betalinger”");
    stage.api_is_offered().await?;
    paper.chapter("B. SmartCloud AS registers its system and asks for a system user");
    let vendor = stage.vendor_client().await?;
    let request = stage.system_user_is_asked_for(&vendor).await?;
    paper.chapter("C. Before the customer has approved there is no token");
    stage.no_token_yet(&vendor).await?;
    paper.chapter("D. Pia, general manager of TILFELDIG SUBTIL APE, approves in the portal");
    stage.pia_approves(&request, &vendor).await?;
    paper.chapter("E. SmartCloud gets a token and calls the API");
    let token = stage.token_and_claims(&vendor).await?;
    paper.chapter("F. What must not work does not");
    stage.refusals(&vendor, &token).await?;
    stage.pia_revokes(&vendor, &token).await?;
    paper.chapter("Every step came out as the story says.");
    Ok(())
}

/// Those who take part, and where.
struct Stage<'a> {
    http: reqwest::Client,
    connection: Connection,
    app: &'a App,
    paper: Paper,
    vendor_page: &'a str,
}

/// Fails with what was expected and what came.
fn expect<T: PartialEq + Debug>(what: &str, came: &T, expected: &T) -> anyhow::Result<()> {
    if came == expected {
        return Ok(());
    }
    bail!("{what}: expected {expected:?}, came {came:?}")
}

fn expect_text(what: &str, text: &str, part: &str) -> anyhow::Result<()> {
    if text.contains(part) {
        return Ok(());
    }
    bail!("{what}: expected to read “{part}”, came “{text}”")
}

/// An answer of an API.
struct Answer {
    status: u16,
    body: Value,
}

/// A part of a document, by JSON pointer; `null` where it is not there.
fn part<'a>(document: &'a Value, pointer: &str) -> &'a Value {
    document.pointer(pointer).unwrap_or(&Value::Null)
}

impl Answer {
    fn text(&self, member: &str) -> &str {
        self.body.get(member).and_then(Value::as_str).unwrap_or_default()
    }
}

impl<'a> Stage<'a> {
    fn new(app: &'a App, paper: Paper, vendor_page: &'a str) -> anyhow::Result<Self> {
        let http = http_client()?;
        let environment =
            client::Environment::new(app.faces.url(Face::Maskinporten).clone(), app.faces.url(Face::Platform).clone());
        let connection = Connection::new(http.clone(), environment);
        Ok(Self { http, connection, app, paper, vendor_page })
    }

    /// A client that the sandbox has from the beginning, by its organisation.
    fn seeded(&self, org: &str) -> anyhow::Result<Maskinporten> {
        let clients = self.app.sandbox.iter().flat_map(|sandbox| &sandbox.clients);
        let seeded = clients.into_iter().find(|client| client.org.as_str() == org);
        let seeded = seeded.with_context(|| format!("the sandbox has no client of {org}"))?;
        let key = SigningKey::from_pem(&seeded.private_key_pem, seeded.kid.clone())?;
        Ok(Maskinporten::new(self.connection.clone(), seeded.client_id.clone(), key))
    }

    async fn token(&self, client: &Maskinporten, scope: &str) -> anyhow::Result<String> {
        let token = client.token(&TokenRequest::scope(scope)).await;
        Ok(token.with_context(|| format!("a token for {scope}"))?.token)
    }

    /// Calls an API, and prints the request line and the status.
    async fn call(&self, face: Face, method: Method, path: &str, token: &str, body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.http.request(method.clone(), self.app.faces.join(face, path));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        self.paper.request(method.as_str(), &format!("/{path}"), status);
        let text = response.text().await?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    async fn api_is_offered(&self) -> anyhow::Result<()> {
        let skatteetaten = self.seeded(SKATTEETATEN)?;
        let paper = self.paper;

        paper.step("Skatteetaten creates the scope that its API needs");
        let token = self.token(&skatteetaten, "idporten:scopes.write").await?;
        let (prefix, subscope) = SCOPE.split_once(':').context("a scope has a prefix")?;
        let scope = json!({"prefix": prefix, "subscope": subscope, "description": "Krav og betalinger",
            "allowed_integration_types": ["maskinporten"]});
        let made = self.call(Face::Maskinporten, Method::POST, "api/v1/scopes", &token, &scope).await?;
        expect("creating the scope", &made.status, &200)?;
        paper.part("name", made.text("name"));

        paper.step("Skatteetaten grants the scope to SmartCloud AS");
        let path = format!("api/v1/scopes/access/{SMARTCLOUD}?scope={SCOPE}");
        let granted = self.call(Face::Maskinporten, Method::PUT, &path, &token, &Value::Null).await?;
        expect("granting the scope", &granted.status, &200)?;
        paper.part("state", granted.text("state"));

        paper.step("Skatteetaten registers the resource, and a policy that says who may do what");
        let token = self.token(&skatteetaten, "altinn:resourceregistry/resource.write").await?;
        let path = "resourceregistry/api/v1/resource";
        let made = self.call(Face::Platform, Method::POST, path, &token, &resource()).await?;
        expect("registering the resource", &made.status, &201)?;
        paper.part("identifier", made.text("identifier"));
        self.post_policy(&token).await
    }

    /// Posts the policy as the file of a form.
    async fn post_policy(&self, token: &str) -> anyhow::Result<()> {
        const BOUNDARY: &str = "systembruker-demo";
        let policy = policy_document(RESOURCE, &["DAGL", "LEDE", "INNH"], &["read"], 3);
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"policyFile\"; filename=\"policy.xml\"\r\n\
             Content-Type: application/xml\r\n\r\n{policy}\r\n--{BOUNDARY}--\r\n"
        );
        let path = format!("resourceregistry/api/v1/resource/{RESOURCE}/policy");
        let request = self.http.post(self.app.faces.join(Face::Platform, &path)).bearer_auth(token);
        let request = request.header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"));
        let status = request.body(body).send().await?.status().as_u16();
        self.paper.request("POST", &format!("/{path}"), status);
        expect("posting the policy", &status, &201)?;
        self.paper.part("rule", "general manager, chair and owner may read");
        Ok(())
    }

    /// SmartCloud's own client, made for this.
    async fn vendor_client(&self) -> anyhow::Result<Maskinporten> {
        let paper = self.paper;
        paper.step("SmartCloud AS creates a Maskinporten client with its public key");
        let token = self.token(&self.seeded(SMARTCLOUD)?, "idporten:dcr.write").await?;
        let scopes = [SCOPE, Vendor::REGISTER_SCOPE, Vendor::REQUEST_WRITE_SCOPE, Vendor::REQUEST_READ_SCOPE];
        let client = json!({"integration_type": "maskinporten", "application_type": "web", "client_name": "smartcloud",
            "description": "SmartCloud", "token_endpoint_auth_method": "private_key_jwt",
            "grant_types": ["urn:ietf:params:oauth:grant-type:jwt-bearer"], "scopes": scopes});
        let made = self.call(Face::Maskinporten, Method::POST, "api/v1/clients", &token, &client).await?;
        expect("creating the client", &made.status, &200)?;
        let client_id = made.text("client_id").to_owned();
        paper.part("client_id", &client_id);
        paper.part("scopes", scopes.join(" "));
        let key = tokio::task::spawn_blocking(|| SigningKey::generate(2048)).await??;
        let path = format!("api/v1/clients/{client_id}/jwks");
        let keys = json!({"keys": [key.public_jwk()]});
        let registered = self.call(Face::Maskinporten, Method::POST, &path, &token, &keys).await?;
        expect("registering the key", &registered.status, &200)?;
        paper.part("kid", key.kid());
        Ok(Maskinporten::new(self.connection.clone(), client_id, key))
    }

    async fn system_user_is_asked_for(&self, client: &Maskinporten) -> anyhow::Result<SystemUserRequest> {
        let paper = self.paper;
        let vendor = Vendor::new(self.connection.clone());

        paper.step("SmartCloud AS registers its system, with the most it may ever ask for");
        let token = self.token(client, Vendor::REGISTER_SCOPE).await?;
        let system = SystemRegistration {
            id: SYSTEM.into(),
            vendor: Iso6523::new(SMARTCLOUD.parse()?),
            name: Translated::same("SmartCloud"),
            description: Translated {
                nb: "Regnskap i skyen".into(),
                nn: "Rekneskap i skya".into(),
                en: "Accounting in the cloud".into(),
                ..Translated::same("")
            },
            rights: vec![Right::to_resource(RESOURCE)],
            access_packages: vec![],
            client_id: vec![client.client_id().to_owned()],
            allowed_redirect_urls: vec![Url::parse(self.vendor_page)?],
            is_visible: true,
        };
        let internal_id = vendor.register_system(&token, &system).await.context("registering the system")?;
        paper.request("POST", "/authentication/api/v1/systemregister/vendor", 200);
        paper.part("id", SYSTEM);
        paper.part("internal id", internal_id);

        paper.step("SmartCloud AS asks TILFELDIG SUBTIL APE for a system user");
        let token = self.token(client, Vendor::REQUEST_WRITE_SCOPE).await?;
        let asked = SystemUserAsked {
            system_id: SYSTEM.into(),
            party_org_no: CUSTOMER.parse()?,
            external_ref: None,
            rights: vec![Right::to_resource(RESOURCE)],
            access_packages: vec![],
            redirect_url: Some(format!("{}?state=42", self.vendor_page)),
        };
        let request = vendor.ask(&token, &asked).await.context("asking for the system user")?;
        paper.request("POST", "/authentication/api/v1/systemuser/request/vendor", 201);
        expect("the new request's status", &request.status.as_str(), &"New")?;
        paper.part("status", &request.status);
        paper.part("confirmUrl", request.confirm_url.as_deref().unwrap_or_default());
        Ok(request)
    }

    fn for_customer() -> anyhow::Result<TokenRequest> {
        let customer: OrgNumber = CUSTOMER.parse()?;
        Ok(TokenRequest::scope(SCOPE).for_system_user(SystemUser { org: customer, external_ref: None }))
    }

    /// A refusal of the token endpoint, printed and held against what it should be.
    fn expect_no_token(
        &self,
        what: &str,
        outcome: Result<client::AccessToken, client::Error>,
        (error, code, text): (&str, &str, &str),
    ) -> anyhow::Result<()> {
        let Err(failure) = outcome else { bail!("{what}: expected a refusal, came a token") };
        let refusal = failure.refusal().with_context(|| format!("{what}: expected a refusal, came {failure}"))?;
        self.paper.request("POST", "/token", refusal.status);
        self.paper.part("error", refusal.code.as_deref().unwrap_or_default());
        self.paper.part("error_description", &refusal.text);
        self.paper.part("error_uri", refusal.uri.as_deref().unwrap_or_default());
        expect(what, &refusal.status, &400)?;
        expect(what, &refusal.code.as_deref().unwrap_or_default(), &error)?;
        expect_text(what, refusal.uri.as_deref().unwrap_or_default(), code)?;
        expect_text(what, &refusal.text, text)
    }

    async fn no_token_yet(&self, client: &Maskinporten) -> anyhow::Result<()> {
        self.paper.step("SmartCloud AS asks Maskinporten for a token for the system user, too early");
        let outcome = client.token(&Self::for_customer()?).await;
        let expected = ("invalid_altinn_customer_configuration", "errors/MP-303", "waits for the customer's approval");
        self.expect_no_token("a token before approval", outcome, expected)
    }

    /// Logs Pia in at the test login provider, where the portal has sent the browser.
    async fn log_in(&self, browser: &mut Browser, login: &Window) -> anyhow::Result<Window> {
        expect("the test login's status", &login.status, &200)?;
        browser.press(login, PIA).await
    }

    async fn pia_approves(&self, request: &SystemUserRequest, client: &Maskinporten) -> anyhow::Result<()> {
        let paper = self.paper;
        let mut browser = Browser::new(self.http.clone(), paper);
        paper.step("Pia opens the confirmUrl, and is sent to log in (OpenID Connect: code, PKCE, state, nonce)");
        let confirm_url = request.confirm_url.as_deref().context("a request has a confirmUrl")?;
        let login = browser.open(confirm_url).await?;
        paper.step("She logs in, and comes back to the page");
        let page = self.log_in(&mut browser, &login).await?;
        expect("the request page's status", &page.status, &200)?;
        paper.part("she reads", page.heading()?);
        let words = page.words()?;
        for part in
            ["SMARTCLOUD AS", "TILFELDIG SUBTIL APE", "Krav og betalinger", "se opplysninger", "trekker den tilbake"]
        {
            expect_text("the request page", &words, part)?;
        }
        paper.step("She approves");
        let receipt = browser.press(&page, "Godkjenn").await?;
        expect("the receipt's heading", &receipt.heading()?.as_str(), &"Tilgangen er gitt")?;
        paper.part("she reads", receipt.words()?);
        paper.step("She goes on to SmartCloud");
        let vendor = browser.follow(&receipt, "Tilbake til").await?;
        expect("the vendor's page", &vendor.url.as_str(), &&*format!("{}?state=42", self.vendor_page))?;
        paper.part("she is at", &vendor.url);

        paper.step("SmartCloud AS sees that the request is accepted");
        let token = self.token(client, Vendor::REQUEST_READ_SCOPE).await?;
        let now = Vendor::new(self.connection.clone()).request(&token, request.id).await?;
        paper.request("GET", &format!("/authentication/api/v1/systemuser/request/vendor/{}", request.id), 200);
        expect("the request's status", &now.status.as_str(), &"Accepted")?;
        paper.part("status", now.status);
        Ok(())
    }

    async fn token_and_claims(&self, client: &Maskinporten) -> anyhow::Result<String> {
        let paper = self.paper;
        paper.step("SmartCloud AS signs a grant with authorization_details; Maskinporten checks it with Altinn");
        let token = client.token(&Self::for_customer()?).await.context("the token for the system user")?.token;
        paper.request("POST", "/token", 200);
        let claims = payload(&token)?;
        let members: Vec<&str> =
            claims.as_object().map(|claims| claims.keys().map(String::as_str).collect()).unwrap_or_default();
        let expected = vec![
            "authorization_details",
            "scope",
            "iss",
            "client_amr",
            "token_type",
            "exp",
            "iat",
            "client_id",
            "jti",
            "consumer",
        ];
        expect("the token's claims", &members, &expected)?;
        expect(
            "the customer in the token",
            part(&claims, "/authorization_details/0/systemuser_org/ID"),
            &json!(format!("0192:{CUSTOMER}")),
        )?;
        expect("the system in the token", part(&claims, "/authorization_details/0/system_id"), &json!(SYSTEM))?;
        expect("the vendor in the token", part(&claims, "/consumer/ID"), &json!(format!("0192:{SMARTCLOUD}")))?;
        paper.json(&claims);

        paper.step("SmartCloud AS calls the API, which asks the decision point, and answers");
        let open = self.claims_of(CUSTOMER, &token).await?;
        expect("the open claims", &open.status, &200)?;
        expect("whose claims they are", part(&open.body, "/partIdentifikator"), &json!(CUSTOMER))?;
        paper.part("totalOversikt", "");
        paper.json(part(&open.body, "/totalOversikt"));
        Ok(token)
    }

    async fn claims_of(&self, party: &str, token: &str) -> anyhow::Result<Answer> {
        let path = format!("v1/regnskapssystem/{party}/aapnekrav");
        self.call(Face::KravOgBetalinger, Method::GET, &path, token, &Value::Null).await
    }

    async fn expect_denied(&self, what: &str, party: &str, token: &str, text: &str) -> anyhow::Result<()> {
        let answer = self.claims_of(party, token).await?;
        expect(what, &answer.status, &403)?;
        let message = answer.text("melding");
        self.paper.part("melding", message);
        expect_text(what, message, text)
    }

    async fn refusals(&self, client: &Maskinporten, token: &str) -> anyhow::Result<()> {
        let paper = self.paper;
        paper.step("The claims of an organisation that has given nothing");
        self.expect_denied("another organisation's claims", STRANGER, token, "no right").await?;

        paper.step("A token without the API's scope");
        let other = self.token(client, Vendor::REQUEST_READ_SCOPE).await?;
        self.expect_denied("a token without the scope", CUSTOMER, &other, "lacks the scope").await?;

        paper.step("The same grant twice");
        let grant = client.grant(&Self::for_customer()?)?;
        client.exchange(&grant).await.context("the grant's first use")?;
        paper.request("POST", "/token", 200);
        let outcome = client.exchange(&grant).await;
        self.expect_no_token("a grant used twice", outcome, ("invalid_grant", "errors/MP-012", "Grant is used before"))
    }

    async fn pia_revokes(&self, client: &Maskinporten, token: &str) -> anyhow::Result<()> {
        let paper = self.paper;
        paper.step("Pia logs in again and takes the system access back");
        let mut browser = Browser::new(self.http.clone(), paper);
        let login = browser.open(self.app.faces.url(Face::Portal).as_str()).await?;
        let front = self.log_in(&mut browser, &login).await?;
        let overview = browser.follow(&front, "TILFELDIG SUBTIL APE").await?;
        let details = browser.follow(&overview, "SmartCloud").await?;
        let confirm = browser.follow(&details, "Trekk tilbake").await?;
        paper.part("she reads", confirm.words()?);
        let revoked = browser.press(&confirm, "Ja, trekk tilbake").await?;
        expect_text("the overview after it", &revoked.words()?, "Tilgangen er trukket tilbake")?;

        paper.step("The next token is refused");
        let outcome = client.fresh_token(&Self::for_customer()?).await;
        let expected = ("invalid_altinn_customer_configuration", "errors/MP-303", "has deleted the system user");
        self.expect_no_token("a token after it was taken back", outcome, expected)?;

        paper.step("The old token has not expired, and is denied all the same");
        self.expect_denied("the old token", CUSTOMER, token, "no right").await
    }
}

/// What a token says. It is not verified here: the API does that.
fn payload(token: &str) -> anyhow::Result<Value> {
    let jws = token::jws::Jws::parse(token)?;
    Ok(serde_json::from_slice(jws.unverified_payload())?)
}

/// The resource as Skatteetaten registers it.
fn resource() -> Value {
    json!({
        "identifier": RESOURCE,
        "title": {"nb": "Krav og betalinger", "nn": "Krav og betalingar", "en": "Claims and payments"},
        "description": {
            "nb": "Innsyn i krav og betalinger hos Skatteetaten",
            "nn": "Innsyn i krav og betalingar hos Skatteetaten",
            "en": "Insight into claims and payments at the tax administration",
        },
        "rightDescription": {
            "nb": "Den som får denne rettigheten, kan se hva virksomheten skylder i skatt og avgift, og hva den har betalt.",
            "nn": "Den som får denne retten, kan sjå kva verksemda skuldar i skatt og avgift, og kva ho har betalt.",
            "en": "Whoever is given this right can see what the organisation owes in tax and duty, and what it has paid.",
        },
        "status": "Completed",
        "contactPoints": [{"category": "Support", "email": "support@skatteetaten.example", "telephone": "", "contactPage": ""}],
        "delegable": true,
        "visible": true,
        "accessListMode": "Disabled",
        "hasCompetentAuthority": {
            "organization": SKATTEETATEN,
            "orgcode": "skd",
            "name": {"nb": "Skatteetaten", "nn": "Skatteetaten", "en": "The Norwegian Tax Administration"},
        },
        "resourceType": "GenericAccessResource",
        "availableForType": ["LegalEntityEnterprise", "Company"],
        "resourceReferences": [{"referenceSource": "ExternalPlatform", "referenceType": "MaskinportenScope", "reference": SCOPE}],
    })
}
