//! Style sheets and the font, in the binary. Their names hold a hash of what is in them, so that browsers keep them
//! for good.

use std::sync::{Arc, LazyLock};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use crate::app::App;
use crate::http::extract::Path;
use crate::http::problem::ApiError;
use crate::http::request_id::hex;

/// A file that pages use.
struct Asset {
    path: String,
    content_type: &'static str,
    content: &'static [u8],
}

impl Asset {
    fn new(name: &str, extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let hash = hex(digest(&SHA256, content).as_ref().get(..8).unwrap_or_default());
        Self { path: format!("/assets/{name}-{hash}.{extension}"), content_type, content }
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

/// The style sheets, in the order they count.
pub fn style_sheets() -> [&'static str; 3] {
    [&DESIGN.path, &THEME.path, &PORTAL.path]
}

/// The routes of the files.
pub fn routes() -> Router<Arc<App>> {
    Router::new().route("/assets/{name}", get(asset)).route("/assets/font/inter.woff2", get(font_file))
}

fn file(asset: &Asset) -> Response {
    let headers = [(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, asset.content).into_response()
}

async fn asset(Path(name): Path<String>) -> Result<Response, ApiError> {
    let path = format!("/assets/{name}");
    let found = [&*DESIGN, &THEME, &PORTAL].into_iter().find(|asset| asset.path == path);
    found.map(file).ok_or_else(ApiError::not_found)
}

/// The font under the name that the style sheet has for it.
async fn font_file() -> Response {
    let headers = [(CONTENT_TYPE, FONT.content_type), (CACHE_CONTROL, "public, max-age=86400")];
    (headers, FONT.content).into_response()
}
