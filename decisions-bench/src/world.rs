//! What is asked about: services with rules as Altinn writes them, and questions with a known answer.
//!
//! Everything comes from a seed, so that each run and each engine has the same. The rules are kept as numbers; each
//! engine gets them in its own language. The answer to a question is worked out here from the numbers, by looking, and
//! every engine must come to the same.

use std::fmt::Write as _;

/// How many role codes there are; they are the first subjects.
pub const ROLES: usize = 128;
/// How many access packages there are; they are the subjects after the roles.
pub const PACKAGES: usize = 128;
/// How many values a question says of its subject: as many roles as packages.
pub const HELD: usize = 8;
/// What can be done with a service.
pub const ACTIONS: [&str; 8] = ["read", "write", "sign", "access", "confirm", "delete", "instantiate", "complete"];

/// The attribute with the roles of a subject.
pub const ROLE_CODE: &str = "urn:altinn:rolecode";
/// The attribute with the access packages of a subject.
pub const ACCESS_PACKAGE: &str = "urn:altinn:accesspackage";
/// The attribute that names a service.
pub const RESOURCE_ID: &str = "urn:altinn:resource";

/// A small source of numbers that look random (SplitMix64).
#[derive(Debug)]
pub struct Numbers(u64);

impl Numbers {
    /// The numbers that follow from a seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below a limit. It is not quite even, which does not matter for limits that are small.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = (mixed ^ (mixed >> 31)) >> 32;
        usize::try_from(high).unwrap_or(usize::MAX) % limit
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Several different numbers of a range.
    fn several(&mut self, count: usize, from: usize, range: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count {
            let next = from + self.below(range);
            if !chosen.contains(&next) {
                chosen.push(next);
            }
        }
        chosen
    }
}

/// A rule that permits: any of the subjects, any of the actions.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Roles, packages, or both.
    pub subjects: Vec<usize>,
    /// One to three of [`ACTIONS`].
    pub actions: Vec<usize>,
}

/// A service with its rules.
#[derive(Debug, Clone)]
pub struct Service {
    /// The value of [`RESOURCE_ID`].
    pub name: String,
    /// Four to six.
    pub rules: Vec<Rule>,
}

impl Service {
    fn permits(&self, subjects: &[usize], action: usize) -> bool {
        let named = |rule: &Rule| subjects.iter().any(|subject| rule.subjects.contains(subject));
        self.rules.iter().any(|rule| rule.actions.contains(&action) && named(rule))
    }
}

/// Services, and questions about them.
#[derive(Debug)]
pub struct World {
    /// The services.
    pub services: Vec<Service>,
    /// The questions.
    pub questions: Vec<Question>,
}

/// What the answer is, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// A rule permits.
    Permit,
    /// Rules name the action, but none of the subject's roles and packages.
    WrongRole,
    /// Rules name one of the subject's roles or packages, but not for this action.
    WrongAction,
}

/// May this subject do this with that service?
#[derive(Debug, Clone)]
pub struct Question {
    /// Which of the services.
    pub service: usize,
    /// Which of [`ACTIONS`].
    pub action: usize,
    /// Roles, then packages.
    pub subjects: [usize; HELD],
    /// Which of the subjects are written in capitals, as some clients do.
    pub in_capitals: [bool; HELD],
    /// The answer.
    pub answer: Answer,
}

/// A question as the client writes it.
#[derive(Debug)]
pub struct Written {
    /// The subject's values, each with whether it is a role.
    pub subjects: [(bool, String); HELD],
    /// The value of [`RESOURCE_ID`].
    pub service: String,
    /// The action.
    pub action: String,
}

impl Question {
    /// The question as the client writes it.
    pub fn written(&self, world: &World) -> Written {
        let subject = |at: usize| {
            let text = subject_text(self.subjects[at]);
            (is_role(self.subjects[at]), if self.in_capitals[at] { text.to_uppercase() } else { text })
        };
        Written {
            subjects: std::array::from_fn(subject),
            service: world.services[self.service].name.clone(),
            action: ACTIONS[self.action].to_owned(),
        }
    }
}

/// Whether a subject is a role, not a package.
pub fn is_role(subject: usize) -> bool {
    subject < ROLES
}

