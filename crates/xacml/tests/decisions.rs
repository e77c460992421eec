//! Decisions from text to text: what conformance cases do not ask, and what must hold whatever policies say.
#![expect(clippy::unwrap_used, reason = "in a test, a panic is a failure")]

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use xacml::{
    Attribute, AttributeCategory, Decision, DecisionPoint, Document, Effect, Environment, Evaluation, Indeterminate,
    MAX_TRACE, Request, Status, Value, category, request, response,
};

const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";
const RULES: &str = "urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm";
const POLICIES: &str = "urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm";

fn policy(algorithm: &str, inside: &str) -> String {
    policy_named("p", algorithm, inside)
}

fn policy_named(id: &str, algorithm: &str, inside: &str) -> String {
    format!(
        "<Policy xmlns=\"{NAMESPACE}\" PolicyId=\"{id}\" Version=\"1.0\" RuleCombiningAlgId=\"{RULES}:{algorithm}\"><Target/>{inside}</Policy>"
    )
}

fn set_named(id: &str, algorithm: &str, inside: &str) -> String {
    format!(
        "<PolicySet xmlns=\"{NAMESPACE}\" PolicySetId=\"{id}\" Version=\"1.0\" PolicyCombiningAlgId=\"{POLICIES}:{algorithm}\"><Target/>{inside}</PolicySet>"
    )
}

fn designator(category: &str, id: &str, data_type: &str, must: bool) -> String {
    format!(
        "<AttributeDesignator Category=\"{category}\" AttributeId=\"{id}\" DataType=\"http://www.w3.org/2001/XMLSchema#{data_type}\" MustBePresent=\"{must}\"/>"
    )
}

fn literal(data_type: &str, text: &str) -> String {
    format!("<AttributeValue DataType=\"http://www.w3.org/2001/XMLSchema#{data_type}\">{text}</AttributeValue>")
}

fn apply(function: &str, arguments: &[&str]) -> String {
    format!("<Apply FunctionId=\"urn:oasis:names:tc:xacml:{function}\">{}</Apply>", arguments.concat())
}

fn target(id: &str, value: &str, must: bool) -> String {
    format!(
        "<Target><AnyOf><AllOf><Match MatchId=\"urn:oasis:names:tc:xacml:1.0:function:string-equal\">{}{}</Match></AllOf></AnyOf></Target>",
        literal("string", value),
        designator("c", id, "string", must)
    )
}

fn rule(id: &str, effect: &str, inside: &str) -> String {
    format!("<Rule RuleId=\"{id}\" Effect=\"{effect}\">{inside}</Rule>")
}

fn condition(expression: &str) -> String {
    format!("<Condition>{expression}</Condition>")
}

fn obligations(entries: &[(&str, &str, &str)]) -> String {
    let mut text = String::new();
    for (id, effect, value) in entries {
        let _ = write!(
            text,
            "<ObligationExpression ObligationId=\"{id}\" FulfillOn=\"{effect}\"><AttributeAssignmentExpression AttributeId=\"a\">{value}</AttributeAssignmentExpression></ObligationExpression>"
        );
    }
    format!("<ObligationExpressions>{text}</ObligationExpressions>")
}

fn point(texts: &[String]) -> DecisionPoint {
    let mut documents: Vec<_> = texts.iter().map(|text| Document::parse(text).unwrap()).collect();
    let root = documents.remove(0);
    DecisionPoint::new(root, documents).unwrap()
}

fn noon() -> Environment {
    Environment::at("2026-03-01T12:00:00Z".parse().unwrap())
}

fn request(values: &[(&str, &str)]) -> Request {
    let mut request = Request::default();
    for (id, value) in values {
        request.push("c", *id, (*value).into());
    }
    request
}

fn decide(text: &str, values: &[(&str, &str)]) -> Evaluation {
    let point = point(&[text.to_owned()]);
    let request = request(values);
    let evaluation = point.decide(&request, &noon());
    assert_eq!(point.explain(&request, &noon()).0, evaluation);
    evaluation
}

