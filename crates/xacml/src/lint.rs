//! Tells where other engines would answer otherwise, and rewrites policies so that they do not.
//!
//! Some engines in use do not evaluate targets as the standard has it (core specification §5.6 to §5.9). They sort the
//! matches of a rule's target by category, and then ask for each category by itself whether one of the alternatives for
//! it is met. Several `AnyOf` about the same category, which all have to be met, become alternatives; an alternative
//! that speaks of two categories falls apart into two. Categories other than subject, resource and action, and the
//! target of the policy, are not looked at. This engine does as the standard says; whoever moves policies between the
//! two wants to know where that makes a difference.
//!
//! [`check`] finds such places. [`rewrite`] turns a document into one that means the same to both: what it means by the
//! standard, or what it means by category. Only targets are changed, and rules doubled where one cannot say it; the
//! rest of the text stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;

use roxmltree::Node;
use serde::Serialize;

use crate::category;
use crate::combine::CombiningAlgorithm;
use crate::function::Function;
use crate::load::{LoadError, NAMESPACE, Positions, parse_xml};
use crate::policy::{
    AllOf, Document, Effect, Expression, Match, Member, ObligationExpression, Policy, PolicySet, Position, Rule, Target,
};
use crate::value::{DataType, Value};

/// The most rules that one is split into.
const MAX_SPLIT: usize = 64;

/// A place where engines differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1, of the rule or policy.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The `RuleId` or `PolicyId`.
    pub id: String,
    /// What it is.
    pub kind: FindingKind,
    /// What it leads to, for a person to read.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, id, kind, message } = self;
        write!(formatter, "{line}:{column}: {kind}: {id}: {message}")
    }
}

/// Kinds of [`Finding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Several `AnyOf` about one category: all of them here, one of them there.
    RepeatedCategory,
    /// Alternatives that speak of several categories: together here, each by itself there.
    MixedCategories,
    /// Matches that are not looked at there, for their category.
    IgnoredCategory,
    /// The target of a policy, which is not looked at there.
    PolicyTarget,
    /// An attribute that must be present: its lack concerns the rule here, the whole decision there.
    MustBePresent,
    /// A regular expression in a condition: first argument here, second there.
    PatternOrder,
    /// An integer beyond 32 bits.
    LargeInteger,
    /// Something that is not understood there at all.
    NotUnderstood,
}

impl FindingKind {
    /// Whether [`rewrite`] can do something about it.
    pub fn can_be_rewritten(self) -> bool {
        matches!(self, Self::RepeatedCategory | Self::MixedCategories | Self::PolicyTarget)
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RepeatedCategory => "repeated-category",
            Self::MixedCategories => "mixed-categories",
            Self::IgnoredCategory => "ignored-category",
            Self::PolicyTarget => "policy-target",
            Self::MustBePresent => "must-be-present",
            Self::PatternOrder => "pattern-order",
            Self::LargeInteger => "large-integer",
            Self::NotUnderstood => "not-understood",
        })
    }
}

/// Which of two meanings a rewritten document keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// That of the standard.
    Standard,
    /// That of engines that go by category.
    ByCategory,
}

/// Finds the places where a document means something else to engines that go by category.
///
/// # Errors
/// A document that cannot be loaded.
pub fn check(text: &str) -> Result<Vec<Finding>, LoadError> {
    let mut findings = Findings::default();
    match Document::parse(text)? {
        Document::Policy(policy) => findings.policy(&policy),
        Document::PolicySet(set) => findings.policy_set(&set),
    }
    Ok(findings.found)
}

#[derive(Default)]
struct Findings {
    found: Vec<Finding>,
}

/// Where something stands, and what it is called.
type Place<'a> = (Position, &'a str);

impl Findings {
    fn add(&mut self, (position, id): Place<'_>, kind: FindingKind, message: impl Into<String>) {
        let finding =
            Finding { line: position.line, column: position.column, id: id.to_owned(), kind, message: message.into() };
        if !self.found.contains(&finding) {
            self.found.push(finding);
        }
    }

