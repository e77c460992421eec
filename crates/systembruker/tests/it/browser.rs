//! The portal's pages in a real browser: all of them, in all states and languages.

use std::time::Duration;

use serde_json::json;
use thirtyfour::prelude::*;

use crate::answers::package;
use crate::chromium::Chromium;
use crate::scenarios::{change, vendor_of_two};
use crate::world::{CUSTOMER, REGISTER, SYSTEM, VENDOR_SCOPES, World, asked, system, with};

#[tokio::test(flavor = "multi_thread")]
async fn pia_approves_and_takes_back_in_a_real_browser() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let request = world.ask(&vendor, &asked()).await.json();
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
    chromium.arrives_at("Testinnlogging").await;
    chromium.look("1-test-login").await;
    // Free entry, with a number that is wrong and one that is right.
    driver.find(By::Id("pid")).await.unwrap().send_keys("12345678901").await.unwrap();
    chromium.press("Autentiser").await;
    driver.query(By::Id("pid-wrong")).first().await.unwrap();
    let field = driver.find(By::Id("pid")).await.unwrap();
    assert_eq!(field.attr("aria-invalid").await.unwrap().as_deref(), Some("true"));
    field.send_keys("17858212081").await.unwrap();
    chromium.press("Autentiser").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    chromium.look("2-request").await;
    chromium.press("English").await;
    chromium.arrives_at("SMARTCLOUD AS asks for access for the system SmartCloud").await;
    assert_eq!(driver.find(By::Css("html")).await.unwrap().attr("lang").await.unwrap().as_deref(), Some("en"));
    chromium.look("3-request-en").await;
    chromium.press("Norsk (bokmål)").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;

    // By keyboard: from the top of the page to the answer.
    driver.execute("document.activeElement.blur(); window.focus()", vec![]).await.unwrap();
    let mut reached = false;
    for _ in 0..20 {
        driver.active_element().await.unwrap().send_keys(Key::Tab + "").await.unwrap();
        if driver.active_element().await.unwrap().text().await.unwrap() == "Godkjenn" {
            reached = true;
            break;
        }
    }
    assert!(reached, "the keyboard does not lead to the answer");
    driver.active_element().await.unwrap().send_keys(Key::Enter + "").await.unwrap();
    chromium.arrives_at("Tilgangen er gitt").await;
    chromium.look("4-receipt").await;
    let back = driver.find(By::XPath("//a[contains(., 'Tilbake til smartcloud.example')]")).await.unwrap();
    assert_eq!(back.attr("href").await.unwrap().as_deref(), Some("https://smartcloud.example/receipt?state=1"));
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);

    chromium.press("Logg inn").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("Velg virksomhet").await;
    chromium.look("5-front").await;
    chromium.press("TILFELDIG SUBTIL APE").await;
    chromium.arrives_at("Systemtilganger for TILFELDIG SUBTIL APE").await;
    chromium.look("6-overview").await;
    driver.find(By::XPath("//main//a[contains(., 'SmartCloud')]")).await.unwrap().click().await.unwrap();
    chromium.arrives_at("Systemtilgang: SmartCloud").await;
    chromium.look("7-details").await;
    chromium.press("Trekk tilbake tilgangen").await;
    chromium.arrives_at("Trekke tilbake tilgangen?").await;
    chromium.look("8-revoke").await;
    chromium.press("Ja, trekk tilbake").await;
    chromium.arrives_at("Systemtilganger for TILFELDIG SUBTIL APE").await;
    chromium.look("9-revoked").await;
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 400);
    driver.clone().quit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_are_shown_beside_rights_in_three_languages() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let packages =
        json!([{"urn": "urn:altinn:accesspackage:krav-og-utlegg"}, {"urn": "urn:altinn:accesspackage:skatt-naering"}]);
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let registration = with(system(SYSTEM, &vendor.client_id), "accessPackages", packages.clone());
    assert_eq!(world.post(REGISTER, &token, &registration).await.status, 200);
    let request = world.ask(&vendor, &with(asked(), "accessPackages", packages)).await.json();
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    let shown = async |texts: &[&str]| {
        let page = driver.find(By::Css("main")).await.unwrap().text().await.unwrap();
        for text in texts {
            assert!(page.contains(text), "“{text}” is not on the page: {page}");
        }
    };
    driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
    chromium.arrives_at("Testinnlogging").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    shown(&["Krav og betalinger", "Skatt næring"]).await;
    chromium.look("packages-1-request-nb").await;
    chromium.press("Norsk (nynorsk)").await;
    chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
    chromium.look("packages-2-request-nn").await;
    chromium.press("English").await;
    chromium.arrives_at("SMARTCLOUD AS asks for access for the system SmartCloud").await;
    shown(&["Business tax"]).await;
    chromium.look("packages-3-request-en").await;
    chromium.press("Approve").await;
    chromium.arrives_at("The access has been given").await;
    chromium.look("packages-4-receipt-en").await;
    chromium.press("Log in").await;
    chromium.arrives_at("Test login").await;
    chromium.press("Pia Tilfeldig").await;
    chromium.arrives_at("Choose organisation").await;
    chromium.press("TILFELDIG SUBTIL APE").await;
    chromium.arrives_at("System access for TILFELDIG SUBTIL APE").await;
    driver.find(By::XPath("//main//a[contains(., 'SmartCloud')]")).await.unwrap().click().await.unwrap();
    chromium.arrives_at("System access: SmartCloud").await;
    shown(&["Business tax"]).await;
    chromium.look("packages-5-details").await;
    driver.clone().quit().await.unwrap();
}

