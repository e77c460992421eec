//! How a decision is made.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use model::{OrgNumber, Organisation, Resource, SystemUserKind};
use smallvec::SmallVec;
use uuid::Uuid;
use xacml::{
    ACTION_ID, AttributeCategory, Decision, Effect, Environment, Evaluation, Request, RequestDocument, Status, Value,
    category, request::MAX_DECISIONS,
};

use super::attributes::{
    ACCESS_LIST, APP, INSTANCE, MINIMUM_LEVEL, ORG, ORG_NUMBER, ORG_NUMBER_LEGACY, PARTY_ID, PARTY_TYPE, PARTY_UUID,
    RESOURCE, SYSTEM_USER,
};
use super::identifiers::Identifiers;
use crate::access::metadata::{Purpose, of_subject};
use crate::access::naming::{NotNamed, named_party};
use crate::access::relations::{Relation, SystemUserRelation, has_right, of_owner, of_system_user, relations};
use crate::read_model::{Parties, Party, ReadModel, ResourceEntry, SystemUserEntry};
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

/// For whom something is done.
#[derive(Debug, Clone)]
pub enum ForWhom {
    /// The owner of the system user that wants to do it, by party uuid. Most decisions are about it, and need to know no
    /// more of it.
    Owner(Uuid),
    /// Any party.
    Party(Party),
}

impl ForWhom {
    /// Names the party.
    pub fn uuid(&self) -> Uuid {
        match self {
            Self::Owner(uuid) => *uuid,
            Self::Party(party) => party.uuid(),
        }
    }

    /// The party.
    fn party(&self, parties: &Parties) -> Option<Party> {
        match self {
            Self::Owner(uuid) => parties.party(*uuid),
            Self::Party(party) => Some(party.clone()),
        }
    }

    /// The organisation, if it is one, by party uuid.
    fn organisation(&self) -> Option<Uuid> {
        match self {
            Self::Owner(uuid) => Some(*uuid),
            Self::Party(party) => party.organisation().map(|organisation| organisation.party_uuid),
        }
    }
}

