//! Combining algorithms (core specification, appendix C).
//!
//! None of them lets a NotApplicable change anything. That is what allows the engine to leave out what cannot apply.

use crate::decision::{Decision, Indeterminate};

/// How the decisions of several rules, or of several policies, become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CombiningAlgorithm {
    /// A Deny wins (C.2, C.4).
    DenyOverrides,
    /// A Permit wins (C.3, C.5).
    PermitOverrides,
    /// Permit if anything permits, else Deny (C.6).
    DenyUnlessPermit,
    /// Deny if anything denies, else Permit (C.7).
    PermitUnlessDeny,
    /// The first that applies (C.8).
    FirstApplicable,
    /// The only one whose target is met; an error if there are more (C.9). For policies.
    OnlyOneApplicable,
    /// Version 1: a Deny wins, an error that might be one hides a Permit (C.10). For rules.
    LegacyRuleDenyOverrides,
    /// Version 1: a Deny wins, and an error is one (C.11). For policies.
    LegacyPolicyDenyOverrides,
    /// Version 1: a Permit wins, an error that might be one hides a Deny (C.12). For rules.
    LegacyRulePermitOverrides,
    /// Version 1: a Permit wins, a Deny hides errors (C.13). For policies.
    LegacyPolicyPermitOverrides,
}

impl CombiningAlgorithm {
    /// The rule-combining algorithm with this identifier. What is combined is always taken in order, so that the
    /// ordered forms are the plain ones. The identifiers that 3.0 has for policies are accepted, since policies in use
    /// have them here.
    pub fn for_rules(uri: &str) -> Option<Self> {
        let name = |prefix| uri.strip_prefix(prefix);
        if let Some(name) = name("urn:oasis:names:tc:xacml:1.0:rule-combining-algorithm:") {
            return match name {
                "first-applicable" => Some(Self::FirstApplicable),
                "deny-overrides" => Some(Self::LegacyRuleDenyOverrides),
                "permit-overrides" => Some(Self::LegacyRulePermitOverrides),
                _ => None,
            };
        }
        if let Some(name) = name("urn:oasis:names:tc:xacml:1.1:rule-combining-algorithm:") {
            return match name {
                "ordered-deny-overrides" => Some(Self::LegacyRuleDenyOverrides),
                "ordered-permit-overrides" => Some(Self::LegacyRulePermitOverrides),
                _ => None,
            };
        }
        if uri == "urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:first-applicable" {
            return Some(Self::FirstApplicable);
        }
        name("urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:")
            .or_else(|| name("urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:"))
            .and_then(Self::of_version_3)
    }

    /// The policy-combining algorithm with this identifier.
    pub fn for_policies(uri: &str) -> Option<Self> {
        let name = |prefix| uri.strip_prefix(prefix);
        if let Some(name) = name("urn:oasis:names:tc:xacml:1.0:policy-combining-algorithm:") {
            return match name {
                "first-applicable" => Some(Self::FirstApplicable),
                "only-one-applicable" => Some(Self::OnlyOneApplicable),
                "deny-overrides" => Some(Self::LegacyPolicyDenyOverrides),
                "permit-overrides" => Some(Self::LegacyPolicyPermitOverrides),
                _ => None,
            };
        }
        if let Some(name) = name("urn:oasis:names:tc:xacml:1.1:policy-combining-algorithm:") {
            return match name {
                "ordered-deny-overrides" => Some(Self::LegacyPolicyDenyOverrides),
                "ordered-permit-overrides" => Some(Self::LegacyPolicyPermitOverrides),
                _ => None,
            };
        }
        name("urn:oasis:names:tc:xacml:3.0:policy-combining-algorithm:").and_then(Self::of_version_3)
    }

    fn of_version_3(name: &str) -> Option<Self> {
        match name {
            "deny-overrides" | "ordered-deny-overrides" => Some(Self::DenyOverrides),
            "permit-overrides" | "ordered-permit-overrides" => Some(Self::PermitOverrides),
            "deny-unless-permit" => Some(Self::DenyUnlessPermit),
            "permit-unless-deny" => Some(Self::PermitUnlessDeny),
            _ => None,
        }
    }

