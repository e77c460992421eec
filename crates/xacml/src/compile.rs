//! Putting documents together into a [`DecisionPoint`], laid out for deciding.
//!
//! References are followed, ids checked across documents, and what the policies ask for is numbered: every attribute
//! that they look at is a *slot*, every text that they compare for equality a *symbol*. A request is turned into slots
//! and symbols once; after that, a target is a few comparisons of numbers that lie next to each other.
//!
//! Where a policy or set has many members, an [`Index`] says which of them can apply at all. A member is left out only
//! where one of the values that its target demands is certain not to be there, so that it would be NotApplicable, which
//! no combining algorithm notices. For a policy with an empty target, what its rules demand counts, if its algorithm
//! stays silent when no rule applies.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use hashbrown::HashTable;

use crate::category;
use crate::combine::CombiningAlgorithm;
use crate::decision::{Obligation, ObligationAttribute, PolicyIdentifier};
use crate::function::{Function, Pattern};
use crate::load::{LoadError, LoadErrorKind, MAX_DEPTH};
use crate::policy::{
    AllOf, AnyOf, Designator, Document, Effect, Expression, Match, Member, ObligationExpression, Policy, PolicySet,
    Position, Reference, Rule, Target, VariableDefinition, Version,
};
use crate::value::{DataType, Text, Value};

/// A place in one of the tables below.
pub(crate) type Id = u32;

/// A stretch of one of the tables below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    start: Id,
    end: Id,
}

impl Span {
    pub(crate) fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn of<T>(self, table: &[T]) -> &[T] {
        table.get(self.range()).unwrap_or_default()
    }
}

/// A document that does not fit together with the others, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkError {
    /// Which document: 0 is the root, the others follow.
    pub document: usize,
    /// What is wrong there.
    pub error: LoadError,
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "document {}: {}", self.document, self.error)
    }
}

impl std::error::Error for LinkError {}

/// Policies, ready to decide. See [`DecisionPoint::decide`].
#[derive(Debug)]
pub struct DecisionPoint {
    pub(crate) root: Id,
    pub(crate) nodes: Vec<Node>,
    pub(crate) rules: Vec<RuleNode>,
    pub(crate) members: Vec<Id>,
    pub(crate) any_of: Vec<AnyOfTest>,
    pub(crate) equals: Vec<EqualTest>,
    pub(crate) all_of: Vec<Span>,
    pub(crate) matches: Vec<MatchTest>,
    pub(crate) calls: Vec<MatchCall>,
    /// The symbols that a test looks for, each test's in order.
    pub(crate) literals: Vec<Id>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) conditions: Vec<Term>,
    pub(crate) variables: Vec<Term>,
    pub(crate) instructions: Vec<Instructions>,
    pub(crate) slots: Vec<Slot>,
    /// The slots by the names of their attributes.
    attributes: HashTable<NamedSlots>,
    /// The slots that ask for the time, in each of its three forms.
    pub(crate) clock: [Vec<Id>; 3],
    pub(crate) symbols: Symbols,
    /// What is needed only to tell about a node or rule.
    pub(crate) node_names: Vec<(PolicyIdentifier, Position)>,
    pub(crate) rule_names: Vec<(String, Position)>,
    pub(crate) variable_names: Vec<String>,
}

/// A policy or a policy set.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) is_set: bool,
    /// What all rules of a policy ask for, if none can apply without it, and it cannot fail.
    pub(crate) shared: Tests,
    pub(crate) combining: CombiningAlgorithm,
    pub(crate) target: Tests,
    /// Of `rules`, or of `members`.
    pub(crate) members: Span,
    pub(crate) index: Option<Id>,
    pub(crate) variables: Span,
    /// Of `instructions`, or [`NOTHING`].
    pub(crate) instructions: Id,
}

/// A rule takes one line of the processor's cache with the usual tests, of subject and action; that of the resource
/// is shared by all rules of a policy.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct RuleNode {
    pub(crate) effect: Effect,
    /// Less those that all rules of the policy share.
    pub(crate) target: Tests,
    /// Of `conditions`, or [`NOTHING`].
    pub(crate) condition: Id,
    /// Of `instructions`, or [`NOTHING`].
    pub(crate) instructions: Id,
}

/// No place in a table.
pub(crate) const NOTHING: Id = Id::MAX;

/// The tests of a target, of which all must be met.
#[derive(Debug)]
pub(crate) enum Tests {
    /// A few, which stand here so that they are at hand; and how many.
    Few([AnyOfTest; 2], u8),
    /// Of `any_of`.
    Many(Span),
}

impl Tests {
    fn new(tests: Vec<AnyOfTest>, table: &mut Vec<AnyOfTest>) -> Self {
        let unused = AnyOfTest::General(Span { start: 0, end: 0 });
        match *tests.as_slice() {
            [] => Self::Few([unused; 2], 0),
            [only] => Self::Few([only, unused], 1),
            [first, second] => Self::Few([first, second], 2),
            _ => Self::Many(append(table, tests)),
        }
    }

    pub(crate) fn of<'a>(&'a self, table: &'a [AnyOfTest]) -> &'a [AnyOfTest] {
        match self {
            Self::Few(tests, count) => tests.get(..usize::from(*count)).unwrap_or_default(),
            Self::Many(span) => span.of(table),
        }
    }
}

/// How a value is looked up among the symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sameness {
    Exact,
    IgnoreCase,
}

/// An attribute as a test asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) slot: Id,
    pub(crate) must_be_present: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnyOfTest {
    /// Alternatives that each compare the same attribute with one literal.
    Equal(EqualTest),
    /// Alternatives that each compare one of several attributes with one literal: of `equals`.
    Equals(Span),
    /// Any others: of `all_of`.
    General(Span),
}

