//! The settings of a real installation: one file, environment variables over it, secrets in files of their own.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use confique::Config;
use jiff::SignedDuration;
use model::OrgNumber;
use secrecy::SecretString;
use store::Database;
use url::Url;

use crate::authorization::DecisionSettings;
use crate::http::faces::{Face, PublicUrl};
use crate::login::oidc::OidcSettings;
use crate::maskinporten::keys::RotationPolicy;
use crate::maskinporten::service::{CertificateSource, TokenSettings};
use crate::notices::NoticeSettings;
use crate::portal::PortalSettings;
use crate::portal::limits::LimitSettings;
use crate::system_users::SystemUserSettings;
use crate::telemetry::LogFormat;
use crate::vault::Vault;

/// The shortest key that opens anything, in characters.
const SHORTEST_KEY: usize = 16;

/// The settings of `systembruker serve`.
#[derive(Debug, Config)]
pub struct Settings {
    /// Where to listen. TLS ends at a proxy in front, which forwards Host and Origin untouched.
    #[config(default = "127.0.0.1:8080", env = "SYSTEMBRUKER_LISTEN")]
    pub listen: SocketAddr,
    /// Where the data is: sqlite:PATH or postgres://USER@HOST/NAME.
    #[config(default = "sqlite:systembruker.db", env = "SYSTEMBRUKER_DATABASE")]
    pub database: String,
    /// A file with the master key: 32 bytes in base64, as made by `openssl rand -base64 32`. National identity numbers
    /// and signing keys are encrypted with keys made from it; without it they are lost.
    #[config(env = "SYSTEMBRUKER_MASTER_KEY_FILE")]
    pub master_key_file: PathBuf,
    /// The organisation that owns the platform's own resources and scopes.
    #[config(default = "991825827", env = "SYSTEMBRUKER_PLATFORM_OWNER")]
    pub platform_owner: String,
    /// The public address of each face, from which every issuer, link and redirect is made.
    #[config(nested)]
    pub public_url: PublicUrlSettings,
    /// The token service.
    #[config(nested)]
    pub tokens: TokensSettings,
    /// The keys that sign tokens.
    #[config(nested)]
    pub signing_keys: SigningKeysSettings,
    /// The enterprise certificates (virksomhetssertifikat) that clients without registered keys authenticate with.
    /// Without roots, none are accepted.
    #[config(nested)]
    pub certificates: CertificatesSettings,
    /// The OpenID Connect provider that persons log in with. Without it nobody can use the portal.
    #[config(nested)]
    pub login: LoginSettings,
    /// The decision point.
    #[config(nested)]
    pub decisions: DecisionsSettings,
    /// Requests, system users and their lists.
    #[config(nested)]
    pub system_users: SystemUsersSettings,
    /// How the portal presents itself.
    #[config(nested)]
    pub portal: PortalPageSettings,
    /// Telling organisations what is asked of them and given in their name.
    #[config(nested)]
    pub notices: NoticesSettings,
    /// The log, on standard error.
    #[config(nested)]
    pub log: LogSettings,
}

/// Public addresses, such as `https://maskinporten.example`.
#[derive(Debug, Config)]
pub struct PublicUrlSettings {
    /// The token service.
    #[config(env = "SYSTEMBRUKER_PUBLIC_URL_MASKINPORTEN")]
    pub maskinporten: String,
    /// The platform's APIs.
    #[config(env = "SYSTEMBRUKER_PUBLIC_URL_PLATFORM")]
    pub platform: String,
    /// What persons see. Cookies are bound to it; it should be https.
    #[config(env = "SYSTEMBRUKER_PUBLIC_URL_PORTAL")]
    pub portal: String,
}

/// The token service.
#[derive(Debug, Config)]
pub struct TokensSettings {
    /// How strictly grants are read. `strict`: to the letter, 120 seconds from iat to exp, no unknown claims, aud is the
    /// issuer. `standard`: as strict, but 180 seconds, as the official service does. `lenient`: unknown claims are not
    /// read, and aud may also be the token endpoint or lack its last slash.
    #[config(default = "standard", env = "SYSTEMBRUKER_TOKENS_GRANTS")]
    pub grants: String,
    /// How many tokens a client may ask for in a second, on average; twice as many at once. 0 for no limit.
    #[config(default = 100, env = "SYSTEMBRUKER_TOKENS_REQUESTS_PER_SECOND")]
    pub requests_per_second: u32,
    /// Where it is remembered which grants were used. `memory`: after a crash, grants signed before it are
    /// refused. `database`: they are not, and every token waits for a write that it shares with others.
    #[config(default = "memory", env = "SYSTEMBRUKER_TOKENS_USED_GRANTS")]
    pub used_grants: String,
}

