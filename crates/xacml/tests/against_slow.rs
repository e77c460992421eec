//! Policies and requests made at random are decided by the engine and by a slow evaluator that is written from the core
//! specification alone. Both must come to the same: decision, status, obligations, advice, the policies that applied,
//! and in an explanation what every policy and rule that was looked at came to.
//!
//! The alphabets are small, so that what is asked for is often there. Lists of policies and rules are often longer than
//! the engine looks through without an index. Each case is decided for several requests, since making policies takes
//! longer than deciding. `PROPTEST_CASES=100000` asks for more cases than usual.
#![expect(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test")]
#![expect(clippy::indexing_slicing, reason = "a test")]

mod slow;

use std::fmt::{self, Write as _};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseResult;
use xacml::{
    Arithmetic, Attribute, AttributeCategory, Comparison, DataType, Decision, DecisionPoint, Document, Environment,
    Evaluation, Function, HigherOrder, Obligation, Request, SetOperation, Status, Trace, Value, category,
};

use slow::{Outcome, Problem, Slow};

/// The attributes that policies ask for: an id in two categories, and two ids in one.
const ATTRIBUTES: [(&str, &str); 3] =
    [(category::ACCESS_SUBJECT, "x"), (category::RESOURCE, "x"), (category::RESOURCE, "y")];
/// What no policy asks for.
const UNKNOWN: usize = usize::MAX;
const ISSUER: &str = "issuer";

/// The category and the id of an attribute by its number. There are as many as one likes.
fn attribute_name(number: usize) -> (&'static str, String) {
    match ATTRIBUTES.get(number) {
        Some((category, id)) => (category, (*id).to_owned()),
        None if number == UNKNOWN => (category::ACTION, "z".to_owned()),
        None => (category::RESOURCE, format!("y{number}")),
    }
}

/// Descriptions of documents, from which their text is made.
mod description {
    use super::*;

    /// Everything that belongs to one case.
    #[derive(Clone)]
    pub struct Case {
        pub root: Body,
        pub others: Vec<Other>,
        pub requests: Vec<Asked>,
        pub environment: Vec<Given>,
    }

    /// A document that can be referred to, in version 1.0.
    #[derive(Debug, Clone)]
    pub struct Other {
        pub body: Body,
        /// Whether there is a version 1.1, with the opposite effects.
        pub has_opposite: bool,
    }

    #[derive(Debug, Clone)]
    pub enum Body {
        Policy(Policy),
        Set(Set),
    }

    #[derive(Debug, Clone)]
    pub struct Set {
        pub combining: &'static str,
        pub target: Target,
        pub members: Vec<Member>,
        pub instructions: Vec<Instruction>,
    }

    #[derive(Debug, Clone)]
    #[expect(clippy::large_enum_variant, reason = "there are few")]
    pub enum Member {
        Body(Body),
        /// To one of the others, by a number that is taken modulo their count.
        Reference(usize, Versions),
    }

    #[derive(Debug, Clone, Copy)]
    pub enum Versions {
        Any,
        Latest10,
        Earliest11,
        Pattern,
    }

    #[derive(Debug, Clone)]
    pub struct Policy {
        pub combining: &'static str,
        pub target: Target,
        pub variables: Variables,
        pub rules: Vec<Rule>,
        pub instructions: Vec<Instruction>,
    }

    /// The definitions of [`VARIABLES`].
    pub type Variables = [Expression; 3];

    #[derive(Debug, Clone)]
    pub struct Rule {
        pub permits: bool,
        pub target: Target,
        pub condition: Option<Expression>,
        pub instructions: Vec<Instruction>,
    }

    /// `AnyOf`, in which `AllOf`, in which `Match`
    pub type Target = Vec<Vec<Vec<Match>>>;

    #[derive(Debug, Clone)]
    pub struct Match {
        pub function: Function,
        pub literal: Value,
        pub designator: Designator,
    }

    #[derive(Debug, Clone)]
    pub struct Designator {
        /// A number for [`attribute_name`].
        pub attribute: usize,
        pub data_type: DataType,
        pub has_issuer: bool,
        pub must_be_present: bool,
    }

    #[derive(Debug, Clone)]
    pub enum Expression {
        Value(Value),
        Designator(Designator),
        /// One of [`VARIABLES`].
        Variable(&'static str),
        Apply(Function, Option<Function>, Vec<Expression>),
    }

    /// An obligation or advice.
    #[derive(Debug, Clone)]
    pub struct Instruction {
        pub is_advice: bool,
        pub on_permit: bool,
        /// What is assigned, and whether with category and issuer.
        pub assignments: Vec<(Expression, bool)>,
    }

    /// A request.
    #[derive(Debug, Clone)]
    pub struct Asked {
        pub attributes: Vec<Given>,
        pub returns_policies: bool,
    }

    /// An attribute of a request or of the host.
    #[derive(Debug, Clone)]
    pub struct Given {
        /// A number for [`attribute_name`].
        pub attribute: usize,
        pub has_issuer: bool,
        pub values: Vec<Value>,
        /// Whether the category is named once more for it.
        pub stands_apart: bool,
        pub is_repeated: bool,
    }
}

use description::{
    Asked, Body, Case, Designator, Expression, Given, Instruction, Match, Member, Other, Policy, Rule, Set, Target,
    Versions,
};

/// The variables that every policy can use. Each is defined with those after it.
const VARIABLES: [&str; 3] = ["flag", "number", "texts"];

/// Turns descriptions into documents.
struct Writer {
    text: String,
    /// How many policies, sets and obligations have an id.
    count: usize,
    /// The documents that can be referred to, each with whether there is a version 1.1.
    others: Vec<(bool, bool)>,
    /// Whether effects are turned round.
    is_opposite: bool,
}

impl Writer {
    /// A document, with the documents that it can refer to.
    fn document(body: &Body, name: &str, others: &[Other], is_opposite: bool) -> String {
        let others = others.iter().map(|other| (matches!(other.body, Body::Set(_)), other.has_opposite)).collect();
        let mut writer = Self { text: String::new(), count: 0, others, is_opposite };
        writer.body(body, name);
        writer.text
    }

    fn id(&mut self, kind: &str, within: &str) -> String {
        self.count += 1;
        format!("{within}.{kind}{}", self.count)
    }

