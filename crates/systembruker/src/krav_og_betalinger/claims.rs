//! Made-up claims: different for different organisations, always the same for the same one, and adding up.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use model::OrgNumber;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// An amount in øre, written in kroner with two decimals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount(i64);

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[expect(clippy::cast_precision_loss, reason = "amounts here have at most ten digits")]
        serializer.serialize_f64(self.0 as f64 / 100.0)
    }
}

impl std::iter::Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|amount| amount.0).sum())
    }
}

/// All open claims against an organisation.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AapneKrav {
    part_identifikator: String,
    skjermet: bool,
    aapent_krav_med_gjenstaaende_beloep: Vec<Krav>,
    innbetaling_med_uplassert_beloep: Vec<Innbetaling>,
    total_oversikt: TotalOversikt,
    oversikt_per_kravgruppe: Vec<OversiktPerKravgruppe>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Krav {
    part_identifikator: String,
    kravidentifikator: String,
    kravtype: &'static str,
    kravgruppe: &'static str,
    #[schema(value_type = f64)]
    opprinnelig_beloep: Amount,
    #[schema(value_type = f64)]
    gjenstaaende_beloep: Amount,
    #[schema(value_type = f64)]
    stipulerte_renter: Amount,
    kravforfall: Vec<Kravforfall>,
    kravbeskrivelse: Kravbeskrivelse,
    opprettelsesdato_for_krav: String,
    fastsettingsmaate: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Kravforfall {
    kravforfalls_identifikator: String,
    forfallsdato: String,
    #[schema(value_type = f64)]
    opprinnelig_beloep: Amount,
    #[schema(value_type = f64)]
    gjenstaaende_beloep: Amount,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Kravbeskrivelse {
    spraak_tekst: Vec<SpraakTekst>,
}

#[derive(Debug, Serialize, ToSchema)]
struct SpraakTekst {
    tekst: &'static str,
    spraak: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Innbetaling {
    part_identifikator: String,
    innbetalingsidentifikator: String,
    innbetalingsdato: String,
    #[schema(value_type = f64)]
    innbetalt_beloep: Amount,
    #[schema(value_type = f64)]
    uplassert_beloep: Amount,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TotalOversikt {
    #[schema(value_type = f64)]
    sum_stipulerte_renter: Amount,
    #[schema(value_type = f64)]
    sum_forfalte_krav: Amount,
    #[schema(value_type = f64)]
    sum_ikke_forfalte_krav: Amount,
    #[schema(value_type = f64)]
    sum_uplasserte_innbetalinger: Amount,
    /// What is due, with interest, less what was paid and not yet placed.
    #[schema(value_type = f64)]
    saldo: Amount,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OversiktPerKravgruppe {
    kravgruppe: &'static str,
    #[schema(value_type = f64)]
    sum_stipulerte_renter: Amount,
    #[schema(value_type = f64)]
    sum_forfalte_krav: Amount,
    #[schema(value_type = f64)]
    sum_ikke_forfalte_krav: Amount,
    #[schema(value_type = f64)]
    saldo: Amount,
}

/// A kind of claim.
struct Kind {
    kravtype: &'static str,
    kravgruppe: &'static str,
    nb: &'static str,
    fastsettingsmaate: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind {
        kravtype: "RESTSKATT",
        kravgruppe: "Skatt",
        nb: "Restskatt for upersonlig skattyter",
        fastsettingsmaate: "myndighetsfastsatt",
    },
    Kind {
        kravtype: "MVA",
        kravgruppe: "Merverdiavgift",
        nb: "Merverdiavgift, alminnelig næring",
        fastsettingsmaate: "egenfastsatt",
    },
    Kind {
        kravtype: "ARBEIDSGIVERAVGIFT",
        kravgruppe: "Arbeidsgiveravgift",
        nb: "Arbeidsgiveravgift",
        fastsettingsmaate: "egenfastsatt",
    },
];
const GROUPS: [&str; 3] = ["Skatt", "Merverdiavgift", "Arbeidsgiveravgift"];
/// Interest on overdue claims, in tenths of a percent a year.
const INTEREST: i64 = 120;

/// The open claims against `party` as of `now`.
pub fn open_claims(party: OrgNumber, now: Timestamp) -> AapneKrav {
    let today = now.to_zoned(TimeZone::UTC).date();
    let mut numbers = Numbers::of(party);
    let count = 2 + numbers.below(3);
    let claims: Vec<(Krav, Date)> = (0..count).map(|number| claim(party, number, &mut numbers, today)).collect();
    let payments = payments(party, &mut numbers, today);
    let overdue = |due: &Date| *due < today;
    let sums = |group: Option<&str>| {
        let of_group = claims.iter().filter(|(krav, _)| group.is_none_or(|group| krav.kravgruppe == group));
        let interest: Amount = of_group.clone().map(|(krav, _)| krav.stipulerte_renter).sum();
        let due: Amount =
            of_group.clone().filter(|(_, due)| overdue(due)).map(|(krav, _)| krav.gjenstaaende_beloep).sum();
        let later: Amount = of_group.filter(|(_, due)| !overdue(due)).map(|(krav, _)| krav.gjenstaaende_beloep).sum();
        (interest, due, later)
    };
    let (interest, due, later) = sums(None);
    let unplaced: Amount = payments.iter().map(|payment| payment.uplassert_beloep).sum();
    let per_group = GROUPS.into_iter().filter(|group| claims.iter().any(|(krav, _)| krav.kravgruppe == *group));
    let per_group = per_group.map(|kravgruppe| {
        let (interest, due, later) = sums(Some(kravgruppe));
        OversiktPerKravgruppe {
            kravgruppe,
            sum_stipulerte_renter: interest,
            sum_forfalte_krav: due,
            sum_ikke_forfalte_krav: later,
            saldo: Amount(due.0 + interest.0),
        }
    });
    AapneKrav {
        part_identifikator: party.to_string(),
        skjermet: false,
        oversikt_per_kravgruppe: per_group.collect(),
        aapent_krav_med_gjenstaaende_beloep: claims.into_iter().map(|(krav, _)| krav).collect(),
        innbetaling_med_uplassert_beloep: payments,
        total_oversikt: TotalOversikt {
            sum_stipulerte_renter: interest,
            sum_forfalte_krav: due,
            sum_ikke_forfalte_krav: later,
            sum_uplasserte_innbetalinger: unplaced,
            saldo: Amount(due.0 + interest.0 - unplaced.0),
        },
    }
}

fn claim(party: OrgNumber, number: i64, numbers: &mut Numbers, today: Date) -> (Krav, Date) {
    let [tax, vat, employers] = &KINDS;
    let kind = match numbers.below(3) {
        0 => tax,
        1 => vat,
        _ => employers,
    };
    let original = 10_000 + numbers.below(9_000_000);
    let paid = if numbers.below(3) == 0 { original / 4 } else { 0 };
    let left = original - paid;
    // From a year ago to two months ahead, by the calendar and not by the day one asks.
    let month = date(today.year(), today.month(), 15);
    let due = month.saturating_add((numbers.below(14) - 12).months());
    let days = i64::from((today - due).get_days().max(0));
    let interest = left * INTEREST * days / 1_000 / 365;
    let id = format!("{party}{number:03}");
    let krav = Krav {
        part_identifikator: party.to_string(),
        kravidentifikator: id.clone(),
        kravtype: kind.kravtype,
        kravgruppe: kind.kravgruppe,
        opprinnelig_beloep: Amount(original),
        gjenstaaende_beloep: Amount(left),
        stipulerte_renter: Amount(interest),
        kravforfall: vec![Kravforfall {
            kravforfalls_identifikator: format!("{id}01"),
            forfallsdato: due.to_string(),
            opprinnelig_beloep: Amount(original),
            gjenstaaende_beloep: Amount(left),
        }],
        kravbeskrivelse: Kravbeskrivelse { spraak_tekst: vec![SpraakTekst { tekst: kind.nb, spraak: "nb" }] },
        opprettelsesdato_for_krav: due.saturating_sub(2.months()).to_string(),
        fastsettingsmaate: kind.fastsettingsmaate,
    };
    (krav, due)
}

fn payments(party: OrgNumber, numbers: &mut Numbers, today: Date) -> Vec<Innbetaling> {
    if numbers.below(2) == 0 {
        return vec![];
    }
    let amount = Amount(5_000 + numbers.below(500_000));
    vec![Innbetaling {
        part_identifikator: party.to_string(),
        innbetalingsidentifikator: format!("{party}900"),
        innbetalingsdato: date(today.year(), today.month(), 1).to_string(),
        innbetalt_beloep: amount,
        uplassert_beloep: amount,
    }]
}

/// A sequence of numbers that an organisation number leads to (xorshift64*).
struct Numbers(u64);

impl Numbers {
    fn of(party: OrgNumber) -> Self {
        let seed: u64 = party.as_str().parse().unwrap_or(1);
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: i64) -> i64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        i64::try_from(number).unwrap_or(0) % limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_claims() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        for number in ["310904473", "974761076", "991825827", "314250052"] {
            let open = open_claims(number.parse().unwrap(), now);
            let left: i64 =
                open.aapent_krav_med_gjenstaaende_beloep.iter().map(|krav| krav.gjenstaaende_beloep.0).sum();
            let total = &open.total_oversikt;
            assert_eq!(left, total.sum_forfalte_krav.0 + total.sum_ikke_forfalte_krav.0);
            let groups: i64 = open.oversikt_per_kravgruppe.iter().map(|group| group.saldo.0).sum();
            assert_eq!(total.saldo.0, groups - total.sum_uplasserte_innbetalinger.0);
            assert!(left > 0);
        }
    }

    #[test]
    fn the_same_organisation_has_the_same_claims() {
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let json = |number: &str| serde_json::to_string(&open_claims(number.parse().unwrap(), now)).unwrap();
        assert_eq!(json("310904473"), json("310904473"));
        assert_ne!(json("310904473"), json("991825827").replace("991825827", "310904473"));
    }
}
