//! The program itself: its modes, its commands, and how it ends.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use systembruker::cli::demo::{browser::Browser, paper::Paper};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::world::postgres;

const PROGRAM: &str = env!("CARGO_BIN_EXE_systembruker");

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Exit code, standard output and standard error.
async fn run(arguments: &[&str]) -> (i32, String, String) {
    let output = program(arguments).output().await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A settings file for `serve`.
fn settings(folder: &Path, database: &str, port: u16) -> String {
    std::fs::write(folder.join("master.key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n").unwrap();
    let file = folder.join("systembruker.toml");
    let key = folder.join("master.key");
    let text = format!(
        "listen = \"127.0.0.1:{port}\"\ndatabase = \"{database}\"\nmaster_key_file = \"{}\"\n[public_url]\n\
         maskinporten = \"http://127.0.0.1:{port}\"\nplatform = \"http://127.0.0.1:{port}\"\nportal = \"http://127.0.0.1:{port}\"\n",
        key.display()
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

/// Starts the server and waits until it is ready; how long that took.
async fn start(arguments: &[&str], port: u16) -> (Child, Duration) {
    let begun = Instant::now();
    let mut child = program(arguments).spawn().unwrap();
    let http = systembruker::app::http_client().unwrap();
    loop {
        if let Ok(answer) = http.get(format!("http://127.0.0.1:{port}/ready")).send().await
            && answer.status().is_success()
        {
            return (child, begun.elapsed());
        }
        assert!(child.try_wait().unwrap().is_none(), "the server ended: {:?}", child.wait_with_output().await);
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn terminate(mut child: Child) -> i32 {
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    child.wait().await.unwrap().code().unwrap()
}

#[tokio::test]
async fn the_demo_ends_with_success_after_the_whole_story() {
    let (code, out, error) = run(&["demo", "--exit"]).await;
    assert_eq!(code, 0, "{out}{error}");
    assert!(out.ends_with("Every step came out as the story says.\n"), "{out}");
    assert_eq!(out.matches("errors/MP-303").count(), 2);
    assert_eq!(out.matches("errors/MP-012").count(), 1);
}

#[tokio::test]
async fn a_sandbox_tells_scripts_what_it_has_and_imports_parties() {
    let folder = TempDir::new().unwrap();
    let (info, parties) = (folder.path().join("info.json"), folder.path().join("parties.jsonl"));
    std::fs::write(&parties, concat!(
        r#"{"orgNumber":"312659603","name":"NY AS","unitType":"AS","partyId":51999999,"partyUuid":"6f9c0f2e-2222-4b3a-9d1e-777788889999","#,
        r#""roles":[{"role":"DAGL","person":{"nationalId":"14838412026","name":"Kari Uten Verv"}}]}"#, "\n"
    )).unwrap();
    let arguments = ["sandbox", "--info", info.to_str().unwrap(), "--parties", parties.to_str().unwrap()];
    let mut child = program(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.next_line().await.unwrap().unwrap().starts_with("maskinporten "));
    let file = info.to_str().unwrap().to_owned();
    let info: Value = serde_json::from_slice(&std::fs::read(&info).unwrap()).unwrap();
    // Scripts and people can ask it why it decides as it does.
    let user = format!("urn:altinn:userid:{}", info["persons"][0]["userId"]);
    let ask = ["explain", "decision", "--info", &file, "--subject", &user, "--resource", "altinn_access_management"];
    let (code, out, error) = run(&[&ask[..], &["--party", "312652757"]].concat()).await;
    assert_eq!(code, 0, "{error}");
    assert!(out.starts_with("NotApplicable\n  The subject has nothing to do with the party.\n"), "{out}");
    assert!(out.contains("What would change it, any one of:\n") && out.contains("tilgangsstyrer"), "{out}");
    let (code, _, error) = run(&[&ask[..], &["--party", "x"]].concat()).await;
    assert!(code != 0 && error.contains("party is an organisation number"), "{error}");
    let names: Vec<&str> =
        info["clients"].as_array().unwrap().iter().map(|client| client["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Digdir", "Skatteetaten", "SmartCloud AS", "SmartCloud AS with enterprise certificate"]);
    let by_certificate = &info["clients"][3];
    assert_eq!(by_certificate["certificatePem"].as_str().unwrap().matches("BEGIN CERTIFICATE").count(), 2);
    assert_eq!(by_certificate.get("kid"), None);
    assert_eq!(info["clients"][2]["scopes"][0], json!("skatteetaten:testinnsyn"));
    assert!(info["clients"][0]["privateKeyPem"].as_str().unwrap().starts_with("-----BEGIN PRIVATE KEY-----"));
    for face in ["maskinporten", "platform", "portal", "kravOgBetalinger"] {
        assert!(info[face].as_str().unwrap().starts_with("http://127.0.0.1:"));
    }
    let kari =
        info["persons"].as_array().unwrap().iter().find(|person| person["name"] == json!("Kari Uten Verv")).unwrap();
    assert_eq!(kari["roles"], json!([{"org": "312659603", "role": "DAGL"}]));
    assert_eq!((kari["nationalId"].as_str().unwrap(), kari["userId"].is_i64()), ("14838412026", true));
    assert_eq!(terminate(child).await, 0);
}

#[tokio::test]
async fn no_national_id_gets_into_the_log() {
    let folder = TempDir::new().unwrap();
    let info = folder.path().join("info.json");
    let mut child = program(&["sandbox", "--info", info.to_str().unwrap()]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap();
    let info: Value = serde_json::from_slice(&std::fs::read(&info).unwrap()).unwrap();
    let portal = info["portal"].as_str().unwrap().trim_end_matches('/');
    let persons = info["persons"].as_array().unwrap();
    let http = systembruker::app::http_client().unwrap();
    for person in persons {
        let mut browser = Browser::new(http.clone(), Paper::silent());
        let login = browser.open(&format!("{portal}/")).await.unwrap();
        browser.press(&login, person["name"].as_str().unwrap()).await.unwrap();
        let number = person["nationalId"].as_str().unwrap();
        for path in [format!("/{number}"), format!("/org/{number}/system-access?pid={number}"), format!("/a/{number}b")]
        {
            http.get(format!("{portal}{path}")).send().await.unwrap();
        }
    }
    let mut stderr = child.stderr.take().unwrap();
    assert_eq!(terminate(child).await, 0);
    let mut log = String::new();
    stderr.read_to_string(&mut log).await.unwrap();
    assert!(log.contains("path=\"/org/***/system-access\"") && log.contains("path=\"/login/callback\""), "{log}");
    for person in persons {
        assert!(!log.contains(person["nationalId"].as_str().unwrap()), "{log}");
    }
}

#[tokio::test]
async fn serve_has_nothing_of_the_sandbox_and_each_refuses_the_others_database() {
    for postgres_too in [false, true] {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("real.db");
        let database = if postgres_too { postgres().await } else { format!("sqlite:{}", file.display()) };
        let port = free_port();
        let config = settings(folder.path(), &database, port);
        let serve = ["serve", "--config", &config];
        let (child, _) = start(&serve, port).await;
        let http = systembruker::app::http_client().unwrap();
        let get = async |path: &str| {
            http.get(format!("http://127.0.0.1:{port}{path}")).send().await.unwrap().status().as_u16()
        };
        for path in [
            "/systembruker/api/v1/sandbox/clock",
            "/systembruker/api/v1/sandbox/reset",
            "/sandbox/login/authorize",
            "/sandbox/login/jwk",
            "/sandbox/login/token",
            "/sandbox/login/.well-known/openid-configuration",
            "/authorization/api/v1/decision",
            "/v1/regnskapssystem/310904473/aapnekrav",
            "/api/GetEnterpriseToken",
        ] {
            assert_eq!(get(path).await, 404, "{path}");
            let posted = http.post(format!("http://127.0.0.1:{port}{path}")).send().await.unwrap().status().as_u16();
            assert_eq!(posted, 404, "{path}");
        }
        // Without a provider nobody logs in; the APIs are there.
        assert_eq!(get("/login").await, 503);
        assert_eq!(get("/jwk").await, 200);
        // Neither another instance nor a writing command comes between.
        let (code, _, error) = run(&[
            "client",
            "create",
            "--config",
            &config,
            "--org",
            "974761076",
            "--name",
            "x",
            "--scope",
            "idporten:dcr.write",
            "--key-out",
            "/nowhere/x",
        ])
        .await;
        assert!(code != 0 && error.contains("another instance is running"), "{error}");
        assert_eq!(terminate(child).await, 0);

        let (code, _, error) = run(&["sandbox", "--database", &database]).await;
        assert!(
            code != 0 && error.contains("belongs to a production installation and cannot be opened as sandbox"),
            "{error}"
        );
        let (child, again) = start(&serve, port).await;
        assert!(again < Duration::from_secs(20));
        assert_eq!(terminate(child).await, 0);
    }
    // And the other way round.
    let folder = TempDir::new().unwrap();
    let data = folder.path().join("data");
    let port = free_port();
    let listen = format!("127.0.0.1:{port}");
    let (child, _) = start(&["sandbox", "--data", data.to_str().unwrap(), "--listen", &listen], port).await;
    assert_eq!(terminate(child).await, 0);
    let config = settings(folder.path(), &format!("sqlite:{}", data.join("systembruker.db").display()), port);
    let (code, _, error) = run(&["serve", "--config", &config]).await;
    assert!(
        code != 0 && error.contains("belongs to a sandbox installation and cannot be opened as production"),
        "{error}"
    );
}

#[tokio::test]
async fn commands_prepare_an_installation_and_say_what_is_wrong() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let config = settings(folder.path(), &format!("sqlite:{}", folder.path().join("real.db").display()), port);
    let parties = folder.path().join("parties.jsonl");
    let good = r#"{"orgNumber":"310904473","name":"APE","unitType":"AS","roles":[{"role":"DAGL","person":{"nationalId":"17858212081","name":"Pia"}}]}"#;
    let import = ["parties", "import", "--config", &config, parties.to_str().unwrap()];
    for (text, complaint) in [
        (format!("{good}\n{{\"orgNumber\":\"1\"}}\n"), "line 2: "),
        (
            format!(
                "{good}\n{{\"orgNumber\":\"991825827\",\"name\":\"A\",\"unitType\":\"BEDR\",\"parent\":\"312652757\"}}"
            ),
            "line 2: the organisation 312652757 is neither in the file nor known",
        ),
        (format!("{}\n", good.replace("17858212081", "17858212082")), "line 1: "),
    ] {
        std::fs::write(&parties, text).unwrap();
        let (code, _, error) = run(&import).await;
        assert!(code != 0 && error.contains(complaint) && error.contains("nothing was imported"), "{error}");
        assert!(!error.contains("17858212082"), "{error}");
    }
    std::fs::write(&parties, format!("{good}\n")).unwrap();
    let (code, out, error) = run(&import).await;
    assert_eq!((code, out.as_str()), (0, "1 organisations and 1 persons imported\n"), "{error}");
    let key = folder.path().join("client.pem");
    let create = [
        "client",
        "create",
        "--config",
        &config,
        "--org",
        "974761076",
        "--name",
        "admin",
        "--scope",
        "idporten:dcr.write",
        "--scope",
        "idporten:scopes.write",
        "--key-out",
        key.to_str().unwrap(),
        "--json",
    ];
    let (code, out, error) = run(&create).await;
    assert_eq!(code, 0, "{error}");
    let made: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(made["scopes"], json!(["idporten:dcr.write", "idporten:scopes.write"]));
    let pem = std::fs::read_to_string(&key).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    // Its organisation gets a prefix, which no other gets then.
    for (org, prefix, complaint) in [
        ("974761076", "skatteetaten", None),
        ("974761076", "skatteetaten", None),
        ("991825827", "skatteetaten", Some("the prefix skatteetaten belongs to 974761076; nothing was changed")),
        ("974761076", "a:b", Some("a prefix has no colon")),
        ("974761076", "a b", Some("invalid value")),
    ] {
        let (code, out, error) = run(&["prefix", "give", "--config", &config, "--org", org, prefix]).await;
        match complaint {
            None => assert_eq!((code, out.as_str()), (0, "prefix  skatteetaten\norg     974761076\n"), "{error}"),
            Some(complaint) => assert!(code != 0 && error.contains(complaint), "{error}"),
        }
    }

    // The client works, and makes a scope.
    let (child, _) = start(&["serve", "--config", &config], port).await;
    let origin: url::Url = format!("http://127.0.0.1:{port}/").parse().unwrap();
    let connection = client::Connection::new(
        systembruker::app::http_client().unwrap(),
        client::Environment::new(origin.clone(), origin),
    );
    let key = token::keys::SigningKey::from_pem(&pem, made["kid"].as_str().map(str::to_owned)).unwrap();
    let maskinporten = client::Maskinporten::new(connection, made["client_id"].as_str().unwrap().to_owned(), key);
    let token = maskinporten.token(&client::TokenRequest::scope("idporten:scopes.write")).await.unwrap();
    let scope = json!({"prefix": "skatteetaten", "subscope": "kravogbetalinger", "description": "Krav"});
    let http = systembruker::app::http_client().unwrap();
    let request = http.post(format!("http://127.0.0.1:{port}/api/v1/scopes")).json(&scope);
    assert_eq!(request.bearer_auth(&token.token).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(terminate(child).await, 0);

    // Another master key is noticed.
    std::fs::write(folder.path().join("master.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let (code, _, error) = run(&["serve", "--config", &config]).await;
    assert!(code != 0 && error.contains("the master key is not the one that this database was made with"), "{error}");
    let (code, _, error) = run(&["serve", "--config", "/nowhere.toml"]).await;
    assert!(code != 0 && error.contains("there is no file /nowhere.toml"), "{error}");
}

#[tokio::test]
async fn requests_in_flight_are_finished_when_told_to_stop() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let port = free_port();
    let (child, _) = start(&["sandbox", "--listen", &format!("127.0.0.1:{port}")], port).await;
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let head = "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 12\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let stopping = tokio::spawn(terminate(child));
    tokio::time::sleep(Duration::from_millis(200)).await;
    // New connections are not taken any more; the one that was begun is answered.
    stream.write_all(b"grant_type=x").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    assert_eq!(stopping.await.unwrap(), 0);
}

#[tokio::test]
async fn the_settings_are_explained_and_their_defaults_are_those() {
    let (code, out, _) = run(&["config"]).await;
    assert_eq!(code, 0);
    for part in [
        "#listen = \"127.0.0.1:8080\"",
        "#database = \"sqlite:systembruker.db\"",
        "SYSTEMBRUKER_MASTER_KEY_FILE",
        "[public_url]",
        "[login]",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
}

#[tokio::test]
async fn clients_scopes_and_keys_are_administered_by_command() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let config = settings(folder.path(), &format!("sqlite:{}", folder.path().join("real.db").display()), port);
    let command = async |arguments: &[&str]| {
        let arguments = [arguments, &["--config", &config, "--json"]].concat();
        let (code, out, error) = run(&arguments).await;
        assert_eq!(code, 0, "{arguments:?} {error}");
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let refused = async |arguments: &[&str], complaint: &str| {
        let arguments = [arguments, &["--config", &config]].concat();
        let (code, out, error) = run(&arguments).await;
        assert!(code != 0 && out.is_empty() && error.contains(complaint), "{arguments:?} {error}");
    };
    command(&["prefix", "give", "--org", "974761076", "skatteetaten"]).await;

    let (_, edition, _) = run(&["metadata", "export"]).await;
    let mut edition: Value = serde_json::from_str(&edition).unwrap();
    let file = folder.path().join("edition.json");
    let path = file.to_str().unwrap();
    std::fs::write(&file, edition.to_string()).unwrap();
    assert_eq!(command(&["metadata", "import", path]).await["packages"], json!(223));
    edition["packages"][0]["holders"] = json!("nobody");
    std::fs::write(&file, edition.to_string()).unwrap();
    refused(&["metadata", "import", path], "refers to nobody, which is not there").await;
    let (code, kept, _) = run(&["metadata", "export", "--config", &config]).await;
    assert_eq!((code, serde_json::from_str::<Value>(&kept).unwrap()["packages"].as_array().unwrap().len()), (0, 223));
    assert_eq!(command(&["metadata", "reset"]).await["edition"], json!("built-in"));
    assert_eq!(command(&["prefix", "list", "--org", "974761076"]).await[0]["prefix"], json!("skatteetaten"));

    let name = "skatteetaten:krav";
    refused(&["scope", "create", "nobody:krav", "--description", "x"], "the prefix nobody is nobody's").await;
    refused(&["scope", "create", name], "description has 1 to 2000 characters").await;
    let scope = command(&["scope", "create", name, "--description", "Krav", "--delegable", "true"]).await;
    assert_eq!((&scope["name"], &scope["owner_orgno"]), (&json!(name), &json!("974761076")));
    assert_eq!(scope["delegation_source"], json!(format!("http://127.0.0.1:{port}/")));
    refused(&["scope", "create", name, "--description", "x"], "already exists").await;
    let changed = command(&["scope", "update", name, "--at-max-age", "60", "--visibility", "private"]).await;
    assert_eq!((&changed["at_max_age"], &changed["visibility"]), (&json!(60), &json!("PRIVATE")));
    assert_eq!((&changed["description"], &changed["delegation_source"]), (&json!("Krav"), &scope["delegation_source"]));
    let access = command(&["scope", "grant", name, "--org", "991825827"]).await;
    assert_eq!(access[0]["consumer_orgno"], json!("991825827"));
    assert_eq!(command(&["scope", "access", name]).await, access);
    assert_eq!(command(&["scope", "revoke", name, "--org", "991825827"]).await, json!([]));
    refused(&["scope", "revoke", name, "--org", "991825827"], "is not granted to 991825827").await;
    assert_eq!(command(&["scope", "deactivate", name]).await["active"], json!(false));
    assert_eq!(command(&["scope", "list"]).await, json!([]));
    assert_eq!(command(&["scope", "activate", name]).await["active"], json!(true));
    assert_eq!(command(&["scope", "show", name]).await["active"], json!(true));

    let create = ["client", "create", "--org", "991825827", "--name", "SmartCloud", "--scope", name, "--without-keys"];
    let id = command(&create).await["client_id"].as_str().unwrap().to_owned();
    refused(&["client", "create", "--org", "991825827", "--name", "x", "--scope", name], "--without-keys is needed")
        .await;
    let jwks = folder.path().join("jwks.json");
    let signing = token::keys::SigningKey::generate(2048).unwrap();
    std::fs::write(&jwks, json!({"keys": [signing.public_jwk()]}).to_string()).unwrap();
    let keys = command(&["client", "set-keys", &id, "--jwks", jwks.to_str().unwrap()]).await;
    assert_eq!(keys["keys"][0]["kid"], json!(signing.kid()));
    assert_eq!(command(&["client", "keys", &id]).await, keys);
    assert_eq!(command(&["client", "remove-keys", &id]).await["keys"], json!([]));
    std::fs::write(&jwks, json!({"keys": [{"kty": "RSA", "d": "x"}]}).to_string()).unwrap();
    refused(&["client", "set-keys", &id, "--jwks", jwks.to_str().unwrap()], "it has private members").await;
    let changed = command(&["client", "update", &id, "--access-token-lifetime", "300"]).await;
    assert_eq!((&changed["access_token_lifetime"], &changed["scopes"]), (&json!(300), &json!([name])));
    refused(&["client", "update", &id, "--access-token-lifetime", "9999"], "1 to 7200 seconds").await;
    assert_eq!(command(&["client", "deactivate", &id]).await["active"], json!(false));
    refused(&["client", "update", &id, "--name", "x"], "is deactivated and stays so").await;
    refused(&["client", "show", "nobody"], "there is no client nobody").await;
    assert_eq!(command(&["client", "list"]).await, json!([]));
    assert_eq!(command(&["client", "list", "--inactive", "--org", "991825827"]).await[0]["client_id"], json!(id));

    // Signing keys: the first is made when the service first starts, or here.
    let states = |keys: &Value| {
        let states = keys.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap().to_owned());
        states.collect::<Vec<_>>()
    };
    assert_eq!(states(&command(&["key", "rotate", "--now"]).await), ["signs"]);
    let imported = folder.path().join("key.pem");
    std::fs::write(&imported, signing.to_pem().unwrap().as_bytes()).unwrap();
    let keys = command(&["key", "import", "--private-key", imported.to_str().unwrap()]).await;
    assert_eq!(states(&keys), ["signs", "published, signs later"]);
    assert_eq!((&keys[1]["kid"], &keys[1]["bits"]), (&json!(signing.kid()), &json!(2048)));
    refused(&["key", "import", "--private-key", imported.to_str().unwrap()], "is here already").await;
    let first = keys[0]["kid"].as_str().unwrap();
    refused(&["key", "withdraw", first], "is the only key that can sign now; rotate with --now first").await;
    let keys = command(&["key", "rotate", "--now"]).await;
    assert_eq!(states(&keys), ["published, has signed", "signs", "published, signs later"]);
    assert_eq!(states(&command(&["key", "withdraw", first]).await), ["signs", "published, signs later"]);
    refused(&["key", "withdraw", first], "there is no signing key").await;
    // What is published is what was listed.
    let listed = command(&["key", "list"]).await;
    let (child, _) = start(&["serve", "--config", &config], port).await;
    let http = systembruker::app::http_client().unwrap();
    let published: Value = http.get(format!("http://127.0.0.1:{port}/jwk")).send().await.unwrap().json().await.unwrap();
    let kids = |keys: &Value| keys.as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>();
    assert_eq!(kids(&published["keys"]), kids(&listed));
    assert_eq!(terminate(child).await, 0);
}

#[tokio::test]
async fn certificates_for_real_need_a_source_of_revocation() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let config = settings(folder.path(), &format!("sqlite:{}", folder.path().join("real.db").display()), port);
    let add = |text: &str| {
        let before = std::fs::read_to_string(&config).unwrap();
        std::fs::write(&config, format!("{before}\n{text}\n")).unwrap();
    };
    let roots = folder.path().join("roots.pem");
    add(&format!("[certificates]\nroots = {:?}", roots.to_str().unwrap()));
    let (code, _, error) = run(&["serve", "--config", &config]).await;
    assert!(code != 0 && error.contains("certificates.roots needs certificates.revocation_lists"), "{error}");
    add(&format!("revocation_lists = [{:?}]", folder.path().join("a.crl").to_str().unwrap()));
    let (code, _, error) = run(&["serve", "--config", &config]).await;
    assert!(code != 0 && error.contains("a.crl cannot be read"), "{error}");
    std::fs::write(folder.path().join("a.crl"), "x").unwrap();
    std::fs::write(&roots, "no certificate").unwrap();
    let (code, _, error) = run(&["serve", "--config", &config]).await;
    assert!(code != 0 && error.contains("roots.pem: the roots are not certificates in PEM form"), "{error}");
}
