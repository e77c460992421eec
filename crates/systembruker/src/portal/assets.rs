//! Style sheets, script and the font, in the binary. Their names hold a hash of what is in them, so that browsers keep
//! them for good. Texts are compressed once, when they are first asked for.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY};

use crate::app::App;
use crate::http::extract::Path;
use crate::http::problem::ApiError;
use crate::http::request_id::hex;

/// A file that pages use.
struct Asset {
    path: String,
    content_type: &'static str,
    content: &'static [u8],
    /// The content compressed (RFC 1952); `None` for what is compressed in itself.
    gzipped: Option<Vec<u8>>,
}

/// Compresses once and for all, so as well as can be.
fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).ok()?;
    encoder.finish().ok()
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let hash = hex(digest(&SHA256, content).as_ref().get(..8).unwrap_or_default());
        let gzipped = if extension == "woff2" { None } else { gzip(content) };
        Self { path: format!("/assets/{name}-{hash}.{extension}"), content_type, content, gzipped }
    }
}

const CSS: &str = "text/css; charset=utf-8";

static DESIGN: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("designsystemet", "css", CSS, include_bytes!("../../assets/designsystemet.css")));
static THEME: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("theme", "css", CSS, include_bytes!("../../assets/designsystemet-theme.css")));
static FONT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("inter", "woff2", "font/woff2", include_bytes!("../../assets/inter.woff2")));
static PORTAL: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("portal", "css", CSS, include_bytes!("../../assets/portal.css")));

static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("portal", "js", "text/javascript; charset=utf-8", include_bytes!("../../assets/portal.js"))
});

/// The script. Pages are complete without it.
pub fn script() -> &'static str {
    &SCRIPT.path
}

/// The style sheets, in the order they count.
pub fn style_sheets() -> [&'static str; 3] {
    [&DESIGN.path, &THEME.path, &PORTAL.path]
}

/// The routes of the files.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/assets/{name}", get(asset))
        .route("/assets/font/inter.woff2", get(font_file))
        .route("/assets/logo.svg", get(logo))
}

fn file(asset: &'static Asset, takes_gzip: bool) -> Response {
    let headers = [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        (VARY, "accept-encoding"),
    ];
    match asset.gzipped.as_deref().filter(|_| takes_gzip) {
        Some(gzipped) => (headers, [(CONTENT_ENCODING, "gzip")], gzipped).into_response(),
        None => (headers, asset.content).into_response(),
    }
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let refused = |rest: &str| rest.replace(' ', "").ends_with(";q=0");
    accepted
        .flat_map(|text| text.split(','))
        .map(str::trim)
        .any(|coding| coding.starts_with("gzip") && !refused(coding))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let path = format!("/assets/{name}");
    let found = [&*DESIGN, &*THEME, &*PORTAL, &*SCRIPT].into_iter().find(|asset| asset.path == path);
    found.map(|asset| file(asset, takes_gzip(&headers))).ok_or_else(ApiError::not_found)
}

/// The logo, where one is set. Shown as an image, so that nothing in it runs.
async fn logo(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let logo = app.portal.logo.clone().ok_or_else(ApiError::not_found)?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; sandbox";
    let headers =
        [(CONTENT_TYPE, "image/svg+xml"), (CACHE_CONTROL, "public, max-age=3600"), (CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, logo).into_response())
}

/// The font under the name that the style sheet has for it.
async fn font_file() -> Response {
    let headers = [(CONTENT_TYPE, FONT.content_type), (CACHE_CONTROL, "public, max-age=86400")];
    (headers, FONT.content).into_response()
}
