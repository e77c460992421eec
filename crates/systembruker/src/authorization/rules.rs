//! How a decision is made.

use std::sync::Arc;

use jiff::Timestamp;
use model::{DelegatedRight, Organisation};
use uuid::Uuid;
use xacml::{
    ACTION_ID, Attribute, AttributeCategory, Decision, Effect, Environment, Evaluation, Request, RequestDocument,
    Status, Value, category, request::MAX_DECISIONS,
};

use crate::access::delegation::ROLE_CODE;
use crate::access::roles::{effective_roles, lineage};
use crate::read_model::{ReadModel, ResourceEntry};

const RESOURCE: &str = model::RESOURCE_ATTRIBUTE;
const SYSTEM_USER: &str = "urn:altinn:systemuser:uuid";
const USER_ID: &str = "urn:altinn:userid";
const PARTY_ID: &str = "urn:altinn:partyid";
const PARTY_UUID: &str = "urn:altinn:party:uuid";
const PERSON_UUID: &str = "urn:altinn:person:uuid";
const ORG_NUMBER: &str = "urn:altinn:organization:identifier-no";
const ORG_NUMBER_LEGACY: &str = "urn:altinn:organizationnumber";
const MINIMUM_LEVEL: &str = "urn:altinn:minimum-authenticationlevel";

/// What only the decision point may say of a subject.
const ASSERTED_HERE: [&str; 4] =
    [ROLE_CODE, "urn:altinn:accesspackage", "urn:altinn:partytype", "urn:altinn:access-list"];

/// Why no decision was made: the caller's mistake, or a party that is not there.
enum Fault {
    /// The request makes no sense to us.
    Request(String),
    /// What it names is not known.
    Unknown(String),
}

/// Who asks.
enum Subject {
    SystemUser(Uuid),
    Person(Uuid),
    /// Nobody that we know more about than the request says.
    Other,
}

/// Decides a request as it was sent.
pub fn decide(model: &ReadModel, request: &Request, now: Timestamp) -> Evaluation {
    evaluate(model, request, now).unwrap_or_else(|fault| {
        Evaluation::indeterminate(match fault {
            Fault::Request(message) => Status::ProcessingError(message),
            Fault::Unknown(message) => Status::SyntaxError(message),
        })
    })
}

/// The decisions that a document asks for. Clients in use send a single reference, or none, and mean all that the
/// document says; and a reference to what is not there stands for nothing.
pub fn individual(document: &RequestDocument) -> Result<Vec<Request>, String> {
    if document.references.len() < 2 {
        return Ok(vec![document.merged()]);
    }
    if document.references.len() > MAX_DECISIONS {
        return Err(format!("at most {MAX_DECISIONS} decisions can be asked for at once"));
    }
    if document.categories.iter().any(|group| group.id.is_none()) {
        return Err("with several request references, every category needs an `Id`".to_owned());
    }
    let chosen = |ids: &Vec<String>| {
        let is_named = |group: &&Arc<AttributeCategory>| group.id.as_ref().is_some_and(|id| ids.contains(id));
        Request { categories: document.categories.iter().filter(is_named).cloned().collect(), ..Default::default() }
    };
    Ok(document.references.iter().map(chosen).collect())
}

/// What a person wants to do.
pub struct Asked<'a> {
    /// For whom.
    pub organisation: &'a Organisation,
    /// With what, by its identifier in the registry.
    pub resource: &'a str,
    /// What: `read`.
    pub action: &'a str,
}

/// Whether a person who is logged in at `level` may do it.
pub fn person_may(model: &ReadModel, person: Uuid, level: i64, asked: &Asked<'_>, now: Timestamp) -> bool {
    let Asked { organisation, resource, action } = *asked;
    let mut request = Request::default();
    request.push(category::ACCESS_SUBJECT, PARTY_UUID, person.to_string().into());
    request.push(category::RESOURCE, RESOURCE, resource.into());
    request.push(category::RESOURCE, PARTY_UUID, organisation.party_uuid.to_string().into());
    request.push(category::ACTION, ACTION_ID, action.into());
    let evaluation = decide(model, &request, now);
    let mut required = evaluation.obligations.iter().flat_map(|obligation| &obligation.attributes);
    let level_is_enough = required.all(|attribute| match &attribute.value {
        Value::Integer(required) if attribute.category.as_deref() == Some(MINIMUM_LEVEL) => {
            i128::from(level) >= *required
        }
        // An obligation that is not understood is not met.
        _ => false,
    });
    evaluation.decision == Decision::Permit && level_is_enough
}

