//! How a decision is made.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use model::{NationalId, OrgNumber, Organisation, Resource};
use uuid::Uuid;
use xacml::{
    ACTION_ID, Attribute, AttributeCategory, Decision, Effect, Environment, Evaluation, Request, RequestDocument,
    Status, Value, category, request::MAX_DECISIONS,
};

use super::attributes::{
    ACCESS_LIST, APP, INSTANCE, MINIMUM_LEVEL, NATIONAL_ID, ORG, ORG_NUMBER, ORG_NUMBER_LEGACY, ORGANISATION_UUID,
    PARTY_ID, PARTY_TYPE, PARTY_UUID, PERSON_UUID, RESOURCE, SYSTEM_USER, USER_ID, is_asserted_here,
};
use crate::access::metadata::{Purpose, of_subject};
use crate::access::relations::{Relation, SystemUserRelation, has_right, of_system_user, relations};
use crate::read_model::{Party, ReadModel, ResourceEntry, SystemUserEntry};
use crate::vault::Vault;

/// The most attribute values that a single decision is asked about with, and characters of a value: what is repeated in
/// answers and noted in the journal must not grow with how often a request refers to it.
const MAX_VALUES: usize = 64;
const MAX_VALUE: usize = 1_024;
/// The most categories of a document, and ids of a reference.
const MAX_CATEGORIES: usize = 2_000;
const MAX_IDS: usize = 32;

/// What a decision is made from.
pub struct Inputs<'a> {
    /// Everything live.
    pub model: &'a ReadModel,
    /// To find persons by national identity number.
    pub vault: &'a Vault,
    /// When.
    pub now: Timestamp,
    /// What may be asked about.
    pub allowed: Allowed,
}

/// Which resources a caller may ask about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// All of them.
    Everything,
    /// Those that it owns itself; none for one whose token names no organisation.
    OwnedBy(Option<OrgNumber>),
}

/// A decision, and what it was about.
pub struct Decided {
    /// The decision.
    pub evaluation: Evaluation,
    /// What was asked, as far as it was understood.
    pub about: About,
}

/// What a decision was about, without anything that a journal must not hold.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The resource.
    pub resource: Option<Arc<ResourceEntry>>,
    /// The system user or party that wants to do it.
    pub subject: Option<Uuid>,
    /// The party that it is done for.
    pub party: Option<Uuid>,
}

/// Why no decision was made: the caller's mistake, or a party that is not there.
pub enum Fault {
    /// The request makes no sense to us.
    Request(String),
    /// What it names is not known.
    Unknown(String),
}

impl Fault {
    /// How the standard names it.
    pub fn status(self) -> Status {
        match self {
            Self::Request(message) => Status::ProcessingError(message),
            Self::Unknown(message) => Status::SyntaxError(message),
        }
    }
}

/// Who wants to do it.
pub enum Subject {
    /// A system user that is known, deleted ones included.
    SystemUser(Arc<SystemUserEntry>),
    /// A person or an organisation.
    Party(Party),
    /// Nobody that we know more about than the request says.
    Other,
}

/// A request that was understood, and completed with what is known here.
pub struct Question {
    /// What it is about.
    pub resource: Arc<ResourceEntry>,
    /// For whom it is done.
    pub party: Option<Party>,
    /// Who wants to do it.
    pub subject: Subject,
    /// The relations of a party that wants to do it.
    pub relations: Vec<Relation>,
    /// What the policy is asked.
    pub request: Request,
}