/// Whether one of an attribute's values is one of some literals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EqualTest {
    pub(crate) slot: Id,
    pub(crate) must_be_present: bool,
    pub(crate) sameness: Sameness,
    /// How many literals stand here; [`MANY`] if they stand elsewhere.
    count: u8,
    pub(crate) signs: Signs,
    /// The literals in order; or where they begin and end in the table of literals.
    literals: [Id; INLINE],
}

/// A bit for each of some symbols; different symbols can have the same.
pub(crate) type Signs = u32;

/// The bit of a symbol. What is no symbol has none.
pub(crate) fn sign(symbol: Id) -> Signs {
    if symbol == NO_SYMBOL { 0 } else { 1 << (symbol % Signs::BITS) }
}

/// Few literals stand with the test, so that they are at hand.
const INLINE: usize = 3;
const MANY: u8 = u8::MAX;

impl EqualTest {
    fn new(source: Source, sameness: Sameness, symbols: &BTreeSet<Id>, table: &mut Vec<Id>) -> Self {
        let mut literals = [NO_SYMBOL; INLINE];
        let count = if symbols.len() <= INLINE {
            for (place, symbol) in literals.iter_mut().zip(symbols) {
                *place = *symbol;
            }
            u8::try_from(symbols.len()).unwrap_or(MANY)
        } else {
            let Span { start, end } = append(table, symbols.iter().copied());
            for (place, bound) in literals.iter_mut().zip([start, end]) {
                *place = bound;
            }
            MANY
        };
        let signs = symbols.iter().fold(0, |all, symbol| all | sign(*symbol));
        Self { slot: source.slot, must_be_present: source.must_be_present, sameness, count, signs, literals }
    }

    pub(crate) fn source(&self) -> Source {
        Source { slot: self.slot, must_be_present: self.must_be_present }
    }

    pub(crate) fn literals<'a>(&'a self, point: &'a DecisionPoint) -> &'a [Id] {
        match (self.count, self.literals) {
            (MANY, [start, end, ..]) => Span { start, end }.of(&point.literals),
            (count, _) => self.literals.get(..usize::from(count)).unwrap_or_default(),
        }
    }

    /// About how long the test takes.
    fn effort(&self) -> usize {
        match (self.count, self.literals) {
            (MANY, [start, end, ..]) => Span { start, end }.range().len(),
            (count, _) => usize::from(count),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum MatchTest {
    Equal { source: Source, sameness: Sameness, symbol: Id },
    Call { source: Source, call: Id },
}

#[derive(Debug)]
pub(crate) struct MatchCall {
    pub(crate) function: Function,
    pub(crate) literal: Value,
    pub(crate) pattern: Option<Pattern>,
}

/// Which members can apply, by the values of one attribute.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) slot: Id,
    pub(crate) sameness: Sameness,
    /// Of `positions`, by symbol.
    pub(crate) postings: Postings,
    pub(crate) positions: Vec<Id>,
    /// Of `positions`: members that say nothing of the attribute.
    pub(crate) always: Span,
    /// Of `positions`: members for which the lack of the attribute is an error.
    pub(crate) when_missing: Span,
}

/// The members that a symbol leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    None,
    /// One, which stands here so that it is at hand.
    One(Id),
    /// A stretch of the index's positions.
    Several(Span),
}

/// The members by symbol.
#[derive(Debug)]
pub(crate) enum Postings {
    /// Where most symbols have some: by the symbol's number.
    Dense(Vec<Place>),
    /// In the order of the symbols.
    Sparse(Vec<(Id, Place)>),
}

impl Postings {
    fn new(postings: Vec<(Id, Place)>) -> Self {
        let length = postings.last().map_or(0, |(symbol, _)| *symbol as usize + 1);
        if length > 4 * postings.len() {
            return Self::Sparse(postings);
        }
        let mut dense = vec![Place::None; length];
        for (symbol, place) in postings {
            if let Some(known) = dense.get_mut(symbol as usize) {
                *known = place;
            }
        }
        Self::Dense(dense)
    }

    pub(crate) fn of(&self, symbol: Id) -> Place {
        let place = match self {
            Self::Dense(places) => places.get(symbol as usize).copied(),
            Self::Sparse(places) => {
                let at = places.binary_search_by_key(&symbol, |(symbol, _)| *symbol).ok();
                at.and_then(|at| places.get(at)).map(|(_, place)| *place)
            }
        };
        place.unwrap_or(Place::None)
    }

    fn size(&self) -> usize {
        match self {
            Self::Dense(places) => size_of_val(places.as_slice()),
            Self::Sparse(places) => size_of_val(places.as_slice()),
        }
    }
}

/// An expression over slots.
#[derive(Debug)]
pub(crate) enum Term {
    Value(Value),
    Attribute(Source),
    Variable(Id),
    Call(Box<Call>),
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) function: Function,
    pub(crate) passed: Option<Function>,
    pub(crate) arguments: Vec<Term>,
    pub(crate) pattern: Option<Pattern>,
}

/// The obligations and advice of a node or rule.
#[derive(Debug, Default)]
pub(crate) struct Instructions {
    pub(crate) obligations: Vec<Instruction>,
    pub(crate) advice: Vec<Instruction>,
}

#[derive(Debug)]
pub(crate) struct Instruction {
    pub(crate) effect: Effect,
    pub(crate) content: Content,
}

#[derive(Debug)]
pub(crate) enum Content {
    /// The same for every request.
    Fixed(Arc<Obligation>),
    Computed {
        id: String,
        assignments: Vec<Assignment>,
    },
}

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) id: String,
    pub(crate) category: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) term: Term,
}