/// A request that was understood, and completed with what is known here.
pub struct Question<'a> {
    /// What it is about.
    pub resource: Arc<ResourceEntry>,
    /// For whom it is done.
    pub party: Option<ForWhom>,
    /// Who wants to do it.
    pub subject: Subject,
    /// What is to be done, if it is given as a text.
    pub action: Option<&'a str>,
    /// How a party that wants to do it stands to the one for whom it is done.
    pub relations: Vec<Relation>,
    /// The same, for a system user.
    pub system_user_relations: SmallVec<[SystemUserRelation; 2]>,
    /// What the policy is asked.
    pub request: Cow<'a, Request>,
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
    let mut count = 0;
    for given in request.categories.iter().flat_map(|group| &group.attributes) {
        count += given.values.len();
        let is_long = |value: &Value| value.as_str().is_some_and(|text| text.len() > MAX_VALUE);
        if count > MAX_VALUES || given.values.iter().any(is_long) {
            let message =
                format!("a decision has at most {MAX_VALUES} attribute values of at most {MAX_VALUE} bytes each");
            return Err(Fault::Request(message));
        }
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
pub fn understand<'a>(inputs: &Inputs<'_>, request: &'a Request, about: &mut About) -> Result<Question<'a>, Fault> {
    check_size(request)?;
    let identifiers = Identifiers::of(request);
    let (resource, alias) = resource(inputs.model, &identifiers)?;
    about.resource = Some(Arc::clone(&resource));
    if let Allowed::OwnedBy(caller) = inputs.allowed
        && caller != Some(resource.resource.owner)
    {
        let message = "the resource belongs to another organisation than the one that asks".to_owned();
        return Err(Fault::Request(message));
    }
    let parties = inputs.model.parties_now();
    let subject = subject(inputs, &parties, &identifiers, about);
    let party = party(inputs, &parties, &identifiers, subject.as_ref().ok())?;
    about.party = party.as_ref().map(ForWhom::uuid);
    let subject = subject?;
    let action = identifiers.action()?.and_then(|(_, action)| action.as_str());
    let Some(policy) = &resource.policy else {
        let identifier = &resource.resource.identifier;
        return Err(Fault::Request(format!("the resource {identifier} has no policy yet")));
    };
    let mut enriched = Cow::Borrowed(request);
    for (id, value) in alias {
        enriched.to_mut().push(category::RESOURCE, id, value.as_str().into());
    }
    if let Some(party) = party.as_ref().filter(|_| policy.asks_for_party_id)
        && request.values(category::RESOURCE, PARTY_ID).next().is_none()
        && let Some(party) = party.party(&parties)
    {
        enriched.to_mut().push(category::RESOURCE, PARTY_ID, party.id().to_string().as_str().into());
    }
    let (mut relations, mut system_user_relations) = (Vec::new(), SmallVec::new());
    match (&subject, &party) {
        (Subject::SystemUser(user), Some(party)) => {
            system_user_relations = match party {
                ForWhom::Owner(_) => of_owner(user),
                ForWhom::Party(party) => of_system_user(&parties, user, party, inputs.now),
            };
            for packages in system_user_relations.iter().filter_map(|relation| relation.packages(user)) {
                enriched.to_mut().categories.push(Arc::clone(packages));
            }
        }
        (Subject::Party(holder), Some(ForWhom::Party(party))) => {
            relations = self::relations(inputs.model, holder, party, inputs.now);
            let metadata = inputs.model.metadata();
            let found = relations.iter().flat_map(|relation| relation.attributes(&metadata, Purpose::Use));
            enriched.to_mut().categories.extend(found);
        }
        (Subject::Party(holder), None) => {
            enriched.to_mut().categories.push(of_subject(about_party(inputs.model, holder)));
        }
        (Subject::SystemUser(_), None) | (Subject::Party(_), Some(ForWhom::Owner(_))) | (Subject::Other, _) => {}
    }
    if let Some(number) = identifiers.legacy_number() {
        enriched.to_mut().push(category::ACCESS_SUBJECT, ORG_NUMBER, number.to_string().as_str().into());
    }
    Ok(Question { resource, party, subject, action, relations, system_user_relations, request: enriched })
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
pub fn answer(inputs: &Inputs<'_>, question: &Question<'_>) -> Evaluation {
    let Some(policy) = &question.resource.policy else {
        return Evaluation::indeterminate(Status::ProcessingError("there is no policy".to_owned()));
    };
    let environment = Environment::at(inputs.now);
    // What the policy demands of those it permits, it demands of those who got the right from them.
    let by_right = || has_right_to_it(question).then_some(Effect::Permit);
    let evaluation = policy.point.decide_or_else(&question.request, &environment, by_right);
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

/// Whether what is asked for was given to the subject as a single right by the party or, for a sub-unit, by its main
/// unit.
pub fn has_right_to_it(question: &Question<'_>) -> bool {
    let (Some(action), resource) = (question.action, &*question.resource.resource.identifier) else { return false };
    match &question.subject {
        Subject::SystemUser(user) => {
            let is_owner = |relation: &SystemUserRelation| matches!(relation, SystemUserRelation::Owner);
            question.system_user_relations.iter().any(is_owner) && has_right(&user.rights, resource, action)
        }
        Subject::Party(_) => question.relations.iter().any(|relation| relation.has_right(resource, action)),
        Subject::Other => false,
    }
}

/// Whether the party may use the resource at all, where that takes an access list.
pub fn is_listed(model: &ReadModel, question: &Question<'_>) -> bool {
    let resource = &question.resource.resource;
    if !resource.access_lists_only {
        return true;
    }
    let Some(organisation) = question.party.as_ref().and_then(ForWhom::organisation) else { return false };
    opened_actions(model, resource, organisation).allow(question.action)
}

/// What access lists open for a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Every action.
    Everything,
    /// These; none for one who is on no list.
    Actions(BTreeSet<String>),
}

impl Opened {
    /// Whether an action is open.
    pub fn allow(&self, action: Option<&str>) -> bool {
        match self {
            Self::Everything => true,
            Self::Actions(open) => action.is_some_and(|action| open.contains(action)),
        }
    }
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

/// What a value says as a text, without making a new one where it is one.
fn text(value: &Value) -> Cow<'_, str> {
    value.as_str().map_or_else(|| value.to_string().into(), Into::into)
}

type Alias = Vec<(&'static str, String)>;

/// The resource that is named, and the other form of its name: an app of the registry is also a pair of owner and app.
fn resource(model: &ReadModel, identifiers: &Identifiers<'_>) -> Result<(Arc<ResourceEntry>, Alias), Fault> {
    let find = |id: &str| {
        let unknown = || Fault::Request("the resource is not in the resource registry".into());
        model.resource(id).ok_or_else(unknown)
    };
    if let Some((_, named)) = identifiers.resource()? {
        let id = text(named);
        let pair = id.strip_prefix("app_").and_then(|rest| rest.split_once('_'));
        let pair = pair.filter(|_| !identifiers.has_app());
        let alias = pair.map(|(org, app)| vec![(ORG, org.to_owned()), (APP, app.to_owned())]);
        return Ok((find(&id)?, alias.unwrap_or_default()));
    }
    let (Some((_, owner)), Some((_, app))) = (identifiers.owner()?, identifiers.app()?) else {
        return Err(Fault::Request(format!("the resource is missing: give {RESOURCE}")));
    };
    let id = format!("app_{}_{}", text(owner), text(app));
    Ok((find(&id)?, vec![(RESOURCE, id)]))
}

/// The party that it is about. Without one, only rules that need none can apply.
fn party(
    inputs: &Inputs<'_>,
    parties: &Parties,
    identifiers: &Identifiers<'_>,
    subject: Option<&Subject>,
) -> Result<Option<ForWhom>, Fault> {
    let of_instance = party_of_instance(parties, identifiers)?;
    let Some((form, value)) = identifiers.party()? else { return Ok(of_instance.map(ForWhom::Party)) };
    if let (Some(Subject::SystemUser(user)), None) = (subject, &of_instance)
        && matches!(form, ORG_NUMBER | ORG_NUMBER_LEGACY)
        && user.kind == SystemUserKind::Standard
        && value.as_str() == Some(user.owner.as_str())
    {
        return Ok(Some(ForWhom::Owner(user.owner_party)));
    }
    let found = find_party(inputs, parties, form, &text(value))?;
    let found = found.ok_or_else(|| Fault::Unknown(format!("no party is known by the {form} given")))?;
    if of_instance.is_some_and(|other| other.uuid() != found.uuid()) {
        return Err(Fault::Request(format!("the party is another than that of {INSTANCE}")));
    }
    Ok(Some(ForWhom::Party(found)))
}

/// The party that an instance of an app belongs to: its id is the party's id, a slash and a uuid.
fn party_of_instance(parties: &Parties, identifiers: &Identifiers<'_>) -> Result<Option<Party>, Fault> {
    let Some((_, value)) = identifiers.instance()? else { return Ok(None) };
    let instance = text(value);
    let wrong = || Fault::Request(format!("{INSTANCE} is not a party id, a slash and a uuid"));
    let (party, id) = instance.split_once('/').ok_or_else(wrong)?;
    id.parse::<Uuid>().map_err(|_| wrong())?;
    let found = parties.by_party_id(party.parse().map_err(|_| wrong())?);
    found.map(Some).ok_or_else(|| Fault::Unknown(format!("no party is known by the {INSTANCE} given")))
}

/// The party that an attribute names, if it is known. A value that cannot be one is the caller's mistake where it is a
/// uuid, and nobody's name otherwise.
fn find_party(inputs: &Inputs<'_>, parties: &Parties, form: &str, value: &str) -> Result<Option<Party>, Fault> {
    match named_party(parties, inputs.vault, form, value) {
        Ok(party) => Ok(Some(party)),
        Err(NotNamed::Value) if form.ends_with(":uuid") => Err(Fault::Request(format!("{form} is not a uuid"))),
        Err(NotNamed::Attribute | NotNamed::Value | NotNamed::Unknown) => Ok(None),
    }
}

fn subject(
    inputs: &Inputs<'_>,
    parties: &Parties,
    identifiers: &Identifiers<'_>,
    about: &mut About,
) -> Result<Subject, Fault> {
    identifiers.check_subject()?;
    if let Some(value) = identifiers.system_user()? {
        let id = text(value).parse().map_err(|_| Fault::Request(format!("{SYSTEM_USER} is not a uuid")))?;
        let Some(user) = inputs.model.system_user(id) else { return Ok(Subject::Other) };
        about.subject = Some(id);
        return Ok(Subject::SystemUser(user));
    }
    let Some(party) = subject_party(inputs, parties, identifiers)? else { return Ok(Subject::Other) };
    about.subject = Some(party.uuid());
    Ok(Subject::Party(party))
}

/// The person or organisation that the subject is. Several attributes may name it, as tokens do, if they agree.
fn subject_party(
    inputs: &Inputs<'_>,
    parties: &Parties,
    identifiers: &Identifiers<'_>,
) -> Result<Option<Party>, Fault> {
    let (mut found, mut unknown): (Option<Party>, bool) = (None, false);
    for (form, value) in identifiers.subject_parties()? {
        match (find_party(inputs, parties, form, &text(value))?, &found) {
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