    fn not_understood(&mut self, place: Place<'_>, what: &str) {
        self.add(place, FindingKind::NotUnderstood, format!("{what} are not understood elsewhere"));
    }

    fn policy_set(&mut self, set: &PolicySet) {
        self.not_understood((set.position, &set.id), "policy sets");
        for member in &set.members {
            match member {
                Member::Policy(policy) => self.policy(policy),
                Member::PolicySet(set) => self.policy_set(set),
                Member::PolicyReference(_) | Member::PolicySetReference(_) => {}
            }
        }
    }

    fn policy(&mut self, policy: &Policy) {
        let place = (policy.position, policy.id.as_str());
        if !policy.target.any_of.is_empty() {
            self.add(
                place,
                FindingKind::PolicyTarget,
                "the target of the policy gates its rules here, and is not looked at elsewhere",
            );
            self.matches(place, &policy.target);
        }
        if !policy.variables.is_empty() {
            self.not_understood(place, "variables");
        }
        if matches!(
            policy.combining,
            CombiningAlgorithm::LegacyRuleDenyOverrides | CombiningAlgorithm::LegacyRulePermitOverrides
        ) {
            self.not_understood(place, "the combining algorithms of version 1");
        }
        for rule in &policy.rules {
            self.rule(rule);
        }
        self.obligations(place, &policy.obligations);
        if !policy.advice.is_empty() {
            self.not_understood(place, "advice expressions");
        }
    }

    fn obligations(&mut self, place: Place<'_>, obligations: &[ObligationExpression]) {
        for obligation in obligations {
            if obligation.effect == Effect::Deny {
                self.not_understood(place, "obligations on Deny");
            }
            for assignment in &obligation.assignments {
                if !matches!(assignment.expression, Expression::Value(_)) {
                    self.not_understood(place, "obligations with computed values");
                }
                if assignment.category.is_none() {
                    self.not_understood(place, "obligations whose assignments have no category");
                }
            }
        }
    }

    fn rule(&mut self, rule: &Rule) {
        let place = (rule.position, rule.id.as_str());
        let alternatives = categories_of(&rule.target);
        let mut seen = BTreeSet::new();
        for any_of in &alternatives {
            let named: BTreeSet<&str> = any_of.iter().flatten().copied().collect();
            for category in named {
                if !seen.insert(category) {
                    let message = format!(
                        "several AnyOf are about {}: all must be met here, one of them elsewhere",
                        short(category)
                    );
                    self.add(place, FindingKind::RepeatedCategory, message);
                }
            }
        }
        if rule.target.any_of.iter().any(|any_of| !is_product(&any_of.all_of)) {
            self.add(
                place,
                FindingKind::MixedCategories,
                "alternatives speak of several categories: they hold together here, and each by itself elsewhere",
            );
        }
        self.matches(place, &rule.target);
        if let Some(condition) = &rule.condition {
            self.condition(place, condition);
        }
        if !rule.obligations.is_empty() {
            self.not_understood(place, "obligations of rules");
        }
        if !rule.advice.is_empty() {
            self.not_understood(place, "advice expressions");
        }
    }

    fn matches(&mut self, place: Place<'_>, target: &Target) {
        for Match { function, literal, designator, .. } in target.matches() {
            if rank(&designator.category).is_none() {
                let message = format!("{} is not looked at elsewhere", short(&designator.category));
                self.add(place, FindingKind::IgnoredCategory, message);
            }
            if designator.must_be_present {
                let message = format!(
                    "without {} the rule fails here; elsewhere the whole decision does, or nothing",
                    designator.id
                );
                self.add(place, FindingKind::MustBePresent, message);
            }
            self.literal(place, literal);
            if !is_known_match(*function) {
                self.add(place, FindingKind::NotUnderstood, format!("{function} is not understood elsewhere"));
            }
        }
    }