    fn write(&mut self, arguments: fmt::Arguments<'_>) {
        self.text.write_fmt(arguments).unwrap();
    }

    fn body(&mut self, body: &Body, id: &str) {
        // What is in a document has its version: an id with a version is used once.
        let version = if self.is_opposite { "1.1" } else { "1.0" };
        const NAMESPACE: &str = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17";
        match body {
            Body::Policy(policy) => {
                let combining = policy.combining;
                self.write(format_args!(
                    "<Policy xmlns='{NAMESPACE}' PolicyId='{id}' Version='{version}' RuleCombiningAlgId='{combining}'>\n"
                ));
                self.target(&policy.target);
                let has_variables = policy.uses_variables();
                for (name, definition) in VARIABLES.iter().zip(&policy.variables).filter(|_| has_variables) {
                    self.write(format_args!("<VariableDefinition VariableId='{name}'>"));
                    self.expression(definition);
                    self.write(format_args!("</VariableDefinition>\n"));
                }
                for rule in &policy.rules {
                    self.rule(rule, id);
                }
                self.instructions(&policy.instructions, id);
                self.write(format_args!("</Policy>\n"));
            }
            Body::Set(set) => {
                let combining = set.combining;
                self.write(format_args!(
                    "<PolicySet xmlns='{NAMESPACE}' PolicySetId='{id}' Version='{version}' PolicyCombiningAlgId='{combining}'>\n"
                ));
                self.target(&set.target);
                for member in &set.members {
                    self.member(member, id);
                }
                self.instructions(&set.instructions, id);
                self.write(format_args!("</PolicySet>\n"));
            }
        }
    }

    fn member(&mut self, member: &Member, within: &str) {
        match member {
            Member::Body(body) => {
                let id = self.id(if matches!(body, Body::Set(_)) { "s" } else { "p" }, within);
                self.body(body, &id);
            }
            Member::Reference(_, _) if self.others.is_empty() => {}
            Member::Reference(number, versions) => {
                let at = number % self.others.len();
                let (is_set, has_opposite) = self.others[at];
                let name = if is_set { "PolicySetIdReference" } else { "PolicyIdReference" };
                let versions = match versions {
                    Versions::Latest10 => " LatestVersion='1.0'",
                    Versions::Earliest11 if has_opposite => " EarliestVersion='1.1'",
                    Versions::Pattern => " Version='1.*'",
                    Versions::Any | Versions::Earliest11 => "",
                };
                self.write(format_args!("<{name}{versions}>{}</{name}>\n", name_of(at)));
            }
        }
    }

    fn rule(&mut self, rule: &Rule, within: &str) {
        let id = self.id("r", within);
        let effect = effect(rule.permits != self.is_opposite);
        self.write(format_args!("<Rule RuleId='{id}' Effect='{effect}'>"));
        // A rule without a target is about what its policy is about.
        if !rule.target.is_empty() {
            self.target(&rule.target);
        }
        if let Some(condition) = &rule.condition {
            self.write(format_args!("\n<Condition>"));
            self.expression(condition);
            self.write(format_args!("</Condition>"));
        }
        self.instructions(&rule.instructions, &id);
        self.write(format_args!("</Rule>\n"));
    }

    fn target(&mut self, target: &Target) {
        self.write(format_args!("<Target>"));
        for any_of in target {
            self.write(format_args!("<AnyOf>"));
            for all_of in any_of {
                self.write(format_args!("<AllOf>"));
                for Match { function, literal, designator } in all_of {
                    self.write(format_args!("<Match MatchId='{}'>", function.uri()));
                    self.value(literal);
                    self.designator(designator);
                    self.write(format_args!("</Match>"));
                }
                self.write(format_args!("</AllOf>"));
            }
            self.write(format_args!("</AnyOf>"));
        }
        self.write(format_args!("</Target>\n"));
    }

    /// No value that is generated has a character that would have to be escaped.
    fn value(&mut self, value: &Value) {
        self.write(format_args!("<AttributeValue DataType='{}'>{value}</AttributeValue>", value.data_type().uri()));
    }

    fn designator(&mut self, designator: &Designator) {
        let Designator { attribute, data_type, has_issuer, must_be_present } = designator;
        let ((category, id), data_type) = (attribute_name(*attribute), data_type.uri());
        let issuer = if *has_issuer { format!(" Issuer='{ISSUER}'") } else { String::new() };
        self.write(format_args!(
            "<AttributeDesignator Category='{category}' AttributeId='{id}' DataType='{data_type}'{issuer} MustBePresent='{must_be_present}'/>"
        ));
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Value(value) => self.value(value),
            Expression::Designator(designator) => self.designator(designator),
            Expression::Variable(name) => self.write(format_args!("<VariableReference VariableId='{name}'/>")),
            Expression::Apply(function, passed, arguments) => {
                self.write(format_args!("<Apply FunctionId='{}'>", function.uri()));
                if let Some(passed) = passed {
                    self.write(format_args!("<Function FunctionId='{}'/>", passed.uri()));
                }
                for argument in arguments {
                    self.expression(argument);
                }
                self.write(format_args!("</Apply>"));
            }
        }
    }

    fn instructions(&mut self, instructions: &[Instruction], within: &str) {
        for (is_advice, list, element, id_name, effect_name) in [
            (false, "ObligationExpressions", "ObligationExpression", "ObligationId", "FulfillOn"),
            (true, "AdviceExpressions", "AdviceExpression", "AdviceId", "AppliesTo"),
        ] {
            if !instructions.iter().any(|instruction| instruction.is_advice == is_advice) {
                continue;
            }
            self.write(format_args!("<{list}>"));
            for instruction in instructions.iter().filter(|instruction| instruction.is_advice == is_advice) {
                let id = self.id("o", within);
                let effect = effect(instruction.on_permit != self.is_opposite);
                self.write(format_args!("<{element} {id_name}='{id}' {effect_name}='{effect}'>"));
                for (expression, is_detailed) in &instruction.assignments {
                    let detail = if *is_detailed { " Category='c' Issuer='i'" } else { "" };
                    self.write(format_args!("<AttributeAssignmentExpression AttributeId='a'{detail}>"));
                    self.expression(expression);
                    self.write(format_args!("</AttributeAssignmentExpression>"));
                }
                self.write(format_args!("</{element}>"));
            }
            self.write(format_args!("</{list}>\n"));
        }
    }
}