fn ids(evaluation: &Evaluation) -> Vec<&str> {
    evaluation.obligations.iter().map(|obligation| obligation.id.as_str()).collect()
}

#[test]
fn obligations_are_those_of_the_decision_and_fail_with_it() {
    let permit = rule(
        "1",
        "Permit",
        &obligations(&[("rule", "Permit", &literal("integer", "3")), ("not", "Deny", &literal("string", "x"))]),
    );
    let deny = rule(
        "2",
        "Deny",
        &(target("role", "barred", false)
            + &obligations(&[("deny", "Deny", &designator("c", "role", "string", false))])),
    );
    let own = obligations(&[
        ("policy", "Permit", &designator("c", "name", "string", true)),
        ("sorry", "Deny", &literal("string", "x")),
    ]);
    let text = policy("deny-overrides", &(permit + &deny + &own));
    let permitted = decide(&text, &[("name", "Kari"), ("name", "Ola")]);
    assert_eq!((permitted.decision, ids(&permitted)), (Decision::Permit, vec!["rule", "policy"]));
    let values: Vec<_> = permitted.obligations[1].attributes.iter().map(|of| of.value.to_string()).collect();
    assert_eq!(values, ["Kari", "Ola"]);
    let denied = decide(&text, &[("role", "barred"), ("role", "other")]);
    assert_eq!((denied.decision, ids(&denied)), (Decision::Deny, vec!["deny", "sorry"]));
    let failed = decide(&text, &[]);
    assert_eq!(failed.decision, Decision::Indeterminate(Indeterminate::Permit));
    assert!(matches!(failed.status, Status::MissingAttribute(_)) && failed.obligations.is_empty());
    // An obligation of a rule fails the rule.
    let rule = rule("1", "Permit", &obligations(&[("rule", "Permit", &designator("c", "name", "string", true))]));
    assert_eq!(decide(&policy("deny-unless-permit", &rule), &[]).decision, Decision::Deny);
}

#[test]
fn what_is_missing_is_told_and_an_unmet_rule_does_not_miss_it() {
    let text = policy("deny-overrides", &rule("1", "Permit", &target("role", "a", true)));
    let missing = decide(&text, &[]);
    assert_eq!(missing.decision, Decision::Indeterminate(Indeterminate::Permit));
    assert_eq!(missing.status.message().unwrap(), "the attribute role of category c is missing");
    assert_eq!(decide(&text, &[("role", "b")]).status, Status::Ok);
    // The status is that of the failure that matters, not of one that was overridden.
    let passing = rule(
        "1",
        "Deny",
        &condition(&apply(
            "1.0:function:string-equal",
            &[
                &literal("string", "x"),
                &apply("1.0:function:string-one-and-only", &[&designator("c", "two", "string", false)]),
            ],
        )),
    );
    let set = set_named(
        "s",
        "deny-overrides",
        &(policy_named("first", "permit-unless-deny", &passing)
            + &policy_named("second", "deny-overrides", &rule("1", "Deny", &target("role", "a", true)))),
    );
    let evaluation = decide(&set, &[]);
    assert!(matches!(evaluation.status, Status::MissingAttribute(_)), "{evaluation:?}");
}