/// The keys that sign tokens.
#[derive(Debug, Config)]
pub struct SigningKeysSettings {
    /// The size of new keys: 2048, 3072 or 4096 bits.
    #[config(default = 3072, env = "SYSTEMBRUKER_SIGNING_KEYS_BITS")]
    pub bits: usize,
    /// How many days a key signs before the next one does; 0 to rotate by command only.
    #[config(default = 180, env = "SYSTEMBRUKER_SIGNING_KEYS_ROTATE_DAYS")]
    pub rotate_days: u32,
    /// How many hours a key is published before it signs. Those who verify tokens should fetch the keys more often.
    #[config(default = 24, env = "SYSTEMBRUKER_SIGNING_KEYS_PUBLISH_AHEAD_HOURS")]
    pub publish_ahead_hours: u32,
}

/// Enterprise certificates.
#[derive(Debug, Config)]
pub struct CertificatesSettings {
    /// A file with the authorities that are trusted, in PEM form: roots, and the issuing ones too, since many clients
    /// send their own certificate alone.
    #[config(env = "SYSTEMBRUKER_CERTIFICATES_ROOTS")]
    pub roots: Option<PathBuf>,
    /// Files with the revocation lists of those authorities, DER or PEM. They are read again every minute; keep them
    /// fresh, since a certificate whose list is missing or too old is refused.
    #[config(default = [])]
    pub revocation_lists: Vec<PathBuf>,
}

/// The login provider.
#[derive(Debug, Config)]
pub struct LoginSettings {
    /// The issuer, for example `https://idporten.no`.
    #[config(env = "SYSTEMBRUKER_LOGIN_ISSUER")]
    pub issuer: Option<String>,
    /// How the provider knows the portal.
    #[config(env = "SYSTEMBRUKER_LOGIN_CLIENT_ID")]
    pub client_id: Option<String>,
    /// A file with the secret that the portal authenticates with.
    #[config(env = "SYSTEMBRUKER_LOGIN_CLIENT_SECRET_FILE")]
    pub client_secret_file: Option<PathBuf>,
}

/// The portal's pages.
#[derive(Debug, Config)]
pub struct PortalPageSettings {
    /// The name in the head and the titles of all pages.
    #[config(default = "Systembruker", env = "SYSTEMBRUKER_PORTAL_PRODUCT_NAME")]
    pub product_name: String,
    /// An SVG file with a logo to show beside the name, at most 64 kB.
    #[config(env = "SYSTEMBRUKER_PORTAL_LOGO_FILE")]
    pub logo_file: Option<PathBuf>,
    /// Where to get help, as an address or `mailto:`; on the help page.
    #[config(env = "SYSTEMBRUKER_PORTAL_SUPPORT_URL")]
    pub support_url: Option<Url>,
    /// The accessibility statement (tilgjengelighetserklæring) at uustatus.no, where there is one.
    #[config(env = "SYSTEMBRUKER_PORTAL_ACCESSIBILITY_STATEMENT_URL")]
    pub accessibility_statement_url: Option<Url>,
    /// How many forms and look-ups of requests a session may send in a minute, on average and at once; an address 20
    /// times as many. 0 for no limit.
    #[config(default = 120, env = "SYSTEMBRUKER_PORTAL_REQUESTS_PER_MINUTE")]
    pub requests_per_minute: u32,
    /// The header in which the proxy in front says which address a browser has, such as X-Forwarded-For; its last one
    /// counts. Without it the connection's counts, unless it is a private one.
    #[config(env = "SYSTEMBRUKER_PORTAL_ADDRESS_HEADER")]
    pub address_header: Option<String>,
}

/// Notices. All go to the log.
#[derive(Debug, Config)]
pub struct NoticesSettings {
    /// Where they are posted too, as CloudEvents.
    #[config(env = "SYSTEMBRUKER_NOTICES_WEBHOOK_URL")]
    pub webhook_url: Option<Url>,
    /// A file with the secret that they are signed with: HMAC-SHA-256 over the body, in X-Systembruker-Signature.
    #[config(env = "SYSTEMBRUKER_NOTICES_WEBHOOK_SECRET_FILE")]
    pub webhook_secret_file: Option<PathBuf>,
}

/// The decision point.
#[derive(Debug, Config)]
pub struct DecisionsSettings {
    /// Whether callers with the scope altinn:authorization/authorize get answers about the resources of their own
    /// organisation only. Those with altinn:authorization/authorize.admin may ask about all, and are journalled.
    #[config(default = true, env = "SYSTEMBRUKER_DECISIONS_OWNERS_ONLY")]
    pub owners_only: bool,
    /// Which decisions are written to the audit journal: `all`, `refusals` (all that are not Permit) or `none`.
    #[config(default = "refusals", env = "SYSTEMBRUKER_DECISIONS_JOURNAL")]
    pub journal: String,
    /// A file with the key that components of the platform ask /authorization/api/v1/decision with, in the header
    /// Ocp-Apim-Subscription-Key. At least 16 characters. Without it that address is not there.
    #[config(env = "SYSTEMBRUKER_DECISIONS_INTERNAL_KEY_FILE")]
    pub internal_key_file: Option<PathBuf>,
}

