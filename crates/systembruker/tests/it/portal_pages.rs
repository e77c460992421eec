//! The portal's pages: changes, clients, forwarding, names, creating, and how a login ends.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA256, digest};
use axum::Router;
use axum::routing::post;
use reqwest::Method;
use reqwest::header::HeaderName;
use serde_json::{Value, json};
use systembruker::cli::demo::browser::{Browser, Window};
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::portal::PortalSettings;
use systembruker::portal::limits::LimitSettings;
use systembruker::resource_registry::builtin::policy_document;

use crate::answers::{ACCOUNTANT, PIA, RAGNHILD, asked_of_agent};
use crate::world::{Actor, CUSTOMER, RESOURCE, SYSTEM, World, asked, right, with};

const CHANGES: &str = "/authentication/api/v1/systemuser/changerequest/vendor";

impl World {
    async fn asked_for(&self, vendor: &Actor) -> String {
        self.ask(vendor, &asked()).await.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks for less, and gives the change request's id.
    async fn asked_to_change(&self, vendor: &Actor, user: &str, body: Value) -> String {
        let id = self.app.random.uuid();
        let token = vendor.token(self, "altinn:authentication/systemuser.request.write").await;
        let made = self.post(&format!("{CHANGES}?correlation-id={id}&system-user-id={user}"), &token, &body).await;
        assert_eq!(made.status, 201, "{made:?}");
        id.to_string()
    }

    async fn events_of(&self, subject: &str) -> Vec<(String, Value)> {
        let records = self.app.store.read().await.unwrap().audit_of(subject).await.unwrap();
        records.into_iter().map(|record| (record.event, record.details)).collect()
    }
}

fn says(page: &Window, words: &str) {
    let shown = page.words().unwrap();
    assert!(shown.contains(words), "“{words}” is not said: {shown}");
}

/// Fills in a form and sends it.
pub async fn fill(browser: &mut Browser, page: &Window, button: &str, fields: &[(&str, &str)]) -> Window {
    let mut form = page.form(button).unwrap();
    form.fields.retain(|(name, _)| !fields.iter().any(|(given, _)| given == name));
    form.fields.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    browser.post(form.action, form.fields).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_shown_with_what_stays_and_is_approved() {
    let world = World::new().await;
    let (vendor, user) = world.system_user().await;
    let change = world.asked_to_change(&vendor, &user, json!({"unwantedRights": [right(RESOURCE)]})).await;
    let link = format!("/accessmanagement/ui/systemuser/changerequest?id={change}&DONTCHOOSEREPORTEE=true");
    let (mut browser, page) = world.logged_in(PIA, &link).await;
    for words in ["ber om å endre systemtilgangen", "Dette faller bort", "Krav og betalinger", "«SmartCloud»"] {
        says(&page, words);
    }
    let receipt = browser.press(&page, "Godkjenn").await.unwrap();
    assert_eq!(receipt.heading().unwrap(), "Endringen er godkjent");
    says(&receipt, "Systemet har mistet");
    assert_eq!(world.app.model.system_user(user.parse().unwrap()).unwrap().rights.len(), 0);
    let events = world.events_of(&change).await;
    let (last, details) = events.last().unwrap();
    let shown = &details["shown"];
    assert_eq!((&**last, shown["language"].as_str()), ("changerequest.approved", Some("nb")));
    assert_eq!(shown["sha256"].as_str().map(str::len), Some(64));
    // A link of the portal before, and one that is of another kind, lead there too.
    for path in [format!("/authfront/ui/auth/vendorchangerequest?id={change}"), format!("/request/{change}")] {
        let (_, page) = world.logged_in(PIA, &path).await;
        says(&page, "Forespørselen er godkjent.");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_what_was_shown_is_not_approved() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut browser, page) = world.open_request(PIA, &id).await;
    // The owner of the service lets it be used for more while she reads.
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let policy = policy_document(RESOURCE, &["DAGL", "INNH"], &["read", "write"], 3);
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let put = world.request(Method::PUT, &path).bearer_auth(&token).header("content-type", "application/xml");
    assert!(world.send(put.body(policy)).await.status < 300);
    let refused = browser.press(&page, "Godkjenn").await.unwrap();
    assert_eq!((refused.status, refused.heading().unwrap().as_str()), (409, "Noe ble endret mens du leste"));
    assert!(world.events_of(&id).await.iter().all(|(event, _)| event != "request.approved"));
    let again = browser.follow(&refused, "Se forespørselen").await.unwrap();
    says(&again, "sende inn eller endre opplysninger");
    assert_eq!(browser.press(&again, "Godkjenn").await.unwrap().heading().unwrap(), "Tilgangen er gitt");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_answer_forwards_once_and_the_manager_sees_it() {
    let notices: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
    let told = Arc::clone(&notices);
    let hook = Router::new().route(
        "/",
        post(async move |body: String| {
            let notice: Value = serde_json::from_str(&body).unwrap();
            told.lock().unwrap().push((notice["type"].as_str().unwrap().to_owned(), notice));
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, hook).await });
    let options = SandboxOptions { notices_webhook: Some(url.parse().unwrap()), ..SandboxOptions::default() };
    let world = World::of_template(options).await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut arne, page) = world.open_request("Arne Ansatt", &id).await;
    says(&page, "Dette kan godkjennes av: Pia Tilfeldig (daglig leder).");
    let sent = fill(&mut arne, &page, "Videresend", &[("message", "Se på <b>denne</b>")]).await;
    says(&sent, "Arne Ansatt videresendte forespørselen");
    assert!(sent.form("Videresend").is_err());
    let again = fill(&mut arne, &page, "Videresend", &[("message", "én gang til")]).await;
    assert_eq!(again.status, 200);
    let events = world.events_of(&id).await;
    assert_eq!(events.iter().filter(|(event, _)| event == "request.escalated").count(), 1);
    // Three days later he reminds them, once.
    assert!(sent.form("Minn om forespørselen").is_err());
    world.advance(73 * 3_600).await;
    let (mut arne, page) = world.open_request("Arne Ansatt", &id).await;
    let reminded = arne.press(&page, "Minn om forespørselen").await.unwrap();
    assert!(reminded.form("Minn om forespørselen").is_err());
    assert_eq!(arne.press(&page, "Minn om forespørselen").await.unwrap().status, 200);
    let events = world.events_of(&id).await;
    assert_eq!(events.iter().filter(|(event, _)| event == "request.reminded").count(), 1);
    // A stranger forwards nothing.
    let (mut mona, other) = world.logged_in("Mona Modig", "/").await;
    let csrf = other.form("Logg ut").unwrap().fields;
    let refused = mona.post(page.url.join(&format!("/request/{id}/forward")).unwrap(), csrf).await.unwrap();
    assert_eq!(refused.status, 404);
    // Pia finds it from inside, with the message, and stays logged in after her answer.
    let (mut pia, overview) = world.logged_in(PIA, &format!("/org/{CUSTOMER}/system-access")).await;
    says(&overview, "Videresendt");
    let page = pia.follow(&overview, "SmartCloud").await.unwrap();
    says(&page, "Se på <b>denne</b>");
    let receipt = pia.press(&page, "Godkjenn").await.unwrap();
    let details = pia.follow(&receipt, "Se systemtilgangen").await.unwrap();
    says(&details, "Aldri brukt");
    // When the system gets a token, that is seen and told.
    assert_eq!(vendor.ask_for_system_user(&world, CUSTOMER, None).await.status, 200);
    systembruker::system_users::uses::write(&world.app).await.unwrap();
    let details = pia.open(details.url.as_str()).await.unwrap();
    says(&details, &format!("Maskinporten-klient {}: første gang brukt", vendor.client_id));
    let expected =
        ["request.arrived", "request.forwarded", "request.forwarded", "systemuser.created", "systemuser.first-used"];
    for _ in 0..100 {
        if notices.lock().unwrap().len() == expected.len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let notices = notices.lock().unwrap();
    let types: Vec<_> = notices.iter().map(|(of_type, _)| of_type.strip_prefix("systembruker.").unwrap()).collect();
    assert_eq!(types, expected);
    let first = &notices[0].1;
    assert_eq!(first["data"]["page"], json!(format!("{}/request/{id}", world.origin)));
    assert!(!first.to_string().contains("Pia") && first["data"]["organisation"] == json!(CUSTOMER));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_access_is_given_without_having_been_asked_named_and_followed() {
    let world = World::new().await;
    world.vendor().await;
    let org = format!("/org/{CUSTOMER}/system-access");
    let (mut pia, overview) = world.logged_in(PIA, &org).await;
    let systems = pia.follow(&overview, "Gi en ny systemtilgang").await.unwrap();
    let none = pia.open(&format!("{}?q=finnes+ikke", systems.url)).await.unwrap();
    says(&none, "Ingen systemer passer til søket");
    let review = pia.follow(&systems, "SmartCloud").await.unwrap();
    says(&review, "Systemet kan: se opplysninger");
    let wrong = fill(&mut pia, &review, "Opprett systemtilgang", &[("title", " ")]).await;
    assert_eq!(wrong.status, 400);
    let made = fill(&mut pia, &review, "Opprett systemtilgang", &[("title", "Regnskap <&> lønn")]).await;
    says(&made, "Regnskap <&> lønn");
    says(&made, "Ny");
    let details = pia.follow(&made, "Regnskap").await.unwrap();
    assert_eq!(fill(&mut pia, &details, "Lagre navnet", &[("title", &"x".repeat(256))]).await.status, 400);
    let renamed = fill(&mut pia, &details, "Lagre navnet", &[("title", "Årsoppgjør")]).await;
    assert_eq!(renamed.heading().unwrap(), "Systemtilgang: Årsoppgjør");
    says(&renamed, "navnet ble endret til «Årsoppgjør»");
    let again = pia.open(review.url.as_str()).await.unwrap();
    says(&again, "Dere har allerede en systemtilgang");
    let confirm = pia.follow(&renamed, "Trekk tilbake tilgangen").await.unwrap();
    pia.press(&confirm, "Ja, trekk tilbake").await.unwrap();
    let history = pia.open(&format!("{}/org/{CUSTOMER}/history", world.origin)).await.unwrap();
    says(&history, "systemtilgangen ble trukket tilbake");
    // Who has no power sees none of it.
    let (mut arne, _) = world.logged_in("Arne Ansatt", "/").await;
    for path in [
        format!("{org}/new"),
        format!("{org}/new/{SYSTEM}"),
        format!("/org/{CUSTOMER}/history"),
        format!("/org/{CUSTOMER}/requests"),
    ] {
        assert_eq!(arne.open(&format!("{}{path}", world.origin)).await.unwrap().status, 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accountant_approves_and_sees_to_its_clients() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    world.offer_packages(&vendor, &["regnskapsforer-lonn"]).await;
    let request = world.ask_agent(&vendor, &asked_of_agent(&["regnskapsforer-lonn"])).await.json();
    let (mut browser, page) =
        world.logged_in(RAGNHILD, request["confirmUrl"].as_str().unwrap().strip_prefix(&world.origin).unwrap()).await;
    says(&page, "får handle for klientene dine");
    says(&page, "Tilgangspakke: Regnskapsfører lønn");
    let receipt = browser.press(&page, "Godkjenn").await.unwrap();
    let login = browser.follow(&receipt, "Logg inn og legg til klienter").await.unwrap();
    let clients = browser.press(&login, RAGNHILD).await.unwrap();
    assert_eq!(clients.heading().unwrap(), "Klienter for «SmartCloud»");
    let found = browser.open(&format!("{}?q=310+904+473", clients.url)).await.unwrap();
    says(&found, "1 treff");
    let id = world.party(CUSTOMER).to_string();
    let added = fill(&mut browser, &found, "Legg til valgte", &[("client", &id), ("action", "add")]).await;
    says(&added, "1 av 1 er lagt til.");
    let user = request["id"].as_str().unwrap().parse().unwrap();
    assert!(world.app.model.system_user(user).unwrap().clients.contains_key(&world.party(CUSTOMER)));
    let numbers =
        fill(&mut browser, &clients, "Legg til disse", &[("numbers", "312 652 757\n\n314250052, tull")]).await;
    says(&numbers, "1 av 3 er lagt til.");
    says(&numbers, "Er ikke klient hos dere.");
    let list = browser.follow(&numbers, "Til klientene").await.unwrap();
    says(&list, "2 er lagt til, 0 kan legges til, 0 mangler en fullmakt.");
    let sure = browser.press(&list, "Fjern alle").await.unwrap();
    says(&sure, "ikke lenger handle for noen av de 2 klientene");
    let all = browser.press(&sure, "Ja, fjern alle").await.unwrap();
    says(&all, "2 av 2 er fjernet.");
    // Another organisation's manager sees no clients here, nor changes them.
    let (mut pia, _) = world.logged_in(PIA, "/").await;
    assert_eq!(pia.open(clients.url.as_str()).await.unwrap().status, 404);
    let path = format!("{}/accessmanagement/ui/systemuser/{user}/agentdelegation", world.origin);
    assert_eq!(pia.open(&path).await.unwrap().status, 404);
    let own = browser.open(&path).await.unwrap();
    assert!(own.url.path().starts_with(&format!("/org/{ACCOUNTANT}/system-access/")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_takes_a_surer_login_leads_to_one() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let policy = policy_document(RESOURCE, &["DAGL"], &["read"], 4);
    let path = format!("/resourceregistry/api/v1/resource/{RESOURCE}/policy");
    let put = world.request(Method::PUT, &path).bearer_auth(&token).header("content-type", "application/xml");
    assert!(world.send(put.body(policy)).await.status < 300);
    let id = world.asked_for(&vendor).await;
    let mut browser = Browser::new(world.http.clone(), systembruker::cli::demo::paper::Paper::silent());
    let login = browser.open(&format!("{}/request/{id}", world.origin)).await.unwrap();
    let page = fill(&mut browser, &login, "Autentiser", &[("pid", "17858212081"), ("level", "3")]).await;
    says(&page, "må du være logget inn på et høyere sikkerhetsnivå");
    assert!(page.form("Godkjenn").is_err());
    let login = browser.follow(&page, "Logg inn på høyere sikkerhetsnivå").await.unwrap();
    // The provider that gives less than was asked for is not taken for more.
    let refused = fill(&mut browser, &login, "Autentiser", &[("pid", "17858212081"), ("level", "3")]).await;
    assert_eq!(refused.heading().unwrap(), "Innloggingen mislyktes");
    let login = browser.follow(&page, "Logg inn på høyere sikkerhetsnivå").await.unwrap();
    let page = fill(&mut browser, &login, "Autentiser", &[("pid", "17858212081"), ("level", "4")]).await;
    assert_eq!(browser.press(&page, "Godkjenn").await.unwrap().heading().unwrap(), "Tilgangen er gitt");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_shown_by_its_id_and_not_approved() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut early, before) = world.open_request(PIA, &id).await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
    let resource = format!("/resourceregistry/api/v1/resource/{RESOURCE}");
    assert_eq!(world.send(world.request(Method::DELETE, &resource).bearer_auth(&token)).await.status, 204);
    let (mut pia, page) = world.open_request(PIA, &id).await;
    says(&page, &format!("Vi kjenner ikke «{RESOURCE}». Derfor kan du ikke godkjenne nå."));
    assert!(page.form("Godkjenn").is_err());
    let late = early.press(&before, "Godkjenn").await.unwrap();
    assert_eq!((late.status, &*late.heading().unwrap()), (409, "Noe ble endret mens du leste"));
    assert_eq!(pia.press(&page, "Avvis").await.unwrap().heading().unwrap(), "Forespørselen er avvist");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_on_both_sides_and_receipts_are_the_browsers() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut pia, page) = world.open_request(PIA, &id).await;
    let receipt = pia.press(&page, "Avvis").await.unwrap();
    assert_eq!(receipt.heading().unwrap(), "Forespørselen er avvist");
    // Another browser that gets hold of the address sees nothing.
    let (mut arne, front) = world.logged_in("Arne Ansatt", "/").await;
    assert_eq!(arne.open(receipt.url.as_str()).await.unwrap().status, 404);
    let out = arne.press(&front, "Logg ut").await.unwrap();
    assert_eq!((out.url.path(), out.heading().unwrap().as_str()), ("/logged-out", "Du er logget ut"));
    // The receipt belongs to that answer: who logs in and out later is told so.
    let (mut pia_again, front) = world.logged_in(PIA, "/").await;
    pia_again.press(&front, "Logg ut").await.unwrap();
    let login = pia.open(&format!("{}/", world.origin)).await.unwrap();
    let front = pia.press(&login, PIA).await.unwrap();
    assert_eq!(pia.press(&front, "Logg ut").await.unwrap().heading().unwrap(), "Du er logget ut");
    assert_eq!(pia.open(receipt.url.as_str()).await.unwrap().status, 404);
    // The provider ends what it began; an id that nobody has, and another issuer, end nothing.
    let (mut sverre, front) = world.logged_in("Sverre Subtil", "/").await;
    let session = async |browser: &Browser| {
        let cookies = browser.cookies_for(&front.url);
        let id = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("session=")).unwrap().to_owned();
        let hash = digest(&SHA256, id.as_bytes());
        (world.app.store.session(hash.as_ref()).await.unwrap(), id)
    };
    let (stored, first_id) = session(&sverre).await;
    let sid = stored.unwrap().provider_sid.unwrap();
    let issuer = format!("{}/sandbox/login", world.origin);
    let logout = async |query: String| world.get(&format!("/login/front-channel-logout{query}"), "").await.status;
    for query in [
        String::new(),
        format!("?iss={issuer}&sid=nobody"),
        format!("?iss=https://evil.example&sid={sid}"),
        format!("?sid={sid}"),
    ] {
        assert_eq!(logout(query).await, 204);
    }
    let still = sverre.open(&format!("{}/", world.origin)).await.unwrap();
    assert_eq!(still.heading().unwrap(), "Velg virksomhet");
    assert_eq!(logout(format!("?iss={issuer}&sid={sid}")).await, 204);
    let login = sverre.open(&format!("{}/", world.origin)).await.unwrap();
    assert_eq!(login.heading().unwrap(), "Testinnlogging");
    // Every login has a session of its own, and the one before is gone.
    sverre.press(&login, "Sverre Subtil").await.unwrap();
    let (_, second_id) = session(&sverre).await;
    let again = sverre.open(&format!("{}/login?level=4", world.origin)).await.unwrap();
    sverre.press(&again, "Sverre Subtil").await.unwrap();
    let (_, third_id) = session(&sverre).await;
    assert!(first_id != second_id && second_id != third_id);
    let hash = digest(&SHA256, second_id.as_bytes());
    assert_eq!(world.app.store.session(hash.as_ref()).await.unwrap(), None);
    // Who was away too long comes back to the page, also from a form.
    let path = format!("{}/org/{CUSTOMER}/system-access", world.origin);
    let page = sverre.open(&path).await.unwrap();
    world.advance(31 * 60).await;
    let login = sverre.open(&path).await.unwrap();
    let back = sverre.press(&login, "Sverre Subtil").await.unwrap();
    assert_eq!(back.url.path(), page.url.path());
    let post = async |to: &str| {
        let request = world.request(Method::POST, to).header("Referer", &path).form(&[("csrf", "x")]);
        world.send(request).await.headers["location"].to_str().unwrap().to_owned()
    };
    let form = post(&format!("/org/{CUSTOMER}/system-access/{id}/revoke")).await;
    assert_eq!(form, "/login?goto=%2Forg%2F310904473%2Fsystem%2Daccess%23resumed");
    // Who wants to log out and has no session any more is not logged in for it.
    assert_eq!(post("/logout").await, "/logged-out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_may_be_in_a_language_of_its_own() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut pia, page) = world.logged_in(PIA, &format!("/request/{id}?lang=en&x=1")).await;
    assert_eq!(page.heading().unwrap(), "SMARTCLOUD AS asks for access for the system SmartCloud");
    let nynorsk = pia.press(&page, "Norsk (nynorsk)").await.unwrap();
    assert_eq!(nynorsk.url.query(), Some("x=1"));
    says(&nynorsk, "på vegner av");
    // Languages that browsers ask for, by how much they are wanted.
    let get = async |languages: &str| {
        world.send(world.request(Method::GET, "/logged-out").header("Accept-Language", languages)).await.text
    };
    assert!(get("en;q=0.3, nn;q=0.9").await.contains("<html lang=\"nn\""));
    assert!(get("de, en;q=0").await.contains("<html lang=\"nb\""));
    // A link that cannot be read leads nowhere, and says so.
    let lost = pia.open(&format!("{}/org/{CUSTOMER}/system-access?page=abc", world.origin)).await.unwrap();
    assert_eq!((lost.status, lost.heading().unwrap().as_str()), (404, "Vi finn ikkje sida"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vendors_write_is_text_and_pages_are_small() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&crate::world::VENDOR_SCOPES).await;
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let evil = "<script>alert(1)</script>\"'&";
    let texts = json!({"nb": evil, "nn": evil, "en": evil});
    let system =
        with(with(crate::world::system(SYSTEM, &vendor.client_id), "name", texts.clone()), "description", texts);
    assert_eq!(world.post(crate::world::REGISTER, &token, &system).await.status, 200);
    let asked = with(with(asked(), "integrationTitle", json!(evil)), "externalRef", json!(evil));
    let id = world.ask(&vendor, &asked).await.json()["id"].as_str().unwrap().to_owned();
    let (mut pia, page) = world.open_request(PIA, &id).await;
    says(&page, evil);
    for path in [
        format!("/org/{CUSTOMER}/system-access"),
        format!("/org/{CUSTOMER}/system-access/new"),
        format!("/org/{CUSTOMER}/system-access/new/{SYSTEM}"),
        format!("/org/{CUSTOMER}/requests"),
    ] {
        says(&pia.open(&format!("{}{path}", world.origin)).await.unwrap(), evil);
    }
    // What turns text around or does not show is not shown, and no name is made of it alone.
    let turned = with(asked.clone(), "externalRef", json!("\u{202e}fer\u{2066}\u{1}"));
    let turned = world.ask(&vendor, &turned).await.json()["id"].as_str().unwrap().to_owned();
    let (mut pia, turned) = world.open_request(PIA, &turned).await;
    says(&turned, "fer");
    assert!(!turned.words().unwrap().contains(['\u{202e}', '\u{2066}', '\u{1}']));
    let create = pia.open(&format!("{}/org/{CUSTOMER}/system-access/new/{SYSTEM}", world.origin)).await.unwrap();
    for title in ["a\0b", "\u{200b}", "\u{2800}\u{3164}", "", "a\nb"] {
        let again = fill(&mut pia, &create, "Opprett systemtilgang", &[("title", title)]).await;
        assert_eq!(again.status, 400, "{title:?}");
        says(&again, "Navnet må ha 1 til 255 tegn");
    }
    // All that a page needs, as browsers fetch it.
    let page_of = async |path: &str| {
        let request = world.request(Method::GET, path).header("cookie", pia.cookies_for(&page.url));
        let answer = world.send(request).await;
        assert_eq!(answer.status, 200, "{path}");
        answer.text.len()
    };
    let html = page_of(&format!("/request/{id}")).await.max(page_of(&format!("/org/{CUSTOMER}/system-access")).await);
    let front = world.get("/logged-out", "").await;
    let mut total = html.max(front.text.len())
        + usize::try_from(
            world.get("/assets/font/inter.woff2", "").await.headers["content-length"]
                .to_str()
                .unwrap()
                .parse::<u64>()
                .unwrap(),
        )
        .unwrap();
    for path in front.text.split('"').filter(|part| part.starts_with("/assets/") && !part.contains("font")) {
        let request = world.request(Method::GET, path).header("Accept-Encoding", "gzip");
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-encoding"], "gzip", "{path}");
        assert!(
            !path.contains(".js")
                || answer.headers()["content-length"].to_str().unwrap().parse::<u64>().unwrap() < 5_000
        );
        total += answer.bytes().await.unwrap().len();
        let plain = world.request(Method::GET, path).send().await.unwrap();
        assert!(!plain.headers().contains_key("content-encoding"));
    }
    assert!(total < 100_000, "{total} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_asks_too_often_has_to_wait_and_others_do_not() {
    let limits =
        LimitSettings { per_minute: NonZeroU32::new(20), address_header: Some(HeaderName::from_static("x-real-ip")) };
    let portal = PortalSettings { limits, ..PortalSettings::default() };
    let world = World::of_template(SandboxOptions { portal, ..SandboxOptions::default() }).await;
    let vendor = world.vendor().await;
    let id = world.asked_for(&vendor).await;
    let (mut pia, page) = world.open_request(PIA, &id).await;
    let unknown = format!("{}/request/01a20538-218e-7fae-aebe-6e10372c06b2", world.origin);
    let mut refused = None;
    for _ in 0..30 {
        let answered = pia.open(&unknown).await.unwrap();
        if answered.status != 404 {
            refused = Some(answered);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!((refused.status, refused.heading().unwrap().as_str()), (429, "Det gikk litt fort"));
    assert_eq!(pia.press(&page, "Avvis").await.unwrap().status, 429);
    // Other pages go on, and so do other people.
    assert_eq!(pia.open(&format!("{}/org/{CUSTOMER}/system-access", world.origin)).await.unwrap().status, 200);
    let (mut sverre, page) = world.open_request("Sverre Subtil", &id).await;
    assert_eq!(sverre.press(&page, "Avvis").await.unwrap().heading().unwrap(), "Forespørselen er avvist");
    // An address may more, logged in or not; what the browser itself says of where it is does not count.
    let post = async |address: &str| {
        let request = world.request(Method::POST, "/language").header("x-real-ip", address).form(&[("language", "nn")]);
        world.send(request).await
    };
    let mut statuses = vec![];
    for _ in 0..420 {
        statuses.push(post("192.0.2.1").await.status);
    }
    assert_eq!((statuses[399], statuses.last().copied()), (303, Some(429)));
    let late = post("192.0.2.1").await;
    assert!(late.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 60);
    assert_eq!(post("192.0.2.2").await.status, 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_read_in_pages_and_taken_along() {
    let world = World::new().await;
    let (_, user) = world.system_user().await;
    let (mut pia, details) = world.logged_in(PIA, &format!("/org/{CUSTOMER}/system-access/{user}")).await;
    // More than a page, and a name that a spreadsheet would take for a formula.
    let mut details = fill(&mut pia, &details, "Lagre navnet", &[("title", "=1+1; \"x\"")]).await;
    for number in 0..100 {
        details = fill(&mut pia, &details, "Lagre navnet", &[("title", &format!("Navn {number}"))]).await;
    }
    // Numbers that could be a person's are not kept in the journal.
    details = fill(&mut pia, &details, "Lagre navnet", &[("title", "+Navn 100 17858212081")]).await;
    says(&details, "navnet ble endret til «+Navn 100 …»");
    says(&details, "Leverandøren ba om den");
    let history = pia.follow(&details, "Hele historikken").await.unwrap();
    says(&history, "navnet ble endret til «+Navn 100 …»");
    assert!(!history.words().unwrap().contains("leverandøren ba om tilgangen"));
    let older = pia.follow(&history, "Vis eldre").await.unwrap();
    for words in
        ["leverandøren ba om tilgangen", "forespørselen ble lest", "forespørselen ble godkjent", "SMARTCLOUD AS"]
    {
        says(&older, words);
    }
    assert!(!older.words().unwrap().contains("«+Navn 100"));
    for nonsense in ["", "x", "1-x", "99999999999999999999-0", "-"] {
        assert_eq!(pia.open(&format!("{}?after={nonsense}", history.url)).await.unwrap().status, 200, "{nonsense}");
    }
    let file = async |kind: &str| {
        let request = world.request(Method::GET, &format!("/org/{CUSTOMER}/history.{kind}"));
        world.send(request.header("cookie", pia.cookies_for(&history.url))).await
    };
    let table = file("csv").await;
    assert_eq!((table.status, table.content_type()), (200, "text/csv; charset=utf-8"));
    assert_eq!(table.headers["content-disposition"], "attachment; filename=\"history.csv\"");
    let mut lines = table.text.lines();
    assert_eq!(lines.next(), Some("\u{feff}time;event;what;who;about;id"));
    assert_eq!(table.text.lines().count(), 106);
    assert!(
        lines
            .next()
            .unwrap()
            .contains(";systemuser.renamed;navnet ble endret til «+Navn 100 …»;Pia Tilfeldig;'+Navn 100 17858212081;")
    );
    assert!(table.text.contains("\"navnet ble endret til «=1+1; \"\"x\"\"»\""), "{}", table.text);
    let list = file("json").await.json();
    let oldest = list.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&oldest["event"], &oldest["who"], &oldest["id"]),
        (&json!("request.created"), &json!("SMARTCLOUD AS"), &json!(user))
    );
    let nobody = world.send(world.request(Method::GET, &format!("/org/{CUSTOMER}/history.csv"))).await;
    assert_eq!(nobody.headers["location"], format!("/login?goto=%2Forg%2F{CUSTOMER}%2Fhistory%2Ecsv"));
}
