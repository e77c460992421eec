//! Asking the decision point whether a system user may do something.

use model::OrgNumber;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::connection::{Connection, Error, json as read_json};

/// The four things a decision is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionQuery<'a> {
    /// The system user.
    pub system_user: Uuid,
    /// The resource's id in the resource registry.
    pub resource: &'a str,
    /// The action, as the resource's policy names it.
    pub action: &'a str,
    /// The organisation whose data it is about.
    pub party: OrgNumber,
}

/// What the decision point answers. Everything but [`Decision::Permit`] is a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes, if the obligations are met.
    Permit {
        /// What must be met.
        obligations: Vec<ObligationValue>,
    },
    /// No: nothing gives this right.
    NotApplicable,
    /// No: something forbids it.
    Deny,
    /// No answer could be found.
    Indeterminate {
        /// Why, as far as the decision point tells.
        reason: Option<String>,
    },
}

/// A value that comes with an obligation: the category says what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObligationValue {
    /// For example `urn:altinn:minimum-authenticationlevel`.
    pub category: String,
    /// The value.
    pub value: String,
}

/// A decision point.
#[derive(Debug, Clone)]
pub struct DecisionPoint {
    connection: Connection,
}

impl DecisionPoint {
    /// The scope that a token needs.
    pub const SCOPE: &str = "altinn:authorization/authorize";

    /// The decision point of an environment.
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Asks once. `token` has the scope [`DecisionPoint::SCOPE`]. Answers are not kept: a right that is taken back
    /// counts at once.
    pub async fn decide(&self, token: &str, query: &DecisionQuery<'_>) -> Result<Decision, Error> {
        let attribute = |id: &str, value: &str| json!({"Attribute": [{"AttributeId": id, "Value": value}]});
        let request = json!({"Request": {
            "AccessSubject": [attribute("urn:altinn:systemuser:uuid", &query.system_user.to_string())],
            "Action": [attribute("urn:oasis:names:tc:xacml:1.0:action:action-id", query.action)],
            "Resource": [{"Attribute": [
                {"AttributeId": "urn:altinn:resource", "Value": query.resource},
                {"AttributeId": "urn:altinn:organization:identifier-no", "Value": query.party.as_str()},
            ]}],
        }});
        let url = self.connection.platform("authorization/api/v1/authorize")?;
        let response = self.connection.request(Method::POST, &url).bearer_auth(token).json(&request).send().await?;
        read_decision(&read_json(response).await?)
    }
}

/// A member by its name in camel or Pascal case, as decision points write it.
fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn read_decision(answer: &Value) -> Result<Decision, Error> {
    // Exactly one result answers one question; anything else is not an answer to ours.
    let Some([result]) = member(answer, "response").and_then(Value::as_array).map(Vec::as_slice) else {
        return Err(Error::Unexpected("the decision point did not give exactly one result".into()));
    };
    match member(result, "decision").and_then(Value::as_str) {
        Some("Permit") => Ok(Decision::Permit { obligations: obligations(result)? }),
        Some("NotApplicable") => Ok(Decision::NotApplicable),
        Some("Deny") => Ok(Decision::Deny),
        Some("Indeterminate") => {
            let message = member(result, "status").and_then(|status| member(status, "statusMessage"));
            Ok(Decision::Indeterminate { reason: message.and_then(Value::as_str).map(str::to_owned) })
        }
        _ => Err(Error::Unexpected("the decision point gave no known decision".into())),
    }
}

fn obligations(result: &Value) -> Result<Vec<ObligationValue>, Error> {
    let unexpected = || Error::Unexpected("an obligation of the decision cannot be understood".into());
    let list = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Ok(vec![]),
        Some(Value::Array(values)) => Ok(values.clone()),
        Some(_) => Err(unexpected()),
    };
    let mut values = Vec::new();
    for obligation in list(member(result, "obligations"))? {
        for assignment in list(member(&obligation, "attributeAssignment"))? {
            let category = member(&assignment, "category").and_then(Value::as_str).unwrap_or_default().to_owned();
            let value = match member(&assignment, "value") {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Number(number)) => number.to_string(),
                _ => return Err(unexpected()),
            };
            values.push(ObligationValue { category, value });
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_clear_result_is_an_answer() {
        let read = |answer: Value| read_decision(&answer);
        let level = json!([{"id": "o", "attributeAssignment": [{"category": "urn:altinn:minimum-authenticationlevel", "value": "3"}]}]);
        let permit = Decision::Permit {
            obligations: vec![ObligationValue {
                category: "urn:altinn:minimum-authenticationlevel".into(),
                value: "3".into(),
            }],
        };
        assert_eq!(read(json!({"response": [{"decision": "Permit", "obligations": level}]})).unwrap(), permit);
        assert_eq!(read(json!({"Response": [{"Decision": "NotApplicable"}]})).unwrap(), Decision::NotApplicable);
        assert!(read(json!({"response": []})).is_err());
        assert!(read(json!({"response": [{"decision": "Permit"}, {"decision": "Permit"}]})).is_err());
        assert!(read(json!({"response": [{"decision": "permit"}]})).is_err());
        assert!(read(json!({"response": [{"decision": "Permit", "obligations": "none"}]})).is_err());
        assert!(read(json!({})).is_err());
    }
}
