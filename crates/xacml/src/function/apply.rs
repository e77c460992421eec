//! Computing functions whose arguments are all there.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;

use crate::bind::BoundValue;

use super::{Arithmetic, Comparison, Function, Pattern, SetOperation};
use crate::value::{DataType, Value};

/// The values of a bag.
#[derive(Debug, Clone)]
pub(crate) enum Bag<'a> {
    /// Those of an attribute of the request.
    Request(&'a [BoundValue<'a>]),
    /// Computed ones.
    Computed(Vec<Value>),
}

impl Bag<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Request(values) => values.len(),
            Self::Computed(values) => values.len(),
        }
    }

    pub(crate) fn iter(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match self {
            Self::Request(values) => Box::new(values.iter().map(|bound| bound.value)),
            Self::Computed(values) => Box::new(values.iter()),
        }
    }
}

/// What an expression evaluates to.
#[derive(Debug, Clone)]
pub(crate) enum Operand<'a> {
    One(Cow<'a, Value>),
    Bag(Bag<'a>),
}

impl Operand<'_> {
    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Self::One(value) if **value == Value::Boolean(true))
    }
}

impl From<Value> for Operand<'_> {
    fn from(value: Value) -> Self {
        Self::One(Cow::Owned(value))
    }
}

/// Why a function has no result. The types are right: that was seen when the policy was loaded.
pub(crate) type Reason = &'static str;

const OVERFLOW: Reason = "the result is out of range";
const TYPES: Reason = "the arguments are not of the function's types";

/// Computes `function`. `pattern` is the compiled first argument where that does not change.
pub(crate) fn apply<'a>(
    function: Function,
    arguments: &[Operand<'a>],
    pattern: Option<&Pattern>,
) -> Result<Operand<'a>, Reason> {
    let values = |at: usize| match arguments.get(at) {
        Some(Operand::One(value)) => Ok(&**value),
        _ => Err(TYPES),
    };
    let bag = |at: usize| match arguments.get(at) {
        Some(Operand::Bag(bag)) => Ok(bag),
        _ => Err(TYPES),
    };
    match function {
        Function::OneAndOnly(_) => {
            let bag = bag(0)?;
            match (bag, bag.len()) {
                (_, 0) => Err("the bag is empty, where one value is needed"),
                (Bag::Request([bound]), 1) => Ok(Operand::One(Cow::Borrowed(bound.value))),
                (Bag::Computed(values), 1) => values.first().cloned().map(Operand::from).ok_or(TYPES),
                _ => Err("the bag has more than one value, where one is needed"),
            }
        }
        Function::BagSize(_) => {
            i128::try_from(bag(0)?.len()).map(|size| Value::Integer(size).into()).map_err(|_| OVERFLOW)
        }
        Function::IsIn(_) => {
            let value = values(0)?;
            Ok(truth(bag(1)?.iter().any(|member| value == member)))
        }
        Function::Bag(_) => {
            let members = arguments.iter().map(|argument| match argument {
                Operand::One(value) => Ok(value.clone().into_owned()),
                Operand::Bag(_) => Err(TYPES),
            });
            Ok(Operand::Bag(Bag::Computed(members.collect::<Result<_, _>>()?)))
        }
        Function::Set(_, operation) => set(operation, arguments),
        Function::HigherOrder(_) | Function::Or | Function::And | Function::NOf => Err(TYPES),
        _ => {
            let scalars = arguments
                .iter()
                .map(|argument| match argument {
                    Operand::One(value) => Ok(&**value),
                    Operand::Bag(_) => Err(TYPES),
                })
                .collect::<Result<Vec<_>, _>>()?;
            scalar(function, &scalars, pattern).map(Operand::from)
        }
    }
}

fn truth(truth: bool) -> Operand<'static> {
    Value::Boolean(truth).into()
}