    fn literal(&mut self, place: Place<'_>, literal: &Value) {
        if let Value::Integer(number) = literal
            && i32::try_from(*number).is_err()
        {
            self.add(place, FindingKind::LargeInteger, format!("{number} has more than 32 bits, and fails elsewhere"));
        }
    }

    fn condition(&mut self, place: Place<'_>, condition: &Expression) {
        let Expression::Apply(apply) = condition else { return self.not_understood(place, "conditions of this form") };
        let is_attribute = |expression: &Expression| match expression {
            Expression::Designator(_) => true,
            Expression::Apply(inner) => {
                let is_known = match inner.function {
                    Function::OneAndOnly(of) => matches!(of, DataType::Integer | DataType::Date | DataType::DateTime),
                    Function::BagSize(of) => matches!(of, DataType::Time | DataType::Date | DataType::DateTime),
                    _ => false,
                };
                is_known && matches!(inner.arguments.as_slice(), [Expression::Designator(_)])
            }
            _ => false,
        };
        if matches!(apply.function, Function::RegexpMatch(_)) {
            self.add(
                place,
                FindingKind::PatternOrder,
                "the pattern is the first argument here, and the second elsewhere",
            );
        }
        let has_known_form = match apply.arguments.as_slice() {
            [Expression::Value(literal), other] | [other, Expression::Value(literal)] => {
                self.literal(place, literal);
                is_attribute(other)
            }
            _ => false,
        };
        if !has_known_form || !is_known_match(apply.function) {
            self.not_understood(place, "conditions of this form");
        }
    }
}

/// The functions that engines of that kind have.
fn is_known_match(function: Function) -> bool {
    match function {
        Function::EqualIgnoreCase | Function::RegexpMatch(DataType::String) => true,
        Function::Equal(of) => matches!(
            of,
            DataType::String
                | DataType::AnyUri
                | DataType::Integer
                | DataType::Time
                | DataType::Date
                | DataType::DateTime
        ),
        _ => false,
    }
}

/// The categories that engines of that kind know, in their order.
fn rank(category: &str) -> Option<usize> {
    [category::ACCESS_SUBJECT, category::RESOURCE, category::ACTION].iter().position(|known| *known == category)
}

fn short(category: &str) -> &str {
    category.rsplit(':').next().unwrap_or(category)
}

/// For each `AnyOf`, the categories that each alternative speaks of.
fn categories_of(target: &Target) -> Vec<Vec<BTreeSet<&str>>> {
    fn of_alternative(matches: &[Match]) -> BTreeSet<&str> {
        matches.iter().map(|single| single.designator.category.as_str()).collect()
    }
    target
        .any_of
        .iter()
        .map(|any_of| any_of.all_of.iter().map(|all_of| of_alternative(&all_of.matches)).collect())
        .collect()
}

/// Whether the alternatives are all combinations of alternatives for each category, so that they can be taken apart.
fn is_product(alternatives: &[AllOf]) -> bool {
    let parts: Vec<BTreeMap<&str, BTreeSet<String>>> = alternatives
        .iter()
        .map(|all_of| {
            let mut parts: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
            for single in &all_of.matches {
                let Match { function, literal, designator, .. } = single;
                let text = format!("{function:?} {literal:?} {designator:?}");
                parts.entry(&designator.category).or_default().insert(text);
            }
            parts
        })
        .collect();
    all_combined(&parts)
}

fn all_combined<K: Ord, V: Ord>(parts: &[BTreeMap<K, V>]) -> bool {
    let Some(first) = parts.first() else { return true };
    let same_categories = parts.iter().all(|other| other.keys().eq(first.keys()));
    let distinct: BTreeSet<_> = parts.iter().collect();
    let combinations: usize =
        first.keys().map(|of| parts.iter().filter_map(|part| part.get(of)).collect::<BTreeSet<_>>().len()).product();
    same_categories && distinct.len() == combinations
}