/// Every page in every state and three languages: nothing sticks out at 320 pixels, and axe finds no barrier.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_without_barriers_in_three_languages() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let chromium = Chromium::new().await;
    let at = |path: &str| format!("{}{path}", world.origin);
    let ask = async |reference: &str| {
        let body = with(asked(), "externalRef", json!(reference));
        world.ask(&vendor, &body).await.json()["id"].as_str().unwrap().to_owned()
    };
    chromium.driver.goto(at("/logged-out")).await.unwrap();
    for (name, path) in [
        ("logged-out", "/logged-out"),
        ("help", "/help"),
        ("privacy", "/privacy"),
        ("accessibility", "/accessibility"),
        ("token-error", "/help/errors/MP-303"),
        ("test-login", "/login"),
    ] {
        chromium.look_at(name, &at(path)).await;
    }
    // What Pia sees.
    let waits = ask("waits").await;
    let page = |id: &str| at(&format!("/request/{id}"));
    chromium.log_in("Pia Tilfeldig", &page(&waits)).await;
    chromium.look_at("front", &at("/")).await;
    chromium.look_at("request", &page(&waits)).await;
    let org = format!("/org/{CUSTOMER}/system-access");
    chromium.look_at("overview-empty", &at(&org)).await;
    chromium.look_at("create-1", &at(&format!("{org}/new"))).await;
    chromium.look_at("create-2", &at(&format!("{org}/new/{SYSTEM}"))).await;
    chromium.look_at("requests", &at(&format!("/org/{CUSTOMER}/requests"))).await;
    chromium.look_at("no-id", &at("/accessmanagement/ui/systemuser/request")).await;
    chromium.look_at("unknown", &page("01a20538-218e-7fae-aebe-6e10372c06b2")).await;
    // Answered from inside, so that she stays.
    chromium.driver.goto(at(&format!("/request/{waits}?skiplogout=true"))).await.unwrap();
    chromium.press("Godkjenn").await;
    chromium.arrives_at("Tilgangen er gitt").await;
    let receipt = chromium.driver.current_url().await.unwrap();
    chromium.look_at("receipt-inside", receipt.as_str()).await;
    chromium.look_at("request-accepted", &page(&waits)).await;
    chromium.look_at("overview", &at(&org)).await;
    let access = format!("{org}/{waits}");
    chromium.look_at("details", &at(&access)).await;
    chromium.look_at("revoke", &at(&format!("{access}/revoke"))).await;
    chromium.look_at("history", &at(&format!("/org/{CUSTOMER}/history"))).await;
    // A change, and one that somebody else has to answer.
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let change = world.app.random.uuid();
    let path = format!(
        "/authentication/api/v1/systemuser/changerequest/vendor?correlation-id={change}&system-user-id={waits}"
    );
    let body = json!({"unwantedRights": [crate::world::right(crate::world::RESOURCE)]});
    assert_eq!(world.post(&path, &token, &body).await.status, 201);
    chromium.look_at("change", &at(&format!("/changerequest/{change}"))).await;
    let withdrawn = ask("withdrawn").await;
    let withdraw = world.request(reqwest::Method::DELETE, &format!("{}/{withdrawn}", crate::world::REQUESTS));
    assert_eq!(world.send(withdraw.bearer_auth(&token)).await.status, 202);
    chromium.look_at("withdrawn", &page(&withdrawn)).await;
    let rejected = ask("rejected").await;
    chromium.driver.goto(page(&rejected)).await.unwrap();
    chromium.press("Avvis").await;
    chromium.arrives_at("Forespørselen er avvist").await;
    chromium.look("receipt-rejected").await;
    chromium.check("receipt-rejected").await;
    // What others see of a request.
    let forwarded = ask("forwarded").await;
    for (name, person) in [("no-power", "Arne Ansatt"), ("cannot-give", "Sverre Subtil")] {
        chromium.log_in(person, &page(&forwarded)).await;
        chromium.look_at(name, &page(&forwarded)).await;
    }
    chromium.driver.find(By::Id("message")).await.unwrap().send_keys("Kan du se på denne?").await.unwrap();
    chromium.press("Videresend").await;
    chromium.look_at("forwarded", &page(&forwarded)).await;
    // An accountant's.
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let accountant = crate::answers::ACCOUNTANT;
    let clients = format!("/org/{accountant}/system-access/{agent}/clients");
    chromium.log_in("Ragnhild Rask", &at(&clients)).await;
    chromium.look_at("clients", &at(&clients)).await;
    chromium.driver.goto(at(&clients)).await.unwrap();
    chromium.driver.find(By::Id("numbers")).await.unwrap().send_keys("312652757\n310904473\nnonsense").await.unwrap();
    chromium.press("Legg til disse").await;
    chromium.arrives_at("Klientene er behandlet").await;
    let job = chromium.driver.current_url().await.unwrap();
    chromium.look_at("job", job.as_str()).await;
    chromium.look_at("details-clients", &at(&format!("/org/{accountant}/system-access/{agent}"))).await;
    let body = with(crate::answers::asked_of_agent(&["regnskapsforer-lonn"]), "externalRef", json!("second"));
    let agent_request = world.ask_agent(&vendor, &body).await.json()["id"].as_str().unwrap().to_owned();
    chromium.look_at("request-clients", &at(&format!("/agentrequest/{agent_request}"))).await;
    world.advance(11 * 24 * 3_600).await;
    chromium.log_in("Pia Tilfeldig", &page(&forwarded)).await;
    chromium.look_at("timed-out", &page(&forwarded)).await;
    chromium.driver.clone().quit().await.unwrap();
}