/// The slots that ask for an attribute, in the types and from the issuers that policies want.
#[derive(Debug)]
struct NamedSlots {
    category: Text,
    id: Text,
    slots: Vec<Id>,
}

fn name_hash(category: &Text, id: &Text) -> u64 {
    category.exact_hash().rotate_left(32) ^ id.exact_hash()
}

/// An attribute that the policies look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Slot {
    pub(crate) category: Text,
    pub(crate) id: Text,
    pub(crate) data_type: DataType,
    pub(crate) issuer: Option<String>,
    /// Whether values are looked up among the symbols, and how.
    pub(crate) exact: bool,
    pub(crate) ignore_case: bool,
}

/// The texts that policies compare with, by the hashes that the texts of requests bring along.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    exact: HashTable<(Box<str>, Id)>,
    lower_case: HashTable<(Box<str>, Id)>,
}

/// No text of the policies.
pub(crate) const NO_SYMBOL: Id = Id::MAX;

impl Symbols {
    fn add(&mut self, text: &Text, sameness: Sameness) -> Id {
        let (table, text) = match sameness {
            Sameness::Exact => (&mut self.exact, text.clone()),
            Sameness::IgnoreCase => (&mut self.lower_case, Text::from(text.lower_case().0)),
        };
        let next = id(table.len());
        let hash = |(text, _): &(Box<str>, Id)| Text::hash_of(text);
        let entry = table.entry(text.exact_hash(), |(known, _)| text == **known, hash);
        entry.or_insert_with(|| (text.as_str().into(), next)).get().1
    }

    pub(crate) fn find(&self, text: &Text, sameness: Sameness) -> Id {
        let found = match sameness {
            Sameness::Exact => self.exact.find(text.exact_hash(), |(known, _)| *text == **known),
            Sameness::IgnoreCase => {
                let (lower, hash) = text.lower_case();
                self.lower_case.find(hash, |(known, _)| **known == *lower)
            }
        };
        found.map_or(NO_SYMBOL, |(_, symbol)| *symbol)
    }

    /// The texts by their symbols, for telling about them.
    pub(crate) fn texts(&self) -> (Vec<&str>, Vec<&str>) {
        fn by_symbol(table: &HashTable<(Box<str>, Id)>) -> Vec<&str> {
            let mut entries: Vec<_> = table.iter().map(|(text, symbol)| (*symbol, &**text)).collect();
            entries.sort_unstable();
            entries.into_iter().map(|(_, text)| text).collect()
        }
        (by_symbol(&self.exact), by_symbol(&self.lower_case))
    }
}

/// The tables are far smaller than this: a document has at most 200 000 nodes.
fn id(length: usize) -> Id {
    Id::try_from(length).unwrap_or(NO_SYMBOL)
}

impl DecisionPoint {
    /// Puts documents together. The first decides; the others are there to be referred to.
    ///
    /// # Errors
    /// Ids that are used more than once, references to what is not there, sets that contain themselves or nest deeper
    /// than [`crate::MAX_DEPTH`].
    pub fn new(root: Document, others: Vec<Document>) -> Result<Self, LinkError> {
        let documents: Vec<Document> = std::iter::once(root).chain(others).collect();
        let mut compiler = Compiler::new(&documents)?;
        let root = compiler.document(0, 0)?.0;
        Ok(compiler.finish(root))
    }

    /// A decision point for one policy. It refers to nothing, so that this cannot fail.
    pub fn of_policy(policy: &Policy) -> Self {
        let mut compiler = Compiler::empty();
        let (root, _) = compiler.policy(policy);
        compiler.finish(root)
    }

    /// Whether any policy looks at this attribute. A host that finds attributes out itself need not find those that
    /// nobody looks at.
    pub fn asks_for(&self, category: &Text, id: &Text) -> bool {
        !self.slots_of(category, id).is_empty()
    }

    /// The slots that ask for an attribute.
    pub(crate) fn slots_of(&self, category: &Text, id: &Text) -> &[Id] {
        let is_same = |named: &NamedSlots| named.id == *id && named.category == *category;
        self.attributes.find(name_hash(category, id), is_same).map_or(&[], |named| &named.slots)
    }

    /// How many bytes the compiled policies take, about.
    pub fn size(&self) -> usize {
        fn table<T>(table: &[T]) -> usize {
            size_of_val(table)
        }
        let texts = |texts: &HashTable<(Box<str>, Id)>| {
            let entries: usize = texts.iter().map(|(text, _)| text.len()).sum();
            entries + texts.capacity() * size_of::<(Box<str>, Id)>()
        };
        let indexes: usize = self.indexes.iter().map(|index| table(&index.positions) + index.postings.size()).sum();
        let names: usize = self.node_names.iter().map(|(name, _)| name.id.len() + name.version.len()).sum::<usize>()
            + self.rule_names.iter().map(|(name, _)| name.len()).sum::<usize>();
        table(&self.nodes)
            + table(&self.rules)
            + table(&self.members)
            + table(&self.any_of)
            + table(&self.equals)
            + table(&self.all_of)
            + table(&self.matches)
            + table(&self.calls)
            + table(&self.literals)
            + table(&self.conditions)
            + table(&self.variables)
            + table(&self.instructions)
            + table(&self.slots)
            + table(&self.node_names)
            + table(&self.rule_names)
            + texts(&self.symbols.exact)
            + texts(&self.symbols.lower_case)
            + indexes
            + names
    }

    /// How many rules there are.
    pub fn rule_count(&self) -> usize {
        self.rules.len()
    }
}

