//! What a vendor does: register systems and ask customers for system users.

use model::{AccessPackage, Iso6523, OrgNumber, Right, Translated};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::connection::{Connection, Error, json};

/// A system to be registered.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemRegistration {
    /// The vendor's organisation number, `_`, and a name.
    pub id: String,
    /// The vendor.
    pub vendor: Iso6523,
    /// The name that customers see.
    pub name: Translated,
    /// What it is.
    pub description: Translated,
    /// The single rights it may ask for.
    pub rights: Vec<Right>,
    /// The access packages it may ask for.
    pub access_packages: Vec<AccessPackage>,
    /// The Maskinporten clients it authenticates as.
    pub client_id: Vec<String>,
    /// Where customers may be sent after they have answered.
    pub allowed_redirect_urls: Vec<Url>,
    /// Whether customers find it in the portal.
    pub is_visible: bool,
}

/// A system user asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemUserAsked {
    /// The system.
    pub system_id: String,
    /// The customer.
    pub party_org_no: OrgNumber,
    /// The vendor's reference, where the customer shall have several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_ref: Option<String>,
    /// The single rights asked for.
    pub rights: Vec<Right>,
    /// The access packages asked for.
    pub access_packages: Vec<AccessPackage>,
    /// Where the customer is sent after the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_url: Option<String>,
}

/// A request as the service tells about it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemUserRequest {
    /// The request; the system user gets the same id.
    pub id: Uuid,
    /// `New`, `Accepted`, `Rejected` or `Timedout`.
    pub status: String,
    /// Where the customer answers. Hand it over only to one who is logged in at yours.
    pub confirm_url: Option<String>,
    /// The vendor's reference.
    pub external_ref: String,
}

/// The vendor's side of the platform's APIs.
#[derive(Debug, Clone)]
pub struct Vendor {
    connection: Connection,
}

impl Vendor {
    /// The scope for the system register.
    pub const REGISTER_SCOPE: &str = "altinn:authentication/systemregister.write";
    /// The scope for asking.
    pub const REQUEST_WRITE_SCOPE: &str = "altinn:authentication/systemuser.request.write";
    /// The scope for reading requests.
    pub const REQUEST_READ_SCOPE: &str = "altinn:authentication/systemuser.request.read";

    /// The APIs of an environment.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Registers a system, and returns its internal id.
    pub async fn register_system(&self, token: &str, system: &SystemRegistration) -> Result<Uuid, Error> {
        let url = self.connection.platform("authentication/api/v1/systemregister/vendor")?;
        json(self.connection.request(Method::POST, &url).bearer_auth(token).json(system).send().await?).await
    }

    /// Asks a customer for a system user. Asking again for the same gives the request that is already there.
    pub async fn ask(&self, token: &str, asked: &SystemUserAsked) -> Result<SystemUserRequest, Error> {
        let url = self.connection.platform("authentication/api/v1/systemuser/request/vendor")?;
        json(self.connection.request(Method::POST, &url).bearer_auth(token).json(asked).send().await?).await
    }

    /// Where a request stands.
    pub async fn request(&self, token: &str, id: Uuid) -> Result<SystemUserRequest, Error> {
        let url = self.connection.platform(&format!("authentication/api/v1/systemuser/request/vendor/{id}"))?;
        json(self.connection.request(Method::GET, &url).bearer_auth(token).send().await?).await
    }
}