/// What people seldom see: refusals, what is gone, what is crowded. Nothing of it has barriers either.
#[tokio::test(flavor = "multi_thread")]
async fn rare_pages_are_without_barriers() {
    let world = World::new().await;
    let vendor = vendor_of_two(&world).await;
    let chromium = Chromium::new().await;
    let at = |path: &str| format!("{}{path}", world.origin);
    let org = format!("/org/{CUSTOMER}/system-access");
    let ask = async |reference: &str| {
        let body =
            with(with(asked(), "externalRef", json!(reference)), "accessPackages", json!([package("krav-og-utlegg")]));
        let made = world.ask(&vendor, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        made.json()["id"].as_str().unwrap().to_owned()
    };
    // A number that is none.
    chromium.open(&at("/login")).await;
    chromium.write("pid", "123").await;
    chromium.press("Autentiser").await;
    chromium.seen("wrong-number", "Det er ikke et gyldig").await;
    // A change with all three lists, its receipt, and what is answered.
    let user = ask("first").await;
    chromium.log_in("Pia Tilfeldig", &at(&format!("/request/{user}"))).await;
    chromium.press("Godkjenn").await;
    chromium.seen("receipt-leaving", "Systemet har fått").await;
    let (changed, link) = change(&world, &vendor, &user).await;
    chromium.log_in("Pia Tilfeldig", &link).await;
    chromium.look_at("change-lists", &at(&format!("/changerequest/{changed}"))).await;
    chromium.press("Godkjenn").await;
    chromium.seen("receipt-change", "Systemet har mistet").await;
    chromium.log_in("Pia Tilfeldig", &at(&format!("/changerequest/{changed}"))).await;
    chromium.look_at("change-accepted", &at(&format!("/changerequest/{changed}"))).await;
    chromium.says(&["Dette kommer til", "Skattemelding", "Dette faller bort", "Krav og betalinger"]).await;
    chromium.is_silent_on(&["Hvis du godkjenner"]).await;
    // Who may make system accesses, but cannot give what this one takes; and who has it already.
    let create = at(&format!("{org}/new/{SYSTEM}"));
    chromium.log_in("Sverre Subtil", &create).await;
    chromium.look_at("create-cannot", &create).await;
    chromium.says(&["Du kan ikke gi denne rettigheten videre"]).await;
    chromium.log_in("Pia Tilfeldig", &create).await;
    chromium.press("Opprett systemtilgang").await;
    chromium.says(&["Systemtilganger for", "Ny"]).await;
    chromium.look_at("create-there", &create).await;
    chromium.says(&["Se systemtilgangen"]).await;
    let second = ask("second").await;
    let withdrawn = ask("withdrawn").await;
    chromium.log_in("Arne Ansatt", &at(&format!("/request/{second}"))).await;
    chromium.press("Videresend").await;
    chromium.says(&["Arne Ansatt videresendte"]).await;
    chromium.look_at("forwarded-by-me", &at(&format!("/request/{second}"))).await;
    chromium.open(&at(&org)).await;
    chromium.seen("no-power-page", "Du har ikke lov til å gjøre dette").await;
    // What waits, is looked for, and is answered by somebody else meanwhile.
    chromium.log_in("Pia Tilfeldig", &at(&org)).await;
    chromium.look_at("overview-pending", &at(&org)).await;
    chromium.open(&at(&format!("{org}/{user}"))).await;
    chromium.driver.execute("document.getElementById('title').removeAttribute('required')", vec![]).await.unwrap();
    chromium.write("title", " ").await;
    chromium.press("Lagre navnet").await;
    chromium.seen("rename-wrong", "Navnet må ha").await;
    chromium.write("title", "Regnskap").await;
    chromium.press("Lagre navnet").await;
    chromium.seen("renamed", "Navnet er endret.").await;
    chromium.open(&at(&format!("/request/{withdrawn}"))).await;
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    let withdraw = world.request(reqwest::Method::DELETE, &format!("{}/{withdrawn}", crate::world::REQUESTS));
    assert_eq!(world.send(withdraw.bearer_auth(&token)).await.status, 202);
    chromium.driver.execute("document.querySelector('input[name=csrf]').value = 'x'", vec![]).await.unwrap();
    chromium
        .driver
        .execute("document.querySelectorAll('input[name=csrf]').forEach((it) => it.value = 'x')", vec![])
        .await
        .unwrap();
    chromium.press("Avvis").await;
    chromium.seen("foreign-form", "Skjemaet kunne ikke tas imot").await;
    chromium.open(&at(&format!("/request/{second}"))).await;
    let (mut sverre, page) = world.open_request("Sverre Subtil", &second).await;
    sverre.press(&page, "Avvis").await.unwrap();
    chromium.press("Godkjenn").await;
    chromium.seen("conflict", "Forespørselen er allerede besvart").await;
    // What is not used, and what is gone.
    world.advance(181 * 24 * 3_600).await;
    chromium.log_in("Pia Tilfeldig", &at(&org)).await;
    chromium.look_at("details-unused", &at(&format!("{org}/{user}"))).await;
    let third = ask("third").await;
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let gone = world.request(reqwest::Method::DELETE, &format!("{REGISTER}/{SYSTEM}")).bearer_auth(&token);
    assert_eq!(world.send(gone).await.status, 200);
    chromium.look_at("details-system-gone", &at(&format!("{org}/{user}"))).await;
    chromium.look_at("request-system-gone", &at(&format!("/request/{third}"))).await;
    chromium.quit().await;
}

/// A list with no clients, one that is being worked off, and many organisations to choose from.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_those_with_many_are_without_barriers() {
    const AUDITOR: &str = "314250052";
    let world = World::new().await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["forretningsforer-eiendom", "ansvarlig-revisor"]).await;
    let chromium = Chromium::new().await;
    let at = |path: &str| format!("{}{path}", world.origin);
    let mut agents = vec![];
    for (name, packages) in [("none", "forretningsforer-eiendom"), ("many", "ansvarlig-revisor")] {
        let body = with(crate::answers::asked_of_agent(&[packages]), "partyOrgNo", json!(AUDITOR));
        let request = world.ask_agent(&vendor, &with(body, "externalRef", json!(name))).await.json();
        chromium.log_in("Dress Minst", request["confirmUrl"].as_str().unwrap()).await;
        chromium.press("Godkjenn").await;
        chromium.seen("receipt-agent", "Nå må du legge til klientene").await;
        agents.push(request["id"].as_str().unwrap().to_owned());
    }
    let list = |agent: &str| at(&format!("/org/{AUDITOR}/system-access/{agent}/clients"));
    chromium.log_in("Dress Minst", &list(&agents[0])).await;
    chromium.look_at("clients-none", &list(&agents[0])).await;
    crate::scenarios::clients(&world, AUDITOR, "REVI", "AS", 3_000).await;
    chromium.open(&list(&agents[1])).await;
    chromium.press("Legg til alle").await;
    chromium.seen("job-running", "Du kan lukke siden").await;
    // It follows by itself, without the page being loaded anew in the meantime.
    chromium.arrives_at("Klientene er behandlet").await;
    chromium.press("Til klientene").await;
    chromium.press("Fjern alle").await;
    chromium.seen("remove-all", "ikke lenger handle for noen av de").await;
    // Nine organisations of her own.
    let pia = json!({"role": "DAGL", "person": {"nationalId": "17858212081", "name": "Pia Tilfeldig"}});
    let of = |number: u32| json!({"orgNumber": crate::registry::org_number(5_000 + number), "name": format!("EGEN NR {number}"), "unitType": "AS", "roles": [pia]});
    world.import(&(0..9).map(of).collect::<Vec<_>>()).await;
    chromium.log_in("Pia Tilfeldig", &at("/")).await;
    chromium.look_at("front-many", &at("/?q=egen")).await;
    chromium.look_at("front-none", &at("/?q=finnes+ikke")).await;
    chromium.quit().await;
}

