//! A request as a decision point sees it: the values of the attributes that its policies look at, with their symbols.

use smallvec::SmallVec;

use crate::category;
use crate::compile::{CLOCK, DecisionPoint, Id, NO_SYMBOL, Sameness, Signs, Slot, sign};
use crate::evaluate::Environment;
use crate::request::{Attribute, AttributeCategory, Request};
use crate::value::{DateTime, Value};

/// The values of one slot: a stretch of the table in [`Bound`].
#[derive(Debug, Clone, Copy, Default)]
struct Bag {
    start: u32,
    end: u32,
    /// The signs of all symbols, exact and without regard to case.
    signs: [Signs; 2],
}

/// A value, with its symbols.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BoundValue<'a> {
    pub(crate) value: &'a Value,
    symbols: [Id; 2],
}

impl BoundValue<'_> {
    pub(crate) fn symbol(&self, sameness: Sameness) -> Id {
        match sameness {
            Sameness::Exact => self.symbols[0],
            Sameness::IgnoreCase => self.symbols[1],
        }
    }
}

/// The time of the decision in the three forms that policies ask for.
pub(crate) struct Clock([Value; 3]);

impl Clock {
    pub(crate) fn at(now: DateTime) -> Self {
        Self([Value::Time(now.time()), Value::Date(now.date()), Value::DateTime(now)])
    }
}

/// Attributes with the slots that ask for them.
type Found<'a> = SmallVec<[(Id, &'a [Value]); 8]>;

/// Decision points with more slots than this have those of a request searched for.
const DIRECT: usize = 64;

/// The attributes of a request, by slot. Requests of the usual size need no memory of their own here.
#[derive(Debug, Default)]
pub(crate) struct Bound<'a> {
    /// By the slot's number, where there are not too many.
    direct: SmallVec<[Bag; 16]>,
    /// Else in the order of their slots.
    sorted: Vec<(Id, Bag)>,
    values: SmallVec<[BoundValue<'a>; 16]>,
}

impl<'a> Bound<'a> {
    /// Looks up the attributes of the request, and those of the host that the request says nothing of.
    pub(crate) fn fill(
        &mut self,
        point: &DecisionPoint,
        request: &'a Request,
        environment: &'a Environment,
        clock: &'a Clock,
    ) {
        if point.slots.len() <= DIRECT {
            self.direct.resize(point.slots.len(), Bag::default());
        }
        let mut found = Found::new();
        for group in &request.categories {
            find(point, group, &mut found, |_| true);
        }
        for group in &environment.attributes {
            let is_new =
                |attribute: &Attribute| request.attributes(&group.category).all(|known| known.id != attribute.id);
            find(point, group, &mut found, is_new);
        }
        for (((name, _), slots), value) in CLOCK.iter().zip(&point.clock).zip(&clock.0) {
            if !slots.is_empty() && !says(request, environment, name) {
                found.extend(slots.iter().map(|slot| (*slot, std::slice::from_ref(value))));
            }
        }
        // The values of a slot stand together, wherever they come from.
        if !found.is_sorted_by_key(|(slot, _)| *slot) {
            found.sort_by_key(|(slot, _)| *slot);
        }
        for (slot, values) in found {
            self.add(point, slot, values);
        }
    }

    fn add(&mut self, point: &DecisionPoint, slot: Id, values: &'a [Value]) {
        let Some(Slot { data_type, exact, ignore_case, .. }) = point.slots.get(slot as usize) else { return };
        let mut bag = Bag { start: self.length(), ..Bag::default() };
        self.values.extend(values.iter().filter(|value| value.data_type() == *data_type).map(|value| {
            let mut symbols = [NO_SYMBOL; 2];
            if let Some(text) = value.as_text() {
                if *exact {
                    symbols[0] = point.symbols.find(text, Sameness::Exact);
                }
                if *ignore_case {
                    symbols[1] = point.symbols.find(text, Sameness::IgnoreCase);
                }
            }
            bag.signs[0] |= sign(symbols[0]);
            bag.signs[1] |= sign(symbols[1]);
            BoundValue { value, symbols }
        }));
        bag.end = self.length();
        // What follows for the same slot goes on where this ends.
        let extend = |known: &mut Bag| {
            if known.end == 0 {
                *known = bag;
            } else {
                known.end = bag.end;
                known.signs[0] |= bag.signs[0];
                known.signs[1] |= bag.signs[1];
            }
        };
        if let Some(known) = self.direct.get_mut(slot as usize) {
            extend(known);
        } else {
            match self.sorted.last_mut() {
                Some((last, known)) if *last == slot => extend(known),
                _ => self.sorted.push((slot, bag)),
            }
        }
    }

    /// How many values there are. Documents are too small for more than a number of this size can count.
    fn length(&self) -> u32 {
        u32::try_from(self.values.len()).unwrap_or(u32::MAX)
    }

    /// The tables, for looking at them often.
    pub(crate) fn view(&self) -> View<'_, 'a> {
        View { direct: &self.direct, sorted: &self.sorted, values: &self.values }
    }
}

/// A look at a [`Bound`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'b, 'a> {
    direct: &'b [Bag],
    sorted: &'b [(Id, Bag)],
    values: &'b [BoundValue<'a>],
}

impl<'b, 'a> View<'b, 'a> {
    fn bag(&self, slot: Id) -> Option<&'b Bag> {
        if let Some(bag) = self.direct.get(slot as usize) {
            return Some(bag);
        }
        let found = self.sorted.binary_search_by_key(&slot, |(slot, _)| *slot).ok();
        found.and_then(|at| self.sorted.get(at)).map(|(_, bag)| bag)
    }

    /// The values of a slot.
    pub(crate) fn values(&self, slot: Id) -> &'b [BoundValue<'a>] {
        self.bag(slot).and_then(|bag| self.values.get(bag.start as usize..bag.end as usize)).unwrap_or_default()
    }

    /// Whether a value of a slot may have one of some symbols, by their signs.
    #[inline]
    pub(crate) fn may_have_one_of(&self, slot: Id, sameness: Sameness, signs: Signs) -> bool {
        let own = self.bag(slot).map_or([0; 2], |bag| bag.signs);
        let own = match sameness {
            Sameness::Exact => own[0],
            Sameness::IgnoreCase => own[1],
        };
        own & signs != 0
    }
}

/// Adds the values of the attributes in a category that are taken and that slots ask for.
fn find<'a>(
    point: &DecisionPoint,
    group: &'a AttributeCategory,
    found: &mut Found<'a>,
    is_taken: impl Fn(&Attribute) -> bool,
) {
    for attribute in &group.attributes {
        let slots = point.slots_of(&group.category, &attribute.id);
        if slots.is_empty() || !is_taken(attribute) {
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

/// Whether the request or the host says something of the environment by this name.
fn says(request: &Request, environment: &Environment, name: &str) -> bool {
    let supplied = environment.attributes.iter().filter(|group| group.category == *category::ENVIRONMENT);
    let mut known = request.attributes(category::ENVIRONMENT).chain(supplied.flat_map(|group| &group.attributes));
    known.any(|attribute| attribute.id == *name)
}