fn effect(permits: bool) -> &'static str {
    if permits { "Permit" } else { "Deny" }
}

/// The id of one of the documents that can be referred to.
fn name_of(other: usize) -> String {
    format!("d{other}")
}

impl Policy {
    fn uses_variables(&self) -> bool {
        let conditions = self.rules.iter().filter_map(|rule| rule.condition.as_ref());
        let of_rules = self.rules.iter().flat_map(|rule| &rule.instructions);
        let assigned = of_rules.chain(&self.instructions).flat_map(|instruction| &instruction.assignments);
        conditions.chain(assigned.map(|(expression, _)| expression)).any(Expression::uses_variables)
    }
}

impl Expression {
    fn uses_variables(&self) -> bool {
        match self {
            Self::Variable(_) => true,
            Self::Apply(_, _, arguments) => arguments.iter().any(Self::uses_variables),
            Self::Value(_) | Self::Designator(_) => false,
        }
    }
}

impl Case {
    /// The documents, the root first. Each of the others can refer to those before it.
    fn documents(&self) -> Vec<String> {
        let mut texts = vec![Writer::document(&self.root, "root", &self.others, false)];
        for (at, other) in self.others.iter().enumerate() {
            texts.push(Writer::document(&other.body, &name_of(at), &self.others[..at], false));
            if other.has_opposite {
                texts.push(Writer::document(&other.body, &name_of(at), &self.others[..at], true));
            }
        }
        texts
    }

    fn environment(&self) -> Environment {
        let attributes = categories(&self.environment).iter().map(|group| AttributeCategory::clone(group)).collect();
        Environment { attributes, ..Environment::at(jiff::Timestamp::UNIX_EPOCH) }
    }
}

impl Asked {
    fn request(&self) -> Request {
        Request { categories: categories(&self.attributes), return_policy_ids: self.returns_policies }
    }
}

fn categories(given: &[Given]) -> Vec<Arc<AttributeCategory>> {
    let mut groups: Vec<AttributeCategory> = Vec::new();
    for attribute in given {
        let (category, id) = attribute_name(attribute.attribute);
        let known = groups.iter().position(|group| group.category == category && !attribute.stands_apart);
        let at = known.unwrap_or_else(|| {
            groups.push(AttributeCategory { category: category.into(), ..AttributeCategory::default() });
            groups.len() - 1
        });
        groups[at].attributes.push(Attribute {
            id: id.into(),
            issuer: attribute.has_issuer.then(|| ISSUER.to_owned()),
            values: attribute.values.clone(),
            include_in_result: attribute.is_repeated,
        });
    }
    groups.into_iter().map(Arc::new).collect()
}

/// What a person needs to look into a case that fails.
impl fmt::Debug for Case {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter)?;
        for text in self.documents() {
            writeln!(formatter, "{text}")?;
        }
        for request in &self.requests {
            writeln!(formatter, "{:?}", request.request())?;
        }
        writeln!(formatter, "{:?}", self.environment().attributes)
    }
}

/// Strategies.
mod made {
    use super::*;

    type Made<T> = BoxedStrategy<T>;

    fn strings() -> Made<Value> {
        let text = |text: &&'static str| Value::from(*text);
        prop_oneof![
            8 => select(["a", "A", "b", "ab"].iter().map(text).collect::<Vec<_>>()),
            // Nothing, a number, white space, a letter that has two lower-case forms, a pattern that is none.
            1 => select(["", "1", " a  b ", "k", "\u{212A}", "Å", "å", "["].iter().map(text).collect::<Vec<_>>()),
        ]
        .boxed()
    }

    fn value(of: DataType) -> Made<Value> {
        let parsed = |texts: &[&str]| select(texts.iter().map(|text| of.parse(text).unwrap()).collect::<Vec<_>>());
        match of {
            DataType::String => strings(),
            DataType::AnyUri => parsed(&["a", "A", "b", "ab"]).boxed(),
            DataType::Integer => parsed(&["0", "1", "2", "3", "-1"]).boxed(),
            DataType::Double => parsed(&["0", "-0", "1", "2.5", "NaN", "INF"]).boxed(),
            DataType::Boolean => parsed(&["true", "false"]).boxed(),
            other => panic!("values of type {other:?} are not made"),
        }
    }

    /// Types by how often they are met.
    fn data_type() -> Made<DataType> {
        use DataType::{AnyUri, Boolean, Double, Integer, String};
        prop_oneof![6 => Just(String), 2 => Just(Integer), 2 => Just(AnyUri), 1 => Just(Double), 1 => Just(Boolean)]
            .boxed()
    }

    fn designator(of: DataType) -> Made<Designator> {
        (0..ATTRIBUTES.len(), prop::bool::weighted(0.1), prop::bool::weighted(0.2))
            .prop_map(move |(attribute, has_issuer, must_be_present)| Designator {
                attribute,
                data_type: of,
                has_issuer,
                must_be_present,
            })
            .boxed()
    }

    /// Patterns that are some.
    fn pattern() -> Made<Value> {
        let patterns = ["a", "^a", "b$", "^a.$", "a*b", "^$", "", "^A", "^a*$", "."];
        select(patterns.iter().map(|text| Value::from(*text)).collect::<Vec<_>>()).boxed()
    }

    fn single_match() -> Made<Match> {
        use DataType::{AnyUri, Double, Integer, String};
        let of = |function: Function, literal: Made<Value>, of: DataType| {
            (literal, designator(of))
                .prop_map(move |(literal, designator)| Match { function, literal, designator })
                .boxed()
        };
        prop_oneof![
            6 => of(Function::Equal(String), strings(), String),
            3 => of(Function::EqualIgnoreCase, strings(), String),
            2 => of(Function::Equal(AnyUri), value(AnyUri), AnyUri),
            2 => of(Function::Equal(Integer), value(Integer), Integer),
            1 => of(Function::Equal(Double), value(Double), Double),
            1 => of(Function::Compare(Integer, Comparison::Greater), value(Integer), Integer),
            1 => of(Function::RegexpMatch(String), pattern(), String),
            1 => of(Function::RegexpMatch(AnyUri), pattern(), AnyUri),
            1 => of(Function::StartsWith(String), strings(), String),
            1 => of(Function::StartsWith(AnyUri), strings(), AnyUri),
        ]
        .boxed()
    }

