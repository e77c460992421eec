//! The functions of conditions and matches (core specification §A.3 and §10.2.8).
//!
//! A [`Function`] is a name with a [`Signature`]; [`apply`] computes it. The types of every call are checked when a
//! policy is loaded, so that a call can fail only for what its arguments are: a division by zero, an empty bag where
//! one value is needed. Functions over XPath expressions are not here.

pub(crate) mod apply;
mod pattern;

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

pub(crate) use pattern::Pattern;

use crate::value::DataType;

/// The type of an expression: one value, or a bag of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Type {
    /// The type of the values.
    pub data_type: DataType,
    /// Whether there may be any number of them.
    pub is_bag: bool,
}

impl Type {
    pub(crate) const BOOLEAN: Self = Self::one(DataType::Boolean);

    pub(crate) const fn one(data_type: DataType) -> Self {
        Self { data_type, is_bag: false }
    }

    pub(crate) const fn bag(data_type: DataType) -> Self {
        Self { data_type, is_bag: true }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bag = if self.is_bag { "a bag of " } else { "" };
        write!(formatter, "{bag}{}", self.data_type.shorthand())
    }
}

/// How two values of an ordered type compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `-greater-than`
    Greater,
    /// `-greater-than-or-equal`
    GreaterOrEqual,
    /// `-less-than`
    Less,
    /// `-less-than-or-equal`
    LessOrEqual,
}

/// The arithmetic that integers and doubles share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Arithmetic {
    /// `-add`
    Add,
    /// `-subtract`
    Subtract,
    /// `-multiply`
    Multiply,
    /// `-divide`
    Divide,
}

/// What is done with two bags as sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SetOperation {
    /// `-intersection`
    Intersection,
    /// `-at-least-one-member-of`
    AtLeastOneMemberOf,
    /// `-union`
    Union,
    /// `-subset`
    Subset,
    /// `-set-equals`
    SetEquals,
}

/// A function that takes another function (§A.3.12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HigherOrder {
    /// `any-of`: for one element of the bag.
    AnyOf,
    /// `all-of`: for all elements of the bag.
    AllOf,
    /// `any-of-any`: for one combination of elements.
    AnyOfAny,
    /// `all-of-any`: each element of the first bag has a partner in the second.
    AllOfAny,
    /// `any-of-all`: each element of the second bag has a partner in the first.
    AnyOfAll,
    /// `all-of-all`: for all combinations.
    AllOfAll,
    /// `map`: the bag of results.
    Map,
}

/// A function that policies can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Function {
    /// `{type}-equal`
    Equal(DataType),
    /// `string-equal-ignore-case`
    EqualIgnoreCase,
    /// `{type}-greater-than` and its like
    Compare(DataType, Comparison),
    /// `{integer|double}-add` and its like
    Arithmetic(DataType, Arithmetic),
    /// `integer-mod`
    Modulo,
    /// `{integer|double}-abs`
    Absolute(DataType),
    /// `round`, to the even neighbour where there are two
    Round,
    /// `floor`
    Floor,
    /// `string-normalize-space`
    NormalizeSpace,
    /// `string-normalize-to-lower-case`
    NormalizeToLowerCase,
    /// `double-to-integer`, towards zero
    DoubleToInteger,
    /// `integer-to-double`
    IntegerToDouble,
    /// `or`
    Or,
    /// `and`
    And,
    /// `n-of`
    NOf,
    /// `not`
    Not,
    /// `{date|dateTime}-add-{duration}`
    AddDuration(DataType, DataType),
    /// `{date|dateTime}-subtract-{duration}`
    SubtractDuration(DataType, DataType),
    /// `time-in-range`
    TimeInRange,
    /// `string-concatenate`
    Concatenate,
    /// `{type}-from-string`
    FromString(DataType),
    /// `string-from-{type}`
    ToString(DataType),
    /// `{string|anyURI}-starts-with`
    StartsWith(DataType),
    /// `{string|anyURI}-ends-with`
    EndsWith(DataType),
    /// `{string|anyURI}-contains`
    Contains(DataType),
    /// `{string|anyURI}-substring`
    Substring(DataType),
    /// `{type}-one-and-only`
    OneAndOnly(DataType),
    /// `{type}-bag-size`
    BagSize(DataType),
    /// `{type}-is-in`
    IsIn(DataType),
    /// `{type}-bag`
    Bag(DataType),
    /// `{type}-union` and its like
    Set(DataType, SetOperation),
    /// `{type}-regexp-match`
    RegexpMatch(DataType),
    /// `x500Name-match`
    X500NameMatch,
    /// `rfc822Name-match`
    Rfc822NameMatch,
    /// `any-of` and its like
    HigherOrder(HigherOrder),
}

