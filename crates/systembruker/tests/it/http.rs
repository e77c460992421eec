//! What holds for every request.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HOST};
use serde_json::json;
use systembruker::cli::sandbox::SandboxOptions;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{CUSTOMER, REGISTER, REQUESTS, SCOPE, SYSTEM, TOO_LARGE, World, asked, system, with};

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_and_methods_are_problems() {
    let world = World::new().await;
    assert_eq!(world.get("/nothing/here", "").await.problem(), "404 -");
    assert_eq!(world.send(world.request(Method::PATCH, "/token")).await.problem(), "405 -");
    assert_eq!(world.get("/health", "").await.text, "ok");
    assert_eq!(world.get("/ready", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_never_a_server_error_and_stores_nothing() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let before = world.app.store.read().await.unwrap().last_change().await.unwrap();
    let all = world.get("/openapi.json", "").await.json();
    let bodies: [&[u8]; 8] =
        [b"", b"{", b"null", b"[]", b"{\"id\":{}}", b"\xff\xfe\x00", b"{\"keys\":[{}]}", b"\"\\ud800\""];
    for (path, methods) in all["paths"].as_object().unwrap() {
        if path.contains("/sandbox/") {
            continue;
        }
        let path = path.replace('{', "%7B").replace('}', "%7D");
        for method in methods.as_object().unwrap().keys() {
            let method: Method = method.to_uppercase().parse().unwrap();
            for body in bodies {
                let request =
                    world.request(method.clone(), &path).bearer_auth(&token).header(CONTENT_TYPE, "application/json");
                let answer = world.send(request.body(body.to_vec())).await;
                assert!(answer.status < 500, "{method} {path} {body:?}: {answer:?}");
            }
        }
    }
    assert_eq!(world.app.store.read().await.unwrap().last_change().await.unwrap(), before);
}

/// PostgreSQL keeps no U+0000 in a text, and SQLite does: the same is refused on both.
#[tokio::test(flavor = "multi_thread")]
async fn a_nul_in_a_text_is_the_callers_mistake() {
    for world in [World::new().await, World::on_postgres().await] {
        let vendor = world.vendor().await;
        let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
        let good = system("991825827_x", "c");
        for (member, value) in [
            ("name", json!({"nb": "a\0", "nn": "b", "en": "c"})),
            ("id", json!("991825827_\0")),
            ("clientId", json!(["\0"])),
        ] {
            let answer = world.post(REGISTER, &token, &with(good.clone(), member, value)).await;
            assert_eq!(answer.problem(), "400 -");
            assert!(answer.text.contains("U+0000"), "{}", answer.text);
        }
        let token = world.token("Skatteetaten", "idporten:scopes.write").await;
        let scope = json!({"prefix": "skatteetaten", "subscope": "z", "description": "\0"});
        assert_eq!(world.post("/api/v1/scopes", &token, &scope).await.status, 400);
        let token = world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await;
        let resource = json!({"identifier": "ske-z", "title": {"nb": "\0"}});
        assert_eq!(world.post("/resourceregistry/api/v1/resource", &token, &resource).await.status, 400);
        let token = world.token("Digdir", "idporten:dcr.write").await;
        assert_eq!(world.post("/api/v1/clients", &token, &json!({"client_name": "\0"})).await.status, 400);
        let token = vendor.token(&world, "altinn:authentication/systemuser.request.write").await;
        let asked = with(asked(), "externalRef", json!("\0"));
        assert_eq!(world.post(REQUESTS, &token, &asked).await.problem(), "400 -");
        let token = vendor.token(&world, "altinn:authentication/systemuser.request.read").await;
        let by_reference = format!("{REQUESTS}/byexternalref/{SYSTEM}/{CUSTOMER}/%00");
        assert_eq!(world.get(&by_reference, &token).await.problem(), "400 -");
        for path in
            ["/login/callback?code=%00&state=%00", "/login?goto=%00", "/accessmanagement/ui/systemuser/request?id=%00"]
        {
            assert!(world.get(path, "").await.status < 500, "{path}");
        }
        let claims = with(
            vendor.claims(&world, SCOPE),
            "authorization_details",
            json!([{
                "type": "urn:altinn:systemuser", "externalRef": "\0",
                "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": format!("0192:{CUSTOMER}")},
            }]),
        );
        assert_eq!(world.exchange(&vendor.sign(&claims)).await.status, 400);
        world.stop().await;
    }
}

/// The limit is on the size of a body, not on how many members it has.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_very_many_members_is_read() {
    let world = World::new().await;
    let vendor = world.vendor().await;
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let mut many = system("991825827_many", "c");
    for number in 0..150_000 {
        many[format!("{number:x}")] = json!(1);
    }
    let answer = world.post(REGISTER, &token, &many).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_limit_and_a_type() {
    let world = World::new().await;
    let token = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    let large = world.request(Method::POST, REGISTER).bearer_auth(&token).header(CONTENT_TYPE, "application/json");
    assert_eq!(world.send(large.body(vec![b' '; TOO_LARGE])).await.problem(), "413 -");
    let text = world.request(Method::POST, REGISTER).bearer_auth(&token).header(CONTENT_TYPE, "text/plain");
    assert_eq!(world.send(text.body("{}")).await.problem(), "415 -");
    let many = world.request(Method::POST, "/token").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    assert_eq!(world.send(many.body(vec![b'a'; TOO_LARGE])).await.status, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_has_an_id_which_a_caller_may_give() {
    let world = World::new().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request =
        world.request(Method::GET, "/nothing").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    let answer = world.send(request).await;
    assert_eq!(answer.headers["x-request-id"], trace);
    assert!(answer.json()["traceId"].as_str().unwrap().starts_with(&format!("00-{trace}-")));
    let invalid = world.send(world.request(Method::GET, "/nothing").header("traceparent", "00-xyz-1-01")).await;
    assert_eq!(invalid.headers["x-request-id"].len(), 32);
    assert_ne!(invalid.headers["x-request-id"], trace);
}

#[tokio::test(flavor = "multi_thread")]
async fn status_lines_have_their_reason_phrases() {
    let world = World::new().await;
    let address = world.origin.strip_prefix("http://").unwrap();
    for (request, line) in [
        ("GET /health HTTP/1.1", "HTTP/1.1 200 OK"),
        ("GET /nothing HTTP/1.1", "HTTP/1.1 404 Not Found"),
        ("POST /authentication/api/v1/systemregister/vendor HTTP/1.1", "HTTP/1.1 401 Unauthorized"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("{request}\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.lines().next().unwrap(), line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn faces_with_hosts_of_their_own_answer_there_only() {
    let urls = [
        "maskinporten=https://mp.example",
        "platform=https://pl.example",
        "portal=https://am.example",
        "kravOgBetalinger=https://kob.example",
    ];
    let public_urls = urls.iter().map(|url| url.parse().unwrap()).collect();
    let world = World::of_template(SandboxOptions { public_urls, ..SandboxOptions::default() }).await;
    let get = async |host: &str, path: &str| world.send(world.request(Method::GET, path).header(HOST, host)).await;
    assert_eq!(
        get("mp.example", "/.well-known/oauth-authorization-server").await.json()["issuer"],
        json!("https://mp.example/")
    );
    assert_eq!(get("mp.example", "/jwk").await.status, 200);
    assert_eq!(get("pl.example", "/jwk").await.status, 421);
    assert_eq!(get("127.0.0.1", "/jwk").await.status, 421);
    assert_eq!(get("pl.example", "/resourceregistry/api/v1/resource/resourcelist").await.status, 200);
    assert_eq!(get("mp.example", "/ResourceRegistry/api/v1/resource/resourcelist").await.status, 421);
    assert_eq!(get("anything", "/health").await.status, 200);
    // What a request says of itself changes no link.
    let request = world.request(Method::GET, "/").header(HOST, "am.example").header("X-Forwarded-Host", "evil.example");
    let login = world.send(request).await;
    assert_eq!(login.headers["location"], "/login?goto=%2F");
    let away = world.send(world.request(Method::GET, "/login").header(HOST, "am.example")).await;
    assert!(away.headers["location"].to_str().unwrap().starts_with("https://am.example/sandbox/login/authorize?"));
    let cookie = away.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-login-")
            && cookie.contains("Secure")
            && cookie.contains("HttpOnly")
            && cookie.contains("SameSite=Lax"),
        "{cookie}"
    );
    assert!(away.headers.contains_key("strict-transport-security"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_of_the_apis_is_openapi_3_1() {
    let world = World::new().await;
    let document = world.get("/openapi.json", "").await.json();
    assert_eq!(document["openapi"], json!("3.1.0"));
    let paths = document["paths"].as_object().unwrap();
    for path in
        ["/token", "/api/v1/clients", REGISTER, "/authorization/api/v1/authorize", "/systembruker/api/v1/sandbox/clock"]
    {
        assert!(paths.contains_key(path), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_can_be_turned_and_a_sandbox_started_over() {
    let world = World::new().await;
    let (vendor, _) = world.system_user().await;
    let clock = "/systembruker/api/v1/sandbox/clock";
    let put = async |body: serde_json::Value| world.send(world.request(Method::PUT, clock).json(&body)).await;
    assert!(
        put(json!({"now": "2031-02-03T04:05:06Z"})).await.json()["now"]
            .as_str()
            .unwrap()
            .starts_with("2031-02-03T04:05:0")
    );
    assert!(world.get(clock, "").await.json()["now"].as_str().unwrap().starts_with("2031-02-03T04:05"));
    for wrong in [
        json!({}),
        json!({"now": "2031-02-03T04:05:06Z", "advanceSeconds": 1}),
        json!({"now": "soon"}),
        json!({"advanceSeconds": i64::MAX}),
        json!({"now": "9999-12-30T00:00:00Z"}),
    ] {
        assert_eq!(put(wrong).await.problem(), "400 -");
    }
    assert_eq!(world.send(world.request(Method::DELETE, clock)).await.status, 200);
    // Grants of the second that the clock was turned back to are refused.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let reset = world.send(world.request(Method::POST, "/systembruker/api/v1/sandbox/reset")).await;
    assert_eq!(reset.status, 204);
    // The seeded clients are there with the same keys; what was made is gone.
    let token = world.token("SmartCloud AS", "altinn:authentication/systemregister.write").await;
    assert_eq!(world.get(REGISTER, &token).await.json(), json!([]));
    let gone = world.exchange(&vendor.sign(&vendor.claims(&world, "skatteetaten:testinnsyn"))).await.refusal();
    assert!(gone.starts_with("400 invalid_grant MP-100"), "{gone}");
    assert!(!world.system_user().await.0.token(&world, "skatteetaten:kravogbetalinger").await.is_empty());
}