    /// Alternatives that compare one attribute with several literals.
    fn alternatives() -> Made<Vec<Vec<Match>>> {
        let functions = select(vec![
            Function::Equal(DataType::String),
            Function::EqualIgnoreCase,
            Function::Equal(DataType::String),
            Function::Equal(DataType::AnyUri),
        ]);
        let texts = vec(select(vec!["a", "A", "b", "ab", "k", "\u{212A}"]), 1..9);
        (functions, texts, designator(DataType::String))
            .prop_map(|(function, texts, designator)| {
                let data_type = if let Function::Equal(of) = function { of } else { DataType::String };
                let alternative = |text: &&str| {
                    let designator = Designator { data_type, ..designator.clone() };
                    vec![Match { function, literal: data_type.parse(text).unwrap(), designator }]
                };
                texts.iter().map(alternative).collect()
            })
            .boxed()
    }

    fn target() -> Made<Target> {
        let any_of = prop_oneof![
            2 => alternatives(),
            1 => vec(vec(single_match(), 1..3), 1..3),
        ];
        prop_oneof![
            3 => Just(vec![]),
            3 => alternatives().prop_map(|any_of| vec![any_of]),
            4 => vec(any_of, 1..4),
        ]
        .boxed()
    }

    /// The target of something large, which is mostly met, or else what is inside would seldom be looked at.
    fn outer_target() -> Made<Target> {
        prop_oneof![3 => Just(vec![]), 1 => target()].boxed()
    }

    fn call(function: Function, arguments: Vec<Expression>) -> Expression {
        Expression::Apply(function, None, arguments)
    }

    /// A call with arguments of these kinds.
    fn calls(function: Function, arguments: Vec<Made<Expression>>) -> Made<Expression> {
        arguments.prop_map(move |arguments| call(function, arguments)).boxed()
    }

    fn literal(of: DataType) -> Made<Expression> {
        value(of).prop_map(Expression::Value).boxed()
    }

    fn attribute(of: DataType) -> Made<Expression> {
        designator(of).prop_map(Expression::Designator).boxed()
    }

    /// The one value of an attribute.
    fn only(of: DataType) -> Made<Expression> {
        calls(Function::OneAndOnly(of), vec![attribute(of)])
    }

    /// Makes expressions up to a depth. A call with nothing but literals must not fail, or the policy would be refused.
    #[derive(Clone, Copy)]
    pub struct Expressions {
        /// How many of [`VARIABLES`] there are, counted from the last.
        pub variables: usize,
        pub depth: usize,
    }

    impl Expressions {
        fn inner(self) -> Self {
            Self { depth: self.depth.saturating_sub(1), ..self }
        }

        fn or_variable(self, index: usize, made: Made<Expression>) -> Made<Expression> {
            if VARIABLES.len() - index <= self.variables {
                prop_oneof![8 => made, 1 => Just(Expression::Variable(VARIABLES[index]))].boxed()
            } else {
                made
            }
        }

        pub fn boolean(self) -> Made<Expression> {
            use DataType::{Boolean, Double, Integer, String};
            let any_of = |of: DataType| {
                let arguments = (literal(of), attribute(of)).prop_map(|(literal, attribute)| vec![literal, attribute]);
                let passed = Some(Function::Equal(of));
                arguments.prop_map(move |arguments| {
                    Expression::Apply(Function::HigherOrder(HigherOrder::AnyOf), passed, arguments)
                })
            };
            let simple = prop_oneof![
                3 => calls(Function::IsIn(String), vec![literal(String), attribute(String)]),
                1 => calls(Function::IsIn(Double), vec![literal(Double), attribute(Double)]),
                1 => any_of(String),
                1 => calls(Function::Equal(String), vec![only(String), literal(String)]),
                1 => calls(Function::Equal(Double), vec![only(Double), literal(Double)]),
                1 => only(Boolean),
                1 => literal(Boolean),
            ];
            let simple = self.or_variable(0, simple.boxed());
            if self.depth == 0 {
                return simple;
            }
            let inner = self.inner();
            let (truth, number, text) = (inner.boolean(), inner.number(), inner.text());
            let truths = vec(truth.clone(), 0..4).boxed();
            let least = prop_oneof![2 => literal(Integer), 1 => number.clone()];
            let comparison = select(vec![
                Function::Equal(Integer),
                Function::Compare(Integer, Comparison::Greater),
                Function::Compare(Integer, Comparison::GreaterOrEqual),
                Function::Compare(Integer, Comparison::Less),
                Function::Compare(Integer, Comparison::LessOrEqual),
            ]);
            let of_texts = select(vec![
                Function::Equal(String),
                Function::EqualIgnoreCase,
                Function::Compare(String, Comparison::Greater),
                Function::Compare(String, Comparison::LessOrEqual),
                Function::StartsWith(String),
                Function::EndsWith(String),
                Function::Contains(String),
            ]);
            prop_oneof![
                4 => simple,
                2 => truths.clone().prop_map(|truths| call(Function::And, truths)),
                2 => truths.clone().prop_map(|truths| call(Function::Or, truths)),
                1 => (least, truths).prop_map(|(least, truths)| {
                    call(Function::NOf, std::iter::once(least).chain(truths).collect())
                }),
                1 => calls(Function::Not, vec![truth]),
                2 => (comparison, number.clone(), number)
                    .prop_map(|(comparison, one, other)| call(comparison, vec![one, other])),
                2 => (of_texts, text.clone(), text.clone())
                    .prop_map(|(function, one, other)| call(function, vec![one, other])),
                1 => calls(Function::RegexpMatch(String), vec![only(String), text]),
                2 => inner.set_comparison(),
                4 => inner.higher_order(),
            ]
            .boxed()
        }

