//! Rule-combining algorithms (core specification, appendix C).

use crate::evaluate::{Decision, Indeterminate};

/// How the decisions of several rules become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CombiningAlgorithm {
    /// A Deny wins.
    DenyOverrides,
    /// A Permit wins.
    PermitOverrides,
    /// Permit if anything permits, else Deny.
    DenyUnlessPermit,
    /// Deny if anything denies, else Permit.
    PermitUnlessDeny,
    /// The first that applies.
    FirstApplicable,
}

impl CombiningAlgorithm {
    /// The algorithm with this identifier. Rules are always taken in order, so the ordered forms are the plain ones.
    /// The identifiers of policy-combining algorithms are accepted for rules too, as policies in use have them.
    pub fn from_uri(uri: &str) -> Option<Self> {
        let name = uri
            .strip_prefix("urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:")
            .or_else(|| uri.strip_prefix("urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:"));
        match name {
            Some("deny-overrides" | "ordered-deny-overrides") => return Some(Self::DenyOverrides),
            Some("permit-overrides" | "ordered-permit-overrides") => return Some(Self::PermitOverrides),
            Some("deny-unless-permit") => return Some(Self::DenyUnlessPermit),
            Some("permit-unless-deny") => return Some(Self::PermitUnlessDeny),
            _ => {}
        }
        matches!(
            uri,
            "urn:oasis:names:tc:xacml:1.0:rule-combining-algorithm:first-applicable"
                | "urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:first-applicable"
        )
        .then_some(Self::FirstApplicable)
    }

    /// Combines decisions, which are asked for one by one and only as long as they matter.
    pub(crate) fn combine(self, decisions: impl Iterator<Item = Decision>) -> Decision {
        match self {
            Self::DenyOverrides => overrides(decisions, Decision::Deny, Decision::Permit),
            Self::PermitOverrides => overrides(decisions, Decision::Permit, Decision::Deny),
            Self::DenyUnlessPermit => unless(decisions, Decision::Permit, Decision::Deny),
            Self::PermitUnlessDeny => unless(decisions, Decision::Deny, Decision::Permit),
            Self::FirstApplicable => first_applicable(decisions),
        }
    }
}

fn unless(mut decisions: impl Iterator<Item = Decision>, wanted: Decision, otherwise: Decision) -> Decision {
    if decisions.any(|decision| decision == wanted) { wanted } else { otherwise }
}

fn first_applicable(mut decisions: impl Iterator<Item = Decision>) -> Decision {
    decisions.find(|decision| *decision != Decision::NotApplicable).unwrap_or(Decision::NotApplicable)
}

/// Appendix C.2 and C.4, which are each other's mirror.
fn overrides(decisions: impl Iterator<Item = Decision>, winner: Decision, loser: Decision) -> Decision {
    let of = |effect| match effect {
        Decision::Permit => Indeterminate::Permit,
        _ => Indeterminate::Deny,
    };
    let (winner_error, loser_error) = (of(winner), of(loser));
    let (mut lost, mut both, mut maybe_winner, mut maybe_loser) = (false, false, false, false);
    for decision in decisions {
        match decision {
            decision if decision == winner => return winner,
            decision if decision == loser => lost = true,
            Decision::Indeterminate(Indeterminate::Both) => both = true,
            Decision::Indeterminate(error) if error == winner_error => maybe_winner = true,
            Decision::Indeterminate(_) => maybe_loser = true,
            _ => {}
        }
    }
    if both || (maybe_winner && (maybe_loser || lost)) {
        Decision::Indeterminate(Indeterminate::Both)
    } else if maybe_winner {
        Decision::Indeterminate(winner_error)
    } else if lost {
        loser
    } else if maybe_loser {
        Decision::Indeterminate(loser_error)
    } else {
        Decision::NotApplicable
    }
}

#[cfg(test)]
mod tests {
    use super::CombiningAlgorithm::*;
    use super::*;

    const P: Decision = Decision::Permit;
    const D: Decision = Decision::Deny;
    const N: Decision = Decision::NotApplicable;
    const IP: Decision = Decision::Indeterminate(Indeterminate::Permit);
    const ID: Decision = Decision::Indeterminate(Indeterminate::Deny);
    const IDP: Decision = Decision::Indeterminate(Indeterminate::Both);

    fn combine(algorithm: CombiningAlgorithm, decisions: &[Decision]) -> Decision {
        algorithm.combine(decisions.iter().copied())
    }

    #[test]
    fn no_rules() {
        let results = [DenyOverrides, PermitOverrides, DenyUnlessPermit, PermitUnlessDeny, FirstApplicable]
            .map(|algorithm| combine(algorithm, &[]));
        assert_eq!(results, [N, N, D, P, N]);
    }

    /// Appendix C.2: one row a case.
    #[test]
    fn deny_overrides_as_in_the_standard() {
        for (decisions, expected) in [
            (vec![P, D, IDP], D),
            (vec![IDP, P], IDP),
            (vec![ID, IP], IDP),
            (vec![ID, P], IDP),
            (vec![ID, N], ID),
            (vec![IP, P], P),
            (vec![N, P], P),
            (vec![IP, N], IP),
            (vec![N, N], N),
        ] {
            assert_eq!(combine(DenyOverrides, &decisions), expected, "{decisions:?}");
        }
    }

    #[test]
    fn permit_overrides_mirrors_deny_overrides() {
        let mirror = |decision| match decision {
            P => D,
            D => P,
            IP => ID,
            ID => IP,
            other => other,
        };
        let all = [P, D, N, IP, ID, IDP];
        for a in all {
            for b in all {
                for c in all {
                    let deny = combine(DenyOverrides, &[a, b, c]);
                    let permit = combine(PermitOverrides, &[mirror(a), mirror(b), mirror(c)]);
                    assert_eq!(permit, mirror(deny), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn unless_never_fails_and_first_applicable_takes_the_first() {
        assert_eq!(combine(DenyUnlessPermit, &[IDP, N, P]), P);
        assert_eq!(combine(DenyUnlessPermit, &[IDP, N]), D);
        assert_eq!(combine(PermitUnlessDeny, &[IDP, D]), D);
        assert_eq!(combine(PermitUnlessDeny, &[IDP, N]), P);
        assert_eq!(combine(FirstApplicable, &[N, IP, P]), IP);
        assert_eq!(combine(FirstApplicable, &[N, D, P]), D);
    }
}
