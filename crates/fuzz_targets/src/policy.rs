//! Policies: what is loaded can be decided, explained and rewritten.

use std::fmt::Write as _;
use std::sync::LazyLock;

use xacml::{
    DataType, Decision, DecisionPoint, Document, Environment, Evaluation, Function, HigherOrder, MAX_DOCUMENT,
    MAX_STEPS, Request, Status, Type, Value, category, lint, response,
};

use crate::check_text;

const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";
/// Where the fixed policies and requests have their attributes.
const CATEGORY: &str = category::ACCESS_SUBJECT;

/// Each data type with texts of two values.
pub(crate) const VALUES: [(DataType, [&str; 2]); 16] = [
    (DataType::String, ["kari", "ola"]),
    (DataType::Boolean, ["true", "false"]),
    (DataType::Integer, ["2", "4"]),
    (DataType::Double, ["2.5", "1.0E2"]),
    (DataType::Time, ["08:30:00Z", "16:00:00.5+01:00"]),
    (DataType::Date, ["2026-02-28", "2024-02-29Z"]),
    (DataType::DateTime, ["2026-02-28T08:30:00Z", "2026-03-01T00:00:00"]),
    (DataType::DayTimeDuration, ["P1DT2H", "-PT0.5S"]),
    (DataType::YearMonthDuration, ["P1Y2M", "-P1M"]),
    (DataType::AnyUri, ["urn:example:a", "https://example.com/"]),
    (DataType::HexBinary, ["0FB7", ""]),
    (DataType::Base64Binary, ["aGVp", "aGVpIQ=="]),
    (DataType::X500Name, ["cn=Kari,o=Medico,c=NO", "o=Medico,c=NO"]),
    (DataType::Rfc822Name, ["kari@example.com", "Ola@example.com"]),
    (DataType::IpAddress, ["10.0.0.1/255.0.0.0:80", "[2001:db8::1]"]),
    (DataType::DnsName, ["example.com:80-90", "*.example.com"]),
];

/// What every policy is asked: values of all types, one of each under its type's name, and two under another.
static REQUEST: LazyLock<Request> = LazyLock::new(|| {
    let mut request = Request { return_policy_ids: true, ..Request::default() };
    for (data_type, texts) in VALUES {
        for (text, id) in texts.iter().zip([Some(data_type.shorthand()), None]) {
            let Ok(value) = data_type.parse(text) else { continue };
            for id in id.into_iter().chain([several(data_type).as_str()]) {
                request.push(CATEGORY, id, value.clone());
            }
        }
        // Functions that read a value from a text find it under the same name.
        if data_type != DataType::String {
            request.push(CATEGORY, data_type.shorthand(), Value::from(texts.first().copied().unwrap_or_default()));
        }
    }
    request.push(category::RESOURCE, "resource", Value::from("r1"));
    request.push(category::ACTION, xacml::ACTION_ID, Value::from("read"));
    request
});

/// The attribute that has several values of a type.
pub(crate) fn several(data_type: DataType) -> String {
    format!("several-{}", data_type.shorthand())
}

/// Always the same time.
pub(crate) fn environment() -> Environment {
    Environment::at(jiff::Timestamp::UNIX_EPOCH)
}

/// Reads bytes as a policy or policy set. If that stands alone, it is decided.
///
/// # Panics
/// Where an invariant does not hold.
pub fn policy(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let document = match Document::parse(text) {
        Err(error) => return check_text(&error),
        Ok(document) => document,
    };
    assert!(text.len() <= MAX_DOCUMENT, "a document of {} bytes is read", text.len());
    let position = document.position();
    assert!(position.line >= 1 && position.column >= 1, "the document begins nowhere");
    let point = DecisionPoint::new(document.clone(), vec![]);
    match &point {
        Err(error) => check_text(error),
        Ok(point) => {
            let decided = check_decision(point, &REQUEST);
            if let Document::Policy(policy) = &document {
                let alone = DecisionPoint::of_policy(policy).decide(&REQUEST, &environment());
                assert!(alone == decided, "a policy is decided otherwise alone than among documents");
            }
        }
    }
    check_lint(text, point.ok().as_ref());
}