/// Requests, system users and their lists.
#[derive(Debug, Config)]
pub struct SystemUsersSettings {
    /// How many days requests and change requests wait for an answer; 1 to 365.
    #[config(default = 10, env = "SYSTEMBRUKER_SYSTEM_USERS_REQUEST_DAYS")]
    pub request_days: u16,
    /// How many entries a page of a list has; 1 to 1000.
    #[config(default = 50, env = "SYSTEMBRUKER_SYSTEM_USERS_PAGE_SIZE")]
    pub page_size: u16,
}

/// The log.
#[derive(Debug, Config)]
pub struct LogSettings {
    /// `json`, an object a line, or `text`.
    #[config(default = "json", env = "SYSTEMBRUKER_LOG_FORMAT")]
    pub format: LogFormat,
    /// What is logged, in the form of RUST_LOG.
    #[config(default = "info", env = "SYSTEMBRUKER_LOG_FILTER")]
    pub filter: String,
}

impl Settings {
    /// Reads a file, and the environment over it.
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        if !file.is_file() {
            anyhow::bail!("there is no file {}; `systembruker config` writes one to begin with", file.display());
        }
        Self::builder().env().file(file).load().with_context(|| format!("{} cannot be used", file.display()))
    }

    /// A file to begin with: every setting, what it means, and what it is by default.
    pub fn reference() -> String {
        confique::toml::template::<Self>(confique::toml::FormatOptions::default())
    }

    /// Where the data is.
    pub fn database(&self) -> anyhow::Result<Database> {
        self.database.parse().context("the setting database")
    }

    /// The master key's vault.
    pub fn vault(&self) -> anyhow::Result<Vault> {
        Vault::from_base64(&read_secret(&self.master_key_file)?)
            .with_context(|| format!("the file {}", self.master_key_file.display()))
    }

    /// The organisation that owns what is the platform's.
    pub fn platform_owner(&self) -> anyhow::Result<OrgNumber> {
        self.platform_owner.parse().context("the setting platform_owner")
    }

    /// The public addresses.
    pub fn public_urls(&self) -> anyhow::Result<Vec<PublicUrl>> {
        let given = [
            (Face::Maskinporten, &self.public_url.maskinporten),
            (Face::Platform, &self.public_url.platform),
            (Face::Portal, &self.public_url.portal),
        ];
        given
            .into_iter()
            .map(|(face, origin)| {
                let name = face.name();
                format!("{name}={origin}").parse().with_context(|| format!("the setting public_url.{name}"))
            })
            .collect()
    }

    /// How the token service is set up.
    pub fn tokens(&self) -> anyhow::Result<TokenSettings> {
        let record_used_grants = match &*self.tokens.used_grants {
            "memory" => false,
            "database" => true,
            _ => anyhow::bail!("the setting tokens.used_grants is memory or database"),
        };
        Ok(TokenSettings {
            strictness: self.tokens.grants.parse().context("the setting tokens.grants")?,
            certificates: self.certificates()?,
            requests_per_second: NonZeroU32::new(self.tokens.requests_per_second),
            record_used_grants,
            rotation: self.rotation()?,
        })
    }

    fn certificates(&self) -> anyhow::Result<Option<CertificateSource>> {
        let CertificatesSettings { roots, revocation_lists } = &self.certificates;
        let Some(roots) = roots else { return Ok(None) };
        if revocation_lists.is_empty() {
            anyhow::bail!(
                "certificates.roots needs certificates.revocation_lists: a revoked certificate must not be accepted"
            );
        }
        Ok(Some(CertificateSource::Files { roots: roots.clone(), revocation_lists: revocation_lists.clone() }))
    }

    /// The issuer of the registry in which scopes are delegated: the platform.
    pub fn delegation_source(&self) -> anyhow::Result<String> {
        let urls = self.public_urls()?;
        let platform = urls.iter().find(|url| url.face == Face::Platform).context("the setting public_url.platform")?;
        Ok(platform.origin.to_string())
    }

    /// How decisions are given.
    pub fn decisions(&self) -> anyhow::Result<DecisionSettings> {
        let DecisionsSettings { owners_only, journal, internal_key_file } = &self.decisions;
        let internal_key = internal_key_file.as_deref().map(read_secret).transpose()?;
        if internal_key.as_ref().is_some_and(|key| key.len() < SHORTEST_KEY) {
            anyhow::bail!("the key in decisions.internal_key_file has at least {SHORTEST_KEY} characters");
        }
        Ok(DecisionSettings {
            owners_only: *owners_only,
            journalled: journal.parse().context("the setting decisions.journal")?,
            internal_key: internal_key.map(Into::into),
        })
    }

    /// How requests and lists of system users are.
    pub fn system_users(&self) -> anyhow::Result<SystemUserSettings> {
        let SystemUsersSettings { request_days, page_size } = self.system_users;
        if !(1..=365).contains(&request_days) {
            anyhow::bail!("the setting system_users.request_days is 1 to 365");
        }
        if !(1..=1_000).contains(&page_size) {
            anyhow::bail!("the setting system_users.page_size is 1 to 1000");
        }
        Ok(SystemUserSettings { request_days: i64::from(request_days), page_size })
    }

    /// When signing keys are made.
    pub fn rotation(&self) -> anyhow::Result<RotationPolicy> {
        let SigningKeysSettings { bits, rotate_days, publish_ahead_hours } = self.signing_keys;
        if ![2048, 3072, 4096].contains(&bits) {
            anyhow::bail!("the setting signing_keys.bits is 2048, 3072 or 4096");
        }
        let hours = |hours: u32| SignedDuration::from_hours(i64::from(hours));
        let (every, publish_ahead) = (hours(rotate_days.saturating_mul(24)), hours(publish_ahead_hours));
        if publish_ahead_hours < 2 {
            anyhow::bail!("signing_keys.publish_ahead_hours is at least 2: keys may be kept for an hour");
        }
        if rotate_days > 0 && every <= publish_ahead {
            anyhow::bail!("signing_keys.rotate_days is longer than signing_keys.publish_ahead_hours");
        }
        Ok(RotationPolicy { bits, every: (rotate_days > 0).then_some(every), publish_ahead })
    }

    /// How the portal presents itself.
    pub fn portal(&self) -> anyhow::Result<PortalSettings> {
        const MAX_LOGO: usize = 64 * 1024;
        let PortalPageSettings {
            product_name,
            logo_file,
            support_url,
            accessibility_statement_url,
            requests_per_minute,
            address_header,
        } = &self.portal;
        let read = |file: &PathBuf| {
            let text = std::fs::read(file).with_context(|| format!("the file {} cannot be read", file.display()))?;
            anyhow::ensure!(text.len() <= MAX_LOGO, "portal.logo_file has at most {MAX_LOGO} bytes");
            anyhow::Ok(text)
        };
        let web = |url: &&Url| ["https", "http", "mailto"].contains(&url.scheme());
        anyhow::ensure!(support_url.iter().all(|url| web(&url)), "portal.support_url is a web address or mailto:");
        anyhow::ensure!(
            accessibility_statement_url.iter().all(|url| web(&url)),
            "portal.accessibility_statement_url is a web address"
        );
        anyhow::ensure!(!product_name.trim().is_empty(), "portal.product_name is not empty");
        let address_header = address_header.as_ref().map(|name| name.trim().parse()).transpose();
        let address_header = address_header.context("portal.address_header is the name of a header")?;
        Ok(PortalSettings {
            product_name: product_name.trim().to_owned(),
            logo: logo_file.as_ref().map(read).transpose()?,
            support: support_url.clone(),
            accessibility_statement: accessibility_statement_url.clone(),
            limits: LimitSettings { per_minute: NonZeroU32::new(*requests_per_minute), address_header },
        })
    }

    /// Where notices go.
    pub fn notices(&self) -> anyhow::Result<NoticeSettings> {
        let NoticesSettings { webhook_url, webhook_secret_file } = &self.notices;
        let is_web = webhook_url.as_ref().is_none_or(|url| ["https", "http"].contains(&url.scheme()));
        anyhow::ensure!(is_web, "notices.webhook_url is a web address");
        let secret = webhook_secret_file.as_deref().map(read_secret).transpose()?.map(Into::into);
        Ok(NoticeSettings { webhook: webhook_url.clone(), secret })
    }

    /// The login provider, where one is set.
    pub fn login(&self) -> anyhow::Result<Option<OidcSettings>> {
        let LoginSettings { issuer, client_id, client_secret_file } = &self.login;
        let (issuer, client_id, file) = match (issuer, client_id, client_secret_file) {
            (Some(issuer), Some(client_id), Some(file)) => (issuer, client_id, file),
            (None, None, None) => return Ok(None),
            _ => anyhow::bail!("login needs issuer, client_id and client_secret_file, or none of them"),
        };
        let client_secret: SecretString = read_secret(file)?.into();
        let redirect_uri = format!("{}/login/callback", self.public_url.portal.trim_end_matches('/'));
        Ok(Some(OidcSettings { issuer: issuer.clone(), client_id: client_id.clone(), client_secret, redirect_uri }))
    }
}

fn read_secret(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("the file {} cannot be read", file.display()))?;
    Ok(text.trim().to_owned())
}