        fn number(self) -> Made<Expression> {
            use DataType::{Integer, String};
            let found = prop_oneof![
                2 => only(Integer),
                1 => calls(Function::BagSize(Integer), vec![attribute(Integer)]),
                1 => calls(Function::BagSize(String), vec![self.bag(String)]),
            ]
            .boxed();
            let simple = self.or_variable(1, prop_oneof![1 => literal(Integer), 2 => found.clone()].boxed());
            if self.depth == 0 {
                return simple;
            }
            let inner = self.inner().number();
            let arithmetic = |arithmetic| Function::Arithmetic(Integer, arithmetic);
            let several = select(vec![arithmetic(Arithmetic::Add), arithmetic(Arithmetic::Multiply)]);
            let large = Just(Expression::Value(Value::Integer(i128::MAX - 1)));
            prop_oneof![
                3 => simple,
                1 => (several.clone(), vec(inner.clone(), 2..4)).prop_map(|(function, numbers)| call(function, numbers)),
                1 => (several, large, found.clone())
                    .prop_map(|(function, large, found)| call(function, vec![large, found])),
                1 => calls(arithmetic(Arithmetic::Subtract), vec![inner.clone(), inner.clone()]),
                1 => calls(arithmetic(Arithmetic::Divide), vec![inner.clone(), found.clone()]),
                1 => calls(Function::Modulo, vec![inner.clone(), found]),
                1 => calls(Function::Absolute(Integer), vec![inner]),
                1 => calls(Function::FromString(Integer), vec![only(String)]),
            ]
            .boxed()
        }

        fn text(self) -> Made<Expression> {
            use DataType::{AnyUri, Integer, String};
            let simple = prop_oneof![1 => literal(String), 2 => only(String)].boxed();
            if self.depth == 0 {
                return simple;
            }
            let inner = self.inner();
            let (text, number) = (inner.text(), inner.number());
            prop_oneof![
                3 => simple,
                1 => vec(text.clone(), 2..4).prop_map(|texts| call(Function::Concatenate, texts)),
                1 => calls(Function::NormalizeToLowerCase, vec![text.clone()]),
                1 => calls(Function::NormalizeSpace, vec![text]),
                1 => calls(Function::Substring(String), vec![only(String), number.clone(), number.clone()]),
                1 => calls(Function::Substring(AnyUri), vec![only(AnyUri), number.clone(), number.clone()]),
                1 => calls(Function::ToString(Integer), vec![number]),
                1 => calls(Function::ToString(AnyUri), vec![only(AnyUri)]),
            ]
            .boxed()
        }

        fn bag(self, of: DataType) -> Made<Expression> {
            use DataType::{Integer, String};
            let literals = vec(literal(of), 0..4).prop_map(move |values| call(Function::Bag(of), values));
            let mut simple = prop_oneof![4 => attribute(of), 2 => literals].boxed();
            if of == String {
                simple = self.or_variable(2, simple);
            }
            if self.depth == 0 {
                return simple;
            }
            let inner = self.inner().bag(of);
            let operation =
                select(vec![Function::Set(of, SetOperation::Union), Function::Set(of, SetOperation::Intersection)]);
            let sets = (operation, vec(inner.clone(), 2..4)).prop_map(|(function, bags)| call(function, bags)).boxed();
            let map = |passed: Function, arguments: Vec<Made<Expression>>| {
                arguments
                    .prop_map(move |arguments| {
                        Expression::Apply(Function::HigherOrder(HigherOrder::Map), Some(passed), arguments)
                    })
                    .boxed()
            };
            let numbers = self.inner();
            match of {
                String => prop_oneof![
                    4 => simple,
                    1 => sets,
                    1 => map(Function::NormalizeToLowerCase, vec![inner.clone()]),
                    1 => map(Function::Concatenate, vec![only(String), inner]),
                    1 => map(Function::ToString(Integer), vec![numbers.bag(Integer)]),
                ]
                .boxed(),
                Integer => prop_oneof![
                    4 => simple,
                    1 => sets,
                    1 => map(Function::Arithmetic(Integer, Arithmetic::Divide), vec![literal(Integer), inner]),
                    1 => map(Function::FromString(Integer), vec![numbers.bag(String)]),
                ]
                .boxed(),
                _ => prop_oneof![3 => simple, 1 => sets].boxed(),
            }
        }

        fn set_comparison(self) -> Made<Expression> {
            let operation =
                select(vec![SetOperation::AtLeastOneMemberOf, SetOperation::Subset, SetOperation::SetEquals]);
            let of = |of: DataType| {
                (operation.clone(), self.bag(of), self.bag(of))
                    .prop_map(move |(operation, one, other)| call(Function::Set(of, operation), vec![one, other]))
            };
            prop_oneof![
                3 => of(DataType::String),
                1 => of(DataType::Integer),
                1 => of(DataType::AnyUri),
                1 => of(DataType::Double),
            ]
            .boxed()
        }

        fn higher_order(self) -> Made<Expression> {
            use DataType::{AnyUri, Integer, String};
            prop_oneof![
                3 => self.quantified(Function::Equal(String), String, String),
                1 => self.quantified(Function::EqualIgnoreCase, String, String),
                1 => self.quantified(Function::Equal(Integer), Integer, Integer),
                2 => self.quantified(Function::Compare(Integer, Comparison::Greater), Integer, Integer),
                1 => self.quantified(Function::StartsWith(AnyUri), String, AnyUri),
                1 => self.quantified(Function::RegexpMatch(String), String, String),
            ]
            .boxed()
        }

        /// A function of two arguments under each of the quantifiers.
        fn quantified(self, passed: Function, first: DataType, second: DataType) -> Made<Expression> {
            // A literal that is no pattern would be refused.
            let one = |of: DataType| match passed {
                Function::RegexpMatch(_) => pattern().prop_map(Expression::Value).boxed(),
                _ => prop_oneof![2 => literal(of), 1 => only(of)].boxed(),
            };
            let pairs = |first: Made<Expression>, second: Made<Expression>, orders: &[HigherOrder]| {
                (select(orders.to_vec()), first, second).prop_map(move |(order, first, second)| {
                    Expression::Apply(Function::HigherOrder(order), Some(passed), vec![first, second])
                })
            };
            let (first_bag, second_bag) = (self.bag(first), self.bag(second));
            let single = [HigherOrder::AnyOf, HigherOrder::AllOf, HigherOrder::AnyOfAny];
            let double = [HigherOrder::AnyOfAny, HigherOrder::AllOfAny, HigherOrder::AnyOfAll, HigherOrder::AllOfAll];
            prop_oneof![
                2 => pairs(one(first), second_bag.clone(), &single),
                1 => pairs(first_bag.clone(), one(second), &single),
                4 => pairs(first_bag, second_bag, &double),
            ]
            .boxed()
        }

