//! `systembruker policy …`, run as people run it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_systembruker");
const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";
const ACTION: &str = "urn:oasis:names:tc:xacml:3.0:attribute-category:action";
const SUBJECT: &str = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject";
const ACTION_ID: &str = "urn:oasis:names:tc:xacml:1.0:action:action-id";

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn any_of(category: &str, id: &str, value: &str) -> String {
    format!(
        r#"<AnyOf><AllOf><Match MatchId="urn:oasis:names:tc:xacml:1.0:function:string-equal">
        <AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{value}</AttributeValue>
        <AttributeDesignator Category="{category}" AttributeId="{id}" DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="false"/>
      </Match></AllOf></AnyOf>"#
    )
}

fn policy(target: &str) -> String {
    format!(
        r#"<Policy xmlns="{NAMESPACE}" PolicyId="p" Version="1.2"
  RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides">
  <Target/>
  <Rule RuleId="r" Effect="Permit"><Target>{target}</Target></Rule>
</Policy>"#
    )
}

fn set(reference: &str) -> String {
    format!(
        r#"<PolicySet xmlns="{NAMESPACE}" PolicySetId="s" Version="1.0"
  PolicyCombiningAlgId="urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:deny-overrides">
  <Target/>{reference}</PolicySet>"#
    )
}

fn xml_request(action: &str) -> String {
    format!(
        r#"<Request xmlns="{NAMESPACE}" ReturnPolicyIdList="true" CombinedDecision="false"><Attributes Category="{ACTION}">
  <Attribute AttributeId="{ACTION_ID}" IncludeInResult="false"><AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{action}</AttributeValue></Attribute>
</Attributes></Request>"#
    )
}

fn json_request(action: &str) -> String {
    json!({"Request": {"Action": [{"Attribute": [{"AttributeId": ACTION_ID, "Value": action}]}]}}).to_string()
}

