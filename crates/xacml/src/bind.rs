//! A request as a decision point sees it: the values of the attributes that its policies look at, with their symbols.

use crate::compile::{CLOCK, DecisionPoint, Id, NO_SYMBOL, Sameness, Slot};
use crate::evaluate::Environment;
use crate::request::{Attribute, AttributeCategory, Request};
use crate::value::{DateTime, Value};
use crate::{category, value::DataType};

/// The values of one slot: a stretch of the tables in [`Bound`].
#[derive(Debug, Clone, Copy)]
struct Bag {
    slot: Id,
    start: usize,
    end: usize,
}

/// The time of the decision in the three forms that policies ask for.
pub(crate) struct Clock([Value; 3]);

impl Clock {
    pub(crate) fn at(now: DateTime) -> Self {
        Self([Value::Time(now.time()), Value::Date(now.date()), Value::DateTime(now)])
    }
}

/// The attributes of a request, by slot.
#[derive(Debug, Default)]
pub(crate) struct Bound<'a> {
    /// Those with values, in the order of their slots.
    bags: Vec<Bag>,
    values: Vec<&'a Value>,
    exact: Vec<Id>,
    ignoring_case: Vec<Id>,
}

impl<'a> Bound<'a> {
    /// Looks up the attributes of the request, and those of the host that the request says nothing of.
    pub(crate) fn new(
        point: &DecisionPoint,
        request: &'a Request,
        environment: &'a Environment,
        clock: &'a Clock,
    ) -> Self {
        let mut found: Vec<(Id, &'a [Value])> = Vec::with_capacity(16);
        for group in &request.categories {
            find(point, group, &mut found, |_| true);
        }
        if !environment.attributes.is_empty() {
            let is_new = |group: &AttributeCategory, attribute: &Attribute| {
                request.attributes(&group.category).all(|known| known.id != attribute.id)
            };
            for group in &environment.attributes {
                find(point, group, &mut found, |attribute| is_new(group, attribute));
            }
        }
        if let Some(names) = point.attributes.get(category::ENVIRONMENT) {
            for ((name, data_type), value) in CLOCK.iter().zip(&clock.0) {
                supply_clock(point, request, environment, names.get(*name), (name, *data_type), value, &mut found);
            }
        }
        found.sort_by_key(|(slot, _)| *slot);
        let mut bound = Self::default();
        bound.values.reserve(found.iter().map(|(_, values)| values.len()).sum());
        for (slot, values) in found {
            bound.add(point, slot, values);
        }
        bound
    }

    fn add(&mut self, point: &DecisionPoint, slot: Id, values: &'a [Value]) {
        let Some(Slot { data_type, exact, ignore_case, .. }) = point.slots.get(slot as usize) else { return };
        let start = self.values.len();
        for value in values.iter().filter(|value| value.data_type() == *data_type) {
            let text = value.as_str();
            let symbol = |wanted: bool, look_up: &dyn Fn(&str) -> Id| match text {
                Some(text) if wanted => look_up(text),
                _ => NO_SYMBOL,
            };
            self.values.push(value);
            self.exact.push(symbol(*exact, &|text| point.symbols.exact(text)));
            self.ignoring_case.push(symbol(*ignore_case, &|text| point.symbols.ignoring_case(text)));
        }
        let end = self.values.len();
        match self.bags.last_mut() {
            Some(bag) if bag.slot == slot => bag.end = end,
            _ if start < end => self.bags.push(Bag { slot, start, end }),
            _ => {}
        }
    }

    fn bag(&self, slot: Id) -> Option<&Bag> {
        // Few attributes are looked through faster than they are searched.
        const FEW: usize = 16;
        if self.bags.len() <= FEW {
            return self.bags.iter().find(|bag| bag.slot == slot);
        }
        self.bags.binary_search_by_key(&slot, |bag| bag.slot).ok().and_then(|at| self.bags.get(at))
    }

    /// The values of a slot.
    pub(crate) fn values(&self, slot: Id) -> &[&'a Value] {
        self.bag(slot).and_then(|bag| self.values.get(bag.start..bag.end)).unwrap_or_default()
    }

    /// The symbols of the values of a slot, as many as there are values.
    pub(crate) fn symbols(&self, slot: Id, sameness: Sameness) -> &[Id] {
        let table = match sameness {
            Sameness::Exact => &self.exact,
            Sameness::IgnoreCase => &self.ignoring_case,
        };
        self.bag(slot).and_then(|bag| table.get(bag.start..bag.end)).unwrap_or_default()
    }
}

/// Adds the values of the attributes in a category that are taken and that slots ask for.
fn find<'a>(
    point: &DecisionPoint,
    group: &'a AttributeCategory,
    found: &mut Vec<(Id, &'a [Value])>,
    is_taken: impl Fn(&Attribute) -> bool,
) {
    let Some(names) = point.attributes.get(group.category.as_str()) else { return };
    for attribute in &group.attributes {
        let Some(slots) = names.get(attribute.id.as_str()) else { continue };
        if !is_taken(attribute) {
            continue;
        }
        for id in slots {
            let Some(slot) = point.slots.get(*id as usize) else { continue };
            if slot.issuer.is_none() || slot.issuer == attribute.issuer {
                found.push((*id, &attribute.values));
            }
        }
    }
}

/// Adds the time, where policies ask for it and nobody else says it.
fn supply_clock<'a>(
    point: &DecisionPoint,
    request: &Request,
    environment: &Environment,
    slots: Option<&Vec<Id>>,
    (name, data_type): (&str, DataType),
    value: &'a Value,
    found: &mut Vec<(Id, &'a [Value])>,
) {
    let Some(slots) = slots else { return };
    let supplied = environment.attributes.iter().filter(|group| group.category == category::ENVIRONMENT);
    let is_known = request
        .attributes(category::ENVIRONMENT)
        .chain(supplied.flat_map(|group| &group.attributes))
        .any(|attribute| attribute.id == name);
    let ours = |slot: &&Id| {
        let slot = point.slots.get(**slot as usize);
        slot.is_some_and(|slot| slot.data_type == data_type && slot.issuer.is_none())
    };
    if !is_known {
        found.extend(slots.iter().filter(ours).map(|slot| (*slot, std::slice::from_ref(value))));
    }
}
