//! Whatever is put into a grant: a token comes exactly when every rule holds, as this file writes the rules down.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};
use systembruker::maskinporten::api::issue;
use token::keys::SigningKey;
use tokio::runtime::Handle;

use crate::world::{CUSTOMER, SCOPE, World, sign_with_header};

/// A value for a claim, and whether the rules allow it; `None` for a claim that is not there.
type Choice = (Option<Value>, bool);

fn allowed(value: Value) -> Choice {
    (Some(value), true)
}

fn wrong(value: Value) -> Choice {
    (Some(value), false)
}

fn one_of(choices: Vec<Choice>) -> BoxedStrategy<Choice> {
    // Most claims are right, so that a single wrong one is what decides.
    let (right, other): (Vec<_>, Vec<_>) = choices.into_iter().partition(|(_, allowed)| *allowed);
    let right = prop::sample::select(right);
    if other.is_empty() { right.boxed() } else { prop_oneof![12 => right, 1 => prop::sample::select(other)].boxed() }
}

/// Seconds from now to `iat`, from `iat` to `exp` and from now to `nbf`.
type Times = (i64, i64, Option<i64>);

/// Times around the limits, but not so near that the time the test takes could decide.
fn times() -> impl Strategy<Value = Times> {
    let iat = prop_oneof![8 => -50_i64..=4, 1 => -400_i64..-200, 1 => 20_i64..60];
    let lasts = prop_oneof![8 => 80_i64..=180, 1 => 181_i64..4_000, 1 => -5_i64..=0];
    let nbf = prop_oneof![8 => Just(None), 2 => (-50_i64..=4).prop_map(Some), 1 => (20_i64..60).prop_map(Some)];
    (iat, lasts, nbf)
}

fn times_allowed((iat, lasts, nbf): &Times) -> bool {
    let (ahead, valid) = (*iat > 10 || nbf.is_some_and(|nbf| nbf > 10), iat + lasts > 0);
    !ahead && valid && (1..=180).contains(lasts)
}

/// How a grant is signed, and whether that shows who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signed {
    Right,
    ByAnotherKey,
    ForAnotherAlgorithm,
    WithoutKid,
    WithUnknownKid,
    AfterwardsChanged,
}