/// What a member demands of the values of an attribute, for it to apply.
#[derive(Debug, Clone, Default)]
struct Demand {
    /// One of these symbols.
    symbols: BTreeSet<Id>,
    /// Or the lack of the attribute, as an error.
    must_be_present: bool,
}

/// Demands by attribute. Each of them must be met.
type Demands = BTreeMap<(Id, Sameness), Demand>;

/// What of a member can be relied on for leaving it out.
#[derive(Debug, Clone, Default)]
struct Members {
    /// By its own target.
    by_target: Demands,
    /// By that, or by its members, where it is silent without them.
    by_all: Demands,
    /// How deep sets are nested in it.
    height: usize,
}

enum Linked {
    Unread,
    BeingRead,
    Read(Id, Members),
}

struct Compiler<'a> {
    documents: &'a [Document],
    /// The documents with an id.
    policies: HashMap<&'a str, Vec<usize>>,
    sets: HashMap<&'a str, Vec<usize>>,
    linked: Vec<Linked>,
    built: DecisionPoint,
    slot_ids: HashMap<(String, String, DataType, Option<String>), Id>,
}

impl<'a> Compiler<'a> {
    fn empty() -> Self {
        let built = DecisionPoint {
            root: 0,
            nodes: vec![],
            rules: vec![],
            members: vec![],
            any_of: vec![],
            equals: vec![],
            all_of: vec![],
            matches: vec![],
            calls: vec![],
            literals: vec![],
            indexes: vec![],
            conditions: vec![],
            variables: vec![],
            instructions: vec![],
            slots: vec![],
            attributes: HashTable::new(),
            clock: [vec![], vec![], vec![]],
            symbols: Symbols::default(),
            node_names: vec![],
            rule_names: vec![],
            variable_names: vec![],
        };
        let (policies, sets, slot_ids) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { documents: &[], policies, sets, linked: vec![], built, slot_ids }
    }

    fn new(documents: &'a [Document]) -> Result<Self, LinkError> {
        let mut compiler = Self { documents, ..Self::empty() };
        compiler.linked = documents.iter().map(|_| Linked::Unread).collect();
        let mut seen = Seen::new();
        for (at, document) in documents.iter().enumerate() {
            let by_id = match document {
                Document::Policy(_) => &mut compiler.policies,
                Document::PolicySet(_) => &mut compiler.sets,
            };
            by_id.entry(document.id()).or_default().push(at);
            let duplicate = match document {
                Document::Policy(policy) => note_policy(policy, &mut seen),
                Document::PolicySet(set) => note_set(set, &mut seen),
            };
            if let Err((position, what, id)) = duplicate {
                let error = LoadError { position, kind: LoadErrorKind::Duplicate { what, id: id.to_owned() } };
                return Err(LinkError { document: at, error });
            }
        }
        Ok(compiler)
    }

    fn finish(mut self, root: Id) -> DecisionPoint {
        let DecisionPoint { slots, attributes, clock, .. } = &mut self.built;
        for (at, slot) in slots.iter().enumerate() {
            let hash = name_hash(&slot.category, &slot.id);
            let is_same = |named: &NamedSlots| named.category == slot.category && named.id == slot.id;
            let new = || NamedSlots { category: slot.category.clone(), id: slot.id.clone(), slots: vec![] };
            let rehash = |named: &NamedSlots| name_hash(&named.category, &named.id);
            attributes.entry(hash, is_same, rehash).or_insert_with(new).into_mut().slots.push(id(at));
            for ((name, data_type), asking) in CLOCK.iter().zip(&mut *clock) {
                let asks = slot.category == *category::ENVIRONMENT && slot.id == **name && slot.issuer.is_none();
                if asks && slot.data_type == *data_type {
                    asking.push(id(at));
                }
            }
        }
        self.built.root = root;
        self.built
    }

    /// Compiles a document, unless that has been done.
    fn document(&mut self, at: usize, depth: usize) -> Result<(Id, Members), LinkError> {
        let Some((document, linked)) = self.documents.get(at).zip(self.linked.get_mut(at)) else {
            return Ok((0, Members::default()));
        };
        match linked {
            Linked::Read(node, members) if depth + members.height < MAX_DEPTH => return Ok((*node, members.clone())),
            Linked::Read(..) => {
                let error = LoadError { position: document.position(), kind: LoadErrorKind::TooDeep };
                return Err(LinkError { document: at, error });
            }
            Linked::BeingRead => {
                let kind = LoadErrorKind::CircularReference(document.id().to_owned());
                return Err(LinkError { document: at, error: LoadError { position: document.position(), kind } });
            }
            Linked::Unread => *linked = Linked::BeingRead,
        }
        let (node, members) = match document {
            Document::Policy(policy) => self.policy(policy),
            Document::PolicySet(set) => self.policy_set(set, at, depth)?,
        };
        if let Some(linked) = self.linked.get_mut(at) {
            *linked = Linked::Read(node, members.clone());
        }
        Ok((node, members))
    }