        /// Anything that can be assigned.
        fn any(self) -> Made<Expression> {
            use DataType::{Integer, String};
            prop_oneof![
                2 => literal(String),
                2 => data_type().prop_flat_map(attribute),
                1 => self.bag(String),
                1 => self.number(),
                1 => self.text(),
                1 => literal(Integer),
            ]
            .boxed()
        }

        /// Seldom any, and then one or two.
        fn instructions(self) -> Made<Vec<Instruction>> {
            let assignments = vec((self.any(), any::<bool>()), 0..3);
            let instruction = (any::<bool>(), any::<bool>(), assignments)
                .prop_map(|(is_advice, on_permit, assignments)| Instruction { is_advice, on_permit, assignments });
            prop_oneof![2 => Just(vec![]), 1 => vec(instruction, 1..3)].boxed()
        }
    }

    fn combining(is_for_rules: bool) -> Made<&'static str> {
        let both = [
            "3.0:{}:deny-overrides",
            "3.0:{}:permit-overrides",
            "3.0:{}:deny-unless-permit",
            "3.0:{}:permit-unless-deny",
            "3.0:{}:ordered-deny-overrides",
            "3.0:{}:ordered-permit-overrides",
            "1.0:{}:first-applicable",
            "1.0:{}:deny-overrides",
            "1.0:{}:permit-overrides",
            "1.1:{}:ordered-deny-overrides",
            "1.1:{}:ordered-permit-overrides",
        ];
        let kind = if is_for_rules { "rule-combining-algorithm" } else { "policy-combining-algorithm" };
        let only_one = (!is_for_rules).then_some("1.0:{}:only-one-applicable");
        let uri =
            |name: &str| -> &'static str { format!("urn:oasis:names:tc:xacml:{}", name.replace("{}", kind)).leak() };
        select(both.into_iter().chain(only_one).map(uri).collect::<Vec<_>>()).boxed()
    }

    /// A short list of what may be large, or a long list of what is small.
    fn list<T: Clone + fmt::Debug + 'static>(large: Made<T>, small: Made<T>) -> Made<Vec<T>> {
        prop_oneof![2 => vec(large, 0..5), 3 => vec(small, 9..21)].boxed()
    }

    fn rule(depth: usize) -> Made<Rule> {
        let expressions = Expressions { variables: VARIABLES.len(), depth };
        let condition = prop::option::weighted(0.4, expressions.boolean());
        (any::<bool>(), target(), condition, Expressions { depth: 1, ..expressions }.instructions())
            .prop_map(|(permits, target, condition, instructions)| Rule { permits, target, condition, instructions })
            .boxed()
    }

    fn policy(target: Made<Target>, rules: Made<Vec<Rule>>) -> Made<Policy> {
        let with = |variables: usize| Expressions { variables, depth: 1 };
        let variables = [with(2).boolean(), with(1).number(), with(0).bag(DataType::String)];
        (combining(true), target, variables, rules, with(VARIABLES.len()).instructions())
            .prop_map(|(combining, target, variables, rules, instructions)| Policy {
                combining,
                target,
                variables,
                rules,
                instructions,
            })
            .boxed()
    }

    fn small_policy() -> Made<Body> {
        policy(target(), vec(rule(0), 0..3).boxed()).prop_map(Body::Policy).boxed()
    }

    fn large_policy() -> Made<Body> {
        policy(outer_target(), list(rule(2), rule(0))).prop_map(Body::Policy).boxed()
    }

    fn set(members: Made<Vec<Member>>) -> Made<Body> {
        let instructions = Expressions { variables: 0, depth: 1 }.instructions();
        (combining(false), outer_target(), members, instructions)
            .prop_map(|(combining, target, members, instructions)| {
                Body::Set(Set { combining, target, members, instructions })
            })
            .boxed()
    }

    fn member(body: Made<Body>) -> Made<Member> {
        let versions = select(vec![Versions::Any, Versions::Latest10, Versions::Earliest11, Versions::Pattern]);
        prop_oneof![
            5 => body.prop_map(Member::Body),
            1 => (0..4_usize, versions).prop_map(|(number, versions)| Member::Reference(number, versions)),
        ]
        .boxed()
    }

    /// A policy, or a set with at most so many levels of sets.
    fn body(depth: usize) -> Made<Body> {
        if depth == 0 {
            return large_policy();
        }
        let small_set = set(vec(member(small_policy()), 0..3).boxed());
        let small = prop_oneof![4 => small_policy(), 1 => small_set].boxed();
        let members = list(member(body(depth - 1)), member(small));
        prop_oneof![1 => large_policy(), 3 => set(members)].boxed()
    }

    fn given(value: Made<Value>) -> Made<Given> {
        let of_given = (
            prop_oneof![3 => 0..ATTRIBUTES.len(), 1 => Just(UNKNOWN)],
            prop::bool::weighted(0.2),
            vec(value, 0..4),
            prop::bool::weighted(0.1),
            prop::bool::weighted(0.1),
        );
        of_given
            .prop_map(|(attribute, has_issuer, values, stands_apart, is_repeated)| Given {
                attribute,
                has_issuer,
                values,
                stands_apart,
                is_repeated,
            })
            .boxed()
    }

    fn asked(attributes: Made<Vec<Given>>) -> Made<Asked> {
        (attributes, prop::bool::weighted(0.8))
            .prop_map(|(attributes, returns_policies)| Asked { attributes, returns_policies })
            .boxed()
    }

    fn any_value() -> Made<Value> {
        data_type().prop_flat_map(value).boxed()
    }

    fn requests() -> Made<Vec<Asked>> {
        vec(asked(vec(given(any_value()), 0..8).boxed()), 1..10).boxed()
    }

    fn environment() -> Made<Vec<Given>> {
        prop_oneof![4 => Just(vec![]), 1 => vec(given(any_value()), 1..3)].boxed()
    }

    fn case(root: Made<Body>, others: Made<Vec<Body>>, requests: Made<Vec<Asked>>) -> Made<Case> {
        let others = others.prop_flat_map(|bodies| {
            let opposites = vec(any::<bool>(), bodies.len());
            (Just(bodies), opposites).prop_map(|(bodies, opposites)| {
                let other = |(body, has_opposite)| Other { body, has_opposite };
                bodies.into_iter().zip(opposites).map(other).collect()
            })
        });
        (root, others, requests, environment())
            .prop_map(|(root, others, requests, environment)| Case { root, others, requests, environment })
            .boxed()
    }

    /// Policies and sets of all kinds.
    pub fn mixed() -> Made<Case> {
        let others = vec(prop_oneof![3 => small_policy(), 1 => set(vec(member(small_policy()), 0..4).boxed())], 0..4);
        case(body(3), others.boxed(), requests())
    }

    /// One policy whose rules have nothing but deep conditions.
    pub fn conditions() -> Made<Case> {
        let with = |variables: usize, depth: usize| Expressions { variables, depth };
        let condition = with(VARIABLES.len(), 3).boolean();
        let rule = (any::<bool>(), condition).prop_map(|(permits, condition)| Rule {
            permits,
            target: vec![],
            condition: Some(condition),
            instructions: vec![],
        });
        let variables = [with(2, 2).boolean(), with(1, 2).number(), with(0, 2).bag(DataType::String)];
        let policy = (combining(true), variables, vec(rule, 1..4)).prop_map(|(combining, variables, rules)| {
            Body::Policy(Policy { combining, target: vec![], variables, rules, instructions: vec![] })
        });
        case(policy.boxed(), Just(vec![]).boxed(), requests())
    }

    /// A few resources that are often met, and many, so that a decision point has more texts than a word has bits.
    fn resource() -> Made<Value> {
        let among = |numbers: std::ops::Range<usize>| numbers.prop_map(|number| Value::from(format!("r{number}")));
        prop_oneof![3 => among(0..8), 2 => among(8..100)].boxed()
    }

    /// Attributes beyond the usual ones: likewise.
    fn further_attribute() -> Made<usize> {
        let beyond = |numbers: std::ops::Range<usize>| numbers.prop_map(|number| ATTRIBUTES.len() + number);
        prop_oneof![1 => beyond(0..8), 1 => beyond(8..200)].boxed()
    }

    /// Compares an attribute with a string.
    fn equal(function: Function, attribute: usize, must_be_present: bool, literal: Value) -> Match {
        let designator = Designator { attribute, data_type: DataType::String, has_issuer: false, must_be_present };
        Match { function, literal, designator }
    }

    /// Who may do what with which resource, in one order or the other.
    fn by_role_and_resource() -> Made<Target> {
        const EQUAL: Function = Function::Equal(DataType::String);
        let roles = vec(strings().prop_map(|role| vec![equal(Function::EqualIgnoreCase, 0, false, role)]), 1..8);
        let alternative = (resource(), prop::option::weighted(0.2, strings()), prop::bool::weighted(0.03));
        let alternative = alternative.prop_map(|(resource, part, is_strict)| -> Vec<Match> {
            let own = equal(EQUAL, 1, is_strict, resource);
            std::iter::once(own).chain(part.map(|part| equal(EQUAL, 2, false, part))).collect()
        });
        let many = vec(resource().prop_map(|resource| vec![equal(EQUAL, 1, false, resource)]), 17..30);
        let resources = prop_oneof![14 => vec(alternative, 1..3), 1 => many];
        let resources = prop::option::weighted(0.97, resources);
        let parts = vec(strings().prop_map(|part| vec![equal(EQUAL, 2, false, part)]), 1..3);
        let further = (further_attribute(), strings());
        let further = vec(further.prop_map(|(attribute, text)| vec![equal(EQUAL, attribute, false, text)]), 1..4);
        let parts = prop_oneof![4 => parts.prop_map(Some), 3 => Just(None), 3 => further.prop_map(Some)];
        (roles, resources, parts, any::<bool>())
            .prop_map(|(roles, resources, parts, is_turned)| -> Target {
                let mut target: Target = std::iter::once(roles).chain(resources).chain(parts).collect();
                if is_turned {
                    target.reverse();
                }
                target
            })
            .boxed()
    }

    /// Many policies without targets, of which each rule says who may do what with which resource, so that what a
    /// policy is about follows from its rules alone. Like this are the policies of services.
    pub fn by_resource() -> Made<Case> {
        let expressions = Expressions { variables: 0, depth: 0 };
        let condition = prop::option::weighted(0.05, expressions.boolean());
        let rule = (prop::bool::weighted(0.9), by_role_and_resource(), condition, expressions.instructions());
        let rule = rule.prop_map(|(permits, target, condition, instructions)| Rule {
            permits,
            target,
            condition,
            instructions,
        });
        let mostly_deny_overrides = |is_for_rules: bool| {
            let kind = if is_for_rules { "rule" } else { "policy" };
            let uri: &str = format!("urn:oasis:names:tc:xacml:3.0:{kind}-combining-algorithm:deny-overrides").leak();
            prop_oneof![2 => Just(uri), 1 => combining(is_for_rules)].boxed()
        };
        let variables = || {
            let truth = Expression::Value(Value::Boolean(true));
            [truth.clone(), truth.clone(), truth]
        };
        let target = || prop_oneof![12 => Just(vec![]), 1 => target()];
        // What all rules of a policy have in common, once or twice in each.
        let common = (resource(), prop::bool::weighted(0.1), 0..3_usize).prop_map(|(resource, is_strict, place)| {
            (equal(Function::Equal(DataType::String), 1, is_strict, resource), place)
        });
        let rules = (vec(rule, 1..5), prop::option::weighted(0.4, common)).prop_map(|(mut rules, common)| {
            for (at, rule) in rules.iter_mut().enumerate() {
                for (common, place) in common.iter().cycle().take(if at == 2 { 2 } else { 1 }) {
                    let place = (at + place) % (rule.target.len() + 1);
                    rule.target.insert(place, vec![vec![common.clone()]]);
                }
            }
            rules
        });
        let policy = (mostly_deny_overrides(true), target(), rules, expressions.instructions()).prop_map(
            move |(combining, target, rules, instructions)| {
                Body::Policy(Policy { combining, target, variables: variables(), rules, instructions })
            },
        );
        let policy = policy.boxed();
        let set = |members: Made<Vec<Member>>| {
            (mostly_deny_overrides(false), target(), members)
                .prop_map(|(combining, target, members)| {
                    Body::Set(Set { combining, target, members, instructions: vec![] })
                })
                .boxed()
        };
        let small_set = set(vec(policy.clone().prop_map(Member::Body), 1..5).boxed());
        let members = vec(member(prop_oneof![12 => policy.clone(), 1 => small_set].boxed()), 10..41);
        let of = |attribute: Made<usize>, value: Made<Value>, most: usize| {
            (attribute, vec(value, 0..=most)).prop_map(move |(attribute, values)| Given {
                attribute,
                has_issuer: false,
                values,
                stands_apart: false,
                is_repeated: false,
            })
        };
        let usual =
            (of(Just(0).boxed(), strings(), 2), of(Just(1).boxed(), resource(), 3), of(Just(2).boxed(), strings(), 2));
        let attributes = (usual, vec(of(further_attribute(), strings(), 1), 0..6)).prop_map(
            |((roles, resources, parts), further)| [roles, resources, parts].into_iter().chain(further).collect(),
        );
        case(set(members.boxed()), vec(policy, 0..3).boxed(), vec(asked(attributes.boxed()), 1..10).boxed())
    }
}

