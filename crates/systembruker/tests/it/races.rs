//! Many at once, on both engines: one outcome, and nothing after it that it forbids.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::Answer as Given;
use model::RequestKind;
use reqwest::Method;
use store::ChangeContext;
use systembruker::requests::answer::{Answerer, Target, answer, nothing_shown};
use systembruker::system_users::rules::delete;

use crate::world::{CUSTOMER, REGISTER, World, asked, postgres, reachable};

async fn the_story(world: World) {
    let (vendor, id) = world.system_user().await;
    let token =
        vendor.ask_for_system_user(&world, CUSTOMER, None).await.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(world.claims_of(CUSTOMER, &token).await.status, 200);
    let answerer = pia(&world);
    let customer = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap();
    delete(&world.app, &answerer, customer.party_uuid, id.parse().unwrap()).await.unwrap();
    assert_eq!(world.claims_of(CUSTOMER, &token).await.status, 403);
    world.stop().await;
}

fn pia(world: &World) -> Answerer {
    let parties = world.app.model.parties();
    let customer = parties.by_number(CUSTOMER.parse().unwrap()).unwrap();
    let mut session =
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(world.app.store.read())).unwrap();
    let roles = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(session.roles())).unwrap();
    let manager = roles.iter().find(|role| role.organisation == customer.party_uuid && role.role == "DAGL").unwrap();
    Answerer {
        person: manager.holder.party_uuid(),
        level: 3,
        context: ChangeContext { actor: "test".into(), ..ChangeContext::default() },
    }
}