    fn policy_set(&mut self, set: &PolicySet, document: usize, depth: usize) -> Result<(Id, Members), LinkError> {
        let fail = |position, kind| LinkError { document, error: LoadError { position, kind } };
        if depth >= MAX_DEPTH {
            return Err(fail(set.position, LoadErrorKind::TooDeep));
        }
        let (tests, by_target) = self.target(&set.target);
        let target = Tests::new(tests, &mut self.built.any_of);
        let mut members = Vec::with_capacity(set.members.len());
        let mut demands = Vec::with_capacity(set.members.len());
        let mut height = 0;
        for member in &set.members {
            let (node, demanded) = match member {
                Member::Policy(policy) => self.policy(policy),
                Member::PolicySet(inner) => self.policy_set(inner, document, depth + 1)?,
                Member::PolicyReference(reference) => {
                    let to = self
                        .resolve(&self.policies, reference, "policy")
                        .map_err(|kind| fail(reference.position, kind))?;
                    self.document(to, depth + 1)?
                }
                Member::PolicySetReference(reference) => {
                    let to = self
                        .resolve(&self.sets, reference, "policy set")
                        .map_err(|kind| fail(reference.position, kind))?;
                    self.document(to, depth + 1)?
                }
            };
            members.push(node);
            height = height.max(demanded.height + 1);
            // Whether a policy is the only one is decided by the targets of the policies themselves.
            let by_own_target = set.combining == CombiningAlgorithm::OnlyOneApplicable;
            demands.push(if by_own_target { demanded.by_target } else { demanded.by_all });
        }
        let index = self.index(&demands);
        let instructions = self.instructions(&set.obligations, &set.advice, 0);
        let members = append(&mut self.built.members, members);
        let variables = Span { start: 0, end: 0 };
        let combining = set.combining;
        let shared = Tests::new(vec![], &mut self.built.any_of);
        let node = Node { is_set: true, shared, combining, target, members, index, variables, instructions };
        let by_all = with_those_of_members(&by_target, set.combining, demands);
        let (id, version) = (set.id.clone(), set.version.to_string());
        let node = self.node(node, PolicyIdentifier { is_set: true, id, version }, set.position);
        Ok((node, Members { by_target, by_all, height }))
    }

    /// The latest document with the id and a version that fits.
    fn resolve(
        &self,
        by_id: &HashMap<&str, Vec<usize>>,
        reference: &Reference,
        what: &'static str,
    ) -> Result<usize, LoadErrorKind> {
        let candidates = by_id.get(reference.id.as_str()).into_iter().flatten();
        candidates
            .filter_map(|at| self.documents.get(*at).map(|document| (*at, document.version())))
            .filter(|(_, version)| reference.fits(version))
            .max_by_key(|(_, version)| *version)
            .map(|(at, _)| at)
            .ok_or_else(|| LoadErrorKind::UnknownReference { what, id: reference.id.clone() })
    }

    fn policy(&mut self, policy: &Policy) -> (Id, Members) {
        let (tests, by_target) = self.target(&policy.target);
        let target = Tests::new(tests, &mut self.built.any_of);
        let first_variable = id(self.built.variables.len());
        for VariableDefinition { id, expression } in &policy.variables {
            let term = self.term(expression, first_variable);
            self.built.variables.push(term);
            self.built.variable_names.push(id.clone());
        }
        let variables = Span { start: first_variable, end: id(self.built.variables.len()) };
        let mut demands = Vec::with_capacity(policy.rules.len());
        let mut targets = Vec::with_capacity(policy.rules.len());
        for rule in &policy.rules {
            let (tests, demanded) = self.target(&rule.target);
            targets.push(tests);
            demands.push(demanded);
        }
        let shared = if policy.combining.is_silent_without_members() { take_shared(&mut targets) } else { vec![] };
        let shared = Tests::new(shared, &mut self.built.any_of);
        let rules: Vec<RuleNode> =
            policy.rules.iter().zip(targets).map(|(rule, tests)| self.rule(rule, tests, first_variable)).collect();
        let names = policy.rules.iter().map(|rule| (rule.id.clone(), rule.position));
        self.built.rule_names.extend(names);
        let members = append(&mut self.built.rules, rules);
        let index = self.index(&demands);
        let instructions = self.instructions(&policy.obligations, &policy.advice, first_variable);
        let combining = policy.combining;
        let node = Node { is_set: false, shared, combining, target, members, index, variables, instructions };
        let by_all = with_those_of_members(&by_target, combining, demands);
        let name = PolicyIdentifier { is_set: false, id: policy.id.clone(), version: policy.version.to_string() };
        (self.node(node, name, policy.position), Members { by_target, by_all, height: 0 })
    }

    fn node(&mut self, node: Node, name: PolicyIdentifier, position: Position) -> Id {
        self.built.nodes.push(node);
        self.built.node_names.push((name, position));
        id(self.built.nodes.len() - 1)
    }

    fn rule(&mut self, rule: &Rule, tests: Vec<AnyOfTest>, first_variable: Id) -> RuleNode {
        let target = Tests::new(tests, &mut self.built.any_of);
        let condition = rule.condition.as_ref().map_or(NOTHING, |condition| {
            let term = self.term(condition, first_variable);
            self.built.conditions.push(term);
            id(self.built.conditions.len() - 1)
        });
        let instructions = self.instructions(&rule.obligations, &rule.advice, first_variable);
        RuleNode { effect: rule.effect, target, condition, instructions }
    }

    /// The tests of a target, and what it demands.
    fn target(&mut self, target: &Target) -> (Vec<AnyOfTest>, Demands) {
        let mut demands = Demands::new();
        let mut tests: Vec<_> = target
            .any_of
            .iter()
            .map(|AnyOf { all_of }| {
                let alternatives: Vec<Vec<MatchTest>> = all_of
                    .iter()
                    .map(|AllOf { matches }| matches.iter().map(|single| self.single_match(single)).collect())
                    .collect();
                for (of, demand) in common_demands(&alternatives) {
                    // Any one of several demands will do; the narrowest leaves out most.
                    let is_narrower =
                        demands.get(&of).is_none_or(|known: &Demand| demand.symbols.len() < known.symbols.len());
                    if is_narrower {
                        demands.insert(of, demand);
                    }
                }
                self.any_of(alternatives)
            })
            .collect();
        // Where none can fail, their order does not matter to the result: those with few literals are quickest.
        let effort = |test: &AnyOfTest| match test {
            AnyOfTest::Equal(equal) if !equal.must_be_present => Some(equal.effort()),
            AnyOfTest::Equals(equals) => {
                let equals = equals.of(&self.built.equals);
                let can_fail = equals.iter().any(|equal| equal.must_be_present);
                (!can_fail).then_some(equals.iter().map(EqualTest::effort).sum())
            }
            _ => None,
        };
        if tests.iter().all(|test| effort(test).is_some()) {
            tests.sort_by_key(effort);
        }
        (tests, demands)
    }