/// Decides each request of a case in every way there is.
fn check(case: &Case) -> TestCaseResult {
    let parsed =
        |text: &String| Document::parse(text).map_err(|error| TestCaseError::fail(format!("refused: {error}")));
    let documents = case.documents().iter().map(parsed).collect::<Result<Vec<_>, _>>()?;
    let point = DecisionPoint::new(documents[0].clone(), documents[1..].to_vec())
        .map_err(|error| TestCaseError::fail(format!("refused: {error}")))?;
    let environment = case.environment();
    for asked in &case.requests {
        let request = asked.request();
        let expected = Slow { documents: &documents, request: &request, environment: &environment }.decide();
        let decided = point.decide(&request, &environment);
        let (explained, trace) = point.explain(&request, &environment);
        compare(&expected, &decided, &request).map_err(|reason| reason_of(&reason, &request))?;
        prop_assert_eq!(&decided, &explained, "explained otherwise than decided, for {:?}", &request);
        compare_trace(&expected, &trace).map_err(|reason| reason_of(&reason, &request))?;
        if let (Document::Policy(policy), []) = (&documents[0], &documents[1..]) {
            let alone = DecisionPoint::of_policy(policy).decide(&request, &environment);
            prop_assert_eq!(&decided, &alone, "alone otherwise than among documents, for {:?}", &request);
        }
    }
    Ok(())
}

