//! How often a browser may post forms and look for requests.
//!
//! Counted are posts, and pages that are found by a request's id: for each session, and for each address that browsers
//! come from, logged in or not. The time here is the machine's, not the application's: what is limited is the machine's
//! work, and how many ids can be guessed.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::{DefaultKeyedRateLimiter, Quota};
use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderName, Method};

use super::pages::{Message, Page};
use crate::app::App;

/// How much more an address may than a session: many people come from the same one.
const ADDRESS_FACTOR: NonZeroU32 = NonZeroU32::new(20).unwrap();
/// How many addresses are told apart. More than this share one count until some are forgotten.
const MAX_ADDRESSES: usize = 100_000;

/// What is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// How many posts and look-ups a session may make in a minute, and as many at once; `None` for any number. An
    /// address may make 20 times as many.
    pub per_minute: Option<NonZeroU32>,
    /// The header in which a proxy in front says where a request comes from; its last address counts. Where it is not
    /// set, or says nothing, the connection's own counts, unless that is a private one: many browsers may be behind it.
    pub address_header: Option<HeaderName>,
}

/// What has been counted.
#[derive(Debug)]
pub struct Limits {
    address_header: Option<HeaderName>,
    /// Whether it was said that the header is missing: once is enough.
    warned: AtomicBool,
    counts: Option<Counts>,
}

#[derive(Debug)]
struct Counts {
    sessions: DefaultKeyedRateLimiter<Vec<u8>>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
}

/// That it was too often: how many seconds to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften(u64);

impl TooOften {
    /// The page that says so.
    pub fn page(self, page: Page) -> Response {
        ([(RETRY_AFTER, self.0.to_string())], page.message(Message::TooOften)).into_response()
    }
}

impl Limits {
    /// Nothing counted yet.
    pub fn new(settings: LimitSettings) -> Self {
        let LimitSettings { per_minute, address_header } = settings;
        let counts = per_minute.map(|rate| Counts {
            sessions: DefaultKeyedRateLimiter::keyed(Quota::per_minute(rate)),
            addresses: DefaultKeyedRateLimiter::keyed(Quota::per_minute(rate.saturating_mul(ADDRESS_FACTOR))),
        });
        Self { address_header, warned: AtomicBool::new(false), counts }
    }

    /// Counts a request of a live session, by the hash of its id.
    pub fn count_session(&self, hash: &[u8], method: &Method, path: &str) -> Result<(), TooOften> {
        match &self.counts {
            Some(counts) if is_counted(method, path) => count(&counts.sessions, hash.to_vec()),
            _ => Ok(()),
        }
    }

    fn count_address(&self, address: Option<IpAddr>) -> Result<(), TooOften> {
        let (Some(counts), Some(address)) = (&self.counts, address) else { return Ok(()) };
        let is_full = counts.addresses.len() >= MAX_ADDRESSES;
        count(&counts.addresses, if is_full { Ipv6Addr::UNSPECIFIED.into() } else { network(address) })
    }

    /// Where a request comes from, if that can be known.
    fn address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let Some(name) = &self.address_header else {
            return peer.filter(|address| !is_private(*address));
        };
        let last = headers.get_all(name).iter().next_back().and_then(|value| value.to_str().ok());
        let last = last.and_then(|all| all.rsplit(',').map(str::trim).find(|address| !address.is_empty()));
        let told = last.and_then(parse_address);
        if told.is_none() && !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(header = %name, "a request does not say where it comes from; is portal.address_header right?");
        }
        // Who comes past the proxy is counted where it comes from; a proxy's own address says nothing.
        told.or_else(|| peer.filter(|address| !is_private(*address)))
    }

    /// Forgets who has been quiet.
    pub fn forget(&self) {
        if let Some(Counts { sessions, addresses }) = &self.counts {
            sessions.retain_recent();
            addresses.retain_recent();
        }
    }
}

fn count<K: Clone + Eq + std::hash::Hash>(limiter: &DefaultKeyedRateLimiter<K>, key: K) -> Result<(), TooOften> {
    use governor::clock::Clock as _;
    limiter.check_key(&key).map_err(|early| TooOften(early.wait_time_from(limiter.clock().now()).as_secs() + 1))
}

