//! A real browser: headless Chromium, driven through its WebDriver.
//!
//! With `SCREENSHOTS` set to a folder, pictures of each page at 320, 768 and 1280 pixels are left there.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use thirtyfour::prelude::*;
use tokio::process::{Child, Command};

pub struct Chromium {
    pub driver: WebDriver,
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
    pub async fn new() -> Self {
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
    pub async fn look(&self, name: &str) {
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
    pub async fn check(&self, name: &str) {
        self.driver.execute(AXE, vec![]).await.unwrap();
        let script = "const done = arguments[arguments.length - 1];
            axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']}).then(
                (found) => done(found.violations.map((it) => it.id + ': ' + it.nodes.map((node) => node.html).join(' | '))),
                (error) => done([String(error)]));";
        let found: Vec<String> = self.driver.execute_async(script, vec![]).await.unwrap().convert().unwrap();
        assert!(found.is_empty(), "{name}: {found:#?}");
    }

    /// Looks at a page in three languages.
    pub async fn look_at(&self, name: &str, url: &str) {
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
    pub async fn speak(&self, language: &str, url: &str) {
        let mut cookie = Cookie::new("language", language);
        cookie.set_path("/");
        if !self.driver.current_url().await.unwrap().as_str().starts_with("http://127.0.0.1") {
            self.driver.goto(url).await.unwrap();
        }
        self.driver.add_cookie(cookie).await.unwrap();
    }

    /// Logs in as somebody, at a page.
    pub async fn log_in(&self, person: &str, url: &str) {
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
    pub async fn set_size(&self, size: serde_json::Value) {
        self.emulate("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Shows pages as to somebody who wants a feature so: `prefers-color-scheme`, `forced-colors`.
    pub async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.emulate("Emulation.setEmulatedMedia", features).await;
    }

    pub async fn emulate(&self, command: &str, params: serde_json::Value) {
        let url = format!("{}/session/{}/goog/cdp/execute", self.server, self.driver.handle().session_id());
        let command = json!({"cmd": command, "params": params});
        let answer = self.http.post(url).json(&command).send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
    }

    /// Waits until the page with this heading is there.
    pub async fn arrives_at(&self, heading: &str) {
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

    pub async fn press(&self, text: &str) {
        let path =
            format!("//button[contains(normalize-space(.), '{text}')] | //a[contains(normalize-space(.), '{text}')]");
        for _ in 0..40 {
            if let Ok(element) = self.driver.find(By::XPath(&path)).await
                && element.click().await.is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("there is no “{text}” to press: {}", self.text().await);
    }

    /// Makes sure that a page which cannot be opened anew says this, and looks at it.
    pub async fn seen(&self, name: &str, text: &str) {
        self.says(&[text]).await;
        self.check(name).await;
        self.look(name).await;
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) {
        self.driver.goto(url).await.unwrap();
    }

    /// What the page's content says.
    pub async fn text(&self) -> String {
        for _ in 0..40 {
            // Between two pages there is none.
            if let Ok(main) = self.driver.find(By::Css("main")).await
                && let Ok(text) = main.text().await
            {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("there is no page");
    }

    /// Makes sure that the page says all of this.
    pub async fn says(&self, texts: &[&str]) {
        let mut shown = self.text().await;
        for _ in 0..40 {
            if texts.iter().all(|text| shown.contains(text)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            shown = self.text().await;
        }
        panic!("not all of {texts:?} is on the page: {shown}");
    }

    /// Makes sure that the page says nothing of this.
    pub async fn is_silent_on(&self, texts: &[&str]) {
        let shown = self.text().await;
        for text in texts {
            assert!(!shown.contains(text), "“{text}” is on the page: {shown}");
        }
    }

    /// How many elements there are.
    pub async fn count(&self, selector: &str) -> usize {
        self.driver.find_all(By::Css(selector)).await.unwrap().len()
    }

    /// Writes into a field, in place of what was there.
    pub async fn write(&self, field: &str, text: &str) {
        let field = self.driver.find(By::Id(field)).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(text).await.unwrap();
    }

    /// Whether pages run scripts.
    pub async fn run_scripts(&self, run: bool) {
        self.emulate("Emulation.setScriptExecutionDisabled", json!({"value": !run})).await;
    }

    /// Presses the tabulator until what is focused says this.
    pub async fn tab_to(&self, text: &str) {
        for _ in 0..80 {
            self.driver.active_element().await.unwrap().send_keys(Key::Tab + "").await.unwrap();
            let focused = self.driver.active_element().await.unwrap();
            if focused.text().await.unwrap().contains(text) {
                return;
            }
        }
        panic!("the keyboard does not lead to “{text}”");
    }

    /// Presses enter where the focus is.
    pub async fn enter(&self) {
        self.driver.active_element().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
    }

    /// Ends the browser.
    pub async fn quit(&self) {
        self.driver.clone().quit().await.unwrap();
    }
}
