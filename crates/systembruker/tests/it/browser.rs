//! The story's page in a real browser: headless Chromium, driven through its WebDriver.
//!
//! With `SCREENSHOTS` set to a folder, pictures of each page at 320, 768 and 1280 pixels are left there.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::process::{Child, Command};

use crate::world::{CUSTOMER, REGISTER, SYSTEM, VENDOR_SCOPES, World, asked, system, with};

struct Chromium {
    driver: WebDriver,
    server: String,
    http: reqwest::Client,
    _process: Child,
    _profile: TempDir,
    pictures: Option<PathBuf>,
}

/// Looks for barriers (WCAG 2.2 A and AA); unchanged, see `tests/axe`.
const AXE: &str = include_str!("../axe/axe.min.js");

/// The browser, by the names that systems have for it.
fn browser_binary() -> String {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.iter().find(|name| {
        std::process::Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    });
    (*found.expect("Chromium is missing; see ./test")).to_owned()
}

impl Chromium {
    async fn new() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("chromedriver is missing; see ./test");
        let profile = TempDir::new().unwrap();
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-prefers-reduced-motion",
            "--lang=nb",
            "--accept-lang=nb",
        ] {
            capabilities.add_arg(argument).unwrap();
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display())).unwrap();
        let path = std::process::Command::new("which").arg(browser_binary()).output().unwrap();
        capabilities.set_binary(String::from_utf8(path.stdout).unwrap().trim()).unwrap();
        let server = format!("http://127.0.0.1:{port}");
        let mut tries = 0;
        let driver = loop {
            match WebDriver::new(&server, capabilities.clone()).await {
                Ok(driver) => break driver,
                Err(error) if tries > 50 => panic!("no browser: {error}"),
                Err(_) => tries += 1,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        #[expect(clippy::disallowed_methods, reason = "where a person wants the pictures")]
        let pictures = std::env::var("SCREENSHOTS").ok().map(PathBuf::from);
        let http = systembruker::app::http_client().unwrap();
        Self { driver, server, http, _process: process, _profile: profile, pictures }
    }

    /// Looks at the page at both widths: nothing sticks out to the side, and a picture is taken if wanted.
    async fn look(&self, name: &str) {
        for width in [320, 768, 1280] {
            let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
            self.set_size(size).await;
            let script = "return [document.documentElement.scrollWidth, document.documentElement.scrollHeight]";
            let sizes: Vec<u64> = self.driver.execute(script, vec![]).await.unwrap().convert().unwrap();
            assert!(sizes[0] <= width, "{name} is {} wide at {width}", sizes[0]);
            if let Some(folder) = &self.pictures {
                std::fs::create_dir_all(folder).unwrap();
                let size =
                    json!({"width": width, "height": sizes[1].max(600), "deviceScaleFactor": 1, "mobile": false});
                self.set_size(size).await;
                self.driver.screenshot(&folder.join(format!("{name}-{width}.png"))).await.unwrap();
            }
        }
    }

    /// Has axe look at the page: no rule of WCAG 2.2 A or AA is violated.
    async fn check(&self, name: &str) {
        self.driver.execute(AXE, vec![]).await.unwrap();
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(
                (found) => done(found.violations.map((it) => it.id + ': ' + it.nodes.map((node) => node.html).join(' | '))),
                (error) => done([String(error)]));";
        let found: Vec<String> = self.driver.execute_async(script, vec![]).await.unwrap().convert().unwrap();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }

    /// Looks at a page in three languages.
    async fn look_at(&self, name: &str, url: &str) {
        for language in ["nb", "nn", "en"] {
            self.speak(language, url).await;
            self.driver.goto(url).await.unwrap();
            let shown = self.driver.find(By::Css("html")).await.unwrap().attr("lang").await.unwrap();
            assert_eq!(shown.as_deref(), Some(language), "{name}");
            let came = self.driver.current_url().await.unwrap();
            assert!(came.as_str() == url || name == "test-login", "{name} is at {came}");
            self.look(&format!("{name}-{language}")).await;
            self.check(&format!("{name}-{language}")).await;
        }
        self.speak("nb", url).await;
        self.driver.goto(url).await.unwrap();
    }

    /// Chooses a language, as the button does.
    async fn speak(&self, language: &str, url: &str) {
        let mut cookie = Cookie::new("language", language);
        cookie.set_path("/");
        if !self.driver.current_url().await.unwrap().as_str().starts_with("http://127.0.0.1") {
            self.driver.goto(url).await.unwrap();
        }
        self.driver.add_cookie(cookie).await.unwrap();
    }

    /// Logs in as somebody, at a page.
    async fn log_in(&self, person: &str, url: &str) {
        self.driver.delete_all_cookies().await.unwrap();
        self.driver.goto(url).await.unwrap();
        self.press(person).await;
        for _ in 0..100 {
            if self.driver.current_url().await.unwrap().as_str() == url {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{person} does not come to {url}");
    }

    /// Gives the page a size; windows themselves cannot be as narrow as phones.
    async fn set_size(&self, size: serde_json::Value) {
        self.emulate("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows pages as to somebody who wants a feature so: `prefers-color-scheme`, `forced-colors`.
    async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.emulate("Emulation.setEmulatedMedia", features).await;
    }

    async fn emulate(&self, command: &str, params: serde_json::Value) {
        let url = format!("{}/session/{}/goog/cdp/execute", self.server, self.driver.handle().session_id());
        let command = json!({"cmd": command, "params": params});
        let answer = self.http.post(url).json(&command).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Waits until the page with this heading is there.
    async fn arrives_at(&self, heading: &str) {
        let mut shown = String::new();
        for _ in 0..100 {
            if let Ok(element) = self.driver.find(By::Css("h1")).await {
                shown = element.text().await.unwrap_or_default();
                if shown == heading {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("expected the page “{heading}”, came “{shown}”");
    }

    async fn press(&self, text: &str) {
        let path =
            format!("//button[contains(normalize-space(.), '{text}')] | //a[contains(normalize-space(.), '{text}')]");
        let element = self.driver.find(By::XPath(&path)).await.unwrap_or_else(|error| panic!("no “{text}”: {error}"));
        element.click().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pia_approves_and_takes_back_in_a_real_browser() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let request = world.ask(&vendor, &asked()).await.json();
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
    chromium.arrives_at("Testinnlogging").await;
    chromium.look("1-test-login").await;
    // Free entry, with a number that is wrong and one that is right.
    driver.find(By::Id("pid")).await.unwrap().send_keys("12345678901").await.unwrap();
    chromium.press("Autentiser").await;
    driver.query(By::Id("pid-wrong")).first().await.unwrap();
    let field = driver.find(By::Id("pid")).await.unwrap();
    assert_eq!(field.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    field.send_keys("17858212081").await.unwrap();
    chromium.press("Autentiser").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    chromium.look("2-request").await;
    chromium.press("English").await;
    chromium.arrives_at("SMARTCLOUD AS asks for access for the system SmartCloud").await;
    assert_eq!(driver.find(By::Css("html")).await.unwrap().attr("lang").await.unwrap().as_deref(), Some("en"));
    chromium.look("3-request-en").await;
    chromium.press("Norsk (bokmål)").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;

    // By keyboard: from the top of the page to the answer.
    driver.execute("document.activeElement.blur(); window.focus()", vec![]).await.unwrap();
    let mut reached = false;
    for _ in 0..20 {
        driver.active_element().await.unwrap().send_keys(Key::Tab + "").await.unwrap();
        if driver.active_element().await.unwrap().text().await.unwrap() == "Godkjenn" {
            reached = true;
            break;
        }
    }
    assert!(reached, "the keyboard does not lead to the answer");
    driver.active_element().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
    chromium.arrives_at("Tilgangen er gitt").await;
    chromium.look("4-receipt").await;
    let back = driver.find(By::XPath("//a[contains(., 'Tilbake til smartcloud.example')]")).await.unwrap();
    assert_eq!(back.attr("href").await.unwrap().as_deref(), Some("https://smartcloud.example/receipt?state=1"));
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);

    chromium.press("Logg inn").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("Velg virksomhet").await;
    chromium.look("5-front").await;
    chromium.press("TILFELDIG SUBTIL APE").await;
    chromium.arrives_at("Systemtilganger for TILFELDIG SUBTIL APE").await;
    chromium.look("6-overview").await;
    driver.find(By::XPath("//main//a[contains(., 'SmartCloud')]")).await.unwrap().click().await.unwrap();
    chromium.arrives_at("Systemtilgang: SmartCloud").await;
    chromium.look("7-details").await;
    chromium.press("Trekk tilbake tilgangen").await;
    chromium.arrives_at("Trekke tilbake tilgangen?").await;
    chromium.look("8-revoke").await;
    chromium.press("Ja, trekk tilbake").await;
    chromium.arrives_at("Systemtilganger for TILFELDIG SUBTIL APE").await;
    chromium.look("9-revoked").await;
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 400);
    driver.clone().quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_shown_beside_rights_in_three_languages() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let packages =
        json!([{"urn": "urn:altinn:accesspackage:krav-og-utlegg"}, {"urn": "urn:altinn:accesspackage:skatt-naering"}]);
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let registration = with(system(SYSTEM, &vendor.client_id), "accessPackages", packages.clone());
    assert_eq!(world.post(REGISTER, &token, &registration).await.status, 200);
    let request = world.ask(&vendor, &with(asked(), "accessPackages", packages)).await.json();
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    let shown = async |texts: &[&str]| {
        let page = driver.find(By::Css("main")).await.unwrap().text().await.unwrap();
        for text in texts {
            assert!(page.contains(text), "“{text}” is not on the page: {page}");
        }
    };
    driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
    chromium.arrives_at("Testinnlogging").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    shown(&["Krav og betalinger", "Skatt næring"]).await;
    chromium.look("packages-1-request-nb").await;
    chromium.press("Norsk (nynorsk)").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    chromium.look("packages-2-request-nn").await;
    chromium.press("English").await;
    chromium.arrives_at("SMARTCLOUD AS asks for access for the system SmartCloud").await;
    shown(&["Business tax"]).await;
    chromium.look("packages-3-request-en").await;
    chromium.press("Approve").await;
    chromium.arrives_at("The access has been given").await;
    chromium.look("packages-4-receipt-en").await;
    chromium.press("Log in").await;
    chromium.arrives_at("Test login").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("Choose organisation").await;
    chromium.press("TILFELDIG SUBTIL APE").await;
    chromium.arrives_at("System access for TILFELDIG SUBTIL APE").await;
    driver.find(By::XPath("//main//a[contains(., 'SmartCloud')]")).await.unwrap().click().await.unwrap();
    chromium.arrives_at("System access: SmartCloud").await;
    shown(&["Business tax"]).await;
    chromium.look("packages-5-details").await;
    driver.clone().quit().await.unwrap();
}

/// Every page in every state and three languages: nothing sticks out at 320 pixels, and axe finds no barrier.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_without_barriers_in_three_languages() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let chromium = Chromium::new().await;
    let at = |path: &str| format!("{}{path}", world.origin);
    let ask = async |reference: &str| {
        let body = with(asked(), "externalRef", json!(reference));
        world.ask(&vendor, &body).await.json()["id"].as_str().unwrap().to_owned()
    };
    chromium.driver.goto(at("/logged-out")).await.unwrap();
    for (name, path) in [
        ("logged-out", "/logged-out"),
        ("help", "/help"),
        ("privacy", "/privacy"),
        ("accessibility", "/accessibility"),
        ("token-error", "/help/errors/MP-303"),
        ("test-login", "/login"),
    ] {
        chromium.look_at(name, &at(path)).await;
    }
    // What Pia sees.
    let waits = ask("waits").await;
    let page = |id: &str| at(&format!("/request/{id}"));
    chromium.log_in("Pia Tilfeldig", &page(&waits)).await;
    chromium.look_at("front", &at("/")).await;
    chromium.look_at("request", &page(&waits)).await;
    let org = format!("/org/{CUSTOMER}/system-access");
    chromium.look_at("overview-empty", &at(&org)).await;
    chromium.look_at("create-1", &at(&format!("{org}/new"))).await;
    chromium.look_at("create-2", &at(&format!("{org}/new/{SYSTEM}"))).await;
    chromium.look_at("requests", &at(&format!("/org/{CUSTOMER}/requests"))).await;
    chromium.look_at("no-id", &at("/accessmanagement/ui/systemuser/request")).await;
    chromium.look_at("unknown", &page("01a20538-218e-7fae-aebe-6e10372c06b2")).await;
    // Answered from inside, so that she stays.
    chromium.driver.goto(at(&format!("/request/{waits}?skiplogout=true"))).await.unwrap();
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    let receipt = chromium.driver.current_url().await.unwrap();
    chromium.look_at("receipt-inside", receipt.as_str()).await;
    chromium.look_at("request-accepted", &page(&waits)).await;
    chromium.look_at("overview", &at(&org)).await;
    let access = format!("{org}/{waits}");
    chromium.look_at("details", &at(&access)).await;
    chromium.look_at("revoke", &at(&format!("{access}/revoke"))).await;
    chromium.look_at("history", &at(&format!("/org/{CUSTOMER}/history"))).await;
    // A change, and one that somebody else has to answer.
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let change = world.app.random.uuid();
    let path = format!(
        "/authentication/api/v1/systemuser/changerequest/vendor?correlation-id={change}&system-user-id={waits}"
    );
    let body = json!({"unwantedRights": [crate::world::right(crate::world::RESOURCE)]});
    assert_eq!(world.post(&path, &token, &body).await.status, 201);
    chromium.look_at("change", &at(&format!("/changerequest/{change}"))).await;
    let withdrawn = ask("withdrawn").await;
    let withdraw = world.request(reqwest::Method::DELETE, &format!("{}/{withdrawn}", crate::world::REQUESTS));
    assert_eq!(world.send(withdraw.bearer_auth(&token)).await.status, 202);
    chromium.look_at("withdrawn", &page(&withdrawn)).await;
    let rejected = ask("rejected").await;
    chromium.driver.goto(page(&rejected)).await.unwrap();
    chromium.press("Avvis").await;
    chromium.arrives_at("Forespørselen er avvist").await;
    chromium.look("receipt-rejected").await;
    chromium.check("receipt-rejected").await;
    // What others see of a request.
    let forwarded = ask("forwarded").await;
    for (name, person) in [("no-power", "Arne Ansatt"), ("cannot-give", "Sverre Subtil")] {
        chromium.log_in(person, &page(&forwarded)).await;
        chromium.look_at(name, &page(&forwarded)).await;
    }
    chromium.driver.find(By::Id("message")).await.unwrap().send_keys("Kan du se på denne?").await.unwrap();
    chromium.press("Videresend").await;
    chromium.look_at("forwarded", &page(&forwarded)).await;
    // An accountant's.
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let accountant = crate::answers::ACCOUNTANT;
    let clients = format!("/org/{accountant}/system-access/{agent}/clients");
    chromium.log_in("Ragnhild Rask", &at(&clients)).await;
    chromium.look_at("clients", &at(&clients)).await;
    chromium.driver.goto(at(&clients)).await.unwrap();
    chromium.driver.find(By::Id("numbers")).await.unwrap().send_keys("312652757\n310904473\nnonsense").await.unwrap();
    chromium.press("Legg til disse").await;
    chromium.arrives_at("Klientene er behandlet").await;
    let job = chromium.driver.current_url().await.unwrap();
    chromium.look_at("job", job.as_str()).await;
    chromium.look_at("details-clients", &at(&format!("/org/{accountant}/system-access/{agent}"))).await;
    let body = with(crate::answers::asked_of_agent(&["regnskapsforer-lonn"]), "externalRef", json!("second"));
    let agent_request = world.ask_agent(&vendor, &body).await.json()["id"].as_str().unwrap().to_owned();
    chromium.look_at("request-clients", &at(&format!("/agentrequest/{agent_request}"))).await;
    world.advance(11 * 24 * 3_600).await;
    chromium.log_in("Pia Tilfeldig", &page(&forwarded)).await;
    chromium.look_at("timed-out", &page(&forwarded)).await;
    chromium.driver.clone().quit().await.unwrap();
}

/// The public portal's first scenarios: reject, approve, and back at the vendor's without a click.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_answer_the_browser_goes_back_to_the_vendor_unless_it_is_stopped() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let back = format!("{}/help", world.origin);
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let registration = with(system(SYSTEM, &vendor.client_id), "allowedRedirectUrls", json!([back]));
    assert_eq!(world.post(REGISTER, &token, &registration).await.status, 200);
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    let state = async |id: &str| {
        let token = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
        world.get(&format!("{}/{id}", crate::world::REQUESTS), &token).await.json()["status"].clone()
    };
    for (button, status, stops) in [("Avvis", "Rejected", false), ("Godkjenn", "Accepted", true)] {
        let body =
            with(with(asked(), "redirectUrl", json!(format!("{back}?ref={status}"))), "externalRef", json!(status));
        let request = world.ask(&vendor, &body).await.json();
        driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
        chromium.press("Pia Tilfeldig").await;
        chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
        chromium.press(button).await;
        let leaving = driver.query(By::Css("#leaving:not([hidden])")).first().await.unwrap();
        assert!(leaving.text().await.unwrap().contains("sekunder sendes du tilbake til 127.0.0.1"));
        if stops {
            chromium.press("Bli på siden").await;
            tokio::time::sleep(Duration::from_secs(6)).await;
            assert!(driver.current_url().await.unwrap().path().starts_with("/receipt/"));
        } else {
            let mut came = String::new();
            for _ in 0..100 {
                came = driver.current_url().await.unwrap().to_string();
                if came.starts_with(&back) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(came, format!("{back}?ref={status}"));
        }
        assert_eq!(state(request["id"].as_str().unwrap()).await, json!(status));
        // She is logged out.
        driver.goto(format!("{}/", world.origin)).await.unwrap();
        chromium.arrives_at("Testinnlogging").await;
    }
    driver.clone().quit().await.unwrap();
}

/// In the dark, with forced colours, and by keyboard.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_legible_in_the_dark_and_focus_is_seen() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let chromium = Chromium::new().await;
    let accountant = crate::answers::ACCOUNTANT;
    let paths = [
        "/help".to_owned(),
        format!("/org/{accountant}/system-access"),
        format!("/org/{accountant}/system-access/{agent}"),
        format!("/org/{accountant}/system-access/{agent}/clients"),
        format!("/org/{accountant}/system-access/{agent}/revoke"),
        format!("/agentrequest/{agent}"),
    ];
    chromium.log_in("Ragnhild Rask", &format!("{}/", world.origin)).await;
    for (feature, value) in [("prefers-color-scheme", "dark"), ("forced-colors", "active")] {
        chromium.prefer(feature, value).await;
        for path in &paths {
            chromium.driver.goto(format!("{}{path}", world.origin)).await.unwrap();
            assert_eq!(chromium.driver.current_url().await.unwrap().path(), path);
            let name = format!("{value}-{}", path.rsplit('/').next().unwrap());
            chromium.look(&name).await;
            chromium.check(&name).await;
        }
    }
    chromium.prefer("prefers-color-scheme", "light").await;
    // Whatever the keyboard comes to shows it.
    chromium.driver.goto(format!("{}{}", world.origin, paths[3])).await.unwrap();
    let focused =
        "const it = document.activeElement; if (it === document.body) return ''; const style = getComputedStyle(it);
        return it.tagName + ' ' + it.className + ' ' + it.textContent.trim().slice(0, 20) + ' ' + (style.outlineStyle !== 'none' || style.boxShadow !== 'none' ? 'seen' : 'unseen')";
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        chromium.driver.active_element().await.unwrap().send_keys(Key::Tab + "").await.unwrap();
        let state: String = chromium.driver.execute(focused, vec![]).await.unwrap().convert().unwrap();
        // The link past the head is seen by being there at all.
        assert!(!state.ends_with("unseen") || state.contains("ds-skip-link"), "{state}");
        seen.insert(state.split(' ').next().unwrap().to_owned());
    }
    assert!(["A", "BUTTON", "INPUT", "SELECT", "TEXTAREA"].iter().all(|tag| seen.contains(*tag)), "{seen:?}");
    chromium.driver.clone().quit().await.unwrap();
}