/// Functions of single values (everything but bags and the short-circuiting ones).
pub(crate) fn scalar(function: Function, arguments: &[&Value], pattern: Option<&Pattern>) -> Result<Value, Reason> {
    match (function, arguments) {
        (Function::Equal(_), [a, b]) => Ok(Value::Boolean(a == b)),
        (Function::EqualIgnoreCase, [Value::String(a), Value::String(b)]) => {
            Ok(Value::Boolean(a.lower_case().0 == b.lower_case().0))
        }
        (Function::Compare(_, comparison), [a, b]) => compare(a, b).map(|order| {
            Value::Boolean(order.is_some_and(|order| match comparison {
                Comparison::Greater => order.is_gt(),
                Comparison::GreaterOrEqual => order.is_ge(),
                Comparison::Less => order.is_lt(),
                Comparison::LessOrEqual => order.is_le(),
            }))
        }),
        (Function::Arithmetic(DataType::Integer, operation), numbers) => integers(operation, numbers),
        (Function::Arithmetic(_, operation), numbers) => doubles(operation, numbers),
        (Function::Modulo, [Value::Integer(a), Value::Integer(b)]) => {
            a.checked_rem(*b).map(Value::Integer).ok_or("division by zero")
        }
        (Function::Absolute(_), [Value::Integer(number)]) => number.checked_abs().map(Value::Integer).ok_or(OVERFLOW),
        (Function::Absolute(_), [Value::Double(number)]) => Ok(Value::Double(number.abs())),
        (Function::Round, [Value::Double(number)]) => Ok(Value::Double(number.round_ties_even())),
        (Function::Floor, [Value::Double(number)]) => Ok(Value::Double(number.floor())),
        (Function::DoubleToInteger, [Value::Double(number)]) => to_integer(*number),
        #[expect(clippy::cast_precision_loss, reason = "a double has less precision, and is asked for")]
        (Function::IntegerToDouble, [Value::Integer(number)]) => Ok(Value::Double(*number as f64)),
        (Function::Not, [Value::Boolean(truth)]) => Ok(Value::Boolean(!truth)),
        (Function::AddDuration(..), [moment, duration]) => plus_duration(moment, duration, false),
        (Function::SubtractDuration(..), [moment, duration]) => plus_duration(moment, duration, true),
        (Function::TimeInRange, [Value::Time(time), Value::Time(lower), Value::Time(upper)]) => {
            Ok(Value::Boolean(time.is_between(*lower, *upper)))
        }
        (Function::ToString(_), [value]) => Ok(Value::String(value.to_string().into())),
        (Function::FromString(of), [Value::String(text)]) => {
            of.parse(text).map_err(|_| "the text is not a value of the type")
        }
        (Function::X500NameMatch, [Value::X500Name(end), Value::X500Name(name)]) => {
            Ok(Value::Boolean(end.is_end_of(name)))
        }
        (Function::Rfc822NameMatch, [Value::String(pattern), Value::Rfc822Name(name)]) => {
            Ok(Value::Boolean(name.matches(pattern)))
        }
        (Function::RegexpMatch(_), [Value::String(source), value]) => {
            let text = value.as_str().map_or_else(|| Cow::Owned(value.to_string()), Cow::Borrowed);
            match pattern {
                Some(pattern) => Ok(Value::Boolean(pattern.is_in(&text))),
                None => Ok(Value::Boolean(Pattern::compile(source)?.is_in(&text))),
            }
        }
        (function, texts) => text(function, texts),
    }
}

/// Functions of strings and URIs.
fn text(function: Function, arguments: &[&Value]) -> Result<Value, Reason> {
    let string = |text: &str| Ok(Value::String(text.into()));
    match (function, arguments) {
        (Function::NormalizeSpace, [Value::String(text)]) => string(text.trim_matches([' ', '\t', '\n', '\r'])),
        (Function::NormalizeToLowerCase, [Value::String(text)]) => string(&text.to_lowercase()),
        (Function::Concatenate, parts) => {
            let parts = parts.iter().map(|part| part.as_str().ok_or(TYPES)).collect::<Result<Vec<_>, _>>()?;
            if parts.iter().map(|part| part.len()).sum::<usize>() > MAX_TEXT {
                return Err("the text becomes too long");
            }
            string(&parts.concat())
        }
        (Function::Substring(_), [text, Value::Integer(begin), Value::Integer(end)]) => {
            substring(text.as_str().ok_or(TYPES)?, *begin, *end).map(|part| Value::String(part.into()))
        }
        (Function::StartsWith(_), [part, text]) => both(part, text, |part, text| text.starts_with(part)),
        (Function::EndsWith(_), [part, text]) => both(part, text, |part, text| text.ends_with(part)),
        (Function::Contains(_), [part, text]) => both(part, text, |part, text| text.contains(part)),
        _ => Err(TYPES),
    }
}

/// The longest text that joining makes, in bytes.
const MAX_TEXT: usize = 1 << 20;

fn both(part: &Value, text: &Value, holds: impl Fn(&str, &str) -> bool) -> Result<Value, Reason> {
    let (part, text) = part.as_str().zip(text.as_str()).ok_or(TYPES)?;
    Ok(Value::Boolean(holds(part, text)))
}

/// The characters from `begin` up to `end`, counted from 0; an end of -1 is that of the text (§A.3.9).
fn substring(text: &str, begin: i128, end: i128) -> Result<&str, Reason> {
    const OUTSIDE: Reason = "the part asked for is not within the text";
    let length = text.chars().count();
    let begin = usize::try_from(begin).map_err(|_| OUTSIDE)?;
    let end = if end == -1 { length } else { usize::try_from(end).map_err(|_| OUTSIDE)? };
    if begin > end || end > length {
        return Err(OUTSIDE);
    }
    let at = |position: usize| text.char_indices().nth(position).map_or(text.len(), |(offset, _)| offset);
    text.get(at(begin)..at(end)).ok_or(OUTSIDE)
}