/// Rewrites the targets of a document so that both kinds of engine agree on them, as far as that is possible; what is
/// left is what [`check`] still finds.
///
/// # Errors
/// A document that cannot be loaded.
pub fn rewrite(text: &str, meaning: Meaning) -> Result<String, LoadError> {
    let document = Document::parse(text)?;
    let xml = parse_xml(text)?;
    let positions = Positions::new(text);
    let mut edits = Edits { text, edits: vec![] };
    for node in xml.root_element().descendants().filter(|node| node.has_tag_name((NAMESPACE, "Policy"))) {
        let position = positions.of(node);
        if let Some(policy) = find_policy(&document, position) {
            edits.policy(node, &policy, meaning);
        }
    }
    let rewritten = edits.apply();
    // A prefix that was declared inside what was moved is lost; then the document is better left alone.
    Ok(if Document::parse(&rewritten).is_ok() { rewritten } else { text.to_owned() })
}

fn find_policy(document: &Document, position: Position) -> Option<Arc<Policy>> {
    fn within(set: &PolicySet, position: Position) -> Option<Arc<Policy>> {
        set.members.iter().find_map(|member| match member {
            Member::Policy(policy) => (policy.position == position).then(|| Arc::clone(policy)),
            Member::PolicySet(inner) => within(inner, position),
            Member::PolicyReference(_) | Member::PolicySetReference(_) => None,
        })
    }
    match document {
        Document::Policy(policy) => Some(Arc::clone(policy)),
        Document::PolicySet(set) => within(set, position),
    }
}

/// A match by its text in the document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Source<'a> {
    category: &'a str,
    text: &'a str,
}

/// Alternatives, each a conjunction of matches.
type Alternatives<'a> = Vec<Vec<Source<'a>>>;

/// Changes of a text, from the beginning to the end.
struct Edits<'a> {
    text: &'a str,
    edits: Vec<(std::ops::Range<usize>, String)>,
}

impl<'a> Edits<'a> {
    fn apply(self) -> String {
        let mut text = String::with_capacity(self.text.len());
        let mut at = 0;
        for (range, replacement) in self.edits {
            text.push_str(self.text.get(at..range.start).unwrap_or_default());
            text.push_str(&replacement);
            at = range.end;
        }
        text.push_str(self.text.get(at..).unwrap_or_default());
        text
    }