/// The text of a role or package in policies.
pub fn subject_text(subject: usize) -> String {
    const FIELDS: [&str; 16] = [
        "skatt",
        "regnskap",
        "avgift",
        "toll",
        "lonn",
        "pensjon",
        "sykefravaer",
        "foretak",
        "bygg",
        "plan",
        "eiendom",
        "transport",
        "fiske",
        "landbruk",
        "helse",
        "miljo",
    ];
    const KINDS: [&str; 8] =
        ["naering", "rapportering", "innsyn", "soknad", "signering", "tilskudd", "kontroll", "post-til-virksomheten"];
    match subject.checked_sub(ROLES) {
        None => format!("a{subject:04}"),
        Some(package) => format!("{}-{}", FIELDS[package % FIELDS.len()], KINDS[package / FIELDS.len() % KINDS.len()]),
    }
}

/// A role or package as one text, for engines that do not keep several attributes apart.
pub fn subject_label(subject: usize) -> String {
    format!("{}:{}", if is_role(subject) { "role" } else { "package" }, subject_text(subject))
}

impl World {
    /// So many services, and so many questions, each about one of the services at random.
    pub fn new(services: usize, questions: usize) -> Self {
        let mut numbers = Numbers::from_seed(0x5EED_0001);
        let services: Vec<Service> = (0..services).map(|at| service(at, &mut numbers)).collect();
        let mut numbers = Numbers::from_seed(0x5EED_0002);
        let questions = (0..questions).map(|at| question(&services, at, &mut numbers)).collect();
        Self { services, questions }
    }

    /// How many questions have this answer, in percent.
    pub fn percent(&self, answer: Answer) -> f64 {
        let count = self.questions.iter().filter(|question| question.answer == answer).count();
        count as f64 * 100.0 / self.questions.len().max(1) as f64
    }

    /// How many rules all services have.
    pub fn rules(&self) -> usize {
        self.services.iter().map(|service| service.rules.len()).sum()
    }
}

fn service(at: usize, numbers: &mut Numbers) -> Service {
    let rules = (0..4 + numbers.below(3)).map(|_| rule(numbers)).collect();
    Service { name: format!("app_etat{:02}_tjeneste-{at:05}", at % 37), rules }
}

/// Half of the rules name roles and packages, the others one of these.
fn rule(numbers: &mut Numbers) -> Rule {
    let count = 2 + numbers.below(4);
    let subjects = match numbers.below(4) {
        0 => numbers.several(count, 0, ROLES),
        1 => numbers.several(count, ROLES, PACKAGES),
        _ => {
            let mut both = numbers.several(count.div_ceil(2), 0, ROLES);
            both.extend(numbers.several(count / 2, ROLES, PACKAGES));
            both
        }
    };
    let count = 1 + numbers.below(3);
    Rule { subjects, actions: numbers.several(count, 0, ACTIONS.len()) }
}

/// A third of each answer. What does not fit is drawn again.
fn question(services: &[Service], at: usize, numbers: &mut Numbers) -> Question {
    let answer = [Answer::Permit, Answer::WrongRole, Answer::WrongAction][at % 3];
    loop {
        let service = numbers.below(services.len());
        let of = &services[service];
        let rule = &of.rules[numbers.below(of.rules.len())];
        let mut held = numbers.several(HELD / 2, 0, ROLES);
        held.extend(numbers.several(HELD / 2, ROLES, PACKAGES));
        let mut subjects: [usize; HELD] = std::array::from_fn(|at| held[at]);
        if answer != Answer::WrongRole {
            let named = numbers.one_of(&rule.subjects);
            let first = if is_role(named) { 0 } else { HELD / 2 };
            let place = first + numbers.below(HELD / 2);
            if !subjects.contains(&named) {
                subjects[place] = named;
            }
        }
        let action =
            if answer == Answer::WrongAction { numbers.below(ACTIONS.len()) } else { numbers.one_of(&rule.actions) };
        if of.permits(&subjects, action) == (answer == Answer::Permit) {
            let in_capitals = std::array::from_fn(|_| numbers.below(4) == 0);
            return Question { service, action, subjects, in_capitals, answer };
        }
    }
}