fn signed() -> impl Strategy<Value = Signed> {
    use Signed::*;
    let wrong = [ByAnotherKey, ForAnotherAlgorithm, WithoutKid, WithUnknownKid, AfterwardsChanged];
    prop_oneof![12 => Just(Right), 1 => prop::sample::select(wrong.to_vec())]
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "all rules of a grant, to be read together")]
async fn a_token_comes_exactly_when_every_rule_holds() {
    let world = World::new().await;
    let (vendor, _) = world.system_user().await;
    let (own, foreign) = (vendor.client_id.clone(), world.seeded("Skatteetaten").client_id);
    let issuer = world.app.faces.issuer().to_owned();
    let stranger = SigningKey::generate(2048).unwrap();
    let org = |id: &str| json!({"authority": "iso6523-actorid-upis", "ID": id});
    let detail = |org: &Value| json!([{"type": "urn:altinn:systemuser", "systemuser_org": org}]);
    let customer = detail(&org(&format!("0192:{CUSTOMER}")));
    let with_reference = |reference: &str| {
        let mut details = customer.clone();
        details[0]["externalRef"] = json!(reference);
        details
    };
    let choices: Vec<(&str, Vec<Choice>)> = vec![
        (
            "aud",
            vec![
                allowed(json!(issuer)),
                allowed(json!([issuer])),
                wrong(json!(format!("{issuer}token"))),
                wrong(json!([issuer, issuer])),
                wrong(json!("")),
                (None, false),
            ],
        ),
        (
            "iss",
            vec![allowed(json!(own)), wrong(json!(foreign)), wrong(json!("nobody")), wrong(json!(7)), (None, false)],
        ),
        (
            "scope",
            vec![
                allowed(json!(SCOPE)),
                allowed(json!(format!("{SCOPE} {SCOPE}"))),
                wrong(json!(SCOPE.to_uppercase())),
                wrong(json!(format!("{SCOPE} other:scope"))),
                wrong(json!("altinn:maskinporten/systemuser.read")),
                wrong(json!([SCOPE])),
                wrong(json!("")),
                (None, false),
            ],
        ),
        (
            "resource",
            vec![
                (None, true),
                allowed(json!("https://api.example")),
                allowed(json!(["urn:a:b", "https://b.example"])),
                wrong(json!("no uri")),
                wrong(json!([7])),
            ],
        ),
        (
            "pid",
            vec![
                (None, true),
                allowed(json!("17858212081")),
                wrong(json!("17858212082")),
                wrong(json!(17_858_212_081_i64)),
            ],
        ),
        (
            "consumer_org",
            vec![(None, true), wrong(json!("991825827")), wrong(json!(CUSTOMER)), wrong(json!("0192:310904473"))],
        ),
        (
            "authorization_details",
            vec![
                (None, true),
                allowed(customer.clone()),
                allowed(with_reference(CUSTOMER)),
                wrong(with_reference("other")),
                wrong(detail(&org("0192:312652757"))),
                wrong(detail(&org(CUSTOMER))),
                wrong(json!([customer[0], customer[0]])),
                wrong(json!([])),
                wrong(json!([{"type": "urn:altinn:consent"}])),
                wrong(json!("all")),
            ],
        ),
        ("sub", vec![(None, true), allowed(json!(own)), allowed(Value::Null)]),
        ("admin", vec![(None, true), wrong(json!(true))]),
        ("iss_onbehalfof", vec![(None, true), wrong(json!("x"))]),
    ];
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let strategy = (choices.into_iter().map(|(_, choices)| one_of(choices)).collect::<Vec<_>>(), times(), signed());
    let mut runner = TestRunner::new(Config { cases: 1_500, failure_persistence: None, ..Config::default() });
    let (issued, refused) = (Cell::new(0), Cell::new(0));
    let outcome = tokio::task::block_in_place(|| {
        runner.run(&strategy, |(chosen, times, signed)| {
            let now = world.app.clock.seconds();
            let (iat, lasts, nbf) = times;
            let mut claims = Map::new();
            for (name, (value, _)) in names.iter().zip(&chosen) {
                claims.extend(value.clone().map(|value| ((*name).to_owned(), value)));
            }
            claims.insert("iat".into(), json!(now + iat));
            claims.insert("exp".into(), json!(now + iat + lasts));
            claims.insert("jti".into(), json!(world.app.random.token()));
            claims.extend(nbf.map(|nbf| ("nbf".to_owned(), json!(now + nbf))));
            let claims = Value::Object(claims);
            let kid = vendor.key.kid();
            let assertion = match signed {
                Signed::Right => vendor.sign(&claims),
                Signed::ByAnotherKey => sign_with_header(&stranger, &json!({"alg": "RS256", "kid": kid}), &claims),
                Signed::ForAnotherAlgorithm => {
                    sign_with_header(&vendor.key, &json!({"alg": "RS512", "kid": kid}), &claims)
                }
                Signed::WithoutKid => sign_with_header(&vendor.key, &json!({"alg": "RS256"}), &claims),
                Signed::WithUnknownKid => sign_with_header(&vendor.key, &json!({"alg": "RS256", "kid": "x"}), &claims),
                Signed::AfterwardsChanged => {
                    let (first, second) = (vendor.sign(&claims), vendor.sign(&json!({})));
                    format!("{}.{}", first.rsplit_once('.').unwrap().0, second.rsplit_once('.').unwrap().1)
                }
            };
            let rules = chosen.iter().all(|(_, allowed)| *allowed);
            let expected = rules && times_allowed(&times) && signed == Signed::Right;
            let came = Handle::current().block_on(issue(&world.app, &assertion));
            let count = if came.is_ok() { &issued } else { &refused };
            count.set(count.get() + 1);
            prop_assert_eq!(came.is_ok(), expected, "{} {:?} {:?}", claims, signed, came.err());
            Ok(())
        })
    });
    outcome.unwrap();
    let (issued, refused) = (issued.get(), refused.get());
    assert!(issued > 200 && refused > 200, "{issued} issued, {refused} refused: both must be tried");
    world.stop().await;
}
