//! The settings of a real installation: one file, environment variables over it, secrets in files of their own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use confique::Config;
use model::OrgNumber;
use secrecy::SecretString;
use store::Database;

use crate::http::faces::{Face, PublicUrl};
use crate::login::oidc::OidcSettings;
use crate::telemetry::LogFormat;
use crate::vault::Vault;

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
    /// The OpenID Connect provider that persons log in with. Without it nobody can use the portal.
    #[config(nested)]
    pub login: LoginSettings,
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