/// Whether a request is one of those that are counted: a form, a page that is found by a request's id, a file, or a login
/// that comes back.
fn is_counted(method: &Method, path: &str) -> bool {
    const LOOK_UPS: [&str; 6] = [
        "/request/",
        "/agentrequest/",
        "/changerequest/",
        "/accessmanagement/ui/systemuser/",
        "/authfront/ui/auth/",
        // Each asks the login provider something.
        "/login/callback",
    ];
    let is_file = path.ends_with("/history.csv") || path.ends_with("/history.json");
    *method == Method::POST || is_file || LOOK_UPS.iter().any(|prefix| path.starts_with(prefix))
}

/// What one who has an address has all of: of IPv6 a whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

/// An address as proxies write it: with a port or without, in quotation marks or brackets or not.
fn parse_address(text: &str) -> Option<IpAddr> {
    let text = text.trim_matches('"');
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse().ok().or_else(with_port).or_else(in_brackets)
}

fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Refuses an address that asks too often.
pub async fn layer(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if !is_counted(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    match app.limits.count_address(app.limits.address(request.headers(), peer)) {
        Ok(()) => next.run(request).await,
        Err(too_often) => {
            let page = Page::anonymous(&app, request.headers());
            too_often.page(page.for_request(request.method(), request.uri(), request.headers()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_browser_is_comes_from_the_proxy_that_is_trusted_or_from_the_connection() {
        let limits = |header: Option<&'static str>| {
            Limits::new(LimitSettings { per_minute: None, address_header: header.map(HeaderName::from_static) })
        };
        let headers =
            HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-for"), "6.6.6.6, 192.0.2.7".parse().unwrap())]);
        let peer = |text: &str| Some(text.parse().unwrap());
        assert_eq!(limits(Some("x-forwarded-for")).address(&headers, peer("127.0.0.1")), peer("192.0.2.7"));
        assert_eq!(limits(Some("x-real-ip")).address(&headers, peer("127.0.0.1")), None);
        assert_eq!(limits(Some("x-real-ip")).address(&headers, peer("192.0.2.9")), peer("192.0.2.9"));
        for (given, address) in [
            ("192.0.2.7:5678", Some("192.0.2.7")),
            ("192.0.2.7, ", Some("192.0.2.7")),
            ("[2001:db8::1]:5678", Some("2001:db8::1")),
            ("\"[2001:db8::1]\"", Some("2001:db8::1")),
            ("unknown", None),
            ("", None),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static("x-real-ip"), given.parse().unwrap())]);
            assert_eq!(
                limits(Some("x-real-ip")).address(&headers, peer("10.0.0.1")),
                address.and_then(peer),
                "{given}"
            );
        }
        assert_eq!(limits(None).address(&headers, peer("192.0.2.1")), peer("192.0.2.1"));
        for private in ["127.0.0.1", "10.1.2.3", "::1", "fd00::1", "::ffff:192.168.0.1"] {
            assert_eq!(limits(None).address(&headers, peer(private)), None, "{private}");
        }
    }

    #[test]
    fn an_address_of_ipv6_counts_as_its_network() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn more_than_is_allowed_is_refused_and_others_are_not() {
        let rate = NonZeroU32::new(3);
        let limits = Limits::new(LimitSettings { per_minute: rate, address_header: None });
        let session = |id: &[u8], method: Method, path: &str| limits.count_session(id, &method, path).is_ok();
        for _ in 0..10 {
            assert!(session(b"a", Method::GET, "/org/310904473/system-access"));
        }
        assert!(session(b"a", Method::GET, "/request/x") && session(b"a", Method::POST, "/request/x/reject"));
        assert!(session(b"a", Method::GET, "/authfront/ui/auth/vendorrequest"));
        assert!(!session(b"a", Method::POST, "/logout"));
        assert!(session(b"b", Method::POST, "/logout"));
        let address = "192.0.2.1".parse().ok();
        let passed = (0..100).filter(|_| limits.count_address(address).is_ok()).count();
        assert_eq!(passed, 60);
        assert!(limits.count_address("192.0.2.2".parse().ok()).is_ok() && limits.count_address(None).is_ok());
    }
}
