//! The conformance cases for XACML 3.0 that AuthzForce maintains, one test for each.
//!
//! They are read where they lie beside the project, and are no part of it. A case is a folder with a policy or a folder
//! of them, a request, and the response that is expected; where request and response are set aside, the policy must be
//! refused. Decision, status code, missing-attribute detail, obligations, advice, repeated attributes and the list of
//! policies are compared, with values as what they mean rather than as they are written.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test, which clippy does not see for want of the harness"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use roxmltree::{Document as Xml, Node};
use xacml::{
    Attribute, AttributeCategory, DataType, DecisionPoint, Document, Environment, LoadErrorKind, Obligation, Value,
    request, response,
};

const CASES: &str = "../../../shared/data/xacml";

/// Cases that are not met, with the reason.
const EXCEPTIONS: [(&str, &str); 0] = [];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    if !root.is_dir() {
        println!("the conformance cases for XACML 3.0 are absent ({CASES}); going on without them");
        return ExitCode::SUCCESS;
    }
    let mut trials = Vec::new();
    for group in ["mandatory", "others", "optional/xml+json", "optional/xml"] {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(root.join(group)).expect("the group is a folder").map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        for folder in folders.into_iter().filter(|path| path.is_dir()) {
            let name = format!("{group}/{}", folder.file_name().unwrap().to_string_lossy());
            let is_exception = EXCEPTIONS.iter().any(|(exception, _)| *exception == name);
            trials.push(Trial::test(name, move || run(&folder)).with_ignored_flag(is_exception));
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file() && path.extension().is_some_and(|extension| extension == "xml"));
    files.sort();
    files
}

fn named(folder: &Path, name: &str) -> Option<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found =
        entries.filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().eq_ignore_ascii_case(name)));
    found.next().map(|path| fs::read_to_string(path).unwrap().trim_start_matches('\u{feff}').to_owned())
}

/// The policies of a case, the root first.
fn policies(folder: &Path) -> Vec<String> {
    let Some(inner) = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir() && path.file_name().unwrap().eq_ignore_ascii_case("policies"))
    else {
        return named(folder, "policy.xml").into_iter().collect();
    };
    let is_root = |path: &PathBuf| path.file_name().unwrap().eq_ignore_ascii_case("policy.xml");
    let (root, others): (Vec<_>, Vec<_>) = files(&inner).into_iter().partition(is_root);
    root.into_iter().chain(others).map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn load(texts: &[String]) -> Result<DecisionPoint, String> {
    let mut documents =
        texts.iter().map(|text| Document::parse(text)).collect::<Result<Vec<_>, _>>().map_err(|error| {
            match error.kind {
                LoadErrorKind::Unsupported { .. } => format!("unsupported: {error}"),
                _ => error.to_string(),
            }
        })?;
    let root = documents.remove(0);
    DecisionPoint::new(root, documents).map_err(|error| error.to_string())
}

fn run(folder: &Path) -> Result<(), Failed> {
    let texts = policies(folder);
    let Some(expected) = named(folder, "response.xml") else { return run_refused(folder, &texts) };
    let request_text = named(folder, "request.xml").expect("a request");
    let needs_xpath = |text: &String| {
        ["xpathExpression", "AttributeSelector", ":function:xpath-"]
            .iter()
            .any(|sign| without_comments(text).contains(sign))
    };
    let point = match load(&texts) {
        Ok(point) => point,
        Err(error) if texts.iter().any(needs_xpath) && error.contains("XPath") => return Ok(()),
        Err(error) => return Err(format!("the policy is refused: {error}").into()),
    };
    let document = match request::xml::parse(&request_text) {
        Ok(document) => document,
        Err(error) if needs_xpath(&request_text) && error.to_string().contains("XPath") => return Ok(()),
        Err(error) => return Err(format!("the request is refused: {error}").into()),
    };
    let mut environment = Environment::at("2026-01-01T12:00:00Z".parse().unwrap());
    if let Some(provider) = named(folder, "attributeprovider.xml") {
        environment.attributes = supplied(&provider);
    }
    let results = point.decide_all(&document, &environment);
    let written = response::to_xml(&results);
    let (expected, found) = (read_response(&expected), read_response(&written));
    if expected.len() != found.len() {
        return Err(format!("{} results expected, not {}", expected.len(), found.len()).into());
    }
    for (expected, found) in expected.iter().zip(&found) {
        if !expected.fits(found) {
            return Err(format!("expected {expected:#?}\nfound {found:#?}\nin {written}").into());
        }
    }
    // However it is asked, the answer is the same.
    for one in document.individual().map_err(|error| error.to_string())? {
        let (explained, _) = point.explain(&one, &environment);
        let decided = point.decide(&one, &environment);
        if explained != decided {
            return Err(format!("explained {explained:?}, decided {decided:?}").into());
        }
    }
    Ok(())
}