/// Decides a request as it was sent.
pub fn decide(inputs: &Inputs<'_>, request: &Request) -> Decided {
    let mut about = About::default();
    let decided = understand(inputs, request, &mut about).map(|question| answer(inputs, &question));
    let evaluation = decided.unwrap_or_else(|fault| Evaluation::indeterminate(fault.status()));
    Decided { evaluation, about }
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
    let needs_id = |group: &AttributeCategory| {
        [category::ACCESS_SUBJECT, category::ACTION, category::RESOURCE].iter().any(|of| group.category == **of)
    };
    if document.categories.iter().any(|group| needs_id(group) && group.id.is_none()) {
        return Err("with several request references, every subject, action and resource needs an `Id`".to_owned());
    }
    if document.categories.len() > MAX_CATEGORIES || document.references.iter().any(|ids| ids.len() > MAX_IDS) {
        return Err(format!("at most {MAX_CATEGORIES} categories, and {MAX_IDS} of them in a reference, can be given"));
    }
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, group) in document.categories.iter().enumerate() {
        if let Some(id) = &group.id {
            places.entry(id).or_default().push(place);
        }
    }
    let chosen = |ids: &Vec<String>| {
        let named: BTreeSet<usize> = ids.iter().filter_map(|id| places.get(&**id)).flatten().copied().collect();
        let categories = named.into_iter().filter_map(|place| document.categories.get(place).cloned()).collect();
        Request { categories, ..Default::default() }
    };
    Ok(document.references.iter().map(chosen).collect())
}

