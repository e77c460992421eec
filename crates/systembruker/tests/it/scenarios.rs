//! Whole journeys in a real browser, as people take them, and what goes wrong on the way.

use std::time::Duration;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use reqwest::Method;
use serde_json::{Value, json};
use systembruker::resource_registry::builtin::policy_document;
use thirtyfour::prelude::*;

use crate::answers::{ACCOUNTANT, PIA, RAGNHILD, asked_of_agent, package};
use crate::chromium::Chromium;
use crate::registry::org_number;
use crate::world::{
    Actor, CUSTOMER, REDIRECT, REGISTER, REQUESTS, RESOURCE, SYSTEM, VENDOR_SCOPES, World, asked, resource, right,
    system, with,
};

const CHANGES: &str = "/authentication/api/v1/systemuser/changerequest/vendor";
const SECOND: &str = "ske-skattemelding";
const ASK: &str = "altinn:authentication/systemuser.request.write";
const READ: &str = "altinn:authentication/systemuser.request.read";
const ASKS: &str = "SMARTCLOUD AS ber om tilgang for systemet SmartCloud";

/// Two services, and a system that may ask for both and for two packages.
pub async fn vendor_of_two(world: &World) -> Actor {
    world.api_is_offered().await;
    let named = |text: &str| json!({"nb": text, "nn": text, "en": text});
    let second = with(resource(SECOND), "title", named("Skattemelding"));
    world.offer(&second, policy_document(SECOND, &["DAGL"], &["read", "write"], 3)).await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let registration = with(system(SYSTEM, &vendor.client_id), "rights", json!([right(RESOURCE), right(SECOND)]));
    let registration =
        with(registration, "accessPackages", json!([package("krav-og-utlegg"), package("skatt-naering")]));
    let token = vendor.token(world, "altinn:authentication/systemregister.write").await;
    let made = world.post(REGISTER, &token, &registration).await;
    assert_eq!(made.status, 200, "{made:?}");
    vendor
}

async fn request(world: &World, vendor: &Actor, body: &Value) -> (String, String) {
    let made = world.ask(vendor, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("confirmUrl"))
}