    fn source(&self, node: Node<'_, '_>) -> &'a str {
        self.text.get(node.range()).unwrap_or_default()
    }

    fn policy(&mut self, node: Node<'_, 'a>, policy: &Policy, meaning: Meaning) {
        let gate = match child(node, "Target") {
            Some(target) if meaning == Meaning::Standard && policy.combining.is_silent_without_members() => {
                self.any_of(target)
            }
            _ => vec![],
        };
        let rules = node.children().filter(|child| child.has_tag_name((NAMESPACE, "Rule")));
        for (node, rule) in rules.zip(&policy.rules) {
            self.rule(node, rule, &gate, meaning);
        }
    }

    fn any_of(&self, target: Node<'_, 'a>) -> Vec<Alternatives<'a>> {
        fn elements<'b, 'a>(node: Node<'b, 'a>) -> Vec<Node<'b, 'a>> {
            node.children().filter(Node::is_element).collect()
        }
        let of_match = |node: Node<'_, 'a>| {
            let designator = child(node, "AttributeDesignator");
            let category = designator.and_then(|designator| self.category(designator)).unwrap_or_default();
            Source { category, text: self.source(node) }
        };
        let all_of = |node| elements(node).into_iter().map(of_match).collect();
        let any_of = |node| elements(node).into_iter().map(all_of).collect();
        elements(target).into_iter().map(any_of).collect()
    }

    /// The category as it stands in the text.
    fn category(&self, designator: Node<'_, '_>) -> Option<&'a str> {
        self.text.get(designator.attribute_node("Category")?.range_value())
    }

    fn rule(&mut self, node: Node<'_, 'a>, rule: &Rule, gate: &[Alternatives<'a>], meaning: Meaning) {
        let target = child(node, "Target");
        let own = target.map(|target| self.any_of(target)).unwrap_or_default();
        let asked: Vec<_> = own.iter().chain(gate).cloned().collect();
        let ways = match meaning {
            Meaning::ByCategory => vec![by_category(&asked)],
            Meaning::Standard => by_the_standard(&asked),
        };
        // More rules would bring the same obligations more than once.
        let has_instructions = !rule.obligations.is_empty() || !rule.advice.is_empty();
        if ways == [own] || ways.len() > MAX_SPLIT || (ways.len() > 1 && has_instructions) {
            return;
        }
        let indent = " ".repeat(self.column(node));
        let prefix = tag_prefix(self.source(node));
        let rules: Vec<String> = ways
            .iter()
            .enumerate()
            .map(|(at, way)| {
                let id = if ways.len() > 1 { format!(":{}", at + 1) } else { String::new() };
                self.rule_text(node, target, &id, &written(way, prefix, &indent))
            })
            .collect();
        self.edits.push((node.range(), rules.join(&format!("\n{indent}"))));
    }

    /// The rule with another target, and something added to its id.
    fn rule_text(&self, node: Node<'_, '_>, target: Option<Node<'_, '_>>, id: &str, new_target: &str) -> String {
        let range = node.range();
        let id_end = node.attribute_node("RuleId").map_or(range.start, |attribute| attribute.range_value().end);
        // Without a target there is a description at most, which comes before it.
        let place = match target {
            Some(target) => target.range(),
            None => {
                let after = child(node, "Description").map(|description| description.range().end);
                let at = after.unwrap_or_else(|| start_tag_end(self.text, id_end));
                at..at
            }
        };
        let part = |range: std::ops::Range<usize>| self.text.get(range).unwrap_or_default();
        if target.is_none() && part(place.clone()).is_empty() && self.source(node).ends_with("/>") {
            let prefix = tag_prefix(self.source(node));
            let open = part(range.start..range.end).trim_end_matches("/>").trim_end();
            return format!("{open}>{new_target}</{prefix}Rule>");
        }
        format!(
            "{}{id}{}{new_target}{}",
            part(range.start..id_end),
            part(id_end..place.start),
            part(place.end..range.end)
        )
    }

    fn column(&self, node: Node<'_, '_>) -> usize {
        let before = self.text.get(..node.range().start).unwrap_or_default();
        before.len() - before.rfind('\n').map_or(0, |at| at + 1)
    }
}

fn child<'b, 'a>(node: Node<'b, 'a>, name: &str) -> Option<Node<'b, 'a>> {
    node.children().find(|child| child.has_tag_name((NAMESPACE, name)))
}

/// `xacml:` of `<xacml:Rule …`
fn tag_prefix(source: &str) -> &str {
    let name = source.trim_start_matches('<').split([' ', '\t', '\n', '\r', '>', '/']).next().unwrap_or_default();
    name.rfind(':').and_then(|at| name.get(..=at)).unwrap_or_default()
}

/// Where the start tag ends in which an attribute's value ends at `from`.
fn start_tag_end(text: &str, from: usize) -> usize {
    let mut quote = None;
    for (at, character) in text.get(from..).unwrap_or_default().char_indices().skip(1) {
        match (quote, character) {
            (None, '"' | '\'') => quote = Some(character),
            (Some(open), close) if open == close => quote = None,
            (None, '>') => return from + at + 1,
            _ => {}
        }
    }
    text.len()
}