/// Refuses what is too much for one decision.
fn check_size(request: &Request) -> Result<(), Fault> {
    let values = || request.categories.iter().flat_map(|group| &group.attributes).flat_map(|given| &given.values);
    let is_long = |value: &Value| value.as_str().is_some_and(|text| text.len() > MAX_VALUE);
    if values().nth(MAX_VALUES).is_some() || values().any(is_long) {
        let message = format!("a decision has at most {MAX_VALUES} attribute values of at most {MAX_VALUE} bytes each");
        return Err(Fault::Request(message));
    }
    Ok(())
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
pub fn person_may(inputs: &Inputs<'_>, person: Uuid, level: i64, asked: &Asked<'_>) -> bool {
    let Asked { organisation, resource, action } = *asked;
    let mut request = Request::default();
    request.push(category::ACCESS_SUBJECT, PARTY_UUID, person.to_string().into());
    request.push(category::RESOURCE, RESOURCE, resource.into());
    request.push(category::RESOURCE, PARTY_UUID, organisation.party_uuid.to_string().into());
    request.push(category::ACTION, ACTION_ID, action.into());
    let evaluation = decide(inputs, &request).evaluation;
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

/// Finds out who, what and for whom, and adds what is known here about them.
pub fn understand(inputs: &Inputs<'_>, request: &Request, about: &mut About) -> Result<Question, Fault> {
    check_size(request)?;
    let (resource, alias) = resource(inputs.model, request)?;
    about.resource = Some(Arc::clone(&resource));
    if let Allowed::OwnedBy(caller) = inputs.allowed
        && caller != Some(resource.resource.owner)
    {
        let message = "the resource belongs to another organisation than the one that asks".to_owned();
        return Err(Fault::Request(message));
    }
    let party = party(inputs, request)?;
    about.party = party.as_ref().map(Party::uuid);
    let subject = subject(inputs, request)?;
    about.subject = match &subject {
        Subject::SystemUser(user) => Some(user.id),
        Subject::Party(party) => Some(party.uuid()),
        Subject::Other => None,
    };
    // Of several, a policy would be content with one.
    one(request, category::ACTION, &[ACTION_ID])?;
    let Some(policy) = &resource.policy else {
        let identifier = &resource.resource.identifier;
        return Err(Fault::Request(format!("the resource {identifier} has no policy yet")));
    };
    let mut enriched = request.clone();
    for (id, value) in alias {
        enriched.push(category::RESOURCE, id, value.as_str().into());
    }
    if let Some(party) = party.as_ref().filter(|_| policy.asks_for_party_id)
        && request.values(category::RESOURCE, PARTY_ID).next().is_none()
    {
        enriched.push(category::RESOURCE, PARTY_ID, party.id().to_string().as_str().into());
    }
    let mut relations = Vec::new();
    match (&subject, &party) {
        (Subject::SystemUser(user), Some(party)) => {
            enriched.categories.extend(packages_of_system_user(inputs, user, party));
        }
        (Subject::Party(holder), Some(party)) => {
            relations = self::relations(inputs.model, holder, party, inputs.now);
            let metadata = inputs.model.metadata();
            let found = relations.iter().flat_map(|relation| relation.attributes(&metadata, Purpose::Use));
            enriched.categories.extend(found);
        }
        (Subject::Party(holder), None) => enriched.categories.push(of_subject(about_party(inputs.model, holder))),
        (Subject::SystemUser(_), None) | (Subject::Other, _) => {}
    }
    if let Some((_, number)) = one(request, category::ACCESS_SUBJECT, &[ORG_NUMBER_LEGACY])? {
        enriched.push(category::ACCESS_SUBJECT, ORG_NUMBER, number.to_string().as_str().into());
    }
    Ok(Question { resource, party, subject, relations, request: enriched })
}

fn packages_of_system_user(
    inputs: &Inputs<'_>,
    user: &SystemUserEntry,
    party: &Party,
) -> impl Iterator<Item = Arc<AttributeCategory>> {
    let relations = of_system_user(&inputs.model.parties_now(), user, party, inputs.now);
    relations.into_iter().filter_map(|relation| match relation {
        SystemUserRelation::Owner => user.packages.clone(),
        SystemUserRelation::Client { packages, .. } => Some(packages),
    })
}

/// What policies for consent look at: the type of the party, and the access lists that it is on.
fn about_party(model: &ReadModel, party: &Party) -> [(String, Vec<String>); 2] {
    let party_type = if party.organisation().is_some() { "organization" } else { "person" };
    let lists = model.access_lists_with(party.uuid());
    let lists = lists.iter().map(|list| format!("{}:{}", model.code_of_owner(list.owner), list.identifier));
    [(PARTY_TYPE.to_owned(), vec![party_type.to_owned()]), (ACCESS_LIST.to_owned(), lists.collect())]
}

/// Answers a question: by the policy, else by the single rights, and for members of access lists only where the owner
/// wants that.
pub fn answer(inputs: &Inputs<'_>, question: &Question) -> Evaluation {
    let Some(policy) = &question.resource.policy else {
        return Evaluation::indeterminate(Status::ProcessingError("there is no policy".to_owned()));
    };
    let environment = Environment::at(inputs.now);
    let mut evaluation = policy.point.decide(&question.request, &environment);
    if evaluation.decision == Decision::NotApplicable && has_rights(inputs, question) {
        // What the policy demands of those it permits, it demands of those who got the right from them.
        evaluation = match policy.point.instructions_for(Effect::Permit, &question.request, &environment) {
            Ok((obligations, advice)) => Evaluation { decision: Decision::Permit, obligations, advice, ..evaluation },
            Err(status) => return Evaluation::indeterminate(status),
        };
    }
    if evaluation.decision == Decision::Permit && !is_listed(inputs.model, question) {
        return Evaluation {
            decision: Decision::Deny,
            obligations: vec![],
            advice: vec![],
            attributes: vec![],
            ..evaluation
        };
    }
    evaluation
}

/// The actions asked for; none where one of them is no text.
pub fn actions(request: &Request) -> Vec<&str> {
    let actions: Option<Vec<&str>> = request.values(category::ACTION, ACTION_ID).map(Value::as_str).collect();
    actions.unwrap_or_default()
}

/// Whether every action asked for was given to the subject as a single right by the party or, for a sub-unit, by its
/// main unit.
pub fn has_rights(inputs: &Inputs<'_>, question: &Question) -> bool {
    let (Some(party), actions) = (&question.party, actions(&question.request)) else { return false };
    let resource = &*question.resource.resource.identifier;
    let has: &dyn Fn(&str) -> bool = match &question.subject {
        Subject::SystemUser(user) => {
            let relations = of_system_user(&inputs.model.parties_now(), user, party, inputs.now);
            if !relations.iter().any(|relation| matches!(relation, SystemUserRelation::Owner)) {
                return false;
            }
            &|action| has_right(&user.rights, resource, action)
        }
        Subject::Party(_) => &|action| question.relations.iter().any(|relation| relation.has_right(resource, action)),
        Subject::Other => return false,
    };
    !actions.is_empty() && actions.into_iter().all(has)
}

/// Whether the party may use the resource at all, where that takes an access list.
pub fn is_listed(model: &ReadModel, question: &Question) -> bool {
    let resource = &question.resource.resource;
    if !resource.access_lists_only {
        return true;
    }
    let Some(organisation) = question.party.as_ref().and_then(Party::organisation) else { return false };
    let open = opened_actions(model, resource, organisation.party_uuid);
    let actions = actions(&question.request);
    match open {
        Opened::Everything => true,
        Opened::Actions(open) => !actions.is_empty() && actions.into_iter().all(|action| open.contains(action)),
    }
}

/// What access lists open for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Every action.
    Everything,
    /// These; none for one who is on no list.
    Actions(BTreeSet<String>),
}

/// What the access lists of a resource open for an organisation.
pub fn opened_actions(model: &ReadModel, resource: &Resource, organisation: Uuid) -> Opened {
    let mut open = BTreeSet::new();
    for list in model.access_lists_for(&resource.identifier) {
        let Some(listed) = list.resources.get(&resource.identifier) else { continue };
        // A former owner's lists open nothing any more.
        if list.owner != resource.owner || !list.members.contains_key(&organisation) {
            continue;
        }
        if listed.actions.is_empty() {
            return Opened::Everything;
        }
        open.extend(listed.actions.iter().cloned());
    }
    Opened::Actions(open)
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

/// What a value says as a text, without making a new one where it is one.
fn text(value: &Value) -> std::borrow::Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Into::into)
}