/// What a function takes and gives. Higher-order functions have none: theirs follows from the function they take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The arguments that must be there, in order.
    pub parameters: Vec<Type>,
    /// The type of any number of further arguments.
    pub further: Option<Type>,
    /// The type of the result.
    pub result: Type,
}

static BY_URI: LazyLock<HashMap<String, Function>> = LazyLock::new(|| {
    let mut functions = HashMap::new();
    for (version, name, function) in names() {
        functions.insert(format!("urn:oasis:names:tc:xacml:{version}:function:{name}"), function);
    }
    functions
});

static URIS: LazyLock<HashMap<Function, String>> = LazyLock::new(|| {
    let mut uris = HashMap::new();
    for (version, name, function) in names() {
        uris.entry(function).or_insert_with(|| format!("urn:oasis:names:tc:xacml:{version}:function:{name}"));
    }
    uris
});

impl Function {
    /// The function with this identifier.
    pub fn from_uri(uri: &str) -> Option<Self> {
        BY_URI.get(uri).copied()
    }

    /// The identifier in documents.
    pub fn uri(self) -> &'static str {
        URIS.get(&self).map_or("", String::as_str)
    }

    /// All functions with their identifiers, the older ones of the same function too.
    pub fn all() -> impl Iterator<Item = (&'static str, Self)> {
        BY_URI.iter().map(|(uri, function)| (uri.as_str(), *function))
    }

    /// What the function takes and gives; `None` for one that takes a function.
    pub fn signature(self) -> Option<Signature> {
        use DataType::{Boolean, Double, Integer, Rfc822Name, String, Time, X500Name};
        let one = Type::one;
        let fixed = |parameters: &[Type], result| Signature { parameters: parameters.to_vec(), further: None, result };
        Some(match self {
            Self::Equal(of) | Self::Compare(of, _) => fixed(&[one(of), one(of)], Type::BOOLEAN),
            Self::EqualIgnoreCase => fixed(&[one(String), one(String)], Type::BOOLEAN),
            Self::Arithmetic(of, Arithmetic::Add | Arithmetic::Multiply) => {
                Signature { parameters: vec![one(of), one(of)], further: Some(one(of)), result: one(of) }
            }
            Self::Arithmetic(of, _) => fixed(&[one(of), one(of)], one(of)),
            Self::Modulo => fixed(&[one(Integer), one(Integer)], one(Integer)),
            Self::Absolute(of) => fixed(&[one(of)], one(of)),
            Self::Round | Self::Floor => fixed(&[one(Double)], one(Double)),
            Self::NormalizeSpace | Self::NormalizeToLowerCase => fixed(&[one(String)], one(String)),
            Self::DoubleToInteger => fixed(&[one(Double)], one(Integer)),
            Self::IntegerToDouble => fixed(&[one(Integer)], one(Double)),
            Self::Or | Self::And => {
                Signature { parameters: vec![], further: Some(Type::BOOLEAN), result: Type::BOOLEAN }
            }
            Self::NOf => {
                Signature { parameters: vec![one(Integer)], further: Some(Type::BOOLEAN), result: Type::BOOLEAN }
            }
            Self::Not => fixed(&[one(Boolean)], Type::BOOLEAN),
            Self::AddDuration(of, duration) | Self::SubtractDuration(of, duration) => {
                fixed(&[one(of), one(duration)], one(of))
            }
            Self::TimeInRange => fixed(&[one(Time); 3], Type::BOOLEAN),
            Self::Concatenate => Signature {
                parameters: vec![one(String), one(String)],
                further: Some(one(String)),
                result: one(String),
            },
            Self::FromString(of) => fixed(&[one(String)], one(of)),
            Self::ToString(of) => fixed(&[one(of)], one(String)),
            Self::StartsWith(of) | Self::EndsWith(of) | Self::Contains(of) => {
                fixed(&[one(String), one(of)], Type::BOOLEAN)
            }
            Self::Substring(of) => fixed(&[one(of), one(Integer), one(Integer)], one(String)),
            Self::OneAndOnly(of) => fixed(&[Type::bag(of)], one(of)),
            Self::BagSize(of) => fixed(&[Type::bag(of)], one(Integer)),
            Self::IsIn(of) => fixed(&[one(of), Type::bag(of)], Type::BOOLEAN),
            Self::Bag(of) => Signature { parameters: vec![], further: Some(one(of)), result: Type::bag(of) },
            Self::Set(of, operation) => {
                let result = match operation {
                    SetOperation::Intersection | SetOperation::Union => Type::bag(of),
                    _ => Type::BOOLEAN,
                };
                let further =
                    matches!(operation, SetOperation::Intersection | SetOperation::Union).then_some(Type::bag(of));
                Signature { parameters: vec![Type::bag(of), Type::bag(of)], further, result }
            }
            Self::RegexpMatch(of) => fixed(&[one(String), one(of)], Type::BOOLEAN),
            Self::X500NameMatch => fixed(&[one(X500Name), one(X500Name)], Type::BOOLEAN),
            Self::Rfc822NameMatch => fixed(&[one(String), one(Rfc822Name)], Type::BOOLEAN),
            Self::HigherOrder(_) => return None,
        })
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.uri().rsplit(':').next().unwrap_or_default())
    }
}

