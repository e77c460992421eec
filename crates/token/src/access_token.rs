//! The access token that Maskinporten issues (RFC 9068 does not apply: it has no `typ`, no `sub`, and usually no
//! `aud`), as described in Digdir's documentation of the token.

use model::{Iso6523, OrgNumber};
use serde::{Deserialize, Serialize};

/// The type of an authorization detail (RFC 9396) that is about a system user.
pub const SYSTEM_USER_TYPE: &str = "urn:altinn:systemuser";

/// The claims, in the order they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// Whom the client acts as, for system users.
    #[serde(default, deserialize_with = "one_or_many", skip_serializing_if = "Vec::is_empty")]
    pub authorization_details: Vec<AuthorizationDetail>,
    /// The scopes, separated by spaces, as the client wrote them.
    #[serde(default)]
    pub scope: String,
    /// The organisation that owns the client, where it acts for another `consumer` by delegation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<Iso6523>,
    /// Who issued the token; ends with a slash.
    pub iss: String,
    /// How the client authenticated: `private_key_jwt` or `virksomhetssertifikat`.
    #[serde(default)]
    pub client_amr: String,
    /// Always `Bearer`.
    #[serde(default)]
    pub token_type: String,
    /// From then on it is not valid, in seconds since 1970.
    pub exp: i64,
    /// Where the delegation behind `supplier` is registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegation_source: Option<String>,
    /// When it was issued, in seconds since 1970.
    #[serde(default)]
    pub iat: i64,
    /// The client. Not for access control.
    #[serde(default)]
    pub client_id: String,
    /// Names the token.
    #[serde(default)]
    pub jti: String,
    /// The organisation that asks: for system users the vendor.
    pub consumer: Iso6523,
    /// The scope prefixes of the organisation, where it asked for scopes of the platform's that are for owners of APIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumer_prefix: Vec<String>,
    /// The API it is for, where the client asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<Audience>,
    /// The end user that the token is restricted to, where the client asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<String>,
}

impl AccessTokenClaims {
    /// Whether `scope` is among the scopes, exactly.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|held| held == scope)
    }

    /// The organisation that asks, if it is a Norwegian one.
    pub fn consumer_org(&self) -> Option<OrgNumber> {
        self.consumer.org_number()
    }

    /// The system user, if the token is one's.
    pub fn system_user(&self) -> Option<&SystemUserDetail> {
        self.authorization_details.iter().find_map(|detail| match detail {
            AuthorizationDetail::SystemUser(detail) => Some(detail),
            AuthorizationDetail::Other(_) => None,
        })
    }
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One API.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Reads a list, or its only element: tokens that were exchanged at the platform have an object instead of a list of one.
fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<AuthorizationDetail>, D::Error> {
    let details = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Array(many) => many,
        one => vec![one],
    };
    details.into_iter().map(serde_json::from_value).collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}

/// One element of `authorization_details`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AuthorizationDetail {
    /// A system user.
    SystemUser(SystemUserDetail),
    /// Another type, kept as it is.
    Other(serde_json::Value),
}

/// The system user that a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemUserDetail {
    #[serde(rename = "type")]
    kind: SystemUserTypeName,
    /// The customer, who owns the system user.
    pub systemuser_org: Iso6523,
    /// The system user's id; one element.
    pub systemuser_id: Vec<String>,
    /// The system's id in the system register.
    pub system_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum SystemUserTypeName {
    #[serde(rename = "urn:altinn:systemuser")]
    SystemUser,
}

impl SystemUserDetail {
    /// The detail for one system user.
    pub fn new(owner: OrgNumber, system_user_id: String, system_id: String) -> Self {
        Self {
            kind: SystemUserTypeName::SystemUser,
            systemuser_org: Iso6523::new(owner),
            systemuser_id: vec![system_user_id],
            system_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> AccessTokenClaims {
        let vendor = "991825827".parse().unwrap();
        let customer = "310904473".parse().unwrap();
        let detail =
            SystemUserDetail::new(customer, "0e6f7c7a-58f0-4bb0-9a5c-4a1f2f5b9d21".into(), "991825827_x".into());
        AccessTokenClaims {
            authorization_details: vec![AuthorizationDetail::SystemUser(detail)],
            scope: "skatteetaten:kravogbetalinger".into(),
            supplier: None,
            iss: "https://maskinporten.example/".into(),
            client_amr: "private_key_jwt".into(),
            token_type: "Bearer".into(),
            exp: 1_790_000_120,
            delegation_source: None,
            iat: 1_790_000_000,
            client_id: "client".into(),
            jti: "jti".into(),
            consumer: Iso6523::new(vendor),
            consumer_prefix: vec![],
            aud: None,
            pid: None,
        }
    }

    #[test]
    fn the_claims_are_written_in_their_order_and_nothing_else() {
        assert_eq!(
            serde_json::to_string(&claims()).unwrap(),
            concat!(
                r#"{"authorization_details":[{"type":"urn:altinn:systemuser","#,
                r#""systemuser_org":{"authority":"iso6523-actorid-upis","ID":"0192:310904473"},"#,
                r#""systemuser_id":["0e6f7c7a-58f0-4bb0-9a5c-4a1f2f5b9d21"],"system_id":"991825827_x"}],"#,
                r#""scope":"skatteetaten:kravogbetalinger","iss":"https://maskinporten.example/","#,
                r#""client_amr":"private_key_jwt","token_type":"Bearer","exp":1790000120,"iat":1790000000,"#,
                r#""client_id":"client","jti":"jti","#,
                r#""consumer":{"authority":"iso6523-actorid-upis","ID":"0192:991825827"}}"#
            )
        );
    }

    #[test]
    fn scopes_are_compared_whole() {
        let claims = claims();
        assert!(claims.has_scope("skatteetaten:kravogbetalinger"));
        assert!(!claims.has_scope("skatteetaten:krav"));
        assert!(!claims.has_scope("skatteetaten:KravOgBetalinger"));
    }

    #[test]
    fn other_authorization_details_are_no_system_user() {
        let mut claims = claims();
        let consent = serde_json::json!({"type": "urn:altinn:consent", "systemuser_id": ["x"]});
        claims.authorization_details = vec![serde_json::from_value(consent).unwrap()];
        assert_eq!(claims.system_user(), None);
    }
}