type Alias = Vec<(&'static str, String)>;

/// The resource that is named, and the other form of its name: an app of the registry is also a pair of owner and app.
fn resource(model: &ReadModel, request: &Request) -> Result<(Arc<ResourceEntry>, Alias), Fault> {
    let find = |id: &str| {
        let unknown = || Fault::Request("the resource is not in the resource registry".into());
        model.resource(id).ok_or_else(unknown)
    };
    if let Some((_, named)) = one(request, category::RESOURCE, &[RESOURCE])? {
        let id = text(named);
        let pair = id.strip_prefix("app_").and_then(|rest| rest.split_once('_'));
        let pair = pair.filter(|_| request.values(category::RESOURCE, APP).next().is_none());
        let alias = pair.map(|(org, app)| vec![(ORG, org.to_owned()), (APP, app.to_owned())]);
        return Ok((find(&id)?, alias.unwrap_or_default()));
    }
    let owner = one(request, category::RESOURCE, &[ORG])?;
    let app = one(request, category::RESOURCE, &[APP])?;
    let (Some((_, owner)), Some((_, app))) = (owner, app) else {
        return Err(Fault::Request(format!("the resource is missing: give {RESOURCE}")));
    };
    let id = format!("app_{}_{}", text(owner), text(app));
    Ok((find(&id)?, vec![(RESOURCE, id)]))
}

/// The party that it is about. Without one, only rules that need none can apply.
fn party(inputs: &Inputs<'_>, request: &Request) -> Result<Option<Party>, Fault> {
    let forms = [ORG_NUMBER, ORG_NUMBER_LEGACY, PARTY_ID, PARTY_UUID, NATIONAL_ID];
    let of_instance = party_of_instance(inputs, request)?;
    let Some((form, value)) = one(request, category::RESOURCE, &forms)? else { return Ok(of_instance) };
    let found = find_party(inputs, form, &text(value))?;
    let found = found.ok_or_else(|| Fault::Unknown(format!("no party is known by the {form} given")))?;
    if of_instance.is_some_and(|other| other.uuid() != found.uuid()) {
        return Err(Fault::Request(format!("the party is another than that of {INSTANCE}")));
    }
    Ok(Some(found))
}

/// The party that an instance of an app belongs to: its id is the party's id, a slash and a uuid.
fn party_of_instance(inputs: &Inputs<'_>, request: &Request) -> Result<Option<Party>, Fault> {
    let Some((_, value)) = one(request, category::RESOURCE, &[INSTANCE])? else { return Ok(None) };
    let instance = text(value);
    let wrong = || Fault::Request(format!("{INSTANCE} is not a party id, a slash and a uuid"));
    let (party, id) = instance.split_once('/').ok_or_else(wrong)?;
    id.parse::<Uuid>().map_err(|_| wrong())?;
    let found = inputs.model.parties_now().by_party_id(party.parse().map_err(|_| wrong())?);
    found.map(Some).ok_or_else(|| Fault::Unknown(format!("no party is known by the {INSTANCE} given")))
}

/// The party that an attribute names, if it is known. A value that cannot be one is the caller's mistake where it is a
/// uuid, and nobody's name otherwise.
pub fn find_party(inputs: &Inputs<'_>, form: &str, text: &str) -> Result<Option<Party>, Fault> {
    let parties = inputs.model.parties_now();
    let uuid = || text.parse::<Uuid>().map_err(|_| Fault::Request(format!("{form} is not a uuid")));
    Ok(match form {
        PARTY_ID => text.parse().ok().and_then(|id| parties.by_party_id(id)),
        PARTY_UUID => parties.party(uuid()?),
        PERSON_UUID => parties.person(uuid()?).map(Party::Person),
        ORGANISATION_UUID => parties.organisation(uuid()?).map(Party::Organisation),
        USER_ID => text.parse().ok().and_then(|id| parties.person_by_user_id(id)).map(Party::Person),
        NATIONAL_ID => {
            let hash = text.parse::<NationalId>().ok().map(|id| inputs.vault.lookup_hash(&id));
            hash.and_then(|hash| parties.person_by_hash(&hash)).map(Party::Person)
        }
        ORG_NUMBER | ORG_NUMBER_LEGACY => {
            text.parse().ok().and_then(|number| parties.by_number(number)).map(Party::Organisation)
        }
        _ => None,
    })
}

fn subject(inputs: &Inputs<'_>, request: &Request) -> Result<Subject, Fault> {
    let mut of_subject = request.attributes(category::ACCESS_SUBJECT).peekable();
    if of_subject.peek().is_none() {
        return Err(Fault::Request("the subject is missing".into()));
    }
    let (mut count, mut system_user) = (0, None);
    for given in of_subject {
        if is_asserted_here(&given.id) {
            return Err(Fault::Request(format!("{} is found out here; leave it out", given.id)));
        }
        count += 1;
        if given.id == *SYSTEM_USER {
            system_user = Some(given);
        }
    }
    if let Some(Attribute { values, .. }) = system_user {
        let ([value], 1) = (values.as_slice(), count) else {
            return Err(Fault::Request(format!("{SYSTEM_USER} is given alone, without other subject attributes")));
        };
        let id = text(value).parse().map_err(|_| Fault::Request(format!("{SYSTEM_USER} is not a uuid")))?;
        return Ok(inputs.model.system_user(id).map_or(Subject::Other, Subject::SystemUser));
    }
    subject_party(inputs, request).map(|party| party.map_or(Subject::Other, Subject::Party))
}

/// The person or organisation that the subject is. Several attributes may name it, as tokens do, if they agree.
fn subject_party(inputs: &Inputs<'_>, request: &Request) -> Result<Option<Party>, Fault> {
    let given = |ids: &[&str]| one(request, category::ACCESS_SUBJECT, ids);
    let person = given(&[USER_ID, NATIONAL_ID])?;
    let organisation = given(&[ORG_NUMBER, ORG_NUMBER_LEGACY])?;
    if person.is_some() && organisation.is_some() {
        let message = format!("give either {USER_ID} or {NATIONAL_ID}, or {ORG_NUMBER}: a person or an organisation");
        return Err(Fault::Request(message));
    }
    let others = [PERSON_UUID, ORGANISATION_UUID, PARTY_UUID, PARTY_ID];
    let (mut found, mut unknown): (Option<Party>, bool) = (None, false);
    let all = [Ok(person), Ok(organisation)].into_iter().chain(others.iter().map(|id| given(&[id])));
    for named in all {
        let Some((form, value)) = named? else { continue };
        match (find_party(inputs, form, &text(value))?, &found) {
            (Some(party), Some(other)) if party.uuid() != other.uuid() => {
                return Err(Fault::Request("the subject's attributes name different parties".to_owned()));
            }
            (Some(party), None) => found = Some(party),
            (Some(_), Some(_)) => {}
            (None, _) => unknown = true,
        }
    }
    if unknown && found.is_some() {
        return Err(Fault::Request("one of the subject's attributes names nobody who is known".to_owned()));
    }
    Ok(found)
}