/// The public portal's first scenarios: reject, approve, and back at the vendor's without a click.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_answer_the_browser_goes_back_to_the_vendor_unless_it_is_stopped() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let back = format!("{}/help", world.origin);
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let registration = with(system(SYSTEM, &vendor.client_id), "allowedRedirectUrls", json!([back]));
    assert_eq!(world.post(REGISTER, &token, &registration).await.status, 200);
    let chromium = Chromium::new().await;
    let driver = &chromium.driver;
    let state = async |id: &str| {
        let token = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
        world.get(&format!("{}/{id}", crate::world::REQUESTS), &token).await.json()["status"].clone()
    };
    for (button, status, stops) in [("Avvis", "Rejected", false), ("Godkjenn", "Accepted", true)] {
        let body =
            with(with(asked(), "redirectUrl", json!(format!("{back}?ref={status}"))), "externalRef", json!(status));
        let request = world.ask(&vendor, &body).await.json();
        driver.goto(request["confirmUrl"].as_str().unwrap()).await.unwrap();
        chromium.press("Pia Tilfeldig").await;
        chromium.arrives_at("SMARTCLOUD AS ber om tilgang for systemet SmartCloud").await;
        chromium.press(button).await;
        let leaving = driver.query(By::Css("#leaving:not([hidden])")).first().await.unwrap();
        assert!(leaving.text().await.unwrap().contains("sekunder sendes du tilbake til 127.0.0.1"));
        if stops {
            chromium.press("Bli på siden").await;
            tokio::time::sleep(Duration::from_secs(6)).await;
            assert!(driver.current_url().await.unwrap().path().starts_with("/receipt/"));
        } else {
            let mut came = String::new();
            for _ in 0..100 {
                came = driver.current_url().await.unwrap().to_string();
                if came.starts_with(&back) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(came, format!("{back}?ref={status}"));
        }
        assert_eq!(state(request["id"].as_str().unwrap()).await, json!(status));
        // She is logged out.
        driver.goto(format!("{}/", world.origin)).await.unwrap();
        chromium.arrives_at("Testinnlogging").await;
    }
    driver.clone().quit().await.unwrap();
}

