//! The faces of the chain, and the public address of each.
//!
//! One listener serves them all; every face has paths of its own. Issuers, links and redirects are made from the public
//! addresses here, never from what a request says. Where faces have different hosts, each answers on its own only.

use std::net::SocketAddr;
use std::str::FromStr;

use axum::extract::{Request, State};
use axum::http::Uri;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::HOST;
use http::{HeaderMap, StatusCode};
use thiserror::Error;
use url::Url;

use super::problem::ApiError;
use crate::app::App;
use std::sync::Arc;

/// What the chain looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Face {
    /// The token service and its administration.
    Maskinporten,
    /// The platform's APIs.
    Platform,
    /// What persons see.
    Portal,
    /// The sample API.
    KravOgBetalinger,
}

impl Face {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Maskinporten, Self::Platform, Self::Portal, Self::KravOgBetalinger];

    /// The name in settings and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Maskinporten => "maskinporten",
            Self::Platform => "platform",
            Self::Portal => "portal",
            Self::KravOgBetalinger => "kravOgBetalinger",
        }
    }

    /// The face that a path belongs to; none for what operators and curious developers read.
    fn of_path(path: &str) -> Option<Self> {
        const OPERATIONS: [&str; 3] = ["/health", "/ready", "/openapi.json"];
        let path = path.to_ascii_lowercase();
        let below =
            |prefix: &str| path == prefix || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
        if OPERATIONS.into_iter().any(below) {
            return None;
        }
        let maskinporten = ["/token", "/jwk", "/.well-known/oauth-authorization-server", "/errors", "/api/v1"];
        let platform = [
            "/authentication",
            "/authorization",
            "/resourceregistry",
            "/accessmanagement/api",
            "/register",
            "/systembruker/api",
            "/api/getpersonaltoken",
            "/api/getenterprisetoken",
            "/api/getsystemusertoken",
            "/api/getplatformaccesstoken",
        ];
        Some(if maskinporten.into_iter().any(below) {
            Self::Maskinporten
        } else if platform.into_iter().any(below) {
            Self::Platform
        } else if below("/v1/regnskapssystem") {
            Self::KravOgBetalinger
        } else {
            Self::Portal
        })
    }
}

/// The public address of a face, as it is given: `portal=https://am.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    /// Which face.
    pub face: Face,
    /// Its origin.
    pub origin: Url,
}

/// Why a public address cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a public address is NAME=ORIGIN, with a name among maskinporten, platform, portal and kravOgBetalinger, and an origin such as https://portal.example without path"
)]
pub struct PublicUrlError;

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, PublicUrlError> {
        let (name, origin) = text.split_once('=').ok_or(PublicUrlError)?;
        let plain = name.trim().replace(['-', '_'], "");
        let face = Face::ALL.into_iter().find(|face| face.name().eq_ignore_ascii_case(&plain)).ok_or(PublicUrlError)?;
        let origin = Url::parse(origin.trim()).map_err(|_| PublicUrlError)?;
        let bare = origin.path() == "/" && origin.query().is_none() && origin.fragment().is_none();
        let anonymous = origin.username().is_empty() && origin.password().is_none();
        if matches!(origin.scheme(), "http" | "https") && origin.has_host() && bare && anonymous {
            Ok(Self { face, origin })
        } else {
            Err(PublicUrlError)
        }
    }
}

/// The public addresses of all faces.
#[derive(Debug, Clone)]
pub struct Faces {
    origins: [Url; 4],
    /// Whether all faces share one host; then which host a request names does not matter.
    shared: bool,
    /// Where the listener is reached from this machine.
    listener: SocketAddr,
}

impl Faces {
    /// The addresses given, and the listener's own for the rest.
    pub fn new(listener: SocketAddr, given: &[PublicUrl]) -> Result<Self, url::ParseError> {
        let own: Url = format!("http://{listener}/").parse()?;
        let origin =
            |face| given.iter().find(|url| url.face == face).map_or_else(|| own.clone(), |url| url.origin.clone());
        let origins = Face::ALL.map(origin);
        let shared = origins.iter().all(|origin| Some(origin) == origins.first());
        Ok(Self { origins, shared, listener })
    }

    /// The origin of a face, with a trailing slash.
    pub fn url(&self, face: Face) -> &Url {
        let [maskinporten, platform, portal, krav_og_betalinger] = &self.origins;
        match face {
            Face::Maskinporten => maskinporten,
            Face::Platform => platform,
            Face::Portal => portal,
            Face::KravOgBetalinger => krav_og_betalinger,
        }
    }

    /// The address of a path of a face. `path` has no leading slash.
    pub fn join(&self, face: Face, path: &str) -> String {
        format!("{}{path}", self.url(face))
    }

    /// The origin of a face, as browsers name it.
    pub fn origin(&self, face: Face) -> String {
        self.url(face).origin().ascii_serialization()
    }

    /// Maskinporten's issuer, with its trailing slash.
    pub fn issuer(&self) -> &str {
        self.url(Face::Maskinporten).as_str()
    }

    /// Whether browsers reach the portal encrypted.
    pub fn portal_is_https(&self) -> bool {
        self.url(Face::Portal).scheme() == "https"
    }

    /// Where the listener is reached from this machine.
    pub fn listener(&self) -> SocketAddr {
        self.listener
    }