/// Asks for the second service and package in place of the first.
pub async fn change(world: &World, vendor: &Actor, user: &str) -> (String, String) {
    let id = world.app.random.uuid();
    let token = vendor.token(world, ASK).await;
    let body = json!({"requiredRights": [right(SECOND)], "unwantedRights": [right(RESOURCE)],
        "requiredAccessPackages": [package("skatt-naering")], "unwantedAccessPackages": [package("krav-og-utlegg")]});
    let made = world.post(&format!("{CHANGES}?correlation-id={id}&system-user-id={user}"), &token, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    (id.to_string(), made.json()["confirmUrl"].as_str().unwrap().to_owned())
}

async fn status_at(world: &World, vendor: &Actor, path: &str) -> Value {
    let token = vendor.token(world, READ).await;
    world.get(path, &token).await.json()["status"].clone()
}

fn without_redirect(mut body: Value) -> Value {
    body.as_object_mut().unwrap().remove("redirectUrl");
    body
}

/// Logs in by the way to the front page, and chooses the organisation.
async fn from_the_front(chromium: &Chromium, world: &World, person: &str, organisation: &str) {
    chromium.log_in(person, &format!("{}/", world.origin)).await;
    chromium.arrives_at("Velg virksomhet").await;
    chromium.press(organisation).await;
    chromium.arrives_at(&format!("Systemtilganger for {organisation}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_rejected_and_another_approved() {
    let world = World::new().await;
    let vendor = vendor_of_two(&world).await;
    let body = with(asked(), "accessPackages", json!([package("krav-og-utlegg")]));
    let (user, link) = request(&world, &vendor, &without_redirect(body)).await;
    let chromium = Chromium::new().await;
    chromium.log_in(PIA, &link).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    for (answer, heading, status) in
        [("Avvis", "Forespørselen er avvist", "Rejected"), ("Godkjenn", "Endringen er godkjent", "Accepted")]
    {
        let (id, link) = change(&world, &vendor, &user).await;
        chromium.log_in(PIA, &link).await;
        chromium.arrives_at("SMARTCLOUD AS ber om å endre systemtilgangen til SmartCloud").await;
        chromium
            .says(&["Dette kommer til", "Skattemelding", "Skatt næring", "Dette faller bort", "Krav og betalinger"])
            .await;
        chromium.press(answer).await;
        chromium.arrives_at(heading).await;
        chromium.says(&["Du er logget ut.", "Logg inn"]).await;
        assert_eq!(status_at(&world, &vendor, &format!("{CHANGES}/{id}")).await, json!(status));
        chromium.open(&format!("{}/", world.origin)).await;
        chromium.arrives_at("Testinnlogging").await;
    }
    from_the_front(&chromium, &world, PIA, "TILFELDIG SUBTIL APE").await;
    chromium.press("SmartCloud").await;
    chromium.arrives_at("Systemtilgang: SmartCloud").await;
    let rights = chromium.driver.find(By::Css("ul.rights")).await.unwrap().text().await.unwrap();
    assert!(rights.contains("Skattemelding") && rights.contains("Skatt næring"), "{rights}");
    assert!(!rights.contains("Krav og betalinger") && !rights.contains("Krav, betalinger"), "{rights}");
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_access_is_made_and_deleted_in_nynorsk() {
    let world = World::new().await;
    world.vendor().await;
    let chromium = Chromium::new().await;
    chromium.log_in(PIA, &format!("{}/", world.origin)).await;
    chromium.press("Norsk (nynorsk)").await;
    chromium.arrives_at("Vel verksemd").await;
    chromium.press("TILFELDIG SUBTIL APE").await;
    chromium.press("Gi ein ny systemtilgang").await;
    chromium.arrives_at("Vel system").await;
    chromium.write("q", "smart").await;
    chromium.press("Søk").await;
    chromium.press("SmartCloud").await;
    chromium.says(&["Krav og betalinger"]).await;
    chromium.press("Opprett systemtilgang").await;
    chromium.arrives_at("Systemtilgangar for TILFELDIG SUBTIL APE").await;
    chromium.says(&["SmartCloud", "SMARTCLOUD AS", "Ny"]).await;
    let overview = chromium.driver.current_url().await.unwrap().path().to_owned();
    chromium.press("SmartCloud").await;
    chromium.arrives_at("Systemtilgang: SmartCloud").await;
    chromium.press("Trekk tilbake tilgangen").await;
    chromium.press("Ja, trekk tilbake").await;
    chromium.arrives_at("Systemtilgangar for TILFELDIG SUBTIL APE").await;
    assert_eq!(chromium.driver.current_url().await.unwrap().path(), overview);
    assert_eq!(chromium.count("main ul.list a").await, 0);
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_employee_forwards_and_the_manager_finds_it() {
    let world = World::new().await;
    let vendor = vendor_of_two(&world).await;
    let body = with(asked(), "rights", json!([right(RESOURCE), right(SECOND)]));
    let body = with(body, "accessPackages", json!([package("krav-og-utlegg")]));
    let (id, link) = request(&world, &vendor, &body).await;
    let employee = Chromium::new().await;
    employee.log_in("Arne Ansatt", &link).await;
    employee.says(&["Du kan ikke svare på vegne av", "Pia Tilfeldig (daglig leder)"]).await;
    employee.write("message", "Kan du se på denne?").await;
    employee.press("Videresend").await;
    employee.arrives_at(ASKS).await;
    employee.says(&["Arne Ansatt videresendte", "Kan du se på denne?", "Angre videresendingen"]).await;
    // He changes his mind, twice.
    employee.press("Angre videresendingen").await;
    employee.is_silent_on(&["Arne Ansatt videresendte"]).await;
    employee.write("message", "Se på denne i dag").await;
    employee.press("Videresend").await;
    employee.says(&["Se på denne i dag"]).await;
    // Forwarding does not log out.
    employee.open(&format!("{}/", world.origin)).await;
    employee.arrives_at("Velg virksomhet").await;
    employee.quit().await;
    let manager = Chromium::new().await;
    from_the_front(&manager, &world, PIA, "TILFELDIG SUBTIL APE").await;
    manager.says(&["Videresendt av Arne Ansatt"]).await;
    manager.press("SmartCloud").await;
    manager.arrives_at(ASKS).await;
    manager.press("Godkjenn").await;
    manager.arrives_at("Tilgangen er gitt").await;
    manager.press("Til oversikten").await;
    manager.press("SmartCloud").await;
    manager.arrives_at("Systemtilgang: SmartCloud").await;
    manager.says(&["Krav og betalinger", "Skattemelding", "Krav, betalinger og utlegg"]).await;
    manager
        .says(&["leverandøren ba om tilgangen", "forespørselen ble videresendt", "forespørselen ble godkjent"])
        .await;
    assert_eq!(status_at(&world, &vendor, &format!("{REQUESTS}/{id}")).await, json!("Accepted"));
    manager.quit().await;
}

/// Clients by role: an organisation of its own with `count` clients.
pub async fn clients(world: &World, holder: &str, role: &str, unit_type: &str, count: u32) {
    let of = |number: u32| {
        json!({"orgNumber": org_number(number), "name": format!("KLIENT NR {number:04}"), "unitType": unit_type,
            "roles": [{"role": role, "orgNumber": holder}]})
    };
    world.import(&(0..count).map(of).collect::<Vec<_>>()).await;
}

/// A request for an agent's system user, with the link that answers it.
async fn agent_request(world: &World, vendor: &Actor, org: &str, packages: &[&str]) -> (String, String) {
    world.offer_packages(vendor, packages).await;
    let body = with(asked_of_agent(packages), "partyOrgNo", json!(org));
    let made = world.ask_agent(vendor, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("id"), text("confirmUrl"))
}

async fn delete(chromium: &Chromium, world: &World, org: &str, user: &str, consequence: &str) {
    chromium.open(&format!("{}/org/{org}/system-access/{user}", world.origin)).await;
    chromium.press("Trekk tilbake tilgangen").await;
    chromium.arrives_at("Trekke tilbake tilgangen?").await;
    chromium.says(&[consequence]).await;
    chromium.press("Ja, trekk tilbake").await;
    chromium.says(&["Tilgangen er trukket tilbake"]).await;
    assert!(world.app.model.system_user(user.parse().unwrap()).unwrap().is_deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_adds_a_thousand_clients_at_once() {
    const AUDITOR: &str = "314250052";
    let world = World::new().await;
    let vendor = world.vendor().await;
    clients(&world, AUDITOR, "REVI", "AS", 1_000).await;
    let (user, link) = agent_request(&world, &vendor, AUDITOR, &["ansvarlig-revisor"]).await;
    let chromium = Chromium::new().await;
    chromium.log_in("Dress Minst", &link).await;
    chromium.says(&["Tilgangspakke: Ansvarlig revisor"]).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    from_the_front(&chromium, &world, "Dress Minst", "TILBAKEHOLDEN USYMMETRISK TIGER AS").await;
    chromium.press("SmartCloud").await;
    chromium.press("Administrer klienter").await;
    chromium.arrives_at("Klienter for «SmartCloud»").await;
    chromium.says(&["0 er lagt til, 1 002 kan legges til", "Side 1 av 21"]).await;
    assert_eq!(chromium.count("input[name=client]").await, 50);
    chromium.look("clients-1000").await;
    let begun = std::time::Instant::now();
    chromium.press("Legg til alle").await;
    let mut shown = String::new();
    while begun.elapsed() < Duration::from_secs(30) && !shown.contains("Klientene er behandlet") {
        shown = chromium.text().await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    chromium.says(&["Klientene er behandlet", "1 002 av 1 002 er lagt til."]).await;
    chromium.check("job-1000").await;
    chromium.press("Til klientene").await;
    // Found by number, spaces or not, and by name.
    for search in ["klient 0777", &org_number(777)] {
        chromium.write("q", search).await;
        chromium.press("Søk").await;
        chromium.says(&["1 treff", "KLIENT NR 0777", "Lagt til"]).await;
    }
    delete(&chromium, &world, AUDITOR, &user, "Systemet kan ikke lenger handle for 1 002 klienter.").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accountant_adds_one_client_and_deletes_with_it() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (user, link) = agent_request(&world, &vendor, ACCOUNTANT, &["regnskapsforer-lonn"]).await;
    let chromium = Chromium::new().await;
    chromium.log_in(RAGNHILD, &link).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    chromium.press("Logg inn og legg til klienter").await;
    chromium.press(RAGNHILD).await;
    chromium.arrives_at("Klienter for «SmartCloud»").await;
    chromium.write("q", "310 904 473").await;
    chromium.press("Søk").await;
    chromium.says(&["1 treff", "TILFELDIG SUBTIL APE"]).await;
    chromium.driver.find(By::Name("client")).await.unwrap().click().await.unwrap();
    chromium.press("Legg til valgte").await;
    chromium.arrives_at("Klientene er behandlet").await;
    chromium.says(&["1 av 1 er lagt til."]).await;
    delete(&chromium, &world, ACCOUNTANT, &user, "Systemet kan ikke lenger handle for 1 klient.").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_manager_adds_a_housing_co_ownership_and_removes_it() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    clients(&world, ACCOUNTANT, "FFØR", "ESEK", 1).await;
    let (user, link) = agent_request(&world, &vendor, ACCOUNTANT, &["forretningsforer-eiendom"]).await;
    let chromium = Chromium::new().await;
    chromium.log_in(RAGNHILD, &link).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    let list = format!("{}/org/{ACCOUNTANT}/system-access/{user}/clients", world.origin);
    chromium.log_in(RAGNHILD, &list).await;
    // The accountant's other clients lack what is needed, and it is said.
    chromium.says(&["KLIENT NR 0000", "Mangler: Forretningsforer eiendom"]).await;
    assert_eq!(chromium.count("input[name=client]").await, 1);
    for (button, said) in [("Legg til valgte", "1 av 1 er lagt til."), ("Fjern valgte", "1 av 1 er fjernet.")] {
        chromium.driver.find(By::Name("client")).await.unwrap().click().await.unwrap();
        chromium.press(button).await;
        chromium.arrives_at("Klientene er behandlet").await;
        chromium.says(&[said]).await;
        chromium.open(&list).await;
    }
    delete(&chromium, &world, ACCOUNTANT, &user, "må leverandøren be om tilgang på nytt").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_by_gift_and_the_own_organisation() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (client, provider) = (world.party(CUSTOMER), world.party(ACCOUNTANT));
    let base = "/accessmanagement/api/v1/enduser/connections";
    for path in [
        format!("{base}?party={client}&to={provider}"),
        format!("{base}/accesspackages?party={client}&to={provider}&package=jordbruk"),
    ] {
        let given = world.as_person(PIA, Method::POST, &path, None).await;
        assert_eq!(given.status, 200, "{given:?}");
    }
    let (user, link) = agent_request(&world, &vendor, ACCOUNTANT, &["jordbruk"]).await;
    let chromium = Chromium::new().await;
    chromium.log_in(RAGNHILD, &link).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    let list = format!("{}/org/{ACCOUNTANT}/system-access/{user}/clients", world.origin);
    chromium.log_in(RAGNHILD, &list).await;
    chromium.press("Legg til alle").await;
    chromium.says(&["1 av 1 er lagt til."]).await;
    chromium.press("Til klientene").await;
    chromium.says(&["TILFELDIG SUBTIL APE", "Org.nr. 310 904 473", "RASK REGNSKAP AS (org.nr. 312 654 121)"]).await;
    chromium.press("Legg til egen virksomhet").await;
    chromium.arrives_at("Klienter for «SmartCloud»").await;
    let own = chromium.driver.find(By::Css("form.own")).await.unwrap().text().await.unwrap();
    assert!(own.contains("Lagt til") && own.contains("Fjern egen virksomhet"), "{own}");
    chromium.press("Fjern egen virksomhet").await;
    chromium.arrives_at("Klienter for «SmartCloud»").await;
    let own = chromium.driver.find(By::Css("form.own")).await.unwrap().text().await.unwrap();
    assert!(own.contains("Legg til egen virksomhet"), "{own}");
    delete(&chromium, &world, ACCOUNTANT, &user, "Systemet kan ikke lenger handle for 1 klient.").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_answer_at_once_one_wins_and_the_other_is_told() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (id, link) = request(&world, &vendor, &asked()).await;
    let (pia, sverre) = (Chromium::new().await, Chromium::new().await);
    pia.log_in(PIA, &link).await;
    sverre.log_in("Sverre Subtil", &link).await;
    tokio::join!(pia.press("Godkjenn"), sverre.press("Avvis"));
    let heading = async |chromium: &Chromium| {
        chromium.driver.query(By::Css("h1")).first().await.unwrap();
        for _ in 0..100 {
            let shown = chromium.driver.find(By::Css("h1")).await.unwrap().text().await.unwrap();
            if shown != ASKS {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no answer came");
    };
    let told = [heading(&pia).await, heading(&sverre).await];
    let status = status_at(&world, &vendor, &format!("{REQUESTS}/{id}")).await;
    let late = "Forespørselen er allerede besvart";
    let expected = match status.as_str().unwrap() {
        "Accepted" => ["Tilgangen er gitt", late],
        "Rejected" => [late, "Forespørselen er avvist"],
        other => panic!("{other}"),
    };
    assert_eq!(told, expected);
    let late = if told[0] == late { &pia } else { &sverre };
    late.press("Se forespørselen").await;
    late.arrives_at(ASKS).await;
    late.says(&["Forespørselen er"]).await;
    pia.quit().await;
    sverre.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_the_page_is_open_is_told() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let chromium = Chromium::new().await;
    // The vendor withdraws.
    let (id, link) = request(&world, &vendor, &asked()).await;
    chromium.log_in(PIA, &link).await;
    let token = vendor.token(&world, ASK).await;
    let withdraw = world.request(Method::DELETE, &format!("{REQUESTS}/{id}")).bearer_auth(&token);
    assert_eq!(world.send(withdraw).await.status, 202);
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Forespørselen er trukket tilbake").await;
    chromium.check("withdrawn-while-open").await;
    // The register loses the address to come back to.
    let (_, link) = request(&world, &vendor, &asked()).await;
    let registration = with(system(SYSTEM, &vendor.client_id), "allowedRedirectUrls", json!(["https://other.example"]));
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let put = world.request(Method::PUT, &format!("{REGISTER}/{SYSTEM}")).bearer_auth(&token).json(&registration);
    assert_eq!(world.send(put).await.status, 200);
    chromium.log_in(PIA, &link).await;
    chromium.press("Avvis").await;
    chromium.arrives_at("Forespørselen er avvist").await;
    chromium.is_silent_on(&["smartcloud.example", "Tilbake til"]).await;
    chromium.says(&["Logg inn"]).await;
    // The time runs out; and the session does, so that she logs in and is where she was.
    let other = with(without_redirect(asked()), "externalRef", json!("expires"));
    let (id, link) = request(&world, &vendor, &other).await;
    world.advance(10 * 24 * 3_600 - 600).await;
    chromium.log_in(PIA, &link).await;
    world.advance(1_200).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Forespørselen er allerede besvart").await;
    chromium.press("Se forespørselen").await;
    chromium.says(&["Fristen for å svare er gått ut."]).await;
    assert_eq!(status_at(&world, &vendor, &format!("{REQUESTS}/{id}")).await, json!("Timedout"));
    let (_, link) = request(&world, &vendor, &with(without_redirect(asked()), "externalRef", json!("session"))).await;
    chromium.log_in(PIA, &link).await;
    world.advance(31 * 60).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Testinnlogging").await;
    chromium.press(PIA).await;
    chromium.arrives_at(ASKS).await;
    chromium.press("English").await;
    chromium.arrives_at("SMARTCLOUD AS asks for access for the system SmartCloud").await;
    chromium.press("Approve").await;
    chromium.arrives_at("The access has been given").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_works_without_script() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (_, link) = request(&world, &vendor, &asked()).await;
    let chromium = Chromium::new().await;
    chromium.run_scripts(false).await;
    chromium.log_in(PIA, &link).await;
    chromium.press("Norsk (nynorsk)").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    chromium.press("Norsk (bokmål)").await;
    chromium.arrives_at(ASKS).await;
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    // Nothing happens by itself, and nothing is promised that takes script.
    chromium.is_silent_on(&["sekunder", "Skriv ut"]).await;
    let back = chromium.driver.find(By::PartialLinkText("Tilbake til smartcloud.example")).await.unwrap();
    assert_eq!(back.attr("href").await.unwrap(), Some(format!("{REDIRECT}?state=1")));
    from_the_front(&chromium, &world, PIA, "TILFELDIG SUBTIL APE").await;
    chromium.press("SmartCloud").await;
    chromium.write("title", "Regnskap").await;
    chromium.press("Lagre navnet").await;
    chromium.arrives_at("Systemtilgang: Regnskap").await;
    chromium.press("Trekk tilbake tilgangen").await;
    chromium.arrives_at("Trekke tilbake tilgangen?").await;
    chromium.press("Ja, trekk tilbake").await;
    chromium.says(&["Tilgangen er trukket tilbake"]).await;
    // Many clients take a page that loads itself anew.
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let list = format!("{}/org/{ACCOUNTANT}/system-access/{agent}/clients", world.origin);
    chromium.log_in(RAGNHILD, &list).await;
    chromium.write("numbers", CUSTOMER).await;
    chromium.press("Legg til disse").await;
    chromium.arrives_at("Klientene er behandlet").await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_keyboard_alone_on_a_narrow_screen() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (_, link) = request(&world, &vendor, &without_redirect(asked())).await;
    let chromium = Chromium::new().await;
    // As wide as 1280 pixels are at 400 per cent.
    chromium.set_size(json!({"width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": false})).await;
    chromium.open(&link).await;
    let step = async |heading: &str, button: &str| {
        chromium.arrives_at(heading).await;
        chromium.tab_to(button).await;
        let seen = "const box = document.activeElement.getBoundingClientRect();
            return box.left >= 0 && box.right <= innerWidth && box.bottom > 0 && box.top < innerHeight";
        let seen: bool = chromium.driver.execute(seen, vec![]).await.unwrap().convert().unwrap();
        assert!(seen, "“{button}” is focused where it cannot be seen");
        chromium.enter().await;
    };
    step("Testinnlogging", PIA).await;
    step(ASKS, "Godkjenn").await;
    step("Tilgangen er gitt", "Logg inn").await;
    step("Testinnlogging", PIA).await;
    step("Velg virksomhet", "TILFELDIG SUBTIL APE").await;
    step("Systemtilganger for TILFELDIG SUBTIL APE", "SmartCloud").await;
    step("Systemtilgang: SmartCloud", "Trekk tilbake tilgangen").await;
    step("Trekke tilbake tilgangen?", "Ja, trekk tilbake").await;
    chromium.arrives_at("Systemtilganger for TILFELDIG SUBTIL APE").await;
    chromium.says(&["Tilgangen er trukket tilbake"]).await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_and_people_get_nowhere() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    // A name that is markup, and one that does not fit on a line.
    let markup = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    let name = json!({"nb": markup, "nn": markup, "en": markup});
    let registration = with(system(SYSTEM, &vendor.client_id), "name", name);
    let long = format!("{}\u{202e}", "Lønnssystemsamordningsregisteret".repeat(6));
    let registration = with(registration, "description", json!({"nb": long, "nn": long, "en": long}));
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let put = world.request(Method::PUT, &format!("{REGISTER}/{SYSTEM}")).bearer_auth(&token).json(&registration);
    assert_eq!(world.send(put).await.status, 200);
    let (id, link) = request(&world, &vendor, &with(asked(), "externalRef", json!("<b>ref</b>"))).await;
    let chromium = Chromium::new().await;
    chromium.log_in(PIA, &link).await;
    chromium.says(&["<script>", "<b>ref</b>"]).await;
    chromium.look("markup").await;
    for path in [format!("/org/{CUSTOMER}/system-access/new"), format!("/org/{CUSTOMER}/system-access/new/{SYSTEM}")] {
        chromium.open(&format!("{}{path}", world.origin)).await;
        chromium.look("long-names").await;
        assert_ne!(chromium.driver.title().await.unwrap(), "owned");
    }
    // Another site posts the form while she is logged in here.
    let action = format!("{}/request/{id}/approve", world.origin);
    let page = format!(
        "<h1>Vinn!</h1><form method=post action='{action}'><input name=csrf value=guessed><button>Vinn</button></form>
         <iframe src='{}/help'></iframe>",
        world.origin
    );
    let evil = Router::new().route("/", get(async move || Html(page)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Another name of this machine is another site.
    let evil_origin = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, evil).await });
    chromium.open(&evil_origin).await;
    chromium.driver.enter_frame(0).await.unwrap();
    assert!(!chromium.driver.source().await.unwrap().contains("systemtilgang"));
    chromium.driver.enter_default_frame().await.unwrap();
    chromium.press("Vinn").await;
    chromium.arrives_at("Skjemaet kunne ikke tas imot").await;
    assert_eq!(status_at(&world, &vendor, &format!("{REQUESTS}/{id}")).await, json!("New"));
    // Nor can it have the login lead to it.
    chromium.driver.delete_all_cookies().await.unwrap();
    for goto in ["https://evil.example/", "//evil.example/", "/%5Cevil.example", "javascript:document.title='owned'"] {
        chromium.open(&format!("{}/logged-out", world.origin)).await;
        chromium.driver.delete_all_cookies().await.unwrap();
        chromium.open(&format!("{}/login?goto={goto}", world.origin)).await;
        chromium.press(PIA).await;
        chromium.arrives_at("Velg virksomhet").await;
        assert_eq!(chromium.driver.current_url().await.unwrap().as_str(), format!("{}/", world.origin));
    }
    // Somebody else's request is nowhere.
    chromium.log_in("Mona Modig", &link).await;
    chromium.arrives_at("Vi finner ikke siden").await;
    chromium.is_silent_on(&["SMARTCLOUD", "TILFELDIG"]).await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_once_and_a_receipt_prints() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let (id, link) = request(&world, &vendor, &asked()).await;
    let chromium = Chromium::new().await;
    chromium.log_in(PIA, &link).await;
    let twice =
        "const button = document.querySelector(\"form[action$='/approve'] button\"); button.click(); button.click();";
    chromium.driver.execute(twice, vec![]).await.unwrap();
    chromium.arrives_at("Tilgangen er gitt").await;
    let journal = world.app.store.read().await.unwrap().audit_of(&id).await.unwrap();
    assert_eq!(journal.iter().filter(|record| record.event == "request.approved").count(), 1);
    // The receipt says what, who, when and which; printed it has nothing to press.
    chromium.press("Bli på siden").await;
    chromium.says(&["SmartCloud fra SMARTCLOUD AS", "TILFELDIG SUBTIL APE", "Pia Tilfeldig", &id, "Skriv ut"]).await;
    chromium.emulate("Emulation.setEmulatedMedia", json!({"media": "print"})).await;
    for selector in ["main .buttons", "header.bar form", "footer.foot"] {
        for element in chromium.driver.find_all(By::Css(selector)).await.unwrap() {
            assert!(!element.is_displayed().await.unwrap(), "{selector} is printed");
        }
    }
    chromium.says(&["SmartCloud fra SMARTCLOUD AS", "Pia Tilfeldig", &id]).await;
    chromium.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_said_when_the_session_is_about_to_end() {
    let world = World::new().await;
    let chromium = Chromium::new().await;
    chromium.log_in(PIA, &format!("{}/", world.origin)).await;
    // Time flies for the script: minutes are tenths of seconds. What comes at the very end comes on one page only.
    let fly = "const real = setTimeout;
        window.setTimeout = (f, ms) => real(f, ms >= 1790000 && location.pathname !== '/help' ? 1e8 : ms / 6000);";
    let warning = async || {
        let warning = chromium.driver.query(By::Css("#session-ending:not([hidden])")).first().await.unwrap();
        assert_eq!(warning.attr("role").await.unwrap().as_deref(), Some("alert"));
        warning.text().await.unwrap()
    };
    chromium.emulate("Page.addScriptToEvaluateOnNewDocument", json!({"source": fly})).await;
    chromium.open(&format!("{}/", world.origin)).await;
    assert!(warning().await.contains("Du blir snart logget ut"));
    chromium.look("session-ending").await;
    chromium.check("session-ending").await;
    // She stays, and the server knows.
    world.advance(29 * 60).await;
    chromium.press("Fortsett å være innlogget").await;
    chromium.driver.query(By::Css("#session-ending[hidden]")).exists().await.unwrap();
    world.advance(29 * 60).await;
    chromium.open(&format!("{}/", world.origin)).await;
    chromium.arrives_at("Velg virksomhet").await;
    // She does not.
    chromium.open(&format!("{}/help", world.origin)).await;
    for _ in 0..50 {
        if warning().await.contains("Du er logget ut") {
            chromium.quit().await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is not said that the session has ended");
}