    fn any_of(&mut self, alternatives: Vec<Vec<MatchTest>>) -> AnyOfTest {
        let single = |tests: &Vec<MatchTest>| match tests.as_slice() {
            [MatchTest::Equal { source, sameness, symbol }] => Some(((*source, *sameness), *symbol)),
            _ => None,
        };
        if let Some(singles) = alternatives.iter().map(single).collect::<Option<Vec<_>>>() {
            // What is asked of the same attribute in the same way is one test.
            let mut by_source: Vec<((Source, Sameness), BTreeSet<Id>)> = Vec::new();
            for (of, symbol) in singles {
                match by_source.iter_mut().find(|(known, _)| *known == of) {
                    Some((_, symbols)) => {
                        symbols.insert(symbol);
                    }
                    None => by_source.push((of, BTreeSet::from([symbol]))),
                }
            }
            let mut equals: Vec<EqualTest> = by_source
                .into_iter()
                .map(|((source, sameness), symbols)| {
                    EqualTest::new(source, sameness, &symbols, &mut self.built.literals)
                })
                .collect();
            return match (equals.pop(), equals.is_empty()) {
                (Some(only), true) => AnyOfTest::Equal(only),
                (last, _) => AnyOfTest::Equals(append(&mut self.built.equals, equals.into_iter().chain(last))),
            };
        }
        let spans: Vec<_> = alternatives.into_iter().map(|tests| append(&mut self.built.matches, tests)).collect();
        AnyOfTest::General(append(&mut self.built.all_of, spans))
    }

    fn single_match(&mut self, single: &Match) -> MatchTest {
        let source = self.source(&single.designator);
        let sameness = match single.function {
            Function::Equal(DataType::String | DataType::AnyUri) => Some(Sameness::Exact),
            Function::EqualIgnoreCase => Some(Sameness::IgnoreCase),
            _ => None,
        };
        if let Some((sameness, text)) = sameness.zip(single.literal.as_text()) {
            if let Some(slot) = self.built.slots.get_mut(source.slot as usize) {
                slot.exact |= sameness == Sameness::Exact;
                slot.ignore_case |= sameness == Sameness::IgnoreCase;
            }
            return MatchTest::Equal { source, sameness, symbol: self.built.symbols.add(text, sameness) };
        }
        let call =
            MatchCall { function: single.function, literal: single.literal.clone(), pattern: single.pattern.clone() };
        self.built.calls.push(call);
        MatchTest::Call { source, call: id(self.built.calls.len() - 1) }
    }

    fn source(&mut self, designator: &Designator) -> Source {
        let Designator { category, id: name, data_type, issuer, must_be_present } = designator;
        let key = (category.clone(), name.clone(), *data_type, issuer.clone());
        let next = id(self.built.slots.len());
        let slot = *self.slot_ids.entry(key).or_insert(next);
        if slot == next {
            self.built.slots.push(Slot {
                category: category.into(),
                id: name.into(),
                data_type: *data_type,
                issuer: issuer.clone(),
                exact: false,
                ignore_case: false,
            });
        }
        Source { slot, must_be_present: *must_be_present }
    }

    fn term(&mut self, expression: &Expression, first_variable: Id) -> Term {
        match expression {
            Expression::Value(value) => Term::Value(value.clone()),
            Expression::Designator(designator) => Term::Attribute(self.source(designator)),
            Expression::Variable(at) => Term::Variable(first_variable + id(*at)),
            Expression::Apply(apply) => Term::Call(Box::new(Call {
                function: apply.function,
                passed: apply.passed,
                arguments: apply.arguments.iter().map(|argument| self.term(argument, first_variable)).collect(),
                pattern: apply.pattern.clone(),
            })),
        }
    }

    fn instructions(
        &mut self,
        obligations: &[ObligationExpression],
        advice: &[ObligationExpression],
        first_variable: Id,
    ) -> Id {
        if obligations.is_empty() && advice.is_empty() {
            return NOTHING;
        }
        let mut all = |expressions: &[ObligationExpression]| {
            expressions.iter().map(|expression| self.instruction(expression, first_variable)).collect()
        };
        let instructions = Instructions { obligations: all(obligations), advice: all(advice) };
        self.built.instructions.push(instructions);
        id(self.built.instructions.len() - 1)
    }

    fn instruction(&mut self, expression: &ObligationExpression, first_variable: Id) -> Instruction {
        let literals = expression.assignments.iter().map(|assignment| match &assignment.expression {
            Expression::Value(value) => Some(ObligationAttribute {
                id: assignment.id.clone(),
                category: assignment.category.clone(),
                issuer: assignment.issuer.clone(),
                value: value.clone(),
            }),
            _ => None,
        });
        let id = expression.id.clone();
        let content = match literals.collect() {
            Some(attributes) => Content::Fixed(Arc::new(Obligation { id, attributes })),
            None => Content::Computed {
                id,
                assignments: expression
                    .assignments
                    .iter()
                    .map(|assignment| Assignment {
                        id: assignment.id.clone(),
                        category: assignment.category.clone(),
                        issuer: assignment.issuer.clone(),
                        term: self.term(&assignment.expression, first_variable),
                    })
                    .collect(),
            },
        };
        Instruction { effect: expression.effect, content }
    }

