//! A browser that does what the story needs: cookies, redirects, links and forms. Pages of ours are well-formed XML, so
//! that reading them needs no more than an XML parser.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use cookie::Cookie;
use http::header::{COOKIE, LOCATION, SET_COOKIE};
use roxmltree::{Document, Node, ParsingOptions};
use url::Url;

use super::paper::Paper;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 10;

/// A browser with one window.
pub struct Browser {
    http: reqwest::Client,
    /// By host and port, since faces and the vendor are different sites.
    cookies: BTreeMap<String, BTreeMap<String, String>>,
    paper: Paper,
}

/// What the window shows.
pub struct Window {
    /// Where it is.
    pub url: Url,
    /// How the page was answered.
    pub status: u16,
    html: String,
}

/// A form that can be posted.
pub struct Form {
    /// Where to.
    pub action: Url,
    /// With what.
    pub fields: Vec<(String, String)>,
}

impl Browser {
    /// A browser without cookies. `http` follows no redirects.
    pub fn new(http: reqwest::Client, paper: Paper) -> Self {
        Self { http, cookies: BTreeMap::new(), paper }
    }

    /// Opens an address, and follows redirects.
    pub async fn open(&mut self, url: &str) -> anyhow::Result<Window> {
        self.go(Url::parse(url)?, None).await
    }

    /// Follows a link by its text.
    pub async fn follow(&mut self, window: &Window, text: &str) -> anyhow::Result<Window> {
        let url = window.with_page(|page| {
            let link = page.descendants().find(|node| node.has_tag_name("a") && text_of(*node).contains(text));
            let link = link.with_context(|| format!("the page {} has no link “{text}”", window.url))?;
            Ok(window.url.join(link.attribute("href").unwrap_or_default())?)
        })?;
        self.go(url, None).await
    }

    /// Presses a form's button by its text.
    pub async fn press(&mut self, window: &Window, text: &str) -> anyhow::Result<Window> {
        let form = window.form(text)?;
        self.post(form.action, form.fields).await
    }

    /// Posts a form to an address.
    pub async fn post(&mut self, action: Url, fields: Vec<(String, String)>) -> anyhow::Result<Window> {
        self.go(action, Some(fields)).await
    }

    async fn go(&mut self, mut url: Url, mut form: Option<Vec<(String, String)>>) -> anyhow::Result<Window> {
        for _ in 0..MAX_REDIRECTS {
            let method = if form.is_some() { "POST" } else { "GET" };
            let request = match form.take() {
                Some(fields) => self.http.post(url.clone()).header("Origin", origin(&url)).form(&fields),
                None => self.http.get(url.clone()),
            };
            let response = request.header(COOKIE, self.cookies_for(&url)).send().await?;
            let status = response.status().as_u16();
            self.paper.request(method, &shortened(&url), status);
            self.keep_cookies(&url, &response);
            match response.headers().get(LOCATION).and_then(|to| to.to_str().ok()) {
                Some(to) if (300..400).contains(&status) => url = url.join(to)?,
                _ => return Ok(Window { url, status, html: response.text().await? }),
            }
        }
        bail!("more than {MAX_REDIRECTS} redirects, the last to {url}")
    }

    /// What it sends along to an address, as a header.
    pub fn cookies_for(&self, url: &Url) -> String {
        let cookies = self.cookies.get(&origin(url)).into_iter().flatten();
        cookies.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&mut self, url: &Url, response: &reqwest::Response) {
        let jar = self.cookies.entry(origin(url)).or_default();
        let headers = response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        for cookie in headers.filter_map(|value| Cookie::parse(value.to_owned()).ok()) {
            if cookie.max_age().is_some_and(|age| age.whole_seconds() <= 0) {
                jar.remove(cookie.name());
            } else {
                jar.insert(cookie.name().to_owned(), cookie.value().to_owned());
            }
        }
    }
}

impl Window {
    fn with_page<T>(&self, read: impl FnOnce(Node<'_, '_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        // The one declaration there is, `<!DOCTYPE html>`, declares nothing.
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        let document = Document::parse_with_options(&self.html, options)
            .with_context(|| format!("the page {} is not well-formed", self.url))?;
        read(document.root_element())
    }

    /// The form with the button of this text.
    pub fn form(&self, text: &str) -> anyhow::Result<Form> {
        self.with_page(|page| {
            let button = page.descendants().find(|node| node.has_tag_name("button") && text_of(*node).contains(text));
            let button = button.with_context(|| format!("the page {} has no button “{text}”", self.url))?;
            let form = button.ancestors().find(|node| node.has_tag_name("form")).context("a button without a form")?;
            let inputs = form.descendants().filter(|node| node.has_tag_name("input"));
            let field = |input: Node<'_, '_>| {
                let name = input.attribute("name")?.to_owned();
                Some((name, input.attribute("value").unwrap_or_default().to_owned()))
            };
            let action = self.url.join(form.attribute("action").unwrap_or_default())?;
            let mut fields: Vec<_> = inputs.filter_map(field).collect();
            // A button that has a name is a field too.
            fields.extend(field(button));
            Ok(Form { action, fields })
        })
    }

    /// The page's first heading.
    pub fn heading(&self) -> anyhow::Result<String> {
        self.with_page(|page| {
            let heading = page.descendants().find(|node| node.has_tag_name("h1"));
            heading.map(text_of).with_context(|| format!("the page {} has no heading", self.url))
        })
    }

    /// All words of the page's content.
    pub fn words(&self) -> anyhow::Result<String> {
        self.with_page(|page| {
            let content = page.descendants().find(|node| node.has_tag_name("main")).unwrap_or(page);
            Ok(text_of(content))
        })
    }
}

/// The words of an element, with single spaces.
fn text_of(node: Node<'_, '_>) -> String {
    let words = node.descendants().filter_map(|child| child.text().filter(|_| child.is_text()));
    words.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// An address as it is printed: what is random in it is left out.
fn shortened(url: &Url) -> String {
    let path = url.path();
    let path = match path.strip_prefix("/receipt/") {
        Some(_) => "/receipt/…",
        None => path,
    };
    if url.query().is_some() { format!("{path}?…") } else { path.to_owned() }
}
