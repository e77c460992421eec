//! What the customer sees and does, in a browser that posts forms.

use reqwest::Method;
use serde_json::json;
use systembruker::cli::demo::browser::{Browser, Window};
use systembruker::cli::demo::paper::Paper;

use crate::portal_pages::fill;
use crate::world::{CUSTOMER, REDIRECT, REQUESTS, TOO_LARGE, World, asked};

/// A number of the series for tests that nobody in the register has.
const UNKNOWN_PERSON: &str = "01819050062";

fn has_button(window: &Window, text: &str) -> bool {
    window.form(text).is_ok()
}

async fn status(world: &World, vendor: &crate::world::Actor, id: &str) -> String {
    let token = vendor.token(world, "altinn:authentication/systemuser.request.read").await;
    world.get(&format!("{REQUESTS}/{id}"), &token).await.json()["status"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_shown_in_plain_words_and_approved() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", &id).await;
    assert_eq!(page.heading().unwrap(), "SMARTCLOUD AS ber om tilgang for systemet SmartCloud");
    let words = page.words().unwrap();
    for part in [
        "Gjelder TILFELDIG SUBTIL APE (org.nr. 310 904 473)",
        "Krav og betalinger",
        "Kan se hva virksomheten skylder.",
        "Systemet kan: se opplysninger",
        "Fra Skatteetaten",
        "Tilgangen gjelder til noen i virksomheten trekker den tilbake",
        "Svar innen",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let receipt = browser.press(&page, "Godkjenn").await.unwrap();
    assert!(receipt.words().unwrap().contains("Tilbake til smartcloud.example"));
    assert_eq!(status(&world, &vendor, &id).await, "Accepted");
    // The session has ended with the answer.
    let front = browser.open(&format!("{}/", world.origin)).await.unwrap();
    assert_eq!(front.heading().unwrap(), "Testinnlogging");
    // The request's page now says how it was answered.
    let (_, page) = world.open_request("Sverre Subtil", &id).await;
    assert!(page.words().unwrap().contains("Forespørselen er godkjent.") && !has_button(&page, "Godkjenn"));
    let audit = world.app.store.read().await.unwrap().audit_of(&id).await.unwrap();
    // Who has seen it is noted once for each.
    let events: Vec<_> = audit.iter().map(|entry| entry.event.as_str()).collect();
    assert_eq!(events, ["request.created", "request.viewed", "request.approved"]);
    assert_eq!(audit[0].actor, "org:991825827");
    assert!(audit[1].actor.starts_with("person:") && audit[1].actor == audit[2].actor, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_rejected_and_the_receipt_does_not_last() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", &id).await;
    let receipt = browser.press(&page, "Avvis").await.unwrap();
    assert_eq!(receipt.heading().unwrap(), "Forespørselen er avvist");
    assert_eq!(status(&world, &vendor, &id).await, "Rejected");
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 400);
    let again = browser.open(receipt.url.as_str()).await.unwrap();
    assert_eq!(again.status, 200);
    world.advance(3_700).await;
    assert_eq!(browser.open(receipt.url.as_str()).await.unwrap().status, 404);
    let forged = format!("{}/receipt/{}", world.origin, "A".repeat(80));
    assert_eq!(browser.open(&forged).await.unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_those_with_power_answer_and_strangers_see_nothing() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    // An employee without powers sees it and is told who can.
    let (mut arne, page) = world.open_request("Arne Ansatt", &id).await;
    assert!(page.words().unwrap().contains("Du kan ikke svare på vegne av TILFELDIG SUBTIL APE."));
    assert!(!has_button(&page, "Godkjenn") && !has_button(&page, "Avvis"));
    let csrf = page.form("Logg ut").unwrap().fields;
    let answered = arne.post(page.url.join(&format!("/request/{id}/approve")).unwrap(), csrf).await.unwrap();
    assert_eq!((answered.status, answered.heading().unwrap().as_str()), (403, "Du har ikke lov til å gjøre dette"));
    // The chair may answer, but has no role that gives this right.
    let (mut sverre, page) = world.open_request("Sverre Subtil", &id).await;
    assert!(page.words().unwrap().contains("Du kan ikke gi denne rettigheten videre"));
    assert!(!has_button(&page, "Godkjenn") && has_button(&page, "Avvis"));
    let csrf = page.form("Avvis").unwrap().fields;
    let answered = sverre.post(page.url.join(&format!("/request/{id}/approve")).unwrap(), csrf).await.unwrap();
    assert_eq!((answered.status, answered.heading().unwrap().as_str()), (403, "Tilgangen kunne ikke gis"));
    // A stranger gets the same page as for a request that is not there.
    let (mut mona, page) = world.open_request("Mona Modig", &id).await;
    assert_eq!((page.status, page.heading().unwrap().as_str()), (404, "Vi finner ikke siden"));
    let csrf = page.form("Logg ut").unwrap().fields;
    let answered = mona.post(page.url.join(&format!("/request/{id}/reject")).unwrap(), csrf).await.unwrap();
    assert_eq!(answered.status, 404);
    let path = format!("{}/accessmanagement/ui/systemuser/request", world.origin);
    for (query, status) in
        [("", 400), ("?id=", 400), ("?id=nonsense", 404), ("?id=01a20538-218e-7fae-aebe-6e10372c06b2", 404)]
    {
        assert_eq!(mona.open(&format!("{path}{query}")).await.unwrap().status, status, "{query}");
    }
    assert_eq!(mona.open(&format!("{}/org/{CUSTOMER}/system-access", world.origin)).await.unwrap().status, 404);
    assert_eq!(arne.open(&format!("{}/org/{CUSTOMER}/system-access", world.origin)).await.unwrap().status, 403);
    assert_eq!(crate::portal::status(&world, &vendor, &id).await, "New");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_or_session_changes_nothing() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", &id).await;
    let form = page.form("Godkjenn").unwrap();
    for fields in [vec![], vec![("csrf".to_owned(), String::new())], vec![("csrf".to_owned(), "A".repeat(43))]] {
        let answered = browser.post(form.action.clone(), fields).await.unwrap();
        assert_eq!((answered.status, answered.heading().unwrap().as_str()), (403, "Skjemaet kunne ikke tas imot"));
    }
    // Another session's form.
    let (_, other) = world.open_request("Sverre Subtil", &id).await;
    let stolen = other.form("Avvis").unwrap().fields;
    assert_eq!(browser.post(form.action.clone(), stolen).await.unwrap().status, 403);
    // What browsers say of posts from elsewhere.
    for (name, value) in [("Sec-Fetch-Site", "cross-site"), ("Origin", "https://evil.example")] {
        let request = world.request(Method::POST, form.action.path()).header(name, value).form(&form.fields);
        let refused = world.send(request.header("Cookie", browser.cookies_for(&form.action))).await;
        assert_eq!(refused.status, 403);
        assert!(refused.text.contains("Skjemaet kunne ikke tas imot"));
    }
    assert_eq!(status(&world, &vendor, &id).await, "New");
    // Without a session there is nothing but the way to log in.
    let request = world.request(Method::POST, form.action.path()).form(&form.fields);
    assert_eq!(world.send(request).await.headers["location"], "/login?goto=%2F%23resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_comes_too_late_is_told_so() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let (mut pia, page) = world.open_request("Pia Tilfeldig", &id).await;
    let (mut sverre, other) = world.open_request("Sverre Subtil", &id).await;
    sverre.press(&other, "Avvis").await.unwrap();
    let late = pia.press(&page, "Godkjenn").await.unwrap();
    assert_eq!((late.status, late.heading().unwrap().as_str()), (409, "Forespørselen er allerede besvart"));
    // The vendor withdraws while the page is open.
    let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
    world.send(world.request(Method::DELETE, &format!("{REQUESTS}/{id}")).bearer_auth(&token)).await;
    let gone = pia.press(&page, "Godkjenn").await.unwrap();
    assert_eq!((gone.status, gone.heading().unwrap().as_str()), (410, "Forespørselen er trukket tilbake"));
    // The time runs out while the page is open.
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    world.advance(10 * 24 * 3_600 - 30).await;
    let (mut pia, page) = world.open_request("Pia Tilfeldig", &id).await;
    world.advance(60).await;
    assert_eq!(pia.press(&page, "Godkjenn").await.unwrap().status, 409);
    let (_, page) = world.open_request("Pia Tilfeldig", &id).await;
    assert!(page.words().unwrap().contains("Fristen for å svare er gått ut."));
    assert_eq!(status(&world, &vendor, &id).await, "Timedout");
    assert!(
        world
            .app
            .model
            .system_users_of(world.app.model.parties().by_number(CUSTOMER.parse().unwrap()).unwrap().party_uuid)
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_access_is_taken_back_at_once() {
    let world = World::new().await;
    let (vendor, id) = world.system_user().await;
    let answer = vendor.ask_for_system_user(&world, CUSTOMER, None).await.json();
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(world.claims_of(CUSTOMER, token).await.status, 200);
    let (mut browser, front) = world.logged_in("Pia Tilfeldig", "/").await;
    let overview = browser.follow(&front, "TILFELDIG SUBTIL APE").await.unwrap();
    let details = browser.follow(&overview, "SmartCloud").await.unwrap();
    assert!(details.words().unwrap().contains("Systemet kan: se opplysninger"));
    let confirm = browser.follow(&details, "Trekk tilbake tilgangen").await.unwrap();
    let form = confirm.form("Ja, trekk tilbake").unwrap();
    assert_eq!(browser.post(form.action.clone(), vec![]).await.unwrap().status, 403);
    let after = browser.press(&confirm, "Ja, trekk tilbake").await.unwrap();
    assert!(after.words().unwrap().contains("Tilgangen er trukket tilbake"));
    assert_eq!(world.claims_of(CUSTOMER, token).await.status, 403);
    let refused = vendor.ask_for_system_user(&world, CUSTOMER, None).await.refusal();
    assert!(refused.contains("MP-303") && refused.contains("has deleted the system user"), "{refused}");
    assert_eq!(browser.press(&confirm, "Ja, trekk tilbake").await.unwrap().status, 404);
    let audit = world.app.store.read().await.unwrap().audit_of(&id).await.unwrap();
    assert_eq!(
        audit.iter().map(|entry| entry.event.as_str()).collect::<Vec<_>>(),
        ["request.created", "request.viewed", "request.approved", "systemuser.deleted"]
    );
    // The vendor can ask again.
    assert_eq!(world.ask(&vendor, &asked()).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_cannot_see_or_take_back_a_system_access() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let (mut mona, front) = world.logged_in("Mona Modig", "/").await;
    for org in [CUSTOMER, "312652757"] {
        let path = format!("{}/org/{org}/system-access/{id}", world.origin);
        assert_eq!(mona.open(&path).await.unwrap().status, 404);
        let csrf = front.form("Logg ut").unwrap().fields;
        let action = format!("{path}/revoke").parse().unwrap();
        assert_eq!(mona.post(action, csrf).await.unwrap().status, 404);
    }
    let (mut arne, front) = world.logged_in("Arne Ansatt", "/").await;
    let csrf = front.form("Logg ut").unwrap().fields;
    let action = format!("{}/org/{CUSTOMER}/system-access/{id}/revoke", world.origin).parse().unwrap();
    assert_eq!(arne.post(action, csrf).await.unwrap().status, 403);
    assert!(!world.app.model.system_user(id.parse().unwrap()).unwrap().is_deleted);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_only_to_what_is_registered() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let mut without = asked();
    without.as_object_mut().unwrap().remove("redirectUrl");
    let id = world.ask(&vendor, &without).await.json()["id"].as_str().unwrap().to_owned();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", &id).await;
    let receipt = browser.press(&page, "Godkjenn").await.unwrap();
    assert!(browser.follow(&receipt, "Tilbake til").await.is_err());
    assert!(browser.follow(&receipt, "Logg inn").await.is_ok());
    assert!(REDIRECT.starts_with("https://"));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_in_three_languages_and_remember_the_choice() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let (mut browser, page) = world.open_request("Pia Tilfeldig", &id).await;
    for (language, button, heading) in [
        ("Norsk (nynorsk)", "Godkjenn", "SMARTCLOUD AS ber om tilgang for systemet SmartCloud"),
        ("English", "Approve", "SMARTCLOUD AS asks for access for the system SmartCloud"),
    ] {
        let shown = browser.press(&page, language).await.unwrap();
        assert_eq!(shown.url, page.url);
        assert_eq!(shown.heading().unwrap(), heading);
        assert!(has_button(&shown, button));
    }
    let front = browser.open(&format!("{}/", world.origin)).await.unwrap();
    assert_eq!(front.heading().unwrap(), "Choose organisation");
    // Nobody is sent elsewhere by it.
    let request = world.request(Method::POST, "/language").form(&[("language", "en"), ("goto", "//evil.example/")]);
    assert_eq!(world.send(request).await.headers["location"], "/");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_told_and_by_themselves() {
    let world = World::new().await;
    let (mut browser, front) = world.logged_in("Pia Tilfeldig", "/").await;
    assert_eq!(front.heading().unwrap(), "Velg virksomhet");
    let out = browser.press(&front, "Logg ut").await.unwrap();
    assert_eq!(out.heading().unwrap(), "Du er logget ut");
    assert_eq!(browser.open(&format!("{}/", world.origin)).await.unwrap().heading().unwrap(), "Testinnlogging");
    let (mut browser, _) = world.logged_in("Pia Tilfeldig", "/").await;
    world.advance(31 * 60).await;
    assert_eq!(browser.open(&format!("{}/", world.origin)).await.unwrap().heading().unwrap(), "Testinnlogging");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_belongs_to_the_browser_that_began_it() {
    let world = World::new().await;
    let callback = async |query: &str| world.send(world.request(Method::GET, &format!("/login/callback{query}"))).await;
    assert_eq!(callback("?code=x&state=y").await.status, 400);
    assert_eq!(callback("").await.status, 400);
    // The state of one browser in another.
    let begun = world.send(world.request(Method::GET, "/login")).await;
    let cookie = begun.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = world.request(Method::GET, "/login/callback?code=x&state=other").header("Cookie", &cookie);
    assert_eq!(world.send(request).await.status, 400);
    // The provider redirects nowhere but to the portal.
    let authorize = "/sandbox/login/authorize?response_type=code&client_id=portal&code_challenge=x&code_challenge_method=S256&redirect_uri=";
    let away = world.get(&format!("{authorize}https%3A%2F%2Fevil.example%2F"), "").await;
    assert_eq!(away.status, 400);
    let wrong = world.request(Method::POST, "/sandbox/login/token").basic_auth("portal", Some("guess"));
    let wrong = world.send(wrong.form(&[("code", "x")])).await;
    assert_eq!((wrong.status, wrong.json()), (400, json!({"error": "invalid_client"})));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_takes_forms_leads_to_its_page_when_it_is_opened() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.ask(&vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned();
    let to = async |method: Method, path: &str| {
        let answer = world.send(world.request(method, path)).await;
        assert!(answer.headers.contains_key("content-security-policy"), "{path}");
        (answer.status, answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned()))
    };
    let page = format!("/request/{id}");
    for form in ["approve", "reject", "forward", "forward/remind", "forward/take-back"] {
        assert_eq!(to(Method::GET, &format!("{page}/{form}")).await, (303, Some(page.clone())));
    }
    let access = format!("/org/{CUSTOMER}/system-access/{id}");
    assert_eq!(to(Method::HEAD, &format!("{access}/name")).await, (303, Some(access.clone())));
    assert_eq!(to(Method::GET, &format!("{access}/clients/own")).await, (303, Some(format!("{access}/clients"))));
    assert_eq!(to(Method::GET, "/logout").await, (303, Some("/".to_owned())));
    assert_eq!(to(Method::PUT, &page).await, (404, None));
    assert_eq!(to(Method::GET, "/sandbox/login/token").await, (404, None));
    // Who is logged in is not told of having logged out.
    let (mut pia, _) = world.logged_in("Pia Tilfeldig", "/").await;
    assert_eq!(pia.open(&format!("{}/logged-out", world.origin)).await.unwrap().heading().unwrap(), "Velg virksomhet");
    // What is too much is told so.
    let (mut pia, page) = world.open_request("Pia Tilfeldig", &id).await;
    let form = page.form("Avvis").unwrap();
    let large = pia.post(form.action, vec![("csrf".to_owned(), "x".repeat(TOO_LARGE))]).await.unwrap();
    assert_eq!((large.status, &*large.heading().unwrap()), (413, "Skjemaet er for stort"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_windows_log_in_side_by_side() {
    let world = World::new().await;
    let mut browser = Browser::new(world.http.clone(), Paper::silent());
    let first = browser.open(&format!("{}/help?first", world.origin)).await.unwrap();
    assert_eq!(first.heading().unwrap(), "Hjelp");
    let first = browser.open(&format!("{}/login?goto=/help?first", world.origin)).await.unwrap();
    let second = browser.open(&format!("{}/login?goto=/help?second", world.origin)).await.unwrap();
    assert_eq!(browser.press(&first, "Pia Tilfeldig").await.unwrap().url.query(), Some("first"));
    assert_eq!(browser.press(&second, "Pia Tilfeldig").await.unwrap().url.query(), Some("second"));
    // What is begun and left does not pile up.
    let begun = |browser: &Browser| browser.cookies_for(&first.url).matches("login-").count();
    assert_eq!(begun(&browser), 0);
    for _ in 0..10 {
        browser.open(&format!("{}/login", world.origin)).await.unwrap();
    }
    assert_eq!(begun(&browser), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_registered_is_told_so_and_can_log_in_as_somebody_else() {
    let world = World::new().await;
    let mut browser = Browser::new(world.http.clone(), Paper::silent());
    let login = browser.open(&format!("{}/", world.origin)).await.unwrap();
    let unknown = fill(&mut browser, &login, "Autentiser", &[("pid", UNKNOWN_PERSON)]).await;
    assert_eq!((unknown.status, &*unknown.heading().unwrap()), (403, "Du er ikke registrert her"));
    let out = browser.follow(&unknown, "Logg ut").await.unwrap();
    assert_eq!(out.heading().unwrap(), "Du er logget ut");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_nothing_to_other_sites_and_run_nothing() {
    let world = World::new().await;
    let page = world.get("/logged-out", "").await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'") && !policy.contains("unsafe"));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.headers[name], value);
    }
    assert!(!page.text.contains("<script>") && !page.text.contains("style=") && !page.text.contains(" on"));
    let sheet = page.text.split("href=\"/assets/").nth(2).unwrap().split('"').next().unwrap();
    let sheet = world.get(&format!("/assets/{sheet}"), "").await;
    assert_eq!(sheet.content_type(), "text/css; charset=utf-8");
    assert!(sheet.headers["cache-control"].to_str().unwrap().contains("immutable"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_as_the_asker_reads_it() {
    let world = World::new().await;
    let browser = |method, path| world.request(method, path).header("Accept", "text/html,*/*;q=0.8");
    let page = world.send(browser(Method::GET, "/no/such").header("Accept-Language", "en")).await;
    assert_eq!((page.status, page.content_type()), (404, "text/html; charset=utf-8"));
    assert!(page.text.contains("We cannot find the page"), "{}", page.text);
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(world.get("/no/such", "").await.problem(), "404 -");
    let (pia, front) = world.logged_in("Pia Tilfeldig", "/").await;
    let hers = browser(Method::GET, "/no/such").header("Cookie", pia.cookies_for(&front.url));
    assert!(world.send(hers).await.text.contains("Innlogget som Pia Tilfeldig"));
    let large = "x".repeat(TOO_LARGE - "goto=".len());
    let form = world.send(browser(Method::POST, "/language").form(&[("goto", large.as_str())])).await;
    assert_eq!((form.status, form.content_type()), (413, "text/html; charset=utf-8"));
}
