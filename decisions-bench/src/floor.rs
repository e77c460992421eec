//! The least that could answer the questions: a few operations on sets of bits, written for exactly these questions.

use foldhash::fast::FixedState;

use crate::world::{ACTIONS, PACKAGES, Question, ROLES, World, Written, subject_text};

type Map<K> = std::collections::HashMap<K, usize, FixedState>;

const WORDS: usize = (ROLES + PACKAGES).div_ceil(64);

/// A set of roles and packages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Subjects([u64; WORDS]);

impl Subjects {
    fn add(&mut self, subject: usize) {
        self.0[subject / 64] |= 1 << (subject % 64);
    }

    fn meets(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Permit,
    #[expect(dead_code, reason = "none of these rules denies; that one might is part of the work")]
    Deny,
}

/// The rules as sets, and the texts by their numbers.
#[derive(Debug)]
pub struct Floor {
    rules: Vec<Vec<(Subjects, u8, Effect)>>,
    services: Map<String>,
    roles: Map<String>,
    packages: Map<String>,
    actions: Map<String>,
}

/// A question with everything looked up.
#[derive(Debug)]
pub struct Prepared {
    service: usize,
    subjects: Subjects,
    action: u8,
}

impl Floor {
    /// The rules of a world.
    pub fn new(world: &World) -> Self {
        let rules = world.services.iter().map(|service| {
            let of = service.rules.iter().map(|rule| {
                let actions = rule.actions.iter().fold(0, |all, action| all | 1 << action);
                (subjects(&rule.subjects), actions, Effect::Permit)
            });
            of.collect()
        });
        let texts = |range: std::ops::Range<usize>| range.map(|subject| (subject_text(subject), subject)).collect();
        Self {
            rules: rules.collect(),
            services: world.services.iter().enumerate().map(|(at, service)| (service.name.clone(), at)).collect(),
            roles: texts(0..ROLES),
            packages: texts(ROLES..ROLES + PACKAGES),
            actions: ACTIONS.iter().enumerate().map(|(at, text)| ((*text).to_owned(), at)).collect(),
        }
    }

    /// Whether what is asked for is permitted: all rules are looked at, and what denies wins.
    pub fn permits(&self, question: &Prepared) -> bool {
        let Some(rules) = self.rules.get(question.service) else { return false };
        let mut permitted = false;
        for (subjects, actions, effect) in rules {
            if actions & question.action != 0 && subjects.meets(&question.subjects) {
                match effect {
                    Effect::Permit => permitted = true,
                    Effect::Deny => return false,
                }
            }
        }
        permitted
    }

    /// The same, with everything to be looked up first.
    pub fn permits_written(&self, question: &Written) -> bool {
        let Some(service) = self.services.get(&question.service) else { return false };
        let Some(action) = self.actions.get(&question.action) else { return false };
        let mut subjects = Subjects::default();
        for (is_role, text) in &question.subjects {
            const SHORT: usize = 64;
            let mut buffer = [0; SHORT];
            let Some(lower) = buffer.get_mut(..text.len()) else { continue };
            lower.copy_from_slice(text.as_bytes());
            lower.make_ascii_lowercase();
            let Ok(lower) = std::str::from_utf8(lower) else { continue };
            let known = if *is_role { &self.roles } else { &self.packages };
            if let Some(subject) = known.get(lower) {
                subjects.add(*subject);
            }
        }
        self.permits(&Prepared { service: *service, subjects, action: 1 << action })
    }
}

fn subjects(all: &[usize]) -> Subjects {
    let mut set = Subjects::default();
    for subject in all {
        set.add(*subject);
    }
    set
}

/// A question with everything looked up.
pub fn prepared(question: &Question) -> Prepared {
    Prepared { service: question.service, subjects: subjects(&question.subjects), action: 1 << question.action }
}