/// Every function with the version of the standard that named it.
fn names() -> Vec<(&'static str, String, Function)> {
    use Arithmetic::{Add, Divide, Multiply, Subtract};
    use Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    use DataType as T;
    let mut names = Vec::new();
    let mut put = |version, name: String, function| names.push((version, name, function));
    for of in T::ALL {
        let name = of.shorthand();
        let is_duration = matches!(of, T::DayTimeDuration | T::YearMonthDuration);
        // Addresses and host names have bags, but neither equality nor order.
        let is_network = matches!(of, T::IpAddress | T::DnsName);
        let version = match of {
            T::DayTimeDuration | T::YearMonthDuration => "3.0",
            T::IpAddress | T::DnsName => "2.0",
            _ => "1.0",
        };
        put(version, format!("{name}-one-and-only"), Function::OneAndOnly(of));
        put(version, format!("{name}-bag-size"), Function::BagSize(of));
        put(version, format!("{name}-bag"), Function::Bag(of));
        if of != T::String {
            put("3.0", format!("{name}-from-string"), Function::FromString(of));
            put("3.0", format!("string-from-{name}"), Function::ToString(of));
        }
        if !is_network {
            put(version, format!("{name}-equal"), Function::Equal(of));
            put(version, format!("{name}-is-in"), Function::IsIn(of));
            for (operation, set) in [
                ("intersection", SetOperation::Intersection),
                ("at-least-one-member-of", SetOperation::AtLeastOneMemberOf),
                ("union", SetOperation::Union),
                ("subset", SetOperation::Subset),
                ("set-equals", SetOperation::SetEquals),
            ] {
                put(version, format!("{name}-{operation}"), Function::Set(of, set));
            }
        }
        if is_duration {
            put("3.0", format!("dateTime-add-{name}"), Function::AddDuration(T::DateTime, of));
            put("3.0", format!("dateTime-subtract-{name}"), Function::SubtractDuration(T::DateTime, of));
        }
        if matches!(of, T::String | T::Integer | T::Double | T::Time | T::Date | T::DateTime) {
            for (suffix, comparison) in [
                ("greater-than", Greater),
                ("greater-than-or-equal", GreaterOrEqual),
                ("less-than", Less),
                ("less-than-or-equal", LessOrEqual),
            ] {
                put("1.0", format!("{name}-{suffix}"), Function::Compare(of, comparison));
            }
        }
        if matches!(of, T::Integer | T::Double) {
            for (suffix, arithmetic) in
                [("add", Add), ("subtract", Subtract), ("multiply", Multiply), ("divide", Divide)]
            {
                put("1.0", format!("{name}-{suffix}"), Function::Arithmetic(of, arithmetic));
            }
            put("1.0", format!("{name}-abs"), Function::Absolute(of));
        }
        if matches!(of, T::String | T::AnyUri) {
            put("3.0", format!("{name}-starts-with"), Function::StartsWith(of));
            put("3.0", format!("{name}-ends-with"), Function::EndsWith(of));
            put("3.0", format!("{name}-contains"), Function::Contains(of));
            put("3.0", format!("{name}-substring"), Function::Substring(of));
        }
        if matches!(of, T::String | T::AnyUri | T::IpAddress | T::DnsName | T::Rfc822Name | T::X500Name) {
            let version = if of == T::String { "1.0" } else { "2.0" };
            put(version, format!("{name}-regexp-match"), Function::RegexpMatch(of));
        }
    }
    let own = OWN_NAMES.iter().map(|(version, name, function)| (*version, (*name).to_owned(), *function));
    names.extend(own);
    names
}