const STRING: &str = "http://www.w3.org/2001/XMLSchema#string";
const STRING_EQUAL: &str = "urn:oasis:names:tc:xacml:1.0:function:string-equal";
const EQUAL_IGNORE_CASE: &str = "urn:oasis:names:tc:xacml:3.0:function:string-equal-ignore-case";

/// The policy of a service, as Altinn writes it: an empty target, for each rule subjects, resource and actions, and the
/// level of authentication that goes with a Permit.
pub fn policy_xml(service: &Service, rule_combining: &str) -> String {
    let mut xml = format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<xacml:Policy xmlns:xacml="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="urn:altinn:policyid:{}"
    Version="1.0" RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:{rule_combining}">
  <xacml:Target/>
"#,
        service.name
    );
    for (at, rule) in service.rules.iter().enumerate() {
        let subjects = rule.subjects.iter().map(|subject| {
            let attribute = if is_role(*subject) { ROLE_CODE } else { ACCESS_PACKAGE };
            match_xml(EQUAL_IGNORE_CASE, &subject_text(*subject), xacml::category::ACCESS_SUBJECT, attribute)
        });
        let resource = match_xml(STRING_EQUAL, &service.name, xacml::category::RESOURCE, RESOURCE_ID);
        let action =
            |action: &usize| match_xml(STRING_EQUAL, ACTIONS[*action], xacml::category::ACTION, xacml::ACTION_ID);
        let _ = write!(
            xml,
            r#"  <xacml:Rule RuleId="urn:altinn:resource:{}:ruleid:{at}" Effect="Permit">
    <xacml:Description>Rule {at} of {}</xacml:Description>
    <xacml:Target>
      <xacml:AnyOf>
{}      </xacml:AnyOf>
      <xacml:AnyOf>
{resource}      </xacml:AnyOf>
      <xacml:AnyOf>
{}      </xacml:AnyOf>
    </xacml:Target>
  </xacml:Rule>
"#,
            service.name,
            service.name,
            subjects.collect::<String>(),
            rule.actions.iter().map(action).collect::<String>(),
        );
    }
    xml.push_str(
        r#"  <xacml:ObligationExpressions>
    <xacml:ObligationExpression ObligationId="urn:altinn:obligation:authenticationLevel1" FulfillOn="Permit">
      <xacml:AttributeAssignmentExpression AttributeId="urn:altinn:obligation1-assignment1"
          Category="urn:altinn:minimum-authenticationlevel">
        <xacml:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#integer">3</xacml:AttributeValue>
      </xacml:AttributeAssignmentExpression>
    </xacml:ObligationExpression>
  </xacml:ObligationExpressions>
</xacml:Policy>
"#,
    );
    xml
}

fn match_xml(function: &str, literal: &str, category: &str, attribute: &str) -> String {
    format!(
        r#"        <xacml:AllOf>
          <xacml:Match MatchId="{function}">
            <xacml:AttributeValue DataType="{STRING}">{literal}</xacml:AttributeValue>
            <xacml:AttributeDesignator AttributeId="{attribute}" Category="{category}" DataType="{STRING}"
                MustBePresent="false"/>
          </xacml:Match>
        </xacml:AllOf>
"#
    )
}

/// A question as the body of a request in the JSON profile.
pub fn request_json(question: &Written) -> String {
    let held = |roles: bool| -> Vec<&str> {
        question.subjects.iter().filter(|(is_role, _)| *is_role == roles).map(|(_, text)| text.as_str()).collect()
    };
    let attribute =
        |id: &str, value: serde_json::Value| serde_json::json!({"AttributeId": id, "Value": value, "DataType": STRING});
    serde_json::json!({"Request": {
        "ReturnPolicyIdList": false,
        "AccessSubject": [{"Attribute": [
            attribute(ROLE_CODE, held(true).into()),
            attribute(ACCESS_PACKAGE, held(false).into()),
        ]}],
        "Resource": [{"Attribute": [attribute(RESOURCE_ID, question.service.as_str().into())]}],
        "Action": [{"Attribute": [attribute(xacml::ACTION_ID, question.action.as_str().into())]}],
    }})
    .to_string()
}