/// In the dark, with forced colours, and by keyboard.
#[tokio::test(flavor = "multi_thread")]
async fn pages_are_legible_in_the_dark_and_focus_is_seen() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let agent = world.approved_agent(&vendor, &["regnskapsforer-lonn"]).await;
    let chromium = Chromium::new().await;
    let accountant = crate::answers::ACCOUNTANT;
    let paths = [
        "/help".to_owned(),
        format!("/org/{accountant}/system-access"),
        format!("/org/{accountant}/system-access/{agent}"),
        format!("/org/{accountant}/system-access/{agent}/clients"),
        format!("/org/{accountant}/system-access/{agent}/revoke"),
        format!("/agentrequest/{agent}"),
    ];
    chromium.log_in("Ragnhild Rask", &format!("{}/", world.origin)).await;
    for (feature, value) in [("prefers-color-scheme", "dark"), ("forced-colors", "active")] {
        chromium.prefer(feature, value).await;
        for path in &paths {
            chromium.driver.goto(format!("{}{path}", world.origin)).await.unwrap();
            assert_eq!(chromium.driver.current_url().await.unwrap().path(), path);
            let name = format!("{value}-{}", path.rsplit('/').next().unwrap());
            chromium.look(&name).await;
            chromium.check(&name).await;
        }
    }
    chromium.prefer("prefers-color-scheme", "light").await;
    // Whatever the keyboard comes to shows it.
    chromium.driver.goto(format!("{}{}", world.origin, paths[3])).await.unwrap();
    let focused =
        "const it = document.activeElement; if (it === document.body) return ''; const style = getComputedStyle(it);
        return it.tagName + ' ' + it.className + ' ' + it.textContent.trim().slice(0, 20) + ' ' + (style.outlineStyle !== 'none' || style.boxShadow !== 'none' ? 'seen' : 'unseen')";
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        chromium.driver.active_element().await.unwrap().send_keys(Key::Tab + "").await.unwrap();
        let state: String = chromium.driver.execute(focused, vec![]).await.unwrap().convert().unwrap();
        // The link past the head is seen by being there at all.
        assert!(!state.ends_with("unseen") || state.contains("ds-skip-link"), "{state}");
        seen.insert(state.split(' ').next().unwrap().to_owned());
    }
    assert!(["A", "BUTTON", "INPUT", "SELECT", "TEXTAREA"].iter().all(|tag| seen.contains(*tag)), "{seen:?}");
    chromium.driver.clone().quit().await.unwrap();
}