async fn answers_at_once(world: World) {
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().parse().unwrap();
    let party = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap().party_uuid;
    let target = Target { party, kind: RequestKind::Standard, id };
    let answerer = pia(&world);
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let (app, answerer) = (Arc::clone(&world.app), answerer.clone());
            let given = if number % 2 == 0 { Given::Approve } else { Given::Reject };
            tokio::spawn(
                async move { answer(&app, &answerer, target, given, nothing_shown).await.is_ok().then_some(given) },
            )
        })
        .collect();
    let mut winners = vec![];
    for attempt in tries {
        winners.extend(attempt.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let issued = vendor.ask_for_system_user(&world, CUSTOMER, None).await.status == 200;
    assert_eq!(issued, winners[0] == Given::Approve);
    world.stop().await;
}

/// The customer approves while the vendor withdraws the request and takes the right from the system: the system user is
/// there exactly if the approval came through, and then with all that was asked for.
async fn approval_while_the_vendor_changes_its_mind(world: World) {
    let vendor = world.vendor().await;
    let party = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap().party_uuid;
    let (answerer, world) = (pia(&world), Arc::new(world));
    let ask = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let register = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    for round in 0..6 {
        let body = crate::world::with(asked(), "externalRef", serde_json::json!(format!("round-{round}")));
        let posted = world.post(crate::world::REQUESTS, &ask, &body).await;
        assert_eq!(posted.status, 201, "{posted:?}");
        let id: uuid::Uuid = posted.json()["id"].as_str().unwrap().parse().unwrap();
        let target = Target { party, kind: RequestKind::Standard, id };
        let approval = {
            let (app, answerer) = (Arc::clone(&world.app), answerer.clone());
            tokio::spawn(async move { answer(&app, &answerer, target, Given::Approve, nothing_shown).await.is_ok() })
        };
        let withdrawal = {
            let (world, ask) = (Arc::clone(&world), ask.clone());
            let path = format!("{}/{id}", crate::world::REQUESTS);
            tokio::spawn(async move { world.send(world.request(Method::DELETE, &path).bearer_auth(ask)).await.status })
        };
        let rights = format!("{REGISTER}/{}/rights", crate::world::SYSTEM);
        let put = async |rights_now: serde_json::Value| {
            world.send(world.request(Method::PUT, &rights).bearer_auth(&register).json(&rights_now)).await.status
        };
        assert_eq!(put(serde_json::json!([])).await, 200);
        let (approved, withdrawn) = (approval.await.unwrap(), withdrawal.await.unwrap());
        assert_eq!(withdrawn, 202);
        let user = world.app.model.system_user(id);
        assert_eq!(user.is_some(), approved);
        assert!(user.is_none_or(|user| !user.rights.is_empty()));
        assert_eq!(put(serde_json::json!([crate::world::right(crate::world::RESOURCE)])).await, 200);
    }
}

/// Tokens are asked for without pause while the system user is deleted: none that is asked for after the deletion has
/// returned is given.
async fn no_token_after_deletion(world: World) {
    let (vendor, id) = world.system_user().await;
    let (world, vendor) = (Arc::new(world), Arc::new(vendor));
    let deleted = Arc::new(AtomicBool::new(false));
    let askers: Vec<_> = (0..4)
        .map(|_| {
            let (world, vendor, deleted) = (Arc::clone(&world), Arc::clone(&vendor), Arc::clone(&deleted));
            tokio::spawn(async move {
                let (mut before, mut after) = (0, 0);
                while after < 5 {
                    let asked_after = deleted.load(Ordering::SeqCst);
                    let status = vendor.ask_for_system_user(&world, CUSTOMER, None).await.status;
                    if asked_after {
                        assert_eq!(status, 400);
                        after += 1;
                    } else if status == 200 {
                        before += 1;
                    }
                }
                before
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let answerer = pia(&world);
    let customer = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap();
    delete(&world.app, &answerer, customer.party_uuid, id.parse().unwrap()).await.unwrap();
    deleted.store(true, Ordering::SeqCst);
    let mut before = 0;
    for asker in askers {
        before += asker.await.unwrap();
    }
    assert!(before > 0);
}

macro_rules! on_both {
    ($($name:ident),*) => {
        mod sqlite { $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(crate::world::World::new().await).await; })* }
        mod postgres { $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() { super::$name(crate::world::World::on_postgres().await).await; })* }
    };
}

on_both!(the_story, answers_at_once, approval_while_the_vendor_changes_its_mind, no_token_after_deletion);

/// Without its database the instance answers nothing that may have become untrue, each face in its own way; with it, all
/// is as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_closes_and_a_found_one_opens() {
    let database = postgres().await;
    let world = World::on(database.clone()).await;
    let (vendor, _) = world.system_user().await;
    let token =
        vendor.ask_for_system_user(&world, CUSTOMER, None).await.json()["access_token"].as_str().unwrap().to_owned();
    let ready = async |wanted: u16| {
        for _ in 0..300 {
            if world.send(world.request(Method::GET, "/ready")).await.status == wanted {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("/ready was not {wanted}");
    };
    reachable(&database, false).await;
    ready(503).await;
    assert_eq!(
        vendor.ask_for_system_user(&world, CUSTOMER, None).await.refusal(),
        "503 temporarily_unavailable - The service cannot answer right now. Try again shortly, with a new grant."
    );
    assert_eq!(world.get(REGISTER, &token).await.problem(), "503 -");
    assert_eq!(world.claims_of(CUSTOMER, &token).await.status, 503);
    let page = world.send(world.request(Method::GET, "/").header("accept-language", "en")).await;
    assert_eq!((page.status, page.content_type()), (503, "text/html; charset=utf-8"));
    assert!(page.text.contains("The service cannot answer right now."), "{}", page.text);
    // The page that says so looks right, too.
    let sheet = page.text.split("href=\"/assets/").nth(2).unwrap().split('"').next().unwrap();
    assert_eq!(world.get(&format!("/assets/{sheet}"), "").await.status, 200);
    assert_eq!(world.send(world.request(Method::GET, "/health")).await.status, 200);
    reachable(&database, true).await;
    ready(200).await;
    assert_eq!(world.claims_of(CUSTOMER, &token).await.status, 200);
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    world.stop().await;
}

/// Somebody who may answer when asking to, and not any more when the turn comes.
async fn who_loses_the_power_while_waiting(world: World) {
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let customer = world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap();
    let token = world.person_token("Pia Tilfeldig", "altinn:portal/enduser").await;
    let context = ChangeContext { actor: "test".into(), ..ChangeContext::default() };
    let mut tx = world.app.store.write(context, world.app.clock.now()).await.unwrap();
    tx.replace_roles(customer.party_uuid, &[]).await.unwrap();
    let path = format!("/authentication/api/v1/systemuser/request/{}/{id}/reject", customer.party_id);
    let waiting = tokio::spawn(world.request(Method::POST, &path).bearer_auth(token).send());
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert!(!waiting.is_finished());
    world.app.commit(tx).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 403);
    let request = world.app.store.read().await.unwrap().request(id.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(request.status.as_str(), "New");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_power_while_waiting_on_sqlite() {
    who_loses_the_power_while_waiting(World::new().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_power_while_waiting_on_postgres() {
    who_loses_the_power_while_waiting(World::on_postgres().await).await;
}