/// What is found has a place, and what is rewritten can be loaded.
fn check_lint(text: &str, point: Option<&DecisionPoint>) {
    let findings = lint::check(text).unwrap_or_default();
    for finding in &findings {
        assert!(finding.line >= 1 && finding.column >= 1, "a finding is nowhere: {finding}");
    }
    // What is not changed has been looked at already.
    if !findings.iter().any(|finding| finding.kind.can_be_rewritten()) {
        return;
    }
    for meaning in [lint::Meaning::Standard, lint::Meaning::ByCategory] {
        let rewritten = lint::rewrite(text, meaning).ok().and_then(|text| Document::parse(&text).ok());
        assert!(rewritten.is_some(), "a document is rewritten into what is none: {meaning:?}");
        let rewritten = rewritten.and_then(|document| DecisionPoint::new(document, vec![]).ok());
        if let (Some(point), Some(rewritten), lint::Meaning::Standard) = (point, rewritten, meaning) {
            let [before, after] = [point, &rewritten].map(|point| point.decide(&REQUEST, &environment()));
            let is_same = before.decision == after.decision || is_cut_short(&before) || is_cut_short(&after);
            assert!(is_same, "what is rewritten decides {:?}, not {:?}", after.decision, before.decision);
        }
    }
}

/// Decides and explains a request. Both are the same, and can be written.
pub(crate) fn check_decision(point: &DecisionPoint, request: &Request) -> Evaluation {
    let environment = environment();
    let decided = point.decide(request, &environment);
    let (explained, trace) = point.explain(request, &environment);
    // What is explained is looked at in full, which may be too much.
    assert!(decided == explained || is_cut_short(&explained), "explained otherwise than decided");
    let told = trace.decision.starts_with(explained.decision.name()) || is_cut_short(&explained);
    assert!(told, "the trace tells of {}, not {}", trace.decision, explained.decision.name());
    assert!(!trace.to_string().is_empty(), "the trace says nothing");
    check_evaluation(&decided);
    check_written(std::slice::from_ref(&decided));
    decided
}

/// What is given as an answer fits together.
pub(crate) fn check_evaluation(evaluation: &Evaluation) {
    let is_final = matches!(evaluation.decision, Decision::Permit | Decision::Deny);
    let has_instructions = !evaluation.obligations.is_empty() || !evaluation.advice.is_empty();
    assert!(is_final || !has_instructions, "obligations go with no decision");
    let has_failed = matches!(evaluation.decision, Decision::Indeterminate(_));
    assert_eq!(has_failed, evaluation.status != Status::Ok, "{:?} is Indeterminate", evaluation.status);
}

/// What is written is XML that can be read.
pub(crate) fn check_written(results: &[Evaluation]) {
    let xml = response::to_xml(results);
    let read = roxmltree::Document::parse(&xml);
    let root = read.as_ref().map(|read| read.root_element().tag_name().name());
    assert_eq!(root, Ok("Response"), "what is written is no response: {xml}");
    let json = response::to_json(results);
    let count = json.get("Response").and_then(serde_json::Value::as_array).map(Vec::len);
    assert_eq!(count, Some(results.len()), "the response has another number of results");
}

fn is_cut_short(evaluation: &Evaluation) -> bool {
    let limit = MAX_STEPS.to_string();
    matches!(&evaluation.status, Status::ProcessingError(message) if message.contains(&limit))
}

/// A policy that calls these functions, each in a rule of its own.
fn calling(id: &str, functions: &[Function]) -> String {
    let mut rules = String::new();
    for (at, function) in functions.iter().enumerate() {
        let condition = condition(*function);
        let _ = writeln!(
            rules,
            r#"<Rule RuleId="{at}" Effect="Permit"><Description>{function}</Description><Condition>{condition}</Condition></Rule>"#
        );
    }
    format!(
        r#"<Policy xmlns="{NAMESPACE}" PolicyId="{id}" Version="1.0" RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides"><Target/>
{rules}</Policy>"#
    )
}