/// The policy must be refused, or, where the policy is what was set aside, the request.
fn run_refused(folder: &Path, texts: &[String]) -> Result<(), Failed> {
    if texts.is_empty() {
        let text = named(folder, "request.xml").expect("a request, where there is no policy");
        return match request::xml::parse(&text).map(|document| document.individual()) {
            Ok(Ok(_)) => Err("the request is not refused".into()),
            Ok(Err(_)) | Err(_) => Ok(()),
        };
    }
    match load(texts) {
        Ok(_) => Err("the policy is not refused".into()),
        Err(error) if error.contains("line ") && !error.contains("not acceptable XML") => Ok(()),
        Err(error) => Err(format!("the policy is refused for another reason: {error}").into()),
    }
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut kept = String::new();
    while let Some((before, after)) = rest.split_once("<!--") {
        kept.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    kept + rest
}

/// The attributes that a host adds, written as requests have them.
fn supplied(provider: &str) -> Vec<AttributeCategory> {
    let xml = Xml::parse(provider).unwrap();
    let groups = xml.root_element().children().filter(|node| node.tag_name().name() == "Attributes");
    groups.map(read_attributes).collect()
}

fn read_attributes(group: Node<'_, '_>) -> AttributeCategory {
    let attributes = group.children().filter(|node| node.tag_name().name() == "Attribute").map(|attribute| Attribute {
        id: attribute.attribute("AttributeId").unwrap().into(),
        issuer: attribute.attribute("Issuer").map(Into::into),
        include_in_result: false,
        values: attribute.children().filter(Node::is_element).map(read_value).collect(),
    });
    AttributeCategory {
        category: group.attribute("Category").unwrap().into(),
        id: None,
        attributes: attributes.collect(),
    }
}

fn read_value(node: Node<'_, '_>) -> Value {
    let data_type = DataType::from_uri(node.attribute("DataType").unwrap()).unwrap();
    data_type.parse(node.text().unwrap_or_default()).unwrap()
}

#[derive(Debug, PartialEq)]
struct Expected {
    decision: String,
    status: Option<String>,
    missing: Vec<String>,
    obligations: Vec<Obligation>,
    advice: Vec<Obligation>,
    attributes: Vec<AttributeCategory>,
    policies: BTreeSet<String>,
}

impl Expected {
    /// A response that leaves out the status says nothing of it.
    fn fits(&self, found: &Self) -> bool {
        self.decision == found.decision
            && (self.status.is_none() || self.status == found.status)
            && (self.missing.is_empty() || self.missing == found.missing)
            && self.obligations == found.obligations
            && self.advice == found.advice
            && self.attributes == found.attributes
            && self.policies == found.policies
    }
}

fn read_response(text: &str) -> Vec<Expected> {
    let xml = Xml::parse(text).unwrap();
    let results = xml.root_element().children().filter(|node| node.tag_name().name() == "Result");
    results.map(read_result).collect()
}

fn read_result(result: Node<'_, '_>) -> Expected {
    let all = |name: &'static str| result.descendants().filter(move |node| node.tag_name().name() == name);
    let obligations = |name: &'static str, id: &'static str| {
        all(name)
            .map(|node| Obligation {
                id: node.attribute(id).unwrap().into(),
                attributes: node
                    .children()
                    .filter(Node::is_element)
                    .map(|assigned| xacml::ObligationAttribute {
                        id: assigned.attribute("AttributeId").unwrap().into(),
                        category: assigned.attribute("Category").map(Into::into),
                        issuer: assigned.attribute("Issuer").map(Into::into),
                        value: read_value(assigned),
                    })
                    .collect(),
            })
            .collect()
    };
    let missing = |node: Node<'_, '_>| {
        ["Category", "AttributeId", "DataType", "Issuer"].map(|name| node.attribute(name).unwrap_or("")).join(" ")
    };
    let reference =
        |node: Node<'_, '_>| format!("{} {}", node.tag_name().name(), node.text().unwrap_or_default().trim());
    Expected {
        decision: all("Decision").next().unwrap().text().unwrap().trim().to_owned(),
        status: all("StatusCode").next().map(|code| code.attribute("Value").unwrap().to_owned()),
        missing: all("MissingAttributeDetail").map(missing).collect(),
        obligations: obligations("Obligation", "ObligationId"),
        advice: obligations("Advice", "AdviceId"),
        attributes: all("Attributes").map(read_attributes).collect(),
        policies: all("PolicyIdReference").chain(all("PolicySetIdReference")).map(reference).collect(),
    }
}