fn evaluate(model: &ReadModel, request: &Request, now: Timestamp) -> Result<Evaluation, Fault> {
    let resource = resource(model, request)?;
    let party = party(model, request)?;
    let subject = subject(model, request)?;
    let Some(policy) = &resource.policy else {
        let identifier = &resource.resource.identifier;
        return Err(Fault::Request(format!("the resource {identifier} has no policy yet")));
    };
    let mut enriched = request.clone();
    if let (Subject::Person(person), Some(party)) = (&subject, &party) {
        for role in effective_roles(&model.parties(), *person, party) {
            enriched.push(category::ACCESS_SUBJECT, ROLE_CODE, role.into());
        }
    }
    let environment = Environment::at(now);
    let evaluation = policy.point.decide(&enriched, &environment);
    if evaluation.decision != Decision::NotApplicable {
        return Ok(evaluation);
    }
    let (Subject::SystemUser(system_user), Some(party)) = (subject, party) else { return Ok(evaluation) };
    if !has_right(model, system_user, &party, &resource, request) {
        return Ok(evaluation);
    }
    // What the policy demands of those it permits, it demands of those who got the right from them.
    Ok(match policy.point.instructions_for(Effect::Permit, &enriched, &environment) {
        Ok((obligations, advice)) => Evaluation { decision: Decision::Permit, obligations, advice, ..evaluation },
        Err(status) => Evaluation::indeterminate(status),
    })
}

/// Whether every action asked for was delegated to the system user by the party or, for a sub-unit, by its main unit.
fn has_right(
    model: &ReadModel,
    system_user: Uuid,
    party: &Organisation,
    resource: &ResourceEntry,
    request: &Request,
) -> bool {
    let Some(user) = model.system_user(system_user).filter(|user| !user.is_deleted) else { return false };
    if !lineage(&model.parties(), party).contains(&user.owner_party) {
        return false;
    }
    let mut actions = request.values(category::ACTION, ACTION_ID).peekable();
    actions.peek().is_some()
        && actions.all(|action| {
            user.rights.iter().any(|DelegatedRight { resource: id, action: delegated }| {
                *id == resource.resource.identifier
                    && matches!(action, Value::String(action) if **action == **delegated)
            })
        })
}

/// The attribute that is there under one of the names, with its only value.
fn one<'a>(request: &'a Request, of: &'a str, ids: &[&str]) -> Result<Option<(&'a str, &'a Value)>, Fault> {
    let named = request.attributes(of).filter(|given| ids.contains(&&*given.id));
    let mut found = named.flat_map(|given| given.values.iter().map(|value| (&*given.id, value)));
    match (found.next(), found.next()) {
        (Some(_), Some(_)) => Err(Fault::Request(format!("give one of {} only, with one value", ids.join(", ")))),
        (first, _) => Ok(first),
    }
}

fn resource(model: &ReadModel, request: &Request) -> Result<Arc<ResourceEntry>, Fault> {
    let (_, named) = one(request, category::RESOURCE, &[RESOURCE])?
        .ok_or_else(|| Fault::Request(format!("the resource is missing: give {RESOURCE}")))?;
    let id = named.to_string();
    model.resource(&id).ok_or_else(|| Fault::Request("the resource is not in the resource registry".into()))
}

/// The organisation that it is about. Without one, only rules that need none can apply.
fn party(model: &ReadModel, request: &Request) -> Result<Option<Arc<Organisation>>, Fault> {
    let forms = [ORG_NUMBER, ORG_NUMBER_LEGACY, PARTY_ID, PARTY_UUID];
    let Some((form, value)) = one(request, category::RESOURCE, &forms)? else { return Ok(None) };
    let text = value.to_string();
    let parties = model.parties();
    let found = match form {
        PARTY_ID => text.parse().ok().and_then(|id| parties.by_party_id(id)),
        PARTY_UUID => {
            let uuid = text.parse().map_err(|_| Fault::Request(format!("{PARTY_UUID} is not a uuid")))?;
            parties.organisation(uuid)
        }
        _ => text.parse().ok().and_then(|number| parties.by_number(number)),
    };
    found.map(Some).ok_or_else(|| Fault::Unknown(format!("no organisation is known by the {form} given")))
}

fn subject(model: &ReadModel, request: &Request) -> Result<Subject, Fault> {
    let of_subject: Vec<&Attribute> = request.attributes(category::ACCESS_SUBJECT).collect();
    if of_subject.is_empty() {
        return Err(Fault::Request("the subject is missing".into()));
    }
    if let Some(asserted) = of_subject.iter().find(|given| ASSERTED_HERE.contains(&&*given.id)) {
        return Err(Fault::Request(format!("{} is found out here; leave it out", asserted.id)));
    }
    if let Some(given) = of_subject.iter().find(|given| given.id == SYSTEM_USER) {
        let ([_], [value]) = (of_subject.as_slice(), given.values.as_slice()) else {
            return Err(Fault::Request(format!("{SYSTEM_USER} is given alone, without other subject attributes")));
        };
        let id = value.to_string().parse();
        return id.map(Subject::SystemUser).map_err(|_| Fault::Request(format!("{SYSTEM_USER} is not a uuid")));
    }
    let parties = model.parties();
    let Some((form, value)) = one(request, category::ACCESS_SUBJECT, &[USER_ID, PARTY_UUID, PERSON_UUID])? else {
        return Ok(Subject::Other);
    };
    let text = value.to_string();
    let person = if form == USER_ID {
        text.parse().ok().and_then(|id| parties.person_by_user_id(id))
    } else {
        let uuid = text.parse().map_err(|_| Fault::Request(format!("{form} is not a uuid")))?;
        parties.person(uuid)
    };
    Ok(person.map_or(Subject::Other, |person| Subject::Person(person.party_uuid)))
}