    /// How components of ours call others of ours: over HTTP like everybody else, but straight to the listener.
    pub fn environment(&self) -> client::Environment {
        let mut environment =
            client::Environment::new(self.url(Face::Maskinporten).clone(), self.url(Face::Platform).clone());
        environment.via = Some(self.listener);
        environment
    }

    fn answers(&self, face: Face, headers: &HeaderMap) -> bool {
        if self.shared {
            return true;
        }
        let named = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let url = self.url(face);
        let Ok(named) = Url::parse(&format!("{}://{named}/", url.scheme())) else { return false };
        named.host() == url.host() && named.port_or_known_default() == url.port_or_known_default()
    }
}

/// Marks a request that came by an address of the portal's front end.
#[derive(Debug, Clone, Copy)]
pub struct FrontEnd;

/// Where the APIs about system users are, and where the portal's front end has them too.
const SYSTEM_USERS: &str = "/authentication/api/v1/systemuser";
const SYSTEM_USERS_OF_FRONT_END: &str = "/accessmanagement/api/v1/systemuser";

/// The address of an API about system users, where it is that of the portal's front end, as clients use it. It takes a
/// token like the other, and no cookie.
pub fn from_front_end(uri: &Uri) -> Option<Uri> {
    let (front, rest) = uri.path().split_at_checked(SYSTEM_USERS_OF_FRONT_END.len())?;
    // What is for vendors and for the platform itself has no business on the portal's host.
    let first = rest.split('/').find(|part| !part.is_empty()).unwrap_or_default();
    let is_others = ["internal", "vendor"].iter().any(|other| first.eq_ignore_ascii_case(other));
    if !front.eq_ignore_ascii_case(SYSTEM_USERS_OF_FRONT_END) || !rest.starts_with('/') || is_others {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{SYSTEM_USERS}{rest}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

/// Lets a face answer on its own host only.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_front_end = request.extensions().get::<FrontEnd>().is_some();
    match Face::of_path(request.uri().path()) {
        Some(_) if is_front_end && app.faces.answers(Face::Portal, request.headers()) => next.run(request).await,
        Some(face) if !app.faces.answers(face, request.headers()) => {
            let detail = "This address is not served on this host.".to_owned();
            ApiError::Status(StatusCode::MISDIRECTED_REQUEST, Some(detail)).into_response()
        }
        _ => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(name: &str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, name.parse().unwrap())])
    }

    #[test]
    fn a_public_address_is_a_name_and_an_origin() {
        let parsed: PublicUrl = "krav-og-betalinger=https://kob.example:8443".parse().unwrap();
        assert_eq!((parsed.face, parsed.origin.as_str()), (Face::KravOgBetalinger, "https://kob.example:8443/"));
        for wrong in
            ["portal", "other=https://a", "portal=ftp://a", "portal=https://a/b", "portal=https://u@a", "portal=a"]
        {
            assert_eq!(wrong.parse::<PublicUrl>(), Err(PublicUrlError), "{wrong}");
        }
    }

    #[test]
    fn a_face_answers_on_its_own_host_only() {
        let listener = "127.0.0.1:8080".parse().unwrap();
        let shared = Faces::new(listener, &[]).unwrap();
        assert!(shared.answers(Face::Platform, &host("localhost:8080")));
        assert_eq!(shared.issuer(), "http://127.0.0.1:8080/");
        let given =
            ["maskinporten=https://mp.example".parse().unwrap(), "platform=https://pl.example".parse().unwrap()];
        let apart = Faces::new(listener, &given).unwrap();
        assert!(apart.answers(Face::Maskinporten, &host("MP.example")));
        assert!(apart.answers(Face::Maskinporten, &host("mp.example:443")));
        assert!(!apart.answers(Face::Maskinporten, &host("mp.example:80")));
        assert!(!apart.answers(Face::Maskinporten, &host("pl.example")));
        assert!(!apart.answers(Face::Maskinporten, &HeaderMap::new()));
        assert!(apart.answers(Face::Portal, &host("127.0.0.1:8080")));
    }

    #[test]
    fn the_front_end_has_addresses_of_its_own() {
        let from = |uri: &str| from_front_end(&uri.parse().unwrap()).map(|uri| uri.to_string());
        let expected = "/authentication/api/v1/systemuser/request/5/x/approve?a=b";
        assert_eq!(from("/AccessManagement/api/v1/systemuser/request/5/x/approve?a=b").as_deref(), Some(expected));
        assert_eq!(from("/accessmanagement/api/v1/systemusers/5"), None);
        assert_eq!(from("/accessmanagement/api/v1/enduser/connections"), None);
        assert_eq!(from("/"), None);
    }

    #[test]
    fn every_path_has_its_face() {
        let of = Face::of_path;
        assert_eq!(of("/health"), None);
        assert_eq!(of("/TOKEN"), Some(Face::Maskinporten));
        assert_eq!(of("/tokens"), Some(Face::Portal));
        assert_eq!(of("/accessmanagement/api/v1/x"), Some(Face::Platform));
        assert_eq!(of("/accessmanagement/ui/systemuser/request"), Some(Face::Portal));
        assert_eq!(of("/v1/regnskapssystem/1/aapnekrav"), Some(Face::KravOgBetalinger));
    }
}