fn reason_of(reason: &str, request: &Request) -> TestCaseError {
    TestCaseError::fail(format!("{reason}\nfor {request:?}"))
}

/// Bags have no order, and the standard gives none to obligations of several policies.
fn sorted(obligations: impl IntoIterator<Item = Obligation>) -> Vec<String> {
    let text = |mut obligation: Obligation| {
        obligation.attributes.sort_by_cached_key(|attribute| format!("{attribute:?}"));
        format!("{obligation:?}")
    };
    let mut texts: Vec<String> = obligations.into_iter().map(text).collect();
    texts.sort();
    texts
}

fn compare(expected: &Outcome, found: &Evaluation, request: &Request) -> Result<(), String> {
    if expected.decision != found.decision {
        return Err(format!("the decision is {:?}, not {:?}", expected.decision, found.decision));
    }
    let status_fits = match (&expected.problem, &found.status) {
        (None, Status::Ok) | (Some(Problem::Processing), Status::ProcessingError(_)) => true,
        (Some(Problem::Missing(expected)), Status::MissingAttribute(found)) => *expected == **found,
        _ => false,
    };
    if !status_fits {
        return Err(format!("the status is {:?}, not {:?}", expected.problem, found.status));
    }
    let of = |found: &[Arc<Obligation>]| sorted(found.iter().map(|obligation| Obligation::clone(obligation)));
    for (what, expected, found) in
        [("obligations", &expected.obligations, &found.obligations), ("advice", &expected.advice, &found.advice)]
    {
        let (expected, found) = (sorted(expected.iter().cloned()), of(found));
        if expected != found {
            return Err(format!("the {what} are {expected:#?}, not {found:#?}"));
        }
    }
    let applicable = if request.return_policy_ids { expected.applicable() } else { vec![] };
    if applicable != found.policies {
        return Err(format!("{applicable:?} apply, not {:?}", found.policies));
    }
    let is_repeated = |attribute: &&Attribute| attribute.include_in_result;
    let repeated: Vec<_> = request.categories.iter().flat_map(|group| &group.attributes).filter(is_repeated).collect();
    if repeated != found.attributes.iter().flat_map(|group| &group.attributes).collect::<Vec<_>>() {
        return Err(format!("the attributes {repeated:?} are repeated, not {:?}", found.attributes));
    }
    Ok(())
}

/// What was looked at, and what it came to.
fn compare_trace(expected: &Outcome, found: &Trace) -> Result<(), String> {
    let decision = match expected.decision {
        Decision::Indeterminate(of) => format!("Indeterminate ({of:?})"),
        decision => decision.name().to_owned(),
    };
    if (expected.kind, &expected.id, &decision) != (found.kind, &found.id, &found.decision) {
        return Err(format!("{} comes to {decision}; the trace has {found}", expected.id));
    }
    if expected.members.len() != found.members.len() {
        let ids: Vec<_> = expected.members.iter().map(|member| &member.id).collect();
        return Err(format!("in {} {ids:?} are looked at; the trace has {found}", expected.id));
    }
    expected.members.iter().zip(&found.members).try_for_each(|(expected, found)| compare_trace(expected, found))
}

fn config() -> ProptestConfig {
    // What fails is printed in full; to shrink it that far takes longer than usual.
    ProptestConfig { failure_persistence: None, max_shrink_iters: 200_000, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn policies_and_sets_of_all_kinds(case in made::mixed()) {
        check(&case)?;
    }

    #[test]
    fn deep_conditions(case in made::conditions()) {
        check(&case)?;
    }

    #[test]
    fn many_policies_for_resources(case in made::by_resource()) {
        check(&case)?;
    }
}