/// The order of two values; `None` for doubles of which one is not a number.
fn compare(a: &Value, b: &Value) -> Result<Option<Ordering>, Reason> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(Some(a.cmp(b))),
        (Value::Integer(a), Value::Integer(b)) => Ok(Some(a.cmp(b))),
        (Value::Double(a), Value::Double(b)) => Ok(a.partial_cmp(b)),
        (Value::Time(a), Value::Time(b)) => Ok(Some(a.cmp(b))),
        (Value::Date(a), Value::Date(b)) => Ok(Some(a.cmp(b))),
        (Value::DateTime(a), Value::DateTime(b)) => Ok(Some(a.cmp(b))),
        _ => Err(TYPES),
    }
}

fn integers(operation: Arithmetic, numbers: &[&Value]) -> Result<Value, Reason> {
    let mut numbers = numbers.iter().map(|value| match value {
        Value::Integer(number) => Ok(*number),
        _ => Err(TYPES),
    });
    let mut result = numbers.next().ok_or(TYPES)??;
    for number in numbers {
        let number = number?;
        result = match operation {
            Arithmetic::Add => result.checked_add(number),
            Arithmetic::Subtract => result.checked_sub(number),
            Arithmetic::Multiply => result.checked_mul(number),
            Arithmetic::Divide if number == 0 => return Err("division by zero"),
            Arithmetic::Divide => result.checked_div(number),
        }
        .ok_or(OVERFLOW)?;
    }
    Ok(Value::Integer(result))
}

fn doubles(operation: Arithmetic, numbers: &[&Value]) -> Result<Value, Reason> {
    let mut numbers = numbers.iter().map(|value| match value {
        Value::Double(number) => Ok(*number),
        _ => Err(TYPES),
    });
    let mut result = numbers.next().ok_or(TYPES)??;
    for number in numbers {
        let number = number?;
        result = match operation {
            Arithmetic::Add => result + number,
            Arithmetic::Subtract => result - number,
            Arithmetic::Multiply => result * number,
            Arithmetic::Divide if number == 0.0 => return Err("division by zero"),
            Arithmetic::Divide => result / number,
        };
    }
    Ok(Value::Double(result))
}

fn to_integer(number: f64) -> Result<Value, Reason> {
    let whole = number.trunc();
    // The bound is a power of two, which a double has exactly.
    let bound = 2f64.powi(127);
    if whole.is_nan() || whole >= bound || whole < -bound {
        return Err(OVERFLOW);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within the bounds")]
    Ok(Value::Integer(whole as i128))
}

fn plus_duration(moment: &Value, duration: &Value, subtract: bool) -> Result<Value, Reason> {
    let result = match (moment, duration) {
        (Value::DateTime(moment), Value::DayTimeDuration(duration)) => {
            let duration = if subtract { duration.negated() } else { *duration };
            moment.plus_duration(duration).map(Value::DateTime)
        }
        (Value::DateTime(moment), Value::YearMonthDuration(duration)) => {
            let duration = if subtract { duration.negated() } else { *duration };
            moment.plus_months(duration).map(Value::DateTime)
        }
        (Value::Date(date), Value::YearMonthDuration(duration)) => {
            let duration = if subtract { duration.negated() } else { *duration };
            date.plus_months(duration).map(Value::Date)
        }
        _ => return Err(TYPES),
    };
    result.ok_or(OVERFLOW)
}

fn set<'a>(operation: SetOperation, arguments: &[Operand<'a>]) -> Result<Operand<'a>, Reason> {
    let bags = arguments
        .iter()
        .map(|argument| match argument {
            Operand::Bag(bag) => Ok(bag),
            Operand::One(_) => Err(TYPES),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let [first, rest @ ..] = bags.as_slice() else { return Err(TYPES) };
    let sets = rest.iter().map(|bag| members(bag)).collect::<Vec<_>>();
    let in_all = |value: &&Value| sets.iter().all(|set| set.contains(value));
    Ok(match operation {
        SetOperation::AtLeastOneMemberOf => truth(first.iter().any(|value| in_all(&value))),
        SetOperation::Subset => truth(first.iter().all(|value| in_all(&value))),
        SetOperation::SetEquals => {
            let own = members(first);
            truth(sets.iter().all(|set| *set == own))
        }
        SetOperation::Intersection => distinct(first.iter().filter(in_all)),
        SetOperation::Union => distinct(bags.iter().flat_map(|bag| bag.iter())),
    })
}

fn members<'a>(bag: &'a Bag<'_>) -> HashSet<&'a Value> {
    bag.iter().collect()
}

/// Each value once, in the order of its first occurrence.
fn distinct<'a>(values: impl Iterator<Item = &'a Value>) -> Operand<'static> {
    let mut seen = HashSet::new();
    let values: Vec<Value> = values.filter(|value| seen.insert(*value)).cloned().collect();
    Operand::Bag(Bag::Computed(values))
}