    /// Whether the result is NotApplicable when nothing that is combined applies.
    pub(crate) fn is_silent_without_members(self) -> bool {
        !matches!(self, Self::DenyUnlessPermit | Self::PermitUnlessDeny)
    }

    /// Combines decisions, which are asked for one by one and only as long as they matter. Of
    /// [`Self::OnlyOneApplicable`] this is the part that is left when the only one has been found.
    pub(crate) fn combine(self, decisions: impl Iterator<Item = Decision>) -> Decision {
        let decision = self.combine_extended(decisions);
        match (self, decision) {
            // C.1: the others do not keep track of what an error might have hidden; that may be either.
            (
                Self::DenyOverrides | Self::PermitOverrides | Self::DenyUnlessPermit | Self::PermitUnlessDeny,
                decision,
            ) => decision,
            (_, Decision::Indeterminate(_)) => Decision::Indeterminate(Indeterminate::Both),
            (_, decision) => decision,
        }
    }

    fn combine_extended(self, decisions: impl Iterator<Item = Decision>) -> Decision {
        match self {
            Self::DenyOverrides => overrides(decisions, Decision::Deny, Decision::Permit),
            Self::PermitOverrides => overrides(decisions, Decision::Permit, Decision::Deny),
            Self::DenyUnlessPermit => unless(decisions, Decision::Permit, Decision::Deny),
            Self::PermitUnlessDeny => unless(decisions, Decision::Deny, Decision::Permit),
            Self::FirstApplicable | Self::OnlyOneApplicable => first_applicable(decisions),
            Self::LegacyRuleDenyOverrides => legacy_rules(decisions, Decision::Deny, Decision::Permit),
            Self::LegacyRulePermitOverrides => legacy_rules(decisions, Decision::Permit, Decision::Deny),
            Self::LegacyPolicyDenyOverrides => {
                let is_error = |decision| matches!(decision, Decision::Indeterminate(_));
                let errors_deny = decisions.map(|decision| if is_error(decision) { Decision::Deny } else { decision });
                overrides(errors_deny, Decision::Deny, Decision::Permit)
            }
            Self::LegacyPolicyPermitOverrides => legacy_policies_permit(decisions),
        }
    }
}

fn unless(mut decisions: impl Iterator<Item = Decision>, wanted: Decision, otherwise: Decision) -> Decision {
    if decisions.any(|decision| decision == wanted) { wanted } else { otherwise }
}

fn first_applicable(mut decisions: impl Iterator<Item = Decision>) -> Decision {
    decisions.find(|decision| *decision != Decision::NotApplicable).unwrap_or(Decision::NotApplicable)
}

fn error_of(effect: Decision) -> Indeterminate {
    if effect == Decision::Permit { Indeterminate::Permit } else { Indeterminate::Deny }
}