#[test]
fn the_host_says_what_time_it_is_unless_the_request_does() {
    let at = |environment: &str, data_type: &str| {
        designator(
            category::ENVIRONMENT,
            &format!("urn:oasis:names:tc:xacml:1.0:environment:{environment}"),
            data_type,
            true,
        )
    };
    let before = condition(&apply(
        "1.0:function:time-less-than",
        &[&apply("1.0:function:time-one-and-only", &[&at("current-time", "time")]), &literal("time", "13:00:00Z")],
    ));
    let point = point(&[policy("deny-unless-permit", &rule("1", "Permit", &before))]);
    let decide = |request: &Request, now: &str| point.decide(request, &Environment::at(now.parse().unwrap())).decision;
    assert_eq!(decide(&Request::default(), "2026-03-01T12:59:59Z"), Decision::Permit);
    assert_eq!(decide(&Request::default(), "2026-03-01T13:00:00Z"), Decision::Deny);
    let mut request = Request::default();
    let time = xacml::DataType::Time.parse("08:00:00Z").unwrap();
    request.push(category::ENVIRONMENT, category::CURRENT_TIME, time);
    assert_eq!(decide(&request, "2026-03-01T13:00:00Z"), Decision::Permit);
    // The other two are there as well.
    let both = apply(
        "1.0:function:and",
        &[
            &apply("1.0:function:date-is-in", &[&literal("date", "2026-03-01Z"), &at("current-date", "date")]),
            &apply(
                "1.0:function:dateTime-is-in",
                &[&literal("dateTime", "2026-03-01T12:00:00Z"), &at("current-dateTime", "dateTime")],
            ),
        ],
    );
    let text = policy("deny-unless-permit", &rule("1", "Permit", &condition(&both)));
    assert_eq!(crate::decide(&text, &[]).decision, Decision::Permit);
}

#[test]
fn the_host_can_say_more_of_what_the_request_leaves_out() {
    let point = point(&[policy("deny-unless-permit", &rule("1", "Permit", &target("role", "a", false)))]);
    let attribute = Attribute { id: "role".into(), issuer: None, values: vec!["a".into()], include_in_result: false };
    let supplied = AttributeCategory { category: "c".into(), id: None, attributes: vec![attribute] };
    let environment = Environment { attributes: vec![supplied], ..noon() };
    assert_eq!(point.decide(&request(&[]), &environment).decision, Decision::Permit);
    assert_eq!(point.decide(&request(&[("role", "b")]), &environment).decision, Decision::Deny);
}

#[test]
fn work_that_multiplies_is_stopped_and_then_nothing_is_permitted() {
    // Each set holds the next twice; the innermost would deny.
    let reference = |id: usize| format!("<PolicySetIdReference>{id}</PolicySetIdReference>").repeat(2);
    let inner = policy("deny-overrides", &rule("1", "Permit", &target("role", "nobody", false)));
    let mut texts = vec![set_named("root", "permit-unless-deny", &reference(0))];
    texts.extend((0..40).map(|at| set_named(&at.to_string(), "permit-unless-deny", &reference(at + 1))));
    texts.push(set_named("40", "permit-unless-deny", &inner));
    let point = point(&texts);
    let begun = Instant::now();
    let evaluation = point.decide(&request(&[]), &noon());
    assert_eq!(evaluation.decision, Decision::Indeterminate(Indeterminate::Both));
    assert!(evaluation.status.message().unwrap().contains("steps"));
    assert!(begun.elapsed() < Duration::from_mins(1), "it ends at all");
    // A trace of it ends as well.
    let (_, trace) = point.explain(&request(&[]), &noon());
    assert!(trace.to_string().lines().count() <= 3 * MAX_TRACE);
}

#[test]
fn variables_are_computed_once_however_often_they_are_named() {
    let mut text = format!(
        "<VariableDefinition VariableId=\"0\">{}</VariableDefinition>",
        apply("1.0:function:string-is-in", &[&literal("string", "a"), &designator("c", "role", "string", false)])
    );
    for at in 1..24 {
        let reference = format!("<VariableReference VariableId=\"{}\"/>", at - 1);
        let both = apply("1.0:function:and", &[&reference, &reference]);
        let _ = write!(text, "<VariableDefinition VariableId=\"{at}\">{both}</VariableDefinition>");
    }
    let rule = rule("1", "Permit", &condition("<VariableReference VariableId=\"23\"/>"));
    let policy = policy("deny-unless-permit", &(text + &rule));
    assert_eq!(decide(&policy, &[("role", "a")]).decision, Decision::Permit);
    assert_eq!(decide(&policy, &[("role", "b")]).decision, Decision::Deny);
}

