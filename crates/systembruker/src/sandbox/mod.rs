//! What only a sandbox has: made-up people and clients, a login without secrets, a clock that can be turned.
//!
//! Nothing of this room is reachable from a real installation: its routes are not there, and a database belongs to the
//! one kind or the other. The seed ([`seed`]) has the parties of the story and clients to begin with. The test login
//! provider ([`test_login`]) is an OpenID provider of our own; the portal reaches it through the same client as any.

pub mod api;
pub mod info;
pub mod seed;
pub mod test_login;
pub mod test_tokens;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tempfile::TempDir;
use token::certificates::authority::Authority;
use tower_http::csrf::CsrfLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::clock::Random;
use crate::http::faces::{Face, Faces};
use crate::login::oidc::OidcSettings;
use crate::vault::Vault;
use seed::SeededClient;

/// How the test login provider knows the portal.
pub const LOGIN_CLIENT_ID: &str = "portal";

/// What a sandbox remembers beside its database.
#[derive(Debug)]
pub struct Sandbox {
    /// The clients that were seeded, with their private keys.
    pub clients: Vec<SeededClient>,
    /// The authorities whose enterprise certificates are trusted, as PEM.
    pub certificate_roots: String,
    /// Parties from a file, as JSON lines; imported again after a reset.
    pub parties: Option<String>,
    /// Logins under way at the test login provider.
    pub logins: test_login::Codes,
    login_secret: SecretString,
    folder: Folder,
}

#[derive(Debug)]
enum Folder {
    Kept(PathBuf),
    /// Removed when the sandbox ends.
    Temporary(TempDir),
}

/// What is kept in the folder, so that a sandbox can be stopped and started again.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    master_key: String,
    login_secret: String,
    certificate_roots: String,
    clients: Vec<SeededClient>,
}

impl Sandbox {
    /// Opens the folder of a sandbox, or makes one. Without a folder a temporary one is used.
    pub async fn open(folder: Option<&Path>, parties: Option<String>) -> anyhow::Result<(Self, Vault)> {
        let folder = match folder {
            Some(path) => {
                std::fs::create_dir_all(path)
                    .with_context(|| format!("the folder {} cannot be made", path.display()))?;
                Folder::Kept(path.to_owned())
            }
            None => Folder::Temporary(tempfile::Builder::new().prefix("systembruker-").tempdir()?),
        };
        let file = folder.path().join("sandbox.json");
        let kept: Kept = match std::fs::read(&file) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).with_context(|| format!("{} cannot be read", file.display()))?
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let kept = Kept::new().await?;
                write_private(&file, &serde_json::to_vec_pretty(&kept)?)?;
                kept
            }
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        let vault = Vault::from_base64(&kept.master_key)?;
        let sandbox = Self {
            clients: kept.clients,
            certificate_roots: kept.certificate_roots,
            parties,
            logins: test_login::Codes::default(),
            login_secret: kept.login_secret.into(),
            folder,
        };
        Ok((sandbox, vault))
    }

    /// Where the database is.
    pub fn database(&self) -> store::Database {
        store::Database::Sqlite(self.folder.path().join("systembruker.db"))
    }

    /// How the portal reaches the test login provider.
    pub fn login_settings(&self, faces: &Faces) -> OidcSettings {
        OidcSettings {
            issuer: test_login::issuer(faces),
            client_id: LOGIN_CLIENT_ID.into(),
            client_secret: self.login_secret.clone(),
            redirect_uri: faces.join(Face::Portal, "login/callback"),
        }
    }

    fn is_login_secret(&self, given: &str) -> bool {
        let expected = self.login_secret.expose_secret().as_bytes();
        aws_lc_rs::constant_time::verify_slices_are_equal(expected, given.as_bytes()).is_ok()
    }
}

impl Folder {
    fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(folder) => folder.path(),
        }
    }
}

impl Kept {
    async fn new() -> anyhow::Result<Self> {
        use base64::Engine as _;
        let random = Random;
        let master_key = base64::engine::general_purpose::STANDARD.encode(random.bytes::<32>());
        let authority = Authority::new(seed::AUTHORITY_SINCE)?;
        // The issuing authority too, since many clients send their own certificate alone.
        let certificate_roots = format!("{}{}", authority.root_pem(), authority.issuing_pem());
        let clients = seed::new_clients(&authority).await?;
        Ok(Self { master_key, login_secret: random.token(), certificate_roots, clients })
    }
}

/// Writes a file that only its owner can read, all at once.
pub fn write_private(file: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    use std::io::Write as _;
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The temporary file is made with rights for the owner alone.
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    temporary.write_all(bytes)?;
    temporary.persist(file).with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(())
}

/// The routes of this room that are APIs.
pub fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(api::read_clock, api::turn_clock, api::reset_clock))
        .routes(routes!(api::reset))
        .routes(routes!(test_tokens::personal_token))
        .routes(routes!(test_tokens::enterprise_token))
        .routes(routes!(test_tokens::system_user_token))
        .routes(routes!(test_tokens::component_token))
        // No page on the web may reset what somebody works with.
        .layer(CsrfLayer::new())
}
