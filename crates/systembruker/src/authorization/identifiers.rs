//! The attributes of a request that identify something: read in one pass, since every decision begins with them.

use xacml::{ACTION_ID, Request, Value, category};

use super::attributes::{
    APP, INSTANCE, NATIONAL_ID, ORG, ORG_NUMBER, ORG_NUMBER_LEGACY, ORGANISATION_UUID, PARTY_ID, PARTY_UUID,
    PERSON_UUID, RESOURCE, SYSTEM_USER, USER_ID, is_asserted_here,
};
use super::rules::Fault;

/// The names by which the party is given for whom something is done.
const PARTY_FORMS: [&str; 5] = [ORG_NUMBER, ORG_NUMBER_LEGACY, PARTY_ID, PARTY_UUID, NATIONAL_ID];
/// Those of a subject that go by a number, for a person and for an organisation.
const PERSON_FORMS: [&str; 2] = [USER_ID, NATIONAL_ID];
const ORGANISATION_FORMS: [&str; 2] = [ORG_NUMBER, ORG_NUMBER_LEGACY];
/// The other names of a subject, of which each may be given.
const OTHER_FORMS: [&str; 4] = [PERSON_UUID, ORGANISATION_UUID, PARTY_UUID, PARTY_ID];

/// What is given under one of some names.
#[derive(Debug, Clone, Copy, Default)]
enum Given<'a> {
    #[default]
    Nothing,
    /// A name with its value.
    One(&'a str, &'a Value),
    /// More than one value, of which it cannot be said which is meant.
    Several,
}

/// A name with its value, if it is given.
pub type Named<'a> = Option<(&'a str, &'a Value)>;

impl<'a> Given<'a> {
    fn add(&mut self, name: &'a str, values: &'a [Value]) {
        for value in values {
            *self = match self {
                Self::Nothing => Self::One(name, value),
                Self::One(..) | Self::Several => Self::Several,
            };
        }
    }

    fn one_of(self, names: &[&str]) -> Result<Named<'a>, Fault> {
        match self {
            Self::Nothing => Ok(None),
            Self::One(name, value) => Ok(Some((name, value))),
            Self::Several => Err(Fault::Request(format!("give one of {} only, with one value", names.join(", ")))),
        }
    }
}

/// What a request identifies.
#[derive(Debug, Default)]
pub struct Identifiers<'a> {
    resource: Given<'a>,
    owner: Given<'a>,
    app: Given<'a>,
    instance: Given<'a>,
    party: Given<'a>,
    action: Given<'a>,
    system_user: Given<'a>,
    person: Given<'a>,
    organisation: Given<'a>,
    others: [Given<'a>; 4],
    /// How many attributes the subject has.
    subject_attributes: usize,
    /// One of them that only the decision point may say.
    asserted: Option<&'a str>,
}

impl<'a> Identifiers<'a> {
    /// Reads a request.
    pub fn of(request: &'a Request) -> Self {
        let mut found = Self::default();
        for group in &request.categories {
            match &*group.category {
                category::RESOURCE => {
                    for given in &group.attributes {
                        found.of_resource(&given.id, &given.values);
                    }
                }
                category::ACTION => {
                    for given in group.attributes.iter().filter(|given| given.id == *ACTION_ID) {
                        found.action.add(&given.id, &given.values);
                    }
                }
                category::ACCESS_SUBJECT => {
                    for given in &group.attributes {
                        found.subject_attributes += 1;
                        found.of_subject(&given.id, &given.values);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn of_resource(&mut self, id: &'a str, values: &'a [Value]) {
        let place = match id {
            RESOURCE => &mut self.resource,
            ORG => &mut self.owner,
            APP => &mut self.app,
            INSTANCE => &mut self.instance,
            _ if PARTY_FORMS.contains(&id) => &mut self.party,
            _ => return,
        };
        place.add(id, values);
    }

    fn of_subject(&mut self, id: &'a str, values: &'a [Value]) {
        let [person_uuid, organisation_uuid, party_uuid, party_id] = &mut self.others;
        let place = match id {
            SYSTEM_USER => &mut self.system_user,
            USER_ID | NATIONAL_ID => &mut self.person,
            ORG_NUMBER | ORG_NUMBER_LEGACY => &mut self.organisation,
            PERSON_UUID => person_uuid,
            ORGANISATION_UUID => organisation_uuid,
            PARTY_UUID => party_uuid,
            PARTY_ID => party_id,
            _ => {
                self.asserted = self.asserted.or_else(|| is_asserted_here(id).then_some(id));
                return;
            }
        };
        place.add(id, values);
    }

    /// The resource, by its identifier.
    pub fn resource(&self) -> Result<Named<'a>, Fault> {
        self.resource.one_of(&[RESOURCE])
    }

    /// The owner of an app, by its short name.
    pub fn owner(&self) -> Result<Named<'a>, Fault> {
        self.owner.one_of(&[ORG])
    }

    /// An app of its owner.
    pub fn app(&self) -> Result<Named<'a>, Fault> {
        self.app.one_of(&[APP])
    }

    /// Whether any app is named.
    pub fn has_app(&self) -> bool {
        !matches!(self.app, Given::Nothing)
    }

    /// An instance of an app.
    pub fn instance(&self) -> Result<Named<'a>, Fault> {
        self.instance.one_of(&[INSTANCE])
    }

    /// The party for whom it is done.
    pub fn party(&self) -> Result<Named<'a>, Fault> {
        self.party.one_of(&PARTY_FORMS)
    }

    /// What is to be done. Of several, a policy would be content with one.
    pub fn action(&self) -> Result<Named<'a>, Fault> {
        self.action.one_of(&[ACTION_ID])
    }

    /// The system user that wants to do it, which is given alone.
    pub fn system_user(&self) -> Result<Option<&'a Value>, Fault> {
        match self.system_user {
            Given::Nothing => Ok(None),
            Given::One(_, value) if self.subject_attributes == 1 => Ok(Some(value)),
            Given::One(..) | Given::Several => {
                Err(Fault::Request(format!("{SYSTEM_USER} is given alone, without other subject attributes")))
            }
        }
    }

    /// Everything that names the person or organisation that wants to do it.
    pub fn subject_parties(&self) -> Result<impl Iterator<Item = (&'a str, &'a Value)>, Fault> {
        let (person, organisation) =
            (self.person.one_of(&PERSON_FORMS)?, self.organisation.one_of(&ORGANISATION_FORMS)?);
        if person.is_some() && organisation.is_some() {
            let message =
                format!("give either {USER_ID} or {NATIONAL_ID}, or {ORG_NUMBER}: a person or an organisation");
            return Err(Fault::Request(message));
        }
        let mut found = [person.or(organisation), None, None, None, None];
        for ((place, given), name) in found.iter_mut().skip(1).zip(self.others).zip(OTHER_FORMS) {
            *place = given.one_of(&[name])?;
        }
        Ok(found.into_iter().flatten())
    }

    /// Refuses a request without a subject, and one that says of it what only the decision point may say.
    pub fn check_subject(&self) -> Result<(), Fault> {
        if self.subject_attributes == 0 {
            return Err(Fault::Request("the subject is missing".into()));
        }
        match self.asserted {
            Some(id) => Err(Fault::Request(format!("{id} is found out here; leave it out"))),
            None => Ok(()),
        }
    }

    /// The organisation that wants to do it, by its number under the older name.
    pub fn legacy_number(&self) -> Option<&'a Value> {
        match self.organisation {
            Given::One(ORG_NUMBER_LEGACY, value) => Some(value),
            _ => None,
        }
    }
}