fn run(arguments: &[&str], files: &[(&str, &PathBuf)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.arg("policy").args(arguments);
    for (option, path) in files {
        if !option.is_empty() {
            command.arg(option);
        }
        command.arg(path);
    }
    command.output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[test]
fn a_decision_is_printed_in_the_format_of_the_request_or_in_json() {
    let folder = Folder::new();
    let root = folder.file("set.xml", set("<PolicyIdReference Version=\"1.*\">p</PolicyIdReference>"));
    let other = folder.file("policy.xml", policy(&any_of(ACTION, ACTION_ID, "read")));
    let decide = |request: &PathBuf, options: &[&str]| {
        let arguments: Vec<&str> = ["decide"].iter().chain(options).copied().collect();
        let output = run(&arguments, &[("--policy", &root), ("--policy", &other), ("--request", request)]);
        assert_eq!(output.status.code(), Some(0));
        output
    };
    let read = folder.file("read.xml", xml_request("read"));
    let output = decide(&read, &[]);
    assert_eq!(
        stdout(&output),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response xmlns=\"urn:oasis:names:tc:xacml:3.0:core:schema:wd-17\">\n  <Result>\n    <Decision>Permit</Decision>\n    <Status>\n      <StatusCode Value=\"urn:oasis:names:tc:xacml:1.0:status:ok\"/>\n    </Status>\n    <PolicyIdentifierList>\n      <PolicySetIdReference Version=\"1.0\">s</PolicySetIdReference>\n      <PolicyIdReference Version=\"1.2\">p</PolicyIdReference>\n    </PolicyIdentifierList>\n  </Result>\n</Response>\n"
    );
    assert_eq!(stderr(&output), "");
    let as_json: Value = serde_json::from_str(stdout(&decide(&read, &["--json"]))).unwrap();
    assert_eq!(as_json["Response"][0]["Decision"], "Permit");
    assert_eq!(as_json["Response"][0]["PolicyIdentifierList"]["PolicyIdReference"][0]["Id"], "p");
    let write = folder.file("write.json", json_request("write"));
    let output = decide(&write, &["--trace"]);
    let answer: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(
        answer,
        json!({"Response": [{"Decision": "NotApplicable", "Status": {"StatusCode": {"Value": "urn:oasis:names:tc:xacml:1.0:status:ok"}}}]})
    );
    assert_eq!(
        stderr(&output),
        "PolicySet s (line 1): NotApplicable\n  Policy p (line 1): NotApplicable\n    Rule r (line 4): NotApplicable\n      target not met: urn:oasis:names:tc:xacml:1.0:action:action-id equal \"read\"; the request has \"write\"\n"
    );
    let trace: Value = serde_json::from_str(stderr(&decide(&write, &["--trace", "--json"]))).unwrap();
    assert_eq!(trace[0]["members"][0]["members"][0]["target"][0]["alternatives"][0][0]["wanted"], json!(["read"]));
}

#[test]
fn what_cannot_be_read_is_named_with_its_place_and_nothing_is_printed() {
    let folder = Folder::new();
    let good = folder.file("good.xml", policy(""));
    let request = folder.file("request.xml", xml_request("read"));
    let refused = |policies: &[&PathBuf], request: &PathBuf| {
        let mut files: Vec<(&str, &PathBuf)> = policies.iter().map(|path| ("--policy", *path)).collect();
        files.push(("--request", request));
        let output = run(&["decide"], &files);
        assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
        let message = stderr(&output).trim_end().to_owned();
        message.replace(&folder.0.path().display().to_string(), "").replace("systembruker: /", "")
    };
    let wrong = folder.file("wrong.xml", policy("").replace("Permit", "Perhaps"));
    assert_eq!(refused(&[&wrong], &request), "wrong.xml:4:3: `Perhaps` is not a known effect");
    let half = folder.file("half.xml", &policy("").as_bytes()[..148]);
    assert_eq!(
        refused(&[&half], &request),
        "half.xml:2:59: the document is not acceptable XML: unexpected end of stream"
    );
    let dangling = folder.file("set.xml", set("<PolicyIdReference>q</PolicyIdReference>"));
    assert_eq!(
        refused(&[&dangling, &good], &request),
        "set.xml:3:12: no policy with the id `q` and a version that fits was given"
    );
    let twice = folder.file("twice.xml", policy(""));
    assert_eq!(refused(&[&good, &twice], &request), "twice.xml:1:1: the policy id `p` is used more than once");
    let bomb = folder.file("bomb.xml", format!("<!DOCTYPE x [<!ENTITY a \"b\">]>{}", policy("")));
    assert!(refused(&[&bomb], &request).starts_with("bomb.xml:1:1: the document is not acceptable XML"));
    let latin = folder.file("latin.xml", b"<Policy>\n  caf\xe9</Policy>");
    assert_eq!(refused(&[&latin], &request), "latin.xml:2:6: the document is not UTF-8");
    assert!(refused(&[&folder.path("absent.xml")], &request).starts_with("absent.xml: cannot be read: "));
    let odd = folder.file("odd.xml", xml_request("read").replace("Attributes", "Atributes"));
    assert_eq!(refused(&[&good], &odd), "odd.xml:1:116: `Atributes` does not belong here");
    let json = folder.file("odd.json", "{\"Request\":\n  {,}}");
    assert!(refused(&[&good], &json).starts_with("odd.json:2:4: the document cannot be read: "));
    let lacking = folder.file("lacking.json", "{}");
    assert_eq!(refused(&[&good], &lacking), "lacking.json:1:1: `Request` is missing");
    let output = run(&["decide"], &[("--request", &request)]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
}

#[test]
fn lint_finds_what_engines_differ_in_and_writes_copies() {
    let folder = Folder::new();
    let both = [any_of(SUBJECT, "role", "a"), any_of(SUBJECT, "role", "b")].concat();
    let doubtful = folder.file("doubtful.xml", policy(&both));
    let fine = folder.file("fine.xml", policy(&any_of(SUBJECT, "role", "a")));
    assert_eq!(run(&["lint"], &[("", &fine)]).status.code(), Some(0));
    let output = run(&["lint"], &[("", &doubtful), ("", &fine)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output).replace(&doubtful.display().to_string(), "doubtful.xml"),
        "doubtful.xml:4:3: repeated-category: r: several AnyOf are about access-subject: all must be met here, one of them elsewhere\n"
    );
    let found: Value = serde_json::from_slice(&run(&["lint", "--json"], &[("", &doubtful)]).stdout).unwrap();
    assert_eq!(found[0]["finding"]["kind"], "repeated-category");
    let copies = folder.path("copies");
    assert_eq!(run(&["lint"], &[("", &doubtful), ("--rewrite", &copies)]).status.code(), Some(1));
    let copy = copies.join("doubtful.xml");
    assert_eq!(run(&["lint"], &[("", &copy)]).status.code(), Some(0));
    let request = folder.file(
        "request.json",
        json!({"Request": {"AccessSubject": {"Attribute": {"AttributeId": "role", "Value": ["a"]}}}}).to_string(),
    );
    let decision = |policy: &PathBuf| {
        let output = run(&["decide"], &[("--policy", policy), ("--request", &request)]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["Response"][0]["Decision"].clone()
    };
    assert_eq!((decision(&doubtful), decision(&copy)), (json!("NotApplicable"), json!("NotApplicable")));
    // A copy is never written over a file that is there.
    assert_eq!(run(&["lint"], &[("", &doubtful), ("--rewrite", &copies)]).status.code(), Some(2));
    let joined = folder.path("joined");
    run(&["lint", "--keep", "by-category"], &[("", &doubtful), ("--rewrite", &joined)]);
    assert_eq!(decision(&joined.join("doubtful.xml")), json!("Permit"));
    let output = run(&["lint"], &[("", &request)]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(2), ""));
}