#[test]
fn large_bags_are_compared_in_proportion() {
    let bag = designator("c", "role", "string", false);
    let rule = rule(
        "1",
        "Permit",
        &condition(&apply(
            "1.0:function:string-set-equals",
            &[&bag, &apply("1.0:function:string-union", &[&bag, &bag])],
        )),
    );
    let values: Vec<String> = (0..10_000).map(|at| at.to_string()).collect();
    let pairs: Vec<(&str, &str)> = values.iter().map(|value| ("role", value.as_str())).collect();
    assert_eq!(decide(&policy("deny-unless-permit", &rule), &pairs).decision, Decision::Permit);
}

#[test]
fn only_one_applicable_goes_by_targets() {
    let gated = |id: &str, role: &str, effect: &str| {
        policy_named(id, "deny-overrides", &rule("1", effect, "")).replace("<Target/>", &target("role", role, false))
    };
    let set = set_named("s", "only-one-applicable", &(gated("a", "a", "Permit") + &gated("b", "b", "Deny")))
        .replace(&format!("{POLICIES}:only"), "urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:only");
    assert_eq!(decide(&set, &[("role", "a")]).decision, Decision::Permit);
    assert_eq!(decide(&set, &[("role", "b")]).decision, Decision::Deny);
    assert_eq!(decide(&set, &[("role", "c")]).decision, Decision::NotApplicable);
    let both = decide(&set, &[("role", "a"), ("role", "b")]);
    assert_eq!(both.decision, Decision::Indeterminate(Indeterminate::Both));
    assert_eq!(both.status.message().unwrap(), "more than one policy applies, where only one may");
}

#[test]
fn several_decisions_from_one_document_also_as_one() {
    let point = point(&[policy("deny-unless-permit", &rule("1", "Permit", &target("role", "a", false)))]);
    let answers = |roles: &[&str], combined: bool| -> Vec<Json> {
        let groups: Vec<_> = roles
            .iter()
            .map(|role| json!({"CategoryId": "c", "Attribute": [{"AttributeId": "role", "Value": role, "IncludeInResult": true}]}))
            .collect();
        let document = json!({"Request": {"CombinedDecision": combined, "Category": groups}});
        let document = request::json::parse(document.to_string()).unwrap();
        response::to_json(&point.decide_all(&document, &noon()))["Response"].as_array().unwrap().clone()
    };
    let both = answers(&["a", "b"], false);
    assert_eq!(
        both[0],
        json!({"Decision": "Permit", "Status": {"StatusCode": {"Value": "urn:oasis:names:tc:xacml:1.0:status:ok"}},
            "Category": [{"CategoryId": "c", "Attribute": [{"AttributeId": "role", "Value": "a",
                "DataType": "http://www.w3.org/2001/XMLSchema#string", "IncludeInResult": true}]}]})
    );
    assert_eq!((both.len(), &both[1]["Decision"]), (2, &json!("Deny")));
    assert_eq!(answers(&["a", "a"], true).iter().map(|one| &one["Decision"]).collect::<Vec<_>>(), [&json!("Permit")]);
    let differing = answers(&["a", "b"], true);
    assert_eq!((differing.len(), &differing[0]["Decision"]), (1, &json!("Indeterminate")));
    assert_eq!(differing[0]["Status"]["StatusMessage"], "the decisions differ");
}