fn written(target: &[Alternatives<'_>], prefix: &str, indent: &str) -> String {
    let mut text = format!("<{prefix}Target>");
    for any_of in target {
        let _ = write!(text, "\n{indent}    <{prefix}AnyOf>");
        for all_of in any_of {
            let _ = write!(text, "\n{indent}      <{prefix}AllOf>");
            for single in all_of {
                let _ = write!(text, "\n{indent}        {}", single.text);
            }
            let _ = write!(text, "\n{indent}      </{prefix}AllOf>");
        }
        let _ = write!(text, "\n{indent}    </{prefix}AnyOf>");
    }
    text + &format!("\n{indent}  </{prefix}Target>")
}

/// One `AnyOf` for each category, with what each alternative says of it. Categories that are not looked at elsewhere
/// stay as they are.
fn by_category<'a>(target: &[Alternatives<'a>]) -> Vec<Alternatives<'a>> {
    let mut known: BTreeMap<usize, Alternatives<'a>> = BTreeMap::new();
    let mut others = Vec::new();
    for any_of in target {
        let mut other = Alternatives::new();
        for all_of in any_of {
            let mut parts: BTreeMap<Option<usize>, Vec<Source<'a>>> = BTreeMap::new();
            for single in all_of {
                parts.entry(rank(single.category)).or_default().push(single.clone());
            }
            for (rank, part) in parts {
                let alternatives = rank.map_or(&mut other, |rank| known.entry(rank).or_default());
                if !alternatives.contains(&part) {
                    alternatives.push(part);
                }
            }
        }
        if !other.is_empty() {
            others.push(other);
        }
    }
    // In the order in which the document names them, so that what is right already stays as it is.
    let mut ordered: Vec<_> = known.into_iter().collect();
    let first_named = |of: usize| {
        target.iter().position(|any_of| any_of.iter().flatten().any(|single| rank(single.category) == Some(of)))
    };
    ordered.sort_by_key(|(of, _)| first_named(*of));
    ordered.into_iter().map(|(_, alternatives)| alternatives).chain(others).collect()
}

/// The targets of rules that together mean what one target means, each with one `AnyOf` for each category.
fn by_the_standard<'a>(target: &[Alternatives<'a>]) -> Vec<Vec<Alternatives<'a>>> {
    // Alternatives that do not fall apart into categories are taken one by one.
    let mut ways: Vec<Vec<Alternatives<'a>>> = vec![vec![]];
    for any_of in target {
        let parts: Vec<BTreeMap<&str, BTreeSet<&Source<'a>>>> = any_of
            .iter()
            .map(|all_of| {
                let mut parts: BTreeMap<&str, BTreeSet<&Source<'a>>> = BTreeMap::new();
                for single in all_of {
                    parts.entry(single.category).or_default().insert(single);
                }
                parts
            })
            .collect();
        let choices: Vec<Alternatives<'a>> = if all_combined(&parts) {
            vec![any_of.clone()]
        } else {
            any_of.iter().map(|one| vec![one.clone()]).collect()
        };
        if ways.len().saturating_mul(choices.len()) > MAX_SPLIT {
            return vec![target.to_vec()];
        }
        ways = ways
            .iter()
            .flat_map(|way| choices.iter().map(move |choice| way.iter().chain([choice]).cloned().collect()))
            .collect();
    }
    let merged: Option<Vec<_>> = ways.iter().map(|way| merged(way)).collect();
    merged.unwrap_or_else(|| vec![target.to_vec()])
}