/// The functions that are not there for several types.
const OWN_NAMES: &[(&str, &str, Function)] = &[
    ("3.0", "date-add-yearMonthDuration", Function::AddDuration(DataType::Date, DataType::YearMonthDuration)),
    ("3.0", "date-subtract-yearMonthDuration", Function::SubtractDuration(DataType::Date, DataType::YearMonthDuration)),
    ("3.0", "string-equal-ignore-case", Function::EqualIgnoreCase),
    ("1.0", "integer-mod", Function::Modulo),
    ("1.0", "round", Function::Round),
    ("1.0", "floor", Function::Floor),
    ("1.0", "string-normalize-space", Function::NormalizeSpace),
    ("1.0", "string-normalize-to-lower-case", Function::NormalizeToLowerCase),
    ("1.0", "double-to-integer", Function::DoubleToInteger),
    ("1.0", "integer-to-double", Function::IntegerToDouble),
    ("1.0", "or", Function::Or),
    ("1.0", "and", Function::And),
    ("1.0", "n-of", Function::NOf),
    ("1.0", "not", Function::Not),
    ("2.0", "time-in-range", Function::TimeInRange),
    ("2.0", "string-concatenate", Function::Concatenate),
    ("1.0", "x500Name-match", Function::X500NameMatch),
    ("1.0", "rfc822Name-match", Function::Rfc822NameMatch),
    ("3.0", "any-of", Function::HigherOrder(HigherOrder::AnyOf)),
    ("3.0", "all-of", Function::HigherOrder(HigherOrder::AllOf)),
    ("3.0", "any-of-any", Function::HigherOrder(HigherOrder::AnyOfAny)),
    ("1.0", "all-of-any", Function::HigherOrder(HigherOrder::AllOfAny)),
    ("1.0", "any-of-all", Function::HigherOrder(HigherOrder::AnyOfAll)),
    ("1.0", "all-of-all", Function::HigherOrder(HigherOrder::AllOfAll)),
    ("3.0", "map", Function::HigherOrder(HigherOrder::Map)),
    // The forms of version 1.0, which took two arguments.
    ("1.0", "any-of", Function::HigherOrder(HigherOrder::AnyOf)),
    ("1.0", "all-of", Function::HigherOrder(HigherOrder::AllOf)),
    ("1.0", "any-of-any", Function::HigherOrder(HigherOrder::AnyOfAny)),
    ("1.0", "map", Function::HigherOrder(HigherOrder::Map)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_has_an_identifier_and_is_found_by_it() {
        assert_eq!(Function::all().count(), names().len(), "no identifier is given twice");
        for (uri, function) in Function::all() {
            assert_eq!(Function::from_uri(function.uri()), Some(function), "{uri}");
            assert_eq!(function.signature().is_none(), matches!(function, Function::HigherOrder(_)), "{uri}");
        }
        let newest = Function::from_uri("urn:oasis:names:tc:xacml:1.0:function:map").unwrap().uri();
        assert_eq!(newest, "urn:oasis:names:tc:xacml:3.0:function:map");
        assert_eq!(Function::from_uri("urn:oasis:names:tc:xacml:3.0:function:xpath-node-count"), None);
        assert_eq!(Function::from_uri("urn:oasis:names:tc:xacml:2.0:function:string-equal"), None);
    }
}
