//! Where the browser may go after the customer has answered.

use thiserror::Error;
use url::{Host, Url};

/// What a vendor may register as a redirect URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedirectRules {
    /// Whether plain `http` to this very machine is accepted too, so that a vendor can try its own pages.
    pub allow_loopback_http: bool,
}

/// Why a URL cannot be registered as a redirect URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RedirectError {
    /// Not an absolute URL with a host.
    #[error("a redirect URL is absolute")]
    NotAbsolute,
    /// Not `https`.
    #[error("a redirect URL uses https")]
    NotHttps,
    /// User name or password in the URL.
    #[error("a redirect URL carries no user name or password")]
    Credentials,
}

impl RedirectRules {
    /// Reads a URL that a vendor wants to register.
    pub fn parse(self, text: &str) -> Result<Url, RedirectError> {
        let url = Url::parse(text.trim()).map_err(|_| RedirectError::NotAbsolute)?;
        if !url.has_host() {
            return Err(RedirectError::NotAbsolute);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectError::Credentials);
        }
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.allow_loopback_http && is_loopback(&url) => Ok(url),
            _ => Err(RedirectError::NotHttps),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(domain)) => domain == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether `asked` is one of the registered URLs: scheme, host, port and path are equal; query and fragment are the
/// vendor's own and may differ.
pub fn matches_registered(asked: &Url, registered: &[Url]) -> bool {
    asked.username().is_empty()
        && asked.password().is_none()
        && registered.iter().any(|url| {
            url.scheme() == asked.scheme()
                && url.host() == asked.host()
                && url.port_or_known_default() == asked.port_or_known_default()
                && url.path() == asked.path()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: RedirectRules = RedirectRules { allow_loopback_http: false };
    const SANDBOX: RedirectRules = RedirectRules { allow_loopback_http: true };

    #[test]
    fn only_absolute_https_is_registered() {
        assert!(STRICT.parse("https://vendor.example/receipt").is_ok());
        assert_eq!(STRICT.parse("vg.no"), Err(RedirectError::NotAbsolute));
        assert_eq!(STRICT.parse("http://vendor.example/"), Err(RedirectError::NotHttps));
        assert_eq!(STRICT.parse("javascript:alert(1)"), Err(RedirectError::NotAbsolute));
        assert_eq!(STRICT.parse("https://a:b@vendor.example/"), Err(RedirectError::Credentials));
        assert_eq!(STRICT.parse("http://127.0.0.1:9/"), Err(RedirectError::NotHttps));
    }

    #[test]
    fn a_sandbox_accepts_http_to_this_machine_only() {
        assert!(SANDBOX.parse("http://127.0.0.1:9000/receipt").is_ok());
        assert!(SANDBOX.parse("http://[::1]/receipt").is_ok());
        assert_eq!(SANDBOX.parse("http://localhost.vendor.example/"), Err(RedirectError::NotHttps));
    }

    #[test]
    fn only_query_and_fragment_may_differ() {
        let registered = [Url::parse("https://vendor.example/receipt").unwrap()];
        let matches = |text| matches_registered(&Url::parse(text).unwrap(), &registered);
        assert!(matches("https://vendor.example:443/receipt?state=1#top"));
        assert!(!matches("https://vendor.example/receipt/"));
        assert!(!matches("https://vendor.example/Receipt"));
        assert!(!matches("https://vendor.example:8443/receipt"));
        assert!(!matches("https://vendor.example.evil.example/receipt"));
        assert!(!matches("https://u@vendor.example/receipt"));
    }
}
