//! Our engine: policies read from XML, and questions as its requests.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use xacml::{
    CombiningAlgorithm, Decision, DecisionPoint, Document, Environment, Member, Policy, PolicySet, Request, Value,
    category,
};

use crate::world::{ACCESS_PACKAGE, Question, RESOURCE_ID, ROLE_CODE, World, Written, policy_xml};

/// How the rules of a policy and the policies of the set are combined.
#[derive(Debug, Clone, Copy)]
pub struct Combining {
    /// The end of the rule-combining algorithm's identifier.
    pub rules: &'static str,
    /// The policy-combining algorithm.
    pub policies: CombiningAlgorithm,
}

impl Combining {
    /// As Altinn has it: what denies wins, and what nothing is said of is NotApplicable.
    pub const DENY_OVERRIDES: Self = Self { rules: "deny-overrides", policies: CombiningAlgorithm::DenyOverrides };
}

/// A decision point, and what it took to make it.
#[derive(Debug)]
pub struct Made {
    /// It decides.
    pub point: DecisionPoint,
    /// Reading the XML.
    pub reading: Duration,
    /// Putting together what was read.
    pub linking: Duration,
    /// The length of the XML in bytes.
    pub source: usize,
}

/// All policies of the world as members of one set.
pub fn point(world: &World, combining: Combining) -> anyhow::Result<Made> {
    let (policies, reading, source) = policies(world, combining)?;
    let members = policies.into_iter().map(Member::Policy).collect();
    let set = PolicySet::of("all", combining.policies, members);
    let begin = Instant::now();
    let point = DecisionPoint::new(Document::PolicySet(Arc::new(set)), vec![])?;
    Ok(Made { point, reading, linking: begin.elapsed(), source })
}

/// All rules of the world in one policy. It would be too large for one document, so that the rules of many documents
/// are put together.
pub fn point_of_one_policy(world: &World) -> anyhow::Result<DecisionPoint> {
    let (policies, ..) = policies(world, Combining::DENY_OVERRIDES)?;
    let first = policies.first().context("there is a policy")?;
    let rules = policies.iter().flat_map(|policy| policy.rules.iter().cloned()).collect();
    Ok(DecisionPoint::of_policy(&Policy { rules, ..(**first).clone() }))
}

fn policies(world: &World, combining: Combining) -> anyhow::Result<(Vec<Arc<Policy>>, Duration, usize)> {
    let texts: Vec<String> = world.services.iter().map(|service| policy_xml(service, combining.rules)).collect();
    let begin = Instant::now();
    let documents: Vec<Document> = texts.iter().map(|text| Document::parse(text)).collect::<Result<_, _>>()?;
    let reading = begin.elapsed();
    let policies = documents.into_iter().map(|document| match document {
        Document::Policy(policy) => Ok(policy),
        Document::PolicySet(set) => anyhow::bail!("{} is a set", set.id),
    });
    Ok((policies.collect::<Result<_, _>>()?, reading, texts.iter().map(String::len).sum()))
}

/// A question as a request, with values of the types that the policies ask for.
pub fn request(question: &Written) -> Request {
    let mut request = Request::default();
    for (is_role, text) in &question.subjects {
        let attribute = if *is_role { ROLE_CODE } else { ACCESS_PACKAGE };
        request.push(category::ACCESS_SUBJECT, attribute, Value::from(text.as_str()));
    }
    request.push(category::RESOURCE, RESOURCE_ID, Value::from(question.service.as_str()));
    request.push(category::ACTION, xacml::ACTION_ID, Value::from(question.action.as_str()));
    request
}

/// Whether a decision point permits.
pub fn permits(point: &DecisionPoint, request: &Request, environment: &Environment) -> bool {
    black_box(point.decide(request, environment)).decision == Decision::Permit
}

/// From the body of a request to the body of the answer.
pub fn answer_json(point: &DecisionPoint, body: &str, environment: &Environment) -> anyhow::Result<String> {
    let document = xacml::request::json::parse(body)?;
    Ok(xacml::response::to_json(&point.decide_all(&document, environment)).to_string())
}

/// The time of all decisions.
pub fn environment() -> Environment {
    Environment::at(jiff::Timestamp::UNIX_EPOCH)
}

/// How many questions have the same answer, obligations and all, when they are explained. Every Permit must bring the
/// obligation of its policy.
pub fn explained_alike<'a>(
    point: &DecisionPoint,
    world: &World,
    questions: impl Iterator<Item = &'a Question>,
) -> usize {
    let environment = environment();
    let alike = |question: &&Question| {
        let request = request(&question.written(world));
        let evaluation = point.decide(&request, &environment);
        let has_obligation = evaluation.obligations.len() == usize::from(evaluation.decision == Decision::Permit);
        has_obligation && point.explain(&request, &environment).0 == evaluation
    };
    questions.filter(alike).count()
}