/// Every function, in a fixed order.
fn functions() -> Vec<Function> {
    let mut functions: Vec<_> = Function::all().collect();
    functions.sort_by_key(|(uri, _)| *uri);
    functions.into_iter().map(|(_, function)| function).collect()
}

/// A policy that calls functions with attributes of the request, all of which are looked at: every function but those
/// that are needed to call others.
pub(crate) fn calling_all() -> String {
    let mut functions = functions();
    functions.retain(|function| {
        !matches!(function, Function::OneAndOnly(_) | Function::Bag(_) | Function::BagSize(_) | Function::ToString(_))
    });
    functions.dedup();
    calling("all", &functions)
}

/// A condition that calls the function with attributes.
fn condition(function: Function) -> String {
    let apply = |arguments: String| format!(r#"<Apply FunctionId="{}">{arguments}</Apply>"#, function.uri());
    let (call, result) = match (function, function.signature()) {
        (Function::OneAndOnly(of), Some(signature)) => (apply(designator(of.shorthand(), of, false)), signature.result),
        (Function::FromString(of), Some(signature)) => {
            let text = designator(of.shorthand(), DataType::String, false);
            let only = Function::OneAndOnly(DataType::String).uri();
            (apply(format!(r#"<Apply FunctionId="{only}">{text}</Apply>"#)), signature.result)
        }
        (Function::HigherOrder(order), _) => higher_order(order),
        (_, Some(signature)) => {
            let further = signature.further.into_iter().flat_map(|further| [further, further]);
            (apply(signature.parameters.iter().copied().chain(further).map(argument).collect()), signature.result)
        }
        (_, None) => (argument(Type { data_type: DataType::Boolean, is_bag: false }), boolean()),
    };
    let size = |bag: &str| {
        let size = Function::BagSize(result.data_type).uri();
        let zero = literal(DataType::Integer, "0");
        let greater = "urn:oasis:names:tc:xacml:1.0:function:integer-greater-than";
        format!(r#"<Apply FunctionId="{greater}"><Apply FunctionId="{size}">{bag}</Apply>{zero}</Apply>"#)
    };
    match (result.is_bag, result.data_type) {
        (false, DataType::Boolean) => call,
        (true, _) => size(&call),
        (false, of) => size(&format!(r#"<Apply FunctionId="{}">{call}</Apply>"#, Function::Bag(of).uri())),
    }
}

fn boolean() -> Type {
    Type { data_type: DataType::Boolean, is_bag: false }
}

fn higher_order(order: HigherOrder) -> (String, Type) {
    let string = |is_bag| Type { data_type: DataType::String, is_bag };
    let (passed, types, result) = match order {
        HigherOrder::AnyOf | HigherOrder::AllOf => ("1.0:function:string-equal", [false, true], boolean()),
        HigherOrder::Map => ("2.0:function:string-concatenate", [false, true], string(true)),
        _ => ("1.0:function:string-regexp-match", [true, true], boolean()),
    };
    let arguments: String = types.into_iter().map(|is_bag| argument(string(is_bag))).collect();
    let uri = Function::HigherOrder(order).uri();
    let call = format!(
        r#"<Apply FunctionId="{uri}"><Function FunctionId="urn:oasis:names:tc:xacml:{passed}"/>{arguments}</Apply>"#
    );
    (call, result)
}

/// The one value, or the values, of a type in the request.
fn argument(of: Type) -> String {
    let Type { data_type, is_bag } = of;
    if is_bag {
        return designator(&several(data_type), data_type, false);
    }
    let only = Function::OneAndOnly(data_type).uri();
    let found = designator(data_type.shorthand(), data_type, false);
    format!(r#"<Apply FunctionId="{only}">{found}</Apply>"#)
}

fn designator(id: &str, data_type: DataType, must_be_present: bool) -> String {
    let data_type = data_type.uri();
    format!(
        r#"<AttributeDesignator Category="{CATEGORY}" AttributeId="{id}" DataType="{data_type}" MustBePresent="{must_be_present}"/>"#
    )
}

fn literal(data_type: DataType, text: &str) -> String {
    format!(r#"<AttributeValue DataType="{}">{text}</AttributeValue>"#, data_type.uri())
}

fn single_match(name: &str, text: &str, data_type: DataType, must_be_present: bool) -> String {
    let (literal, designator) =
        (literal(DataType::String, text), designator(data_type.shorthand(), data_type, must_be_present));
    format!(r#"<Match MatchId="urn:oasis:names:tc:xacml:{name}">{literal}{designator}</Match>"#)
}

/// Obligation and advice with a literal, an attribute of several values, and one that may be missing.
fn instructions(effect: &str) -> String {
    let assigned = |expression: String| {
        format!(
            r#"<AttributeAssignmentExpression AttributeId="a" Category="c" Issuer="i">{expression}</AttributeAssignmentExpression>"#
        )
    };
    let literal = assigned(literal(DataType::String, "&lt; &amp; &quot;"));
    let several = assigned(designator(&several(DataType::X500Name), DataType::X500Name, true));
    let missing = assigned(designator("missing", DataType::Integer, false));
    format!(
        r#"<ObligationExpressions><ObligationExpression ObligationId="o" FulfillOn="{effect}">{literal}{several}</ObligationExpression></ObligationExpressions><AdviceExpressions><AdviceExpression AdviceId="v" AppliesTo="{effect}">{missing}</AdviceExpression></AdviceExpressions>"#
    )
}

/// A rule for a role and a resource or a part of it, whose target other engines see otherwise.
fn rule(id: &str, effect: &str, inside: &str) -> String {
    let role = single_match("3.0:function:string-equal-ignore-case", "KARI", DataType::String, false);
    let other = single_match("1.0:function:string-equal", "ola", DataType::String, true);
    let uri = single_match("3.0:function:anyURI-starts-with", "urn:", DataType::AnyUri, false);
    let resource = r#"<Match MatchId="urn:oasis:names:tc:xacml:1.0:function:string-equal"><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">r1</AttributeValue><AttributeDesignator Category="urn:oasis:names:tc:xacml:3.0:attribute-category:resource" AttributeId="resource" DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="false"/></Match>"#;
    format!(
        r#"<Rule RuleId="{id}" Effect="{effect}"><Target><AnyOf><AllOf>{role}{resource}</AllOf><AllOf>{other}</AllOf></AnyOf><AnyOf><AllOf>{uri}</AllOf></AnyOf></Target>{inside}</Rule>"#
    )
}

fn policy_text(id: &str, combining: &str, inside: &str) -> String {
    format!(
        r#"<Policy xmlns="{NAMESPACE}" PolicyId="{id}" Version="1.0" RuleCombiningAlgId="urn:oasis:names:tc:xacml:{combining}">{inside}</Policy>"#
    )
}

fn set_text(id: &str, combining: &str, inside: &str) -> String {
    format!(
        r#"<PolicySet xmlns="{NAMESPACE}" PolicySetId="{id}" Version="1.0" PolicyCombiningAlgId="urn:oasis:names:tc:xacml:{combining}">{inside}</PolicySet>"#
    )
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    const DENY_OVERRIDES: &str = "3.0:rule-combining-algorithm:deny-overrides";
    let truth = |name: &str| {
        let value = argument(boolean());
        format!(
            r#"<Apply FunctionId="urn:oasis:names:tc:xacml:1.0:function:{name}">{value}<VariableReference VariableId="v"/></Apply>"#
        )
    };
    let variables = format!(
        r#"<VariableDefinition VariableId="v"><Apply FunctionId="urn:oasis:names:tc:xacml:1.0:function:not"><VariableReference VariableId="w"/></Apply></VariableDefinition><VariableDefinition VariableId="w">{}</VariableDefinition>"#,
        argument(boolean())
    );
    let conditions = ["and", "or"]
        .map(|name| rule(name, "Permit", &format!("<Condition>{}</Condition>{}", truth(name), instructions("Permit"))));
    let pattern = single_match("1.0:function:string-regexp-match", "^k[a-z-[x]]*\\i?$", DataType::String, false);
    let target = format!("<Target><AnyOf><AllOf>{pattern}</AllOf></AnyOf></Target>");
    let full = policy_text(
        "full",
        DENY_OVERRIDES,
        &format!("<Description>d</Description>{target}{variables}{}{}", conditions.concat(), instructions("Permit")),
    );
    let many: String = (0..9)
        .map(|at| {
            let combining =
                if at % 4 == 0 { "3.0:rule-combining-algorithm:permit-unless-deny" } else { DENY_OVERRIDES };
            let effect = if at % 3 == 1 { "Deny" } else { "Permit" };
            let rule = rule("r", effect, "").replace(">r1<", &format!(">r{at}<")).replace("ola", &format!("ola{at}"));
            policy_text(&format!("p{at}"), combining, &format!("<Target/>{rule}"))
        })
        .collect();
    let only_one = set_text("only", "1.0:policy-combining-algorithm:only-one-applicable", &format!("<Target/>{many}"));
    let references = r#"<PolicyIdReference Version="1.*" EarliestVersion="1.0" LatestVersion="2.+">p</PolicyIdReference><PolicySetIdReference>s</PolicySetIdReference>"#;
    let nested = set_text(
        "outer",
        "3.0:policy-combining-algorithm:permit-overrides",
        &format!(
            "{target}{}{}",
            set_text("inner", "1.1:policy-combining-algorithm:ordered-deny-overrides", &format!("<Target/>{many}")),
            instructions("Deny")
        ),
    );
    let referring =
        set_text("refers", "1.0:policy-combining-algorithm:first-applicable", &format!("<Target/>{references}"));
    let prefixed = format!(
        r#"<x:Policy xmlns:x="{NAMESPACE}" PolicyId="prefixed" RuleCombiningAlgId="urn:oasis:names:tc:xacml:{DENY_OVERRIDES}"><x:Target/><!-- c --><x:Rule RuleId="&#10;" Effect="Permit"><x:Condition><x:AttributeValue DataType="http://www.w3.org/2001/XMLSchema#boolean"><![CDATA[true]]></x:AttributeValue></x:Condition></x:Rule></x:Policy>"#
    );
    let documents = [full, only_one, nested, referring, prefixed];
    // Few functions in each, so that changes meet all of them.
    let calls = functions().chunks(4).map(|some| calling("calls", some)).collect::<Vec<_>>();
    documents.into_iter().chain(calls).map(String::into_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without these, the invariants of what is decided would never be looked at.
    #[test]
    fn the_seeds_reach_the_end() {
        let mut decisions = vec![];
        for seed in seeds() {
            let document = Document::parse(str::from_utf8(&seed).unwrap()).unwrap();
            if let Ok(point) = DecisionPoint::new(document, vec![]) {
                decisions.push(point.decide(&REQUEST, &environment()));
            }
        }
        assert_eq!(decisions.len(), seeds().len() - 1, "all but one stand alone");
        assert!(decisions.iter().any(|decided| !decided.obligations.is_empty() && !decided.advice.is_empty()));
        for decision in [Decision::Permit, Decision::Deny] {
            assert!(decisions.iter().any(|decided| decided.decision == decision), "{decision:?}");
        }
    }

    /// A function that fails for the fixed request would be looked at no further.
    #[test]
    fn most_functions_have_a_result() {
        let failing = |function: &Function| {
            let document = Document::parse(&calling("one", &[*function])).unwrap();
            let point = DecisionPoint::new(document, vec![]).unwrap();
            matches!(point.decide(&REQUEST, &environment()).decision, Decision::Indeterminate(_))
        };
        let failing: Vec<_> = functions().into_iter().filter(failing).collect();
        assert!(failing.is_empty(), "{failing:?}");
    }
}