/// One `AnyOf` for each category: where there are several, all combinations of their alternatives. `None` where that
/// becomes too much.
fn merged<'a>(way: &[Alternatives<'a>]) -> Option<Vec<Alternatives<'a>>> {
    let mut merged: Vec<(&str, Alternatives<'a>)> = Vec::new();
    for any_of in way {
        let mut parts: Vec<(&str, Alternatives<'a>)> = Vec::new();
        for all_of in any_of {
            let mut own: BTreeMap<&str, Vec<Source<'a>>> = BTreeMap::new();
            for single in all_of {
                own.entry(single.category).or_default().push(single.clone());
            }
            for (category, part) in own {
                match parts.iter_mut().find(|(known, _)| *known == category) {
                    Some((_, alternatives)) if alternatives.contains(&part) => {}
                    Some((_, alternatives)) => alternatives.push(part),
                    None => parts.push((category, vec![part])),
                }
            }
        }
        for (category, alternatives) in parts {
            match merged.iter_mut().find(|(known, _)| *known == category) {
                None => merged.push((category, alternatives)),
                Some((_, known)) => {
                    if known.len().saturating_mul(alternatives.len()) > MAX_SPLIT {
                        return None;
                    }
                    let both = |left: &Vec<Source<'a>>, right: &Vec<Source<'a>>| {
                        let new = right.iter().filter(|single| !left.contains(single));
                        left.iter().chain(new).cloned().collect::<Vec<_>>()
                    };
                    *known =
                        known.iter().flat_map(|left| alternatives.iter().map(move |right| both(left, right))).collect();
                }
            }
        }
    }
    Some(merged.into_iter().map(|(_, alternatives)| alternatives).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decision, DecisionPoint, Environment, Request};

    fn single(category: &str, value: &str) -> String {
        format!(
            r#"<x:Match MatchId="urn:oasis:names:tc:xacml:1.0:function:string-equal"><x:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{value}</x:AttributeValue><x:AttributeDesignator AttributeId="id" Category="{category}" DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="false"/></x:Match>"#
        )
    }

    fn all_of(matches: &[String]) -> String {
        format!("<x:AllOf>{}</x:AllOf>", matches.concat())
    }

    fn any_of(alternatives: &[String]) -> String {
        format!("<x:AnyOf>{}</x:AnyOf>", alternatives.concat())
    }

    /// An `AnyOf` about one category, one match each.
    fn one(category: &str, values: &[&str]) -> String {
        let alternatives: Vec<_> = values.iter().map(|value| all_of(&[single(category, value)])).collect();
        any_of(&alternatives)
    }

    fn policy(gate: &str, target: &str) -> String {
        format!(
            "<x:Policy xmlns:x=\"{NAMESPACE}\" PolicyId=\"p\" Version=\"1.0\" RuleCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides\">\n  <x:Target>{gate}</x:Target>\n  <!-- kept -->\n  <x:Rule RuleId=\"r\" Effect=\"Permit\">\n    <x:Description>kept</x:Description>\n    <x:Target>{target}</x:Target>\n  </x:Rule>\n</x:Policy>"
        )
    }

    fn kinds(text: &str) -> Vec<FindingKind> {
        check(text).unwrap().into_iter().map(|finding| finding.kind).collect()
    }

    const S: &str = category::ACCESS_SUBJECT;
    const R: &str = category::RESOURCE;
    const A: &str = category::ACTION;

    /// What every combination of up to two subjects, a resource and an action is answered.
    fn answers(text: &str) -> Vec<Decision> {
        let point = DecisionPoint::new(Document::parse(text).unwrap(), vec![]).unwrap();
        let environment = Environment::at("2026-01-01T12:00:00Z".parse().unwrap());
        let mut answers = Vec::new();
        for subjects in [&["a"][..], &["b"], &["c"], &["a", "b"], &["b", "c"], &["a", "c"], &[]] {
            for resource in ["x", "y"] {
                for action in ["read", "write"] {
                    let mut request = Request::default();
                    for subject in subjects {
                        request.push(S, "id", (*subject).into());
                    }
                    request.push(R, "id", resource.into());
                    request.push(A, "id", action.into());
                    answers.push(point.decide(&request, &environment).decision);
                }
            }
        }
        answers
    }

    #[test]
    fn a_policy_as_registries_have_them_means_the_same_everywhere() {
        let text = policy("", &(one(S, &["a", "b"]) + &one(R, &["x"]) + &one(A, &["read", "write"])));
        assert_eq!(check(&text).unwrap(), []);
        assert_eq!(rewrite(&text, Meaning::Standard).unwrap(), text);
        assert_eq!(rewrite(&text, Meaning::ByCategory).unwrap(), text);
    }

    #[test]
    fn repeated_categories_are_found_and_can_be_kept_apart_or_joined() {
        let text = policy("", &(one(S, &["a", "b"]) + &one(S, &["b", "c"]) + &one(R, &["x"])));
        let findings = check(&text).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!(
            findings[0].to_string(),
            "4:3: repeated-category: r: several AnyOf are about access-subject: all must be met here, one of them elsewhere"
        );
        let standard = rewrite(&text, Meaning::Standard).unwrap();
        assert_eq!((kinds(&standard), answers(&standard)), (vec![], answers(&text)));
        assert!(standard.contains("<!-- kept -->") && standard.contains("<x:Description>kept</x:Description>"));
        let joined = rewrite(&text, Meaning::ByCategory).unwrap();
        assert_eq!(kinds(&joined), []);
        assert_eq!(answers(&joined), answers(&policy("", &(one(S, &["a", "b", "c"]) + &one(R, &["x"])))));
        assert_eq!(rewrite(&standard, Meaning::Standard).unwrap(), standard);
    }

    #[test]
    fn alternatives_across_categories_become_rules_of_their_own() {
        let pair = |subject: &str, action: &str| all_of(&[single(S, subject), single(A, action)]);
        let text = policy("", &(any_of(&[pair("a", "read"), pair("b", "write")]) + &one(R, &["x"])));
        assert_eq!(kinds(&text), [FindingKind::MixedCategories]);
        let standard = rewrite(&text, Meaning::Standard).unwrap();
        assert_eq!((kinds(&standard), answers(&standard)), (vec![], answers(&text)));
        assert!(standard.contains("RuleId=\"r:1\"") && standard.contains("RuleId=\"r:2\""));
        let by_category = policy("", &(one(S, &["a", "b"]) + &one(A, &["read", "write"]) + &one(R, &["x"])));
        assert_eq!(answers(&rewrite(&text, Meaning::ByCategory).unwrap()), answers(&by_category));
        // All combinations, written out, are no difference.
        let all = [pair("a", "read"), pair("a", "write"), pair("b", "read"), pair("b", "write")];
        assert_eq!(kinds(&policy("", &any_of(&all))), []);
        assert_eq!(kinds(&policy("", &any_of(&[pair("a", "read")]))), []);
    }

    #[test]
    fn the_target_of_a_policy_goes_into_its_rules() {
        let text = policy(&one(R, &["x"]), &one(S, &["a"]));
        assert_eq!(kinds(&text), [FindingKind::PolicyTarget]);
        let standard = rewrite(&text, Meaning::Standard).unwrap();
        let without_gate = standard.replacen(&format!("<x:Target>{}</x:Target>", one(R, &["x"])), "<x:Target/>", 1);
        assert_ne!(without_gate, standard);
        assert_eq!((answers(&standard), answers(&without_gate)), (answers(&text), answers(&text)));
        let bare = text
            .replace(&format!("<x:Description>kept</x:Description>\n    <x:Target>{}</x:Target>", one(S, &["a"])), "");
        assert_eq!(answers(&rewrite(&bare, Meaning::Standard).unwrap()), answers(&bare));
        let closed = bare.replace("Effect=\"Permit\">\n    \n  </x:Rule>", "Effect=\"Permit\"/>");
        assert_ne!(closed, bare);
        let rewritten = rewrite(&closed, Meaning::Standard).unwrap();
        assert!(rewritten != closed && answers(&rewritten) == answers(&bare));
    }

    #[test]
    fn what_is_not_looked_at_or_not_understood_elsewhere_is_told() {
        let environment = policy("", &one(category::ENVIRONMENT, &["x"]));
        assert_eq!(kinds(&environment), [FindingKind::IgnoredCategory]);
        let must = policy("", &one(R, &["x"])).replace("MustBePresent=\"false\"", "MustBePresent=\"true\"");
        assert_eq!(kinds(&must), [FindingKind::MustBePresent]);
        let other = policy("", &one(R, &["x"])).replace("1.0:function:string-equal", "3.0:function:string-contains");
        assert_eq!(kinds(&other), [FindingKind::NotUnderstood]);
        assert_eq!(check(&other).unwrap()[0].message, "string-contains is not understood elsewhere");
        let large = policy("", &one(R, &["5000000000"]))
            .replace("XMLSchema#string", "XMLSchema#integer")
            .replace("string-equal", "integer-equal");
        assert_eq!(kinds(&large), [FindingKind::LargeInteger]);
    }
}