#[test]
fn a_response_in_xml_is_well_formed_whatever_is_in_it() {
    let rule = rule(
        "1",
        "Permit",
        &obligations(&[("o&\"<", "Permit", &designator("c", "name", "string", false))])
            .replace("o&\"<", "o&amp;&quot;&lt;"),
    );
    let point = point(&[policy("deny-overrides", &rule)]);
    let mut request = request(&[("name", "<b>&\u{1}\u{ffff}]]>\r\n\t\"'")]);
    request.return_policy_ids = true;
    let text = response::to_xml(&[point.decide(&request, &noon())]);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let of = |name: &str| xml.descendants().find(|node| node.tag_name().name() == name).unwrap();
    assert_eq!(of("Obligation").attribute("ObligationId"), Some("o&\"<"));
    assert_eq!(of("AttributeAssignment").text(), Some("<b>&\u{fffd}\u{fffd}]]>\r\n\t\"'"));
    assert_eq!(of("PolicyIdReference").text(), Some("p"));
}

#[test]
fn a_host_with_another_ground_for_an_effect_gets_what_goes_with_it() {
    let own = obligations(&[
        ("level", "Permit", &literal("integer", "3")),
        ("name", "Permit", &designator("c", "name", "string", true)),
    ]);
    let point = point(&[policy("deny-overrides", &own)]);
    let on_ground = |given: &[(&str, &str)], effect| point.decide_or_else(&request(given), &noon(), || effect);
    let with = on_ground(&[("name", "x")], Some(Effect::Permit));
    assert_eq!((with.decision, with.obligations.len(), with.advice.len()), (Decision::Permit, 2, 0));
    assert_eq!(with.obligations[0].attributes[0].value, Value::Integer(3));
    let denied = on_ground(&[], Some(Effect::Deny));
    assert_eq!((denied.decision, denied.obligations.len()), (Decision::Deny, 0));
    let without = on_ground(&[], Some(Effect::Permit));
    assert_eq!((without.decision, without.obligations.len()), (Decision::Indeterminate(Indeterminate::Permit), 0));
    assert!(matches!(without.status, Status::MissingAttribute(_)));
    assert_eq!(on_ground(&[("name", "x")], None).decision, Decision::NotApplicable);
}

#[test]
fn a_trace_tells_what_would_have_had_to_hold() {
    let adult = condition(&apply(
        "1.0:function:integer-greater-than-or-equal",
        &[
            &apply("1.0:function:integer-one-and-only", &[&designator("c", "age", "integer", false)]),
            "<VariableReference VariableId=\"limit\"/>",
        ],
    ));
    let limit = format!("<VariableDefinition VariableId=\"limit\">{}</VariableDefinition>", literal("integer", "18"));
    let text = policy(
        "deny-overrides",
        &(limit
            + &rule("1", "Permit", &target("role", "a", true))
            + &rule("2", "Permit", &(target("role", "b", false) + &adult))),
    );
    let point = point(&[text]);
    let trace = |values: &[(&str, &str)], age: &[i128]| {
        let mut request = request(values);
        for age in age {
            request.push("c", "age", Value::Integer(*age));
        }
        point.explain(&request, &noon()).1.to_string()
    };
    assert_eq!(
        trace(&[("role", "b")], &[17]),
        "Policy p (line 1): NotApplicable\n  Rule 1 (line 1): NotApplicable\n    target not met: role equal \"a\"; the request has \"b\"\n  Rule 2 (line 1): NotApplicable\n    target met: role equal \"b\"; the request has \"b\"\n    condition not met: integer-greater-than-or-equal(integer-one-and-only(age), $limit)\n      age: the request has \"17\"\n"
    );
    assert_eq!(
        trace(&[], &[]),
        "Policy p (line 1): Indeterminate (Permit), because the attribute role of category c is missing\n  Rule 1 (line 1): Indeterminate (Permit), because the attribute role of category c is missing\n    target failed (the attribute role of category c is missing): role equal \"a\"; the request has nothing\n  Rule 2 (line 1): NotApplicable\n    target not met: role equal \"b\"; the request has nothing\n"
    );
    assert!(
        trace(&[("role", "b")], &[20, 21])
            .contains("condition failed (integer-one-and-only: the bag has more than one value, where one is needed)")
    );
}