    /// An index over the attribute that leaves the fewest members, if it is worth while.
    fn index(&mut self, members: &[Demands]) -> Option<Id> {
        const FEW: usize = 8;
        if members.len() <= FEW {
            return None;
        }
        // For each attribute: how many members speak of it, in how many places, and with how many symbols.
        let mut by_attribute: BTreeMap<(Id, Sameness), (usize, usize, BTreeSet<Id>)> = BTreeMap::new();
        for (of, demand) in members.iter().flatten() {
            let (speaking, places, symbols) = by_attribute.entry(*of).or_default();
            *speaking += 1;
            *places += demand.symbols.len();
            symbols.extend(&demand.symbols);
        }
        let left = |(speaking, places, symbols): &(usize, usize, BTreeSet<Id>)| {
            members.len() - speaking + places / symbols.len().max(1)
        };
        let (of, counts) = by_attribute.iter().min_by_key(|(_, counts)| left(counts))?;
        if left(counts) * 2 > members.len() {
            return None;
        }
        let mut postings: BTreeMap<Id, Vec<Id>> = BTreeMap::new();
        let (mut always, mut when_missing) = (vec![], vec![]);
        for (at, demands) in members.iter().enumerate() {
            let Some(demand) = demands.get(of) else {
                always.push(id(at));
                continue;
            };
            for symbol in &demand.symbols {
                postings.entry(*symbol).or_default().push(id(at));
            }
            if demand.must_be_present {
                when_missing.push(id(at));
            }
        }
        let mut positions = Vec::new();
        let postings = postings.into_iter().map(|(symbol, places)| match *places.as_slice() {
            [only] => (symbol, Place::One(only)),
            _ => (symbol, Place::Several(append(&mut positions, places))),
        });
        let postings = Postings::new(postings.collect());
        let (always, when_missing) = (append(&mut positions, always), append(&mut positions, when_missing));
        self.built.indexes.push(Index { slot: of.0, sameness: of.1, postings, positions, always, when_missing });
        Some(id(self.built.indexes.len() - 1))
    }
}

/// What a node demands when its members are counted in: its own demands, and those that all its members share.
fn with_those_of_members(own: &Demands, combining: CombiningAlgorithm, members: Vec<Demands>) -> Demands {
    let mut all = own.clone();
    if combining == CombiningAlgorithm::OnlyOneApplicable || !combining.is_silent_without_members() {
        return all;
    }
    let mut members = members.into_iter();
    let Some(first) = members.next() else { return all };
    for (of, demand) in members.fold(first, |common, next| joined(common, &next)) {
        all.entry(of).or_insert(demand);
    }
    all
}

/// Takes out the tests that all rules have in common and that cannot fail.
fn take_shared(targets: &mut [Vec<AnyOfTest>]) -> Vec<AnyOfTest> {
    let Some((first, rest)) = targets.split_first() else { return vec![] };
    let is_shared = |test: &&AnyOfTest| {
        let AnyOfTest::Equal(equal) = test else { return false };
        !equal.must_be_present && rest.iter().all(|tests| tests.contains(test))
    };
    let shared: Vec<AnyOfTest> = first.iter().filter(is_shared).copied().collect();
    for tests in targets {
        tests.retain(|test| !shared.contains(test));
    }
    shared
}

/// The attributes of which every alternative demands some value.
fn common_demands(alternatives: &[Vec<MatchTest>]) -> Demands {
    let mut demands = alternatives.iter().map(|tests| {
        let mut own = Demands::new();
        for test in tests {
            let MatchTest::Equal { source, sameness, symbol } = test else { continue };
            let demand = own.entry((source.slot, *sameness)).or_default();
            // Of two demands on one attribute, the first will do; but its lack may be an error for the other.
            demand.must_be_present |= source.must_be_present;
            if demand.symbols.is_empty() {
                demand.symbols.insert(*symbol);
            }
        }
        own
    });
    let first = demands.next().unwrap_or_default();
    demands.fold(first, |common, next| joined(common, &next))
}

/// What either of two demands: of the attributes that both speak of, any of their symbols.
fn joined(mut common: Demands, other: &Demands) -> Demands {
    common.retain(|of, demand| match other.get(of) {
        None => false,
        Some(other) => {
            demand.symbols.extend(&other.symbols);
            demand.must_be_present |= other.must_be_present;
            true
        }
    });
    common
}

fn append<T>(table: &mut Vec<T>, items: impl IntoIterator<Item = T>) -> Span {
    let start = id(table.len());
    table.extend(items);
    Span { start, end: id(table.len()) }
}

/// The ids that were seen, with whether they are of sets.
type Seen<'a> = HashSet<(bool, &'a str, &'a Version)>;
type Noted<'a> = Result<(), (Position, &'static str, &'a str)>;

fn note_policy<'a>(policy: &'a Policy, seen: &mut Seen<'a>) -> Noted<'a> {
    let is_new = seen.insert((false, &policy.id, &policy.version));
    if is_new { Ok(()) } else { Err((policy.position, "policy id", &policy.id)) }
}

fn note_set<'a>(set: &'a PolicySet, seen: &mut Seen<'a>) -> Noted<'a> {
    if !seen.insert((true, &set.id, &set.version)) {
        return Err((set.position, "policy set id", &set.id));
    }
    set.members.iter().try_for_each(|member| match member {
        Member::Policy(policy) => note_policy(policy, seen),
        Member::PolicySet(inner) => note_set(inner, seen),
        Member::PolicyReference(_) | Member::PolicySetReference(_) => Ok(()),
    })
}