/// C.2 to C.5, of which two are the mirror of the other two.
fn overrides(decisions: impl Iterator<Item = Decision>, winner: Decision, loser: Decision) -> Decision {
    let (winner_error, loser_error) = (error_of(winner), error_of(loser));
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

/// C.10 and C.12.
fn legacy_rules(decisions: impl Iterator<Item = Decision>, winner: Decision, loser: Decision) -> Decision {
    let (mut lost, mut maybe_winner, mut error) = (false, false, None);
    for decision in decisions {
        match decision {
            decision if decision == winner => return winner,
            decision if decision == loser => lost = true,
            Decision::Indeterminate(of) => {
                error = Some(decision);
                maybe_winner |= of != error_of(loser);
            }
            _ => {}
        }
    }
    match error {
        Some(error) if maybe_winner || !lost => error,
        _ if lost => loser,
        _ => Decision::NotApplicable,
    }
}

/// C.13.
fn legacy_policies_permit(decisions: impl Iterator<Item = Decision>) -> Decision {
    let (mut denied, mut error) = (false, None);
    for decision in decisions {
        match decision {
            Decision::Permit => return Decision::Permit,
            Decision::Deny => denied = true,
            Decision::Indeterminate(_) => error = Some(decision),
            Decision::NotApplicable => {}
        }
    }
    if denied { Decision::Deny } else { error.unwrap_or(Decision::NotApplicable) }
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
    const ALL: [CombiningAlgorithm; 10] = [
        DenyOverrides,
        PermitOverrides,
        DenyUnlessPermit,
        PermitUnlessDeny,
        FirstApplicable,
        OnlyOneApplicable,
        LegacyRuleDenyOverrides,
        LegacyPolicyDenyOverrides,
        LegacyRulePermitOverrides,
        LegacyPolicyPermitOverrides,
    ];

    fn combine(algorithm: CombiningAlgorithm, decisions: &[Decision]) -> Decision {
        algorithm.combine(decisions.iter().copied())
    }

    #[test]
    fn nothing_to_combine() {
        for algorithm in ALL {
            let expected = match algorithm {
                DenyUnlessPermit => D,
                PermitUnlessDeny => P,
                _ => N,
            };
            assert_eq!(combine(algorithm, &[]), expected, "{algorithm:?}");
            assert_eq!(algorithm.is_silent_without_members(), expected == N);
        }
    }

    #[test]
    fn what_does_not_apply_changes_nothing() {
        let all = [P, D, N, IP, ID, IDP];
        for algorithm in ALL {
            for a in all {
                for b in all {
                    assert_eq!(
                        combine(algorithm, &[N, a, N, b, N]),
                        combine(algorithm, &[a, b]),
                        "{algorithm:?} {a:?} {b:?}"
                    );
                }
            }
        }
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
        for (one, other) in [(DenyOverrides, PermitOverrides), (LegacyRuleDenyOverrides, LegacyRulePermitOverrides)] {
            for a in all {
                for b in all {
                    for c in all {
                        let deny = combine(one, &[a, b, c]);
                        let permit = combine(other, &[mirror(a), mirror(b), mirror(c)]);
                        assert_eq!(permit, mirror(deny), "{a:?} {b:?} {c:?}");
                    }
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
        // What follows a rule that fails may be of the other effect.
        assert_eq!(combine(FirstApplicable, &[N, IP, P]), IDP);
        assert_eq!(combine(FirstApplicable, &[N, D, P]), D);
    }

    #[test]
    fn the_algorithms_of_version_1() {
        for (algorithm, decisions, expected) in [
            (LegacyRuleDenyOverrides, vec![ID, P], IDP),
            (LegacyRuleDenyOverrides, vec![IP, P], P),
            (LegacyRuleDenyOverrides, vec![IP], IDP),
            (LegacyRuleDenyOverrides, vec![ID, D], D),
            (LegacyPolicyDenyOverrides, vec![P, IP], D),
            (LegacyPolicyDenyOverrides, vec![P, N], P),
            (LegacyPolicyPermitOverrides, vec![D, IP], D),
            (LegacyPolicyPermitOverrides, vec![IP, N], IDP),
            (LegacyPolicyPermitOverrides, vec![IP, D, P], P),
        ] {
            assert_eq!(combine(algorithm, &decisions), expected, "{algorithm:?} {decisions:?}");
        }
    }

    #[test]
    fn identifiers_say_what_they_combine() {
        let rule = |name: &str| CombiningAlgorithm::for_rules(&format!("urn:oasis:names:tc:xacml:{name}"));
        let policy = |name: &str| CombiningAlgorithm::for_policies(&format!("urn:oasis:names:tc:xacml:{name}"));
        assert_eq!(rule("3.0:rule-combining-algorithm:ordered-deny-overrides"), Some(DenyOverrides));
        assert_eq!(rule("3.0:policy-combining-algorithm:deny-overrides"), Some(DenyOverrides));
        assert_eq!(rule("1.0:policy-combining-algorithm:only-one-applicable"), None);
        assert_eq!(rule("1.1:rule-combining-algorithm:ordered-permit-overrides"), Some(LegacyRulePermitOverrides));
        assert_eq!(policy("1.0:policy-combining-algorithm:only-one-applicable"), Some(OnlyOneApplicable));
        assert_eq!(policy("1.0:policy-combining-algorithm:deny-overrides"), Some(LegacyPolicyDenyOverrides));
        assert_eq!(
            policy("1.1:policy-combining-algorithm:ordered-permit-overrides"),
            Some(LegacyPolicyPermitOverrides)
        );
        assert_eq!(policy("3.0:rule-combining-algorithm:deny-overrides"), None);
        assert_eq!(policy("3.0:policy-combining-algorithm:sometimes"), None);
    }
}