/// The attributes that the host supplies (core specification, appendix B.7).
pub(crate) const CLOCK: [(&str, DataType); 3] = [
    (category::CURRENT_TIME, DataType::Time),
    (category::CURRENT_DATE, DataType::Date),
    (category::CURRENT_DATE_TIME, DataType::DateTime),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::NAMESPACE;

    fn set(id: &str, inside: &str) -> Document {
        let text = format!(
            "<PolicySet xmlns=\"{NAMESPACE}\" PolicySetId=\"{id}\" Version=\"1.0\" PolicyCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:deny-overrides\"><Target/>{inside}</PolicySet>"
        );
        Document::parse(&text).unwrap()
    }

    fn reference(id: &str) -> String {
        format!("<PolicySetIdReference>{id}</PolicySetIdReference>")
    }

    /// Sets named `{name}0` and on, each of which refers to the next, and the last to `end`.
    fn chain(name: &str, length: usize, end: &str) -> Vec<Document> {
        let next = |at: usize| if at + 1 < length { format!("{name}{}", at + 1) } else { end.to_owned() };
        (0..length).map(|at| set(&format!("{name}{at}"), &reference(&next(at)))).collect()
    }

    #[test]
    fn references_that_lead_too_deep_or_back_are_refused() {
        let link = |root: Document, others: Vec<Document>| {
            DecisionPoint::new(root, others).map(|_| ()).map_err(|error| error.to_string())
        };
        let leaf = || set("leaf", "");
        let deep = |length| [chain("a", length, "leaf"), vec![leaf()]].concat();
        assert_eq!(link(set("root", &reference("a0")), deep(48)), Ok(()));
        let too_deep = link(set("root", &reference("a0")), deep(49)).unwrap_err();
        assert!(too_deep.ends_with("nested deeper than 50 levels"), "{too_deep}");
        // Chains that are each short enough, read one by one and then put behind each other.
        let chains = [chain("b", 30, "a0"), deep(30)].concat();
        let both = link(set("root", &(reference("a0") + &reference("b0"))), chains).unwrap_err();
        assert!(both.ends_with("nested deeper than 50 levels"), "{both}");
        let round = link(set("root", &reference("a0")), chain("a", 3, "a0")).unwrap_err();
        assert_eq!(round, "document 1: line 1 column 1: the policy set `a0` contains itself");
        assert_eq!(
            link(set("root", &reference("root")), vec![]).unwrap_err(),
            "document 0: line 1 column 1: the policy set `root` contains itself"
        );
        let missing = link(leaf(), vec![]).and(link(set("root", &reference("x")), vec![leaf()])).unwrap_err();
        assert_eq!(
            missing,
            "document 0: line 1 column 203: no policy set with the id `x` and a version that fits was given"
        );
    }

    #[test]
    fn the_latest_version_that_fits_is_meant() {
        let versions = ["1.2", "1.10", "2.0"].map(|version| {
            let text = format!(
                "<Policy xmlns=\"{NAMESPACE}\" PolicyId=\"p\" Version=\"{version}\" RuleCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides\"><Target/></Policy>"
            );
            Document::parse(&text).unwrap()
        });
        let chosen = |attributes: &str| {
            let root = set("root", &format!("<PolicyIdReference {attributes}>p</PolicyIdReference>"));
            let point = DecisionPoint::new(root, versions.to_vec()).unwrap();
            point.node_names[0].0.version.clone()
        };
        assert_eq!(chosen(""), "2.0");
        assert_eq!(chosen("Version=\"1.*\""), "1.10");
        assert_eq!(chosen("LatestVersion=\"1.9\""), "1.2");
        assert_eq!(chosen("EarliestVersion=\"1.3\" LatestVersion=\"1.+\""), "1.10");
    }

    #[test]
    fn an_index_is_made_where_one_attribute_tells_members_apart() {
        let policy = |at: usize| {
            format!(
                "<Policy PolicyId=\"{at}\" Version=\"1.0\" RuleCombiningAlgId=\"urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides\"><Target/><Rule RuleId=\"r\" Effect=\"Permit\"><Target><AnyOf><AllOf><Match MatchId=\"urn:oasis:names:tc:xacml:1.0:function:string-equal\"><AttributeValue DataType=\"http://www.w3.org/2001/XMLSchema#string\">{at}</AttributeValue><AttributeDesignator Category=\"c\" AttributeId=\"a\" DataType=\"http://www.w3.org/2001/XMLSchema#string\" MustBePresent=\"false\"/></Match></AllOf></AnyOf></Target></Rule></Policy>"
            )
        };
        let indexed =
            |index: &Index| (0..40).filter(|symbol| matches!(index.postings.of(*symbol), Place::One(_))).count();
        let policies: String = (0..20).map(policy).collect();
        let point = DecisionPoint::new(set("root", &policies), vec![]).unwrap();
        let index = &point.indexes[point.nodes[point.root as usize].index.unwrap() as usize];
        assert_eq!((indexed(index), index.always.range().len()), (20, 0));
        // One that always says something can never be left out, and nor can those in a set that holds it.
        let denying = policies.replacen("deny-overrides", "deny-unless-permit", 1);
        let point = DecisionPoint::new(set("root", &denying), vec![]).unwrap();
        let index = &point.indexes[point.nodes[point.root as usize].index.unwrap() as usize];
        assert_eq!((indexed(index), index.always.range().len()), (19, 1));
    }
}
