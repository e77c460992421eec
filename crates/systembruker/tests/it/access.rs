//! Packages, connections, clients and who may act for whom, over HTTP.

use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use systembruker::authorization::DecisionSettings;
use systembruker::authorization::journal::Journalled;
use systembruker::cli::sandbox::SandboxOptions;
use systembruker::resource_registry::builtin::policy_document;
use uuid::Uuid;

use crate::checklist::{AUTHORIZE, DECISION, question, summary};
use crate::world::{Answer, CUSTOMER, REGISTER, RESOURCE, SYSTEM, VENDOR_SCOPES, World, asked, system, with};

const META: &str = "/accessmanagement/api/v1/meta";
const ENDUSER: &str = "/accessmanagement/api/v1/enduser";
const ORG: &str = "urn:altinn:organization:identifier-no";
const OTHER: &str = "312652757";
const ACCOUNTANT: &str = "312654121";

impl World {
    /// A token of a person, as the public test-token generator gives it.
    pub async fn person_token(&self, name: &str, scopes: &str) -> String {
        let uuid = self.person_named(name).await.party_uuid;
        let scopes = scopes.replace(' ', "%20");
        let answer =
            self.get(&format!("/api/GetPersonalToken?env=tt02&scopes={scopes}&partyuuid={uuid}&ttl=3600"), "").await;
        assert_eq!((answer.status, answer.content_type()), (200, "text/plain; charset=utf-8"), "{answer:?}");
        answer.text
    }

    pub async fn as_person(&self, name: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let token = self.person_token(name, "altinn:portal/enduser").await;
        let request = self.request(method, path).bearer_auth(token);
        self.send(match body {
            Some(body) => request.json(&body),
            None => request,
        })
        .await
    }

    pub async fn pia(&self, method: Method, path: &str) -> Answer {
        self.as_person("Pia Tilfeldig", method, path, None).await
    }

    pub fn party(&self, number: &str) -> Uuid {
        self.organisation(number).party_uuid
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_and_roles_can_be_read_and_searched() {
    let world = World::new().await;
    let get = async |path: &str| world.get(&format!("{META}/{path}"), "").await;
    let export = get("info/accesspackages/export").await.json();
    let areas: Vec<_> =
        export.as_array().unwrap().iter().flat_map(|group| group["areas"].as_array().unwrap()).collect();
    let packages: usize = areas.iter().map(|area| area["packages"].as_array().unwrap().len()).sum();
    assert_eq!((export.as_array().unwrap().len(), areas.len(), packages), (5, 46, 223));
    let package = get("info/accesspackages/package/urn/urn:altinn:accesspackage:skatt-naering").await.json();
    assert_eq!(
        [&package["id"], &package["name"], &package["isDelegable"], &package["isAssignable"], &package["area"]["urn"]],
        [
            &json!("1dba50d6-f604-48e9-bd41-82321b13e85c"),
            &json!("Skatt næring"),
            &json!(true),
            &json!(true),
            &json!("accesspackage:area:skatt_avgift_regnskap_og_toll")
        ]
    );
    let by_id = get("info/accesspackages/package/1dba50d6-f604-48e9-bd41-82321b13e85c").await.json();
    assert_eq!(by_id, package);
    let request = world.request(Method::GET, &format!("{META}/info/accesspackages/package/urn/skatt-naering"));
    assert_eq!(world.send(request.header("Accept-Language", "en")).await.json()["name"], "Business tax");
    for path in [
        "package/urn/skattnaering",
        "package/00000000-0000-0000-0000-000000000001",
        "area/00000000-0000-0000-0000-000000000001",
    ] {
        assert_eq!(get(&format!("info/accesspackages/{path}")).await.status, 404, "{path}");
    }
    assert_eq!(get("info/accesspackages/package/x").await.problem(), "400 -");

    let search = async |query: &str| {
        let answer = get(&format!("info/accesspackages/search?{query}")).await;
        match answer.status {
            204 => vec![],
            200 => answer
                .json()
                .as_array()
                .unwrap()
                .iter()
                .map(|hit| hit["object"]["urn"].as_str().unwrap().to_owned())
                .collect(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(search("term=").await.len(), 223);
    assert_eq!(search("typeName=Person&term=").await.len(), 76);
    assert_eq!(search("term=skatt%20n%C3%A6ring").await[0], "urn:altinn:accesspackage:skatt-naering");
    assert_eq!(search("term=business%20tax").await[0], "urn:altinn:accesspackage:skatt-naering");
    assert!(search("term=finnes-ikke-noe-sted").await.is_empty());
    assert_eq!(get("info/accesspackages/search?typeName=x").await.problem(), "400 -");

    let roles = get("info/roles").await.json();
    assert_eq!(roles.as_array().unwrap().len(), 148);
    let manager = roles.as_array().unwrap().iter().find(|role| role["code"] == "daglig-leder").unwrap();
    assert_eq!(
        [&manager["isKeyRole"], &manager["legacyRoleCode"], &manager["legacyUrn"]],
        [&json!(true), &json!("dagl"), &json!("urn:altinn:rolecode:dagl")]
    );
    let carried = get("info/roles/packages?role=dagl&variant=AS").await.json();
    assert!(carried.as_array().unwrap().len() > 100);
    let id = manager["id"].as_str().unwrap();
    assert_eq!(get(&format!("info/roles/{id}/packages?variant=AS")).await.json(), carried);
    assert_eq!(get(&format!("info/roles/{id}")).await.json()["urn"], "urn:altinn:external-role:ccr:daglig-leder");
    assert_eq!(get("info/roles/packages?role=regnskapsforer").await.json().as_array().unwrap().len(), 3);
    assert_eq!(get("info/roles/packages?role=nobody").await.status, 404);
    assert_eq!(get("info/roles/packages").await.problem(), "400 -");
    world.api_is_offered().await;
    let resources = get("info/roles/resources?role=dagl").await.json();
    assert_eq!(resources[0]["refId"], RESOURCE);
    assert!(get("types/organization/subtypes").await.json().as_array().unwrap().iter().any(|of| of["name"] == "AS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_edition_of_the_metadata_counts_without_a_release() {
    let world = World::new().await;
    let built_in = world.app.model.metadata();
    let mut document = serde_json::to_value(&built_in.document).unwrap();
    let package = json!({"id": Uuid::from_u128(9), "code": "helt-ny", "area": built_in.document.areas[0].id, "delegable": true,
        "assignable": true, "inPolicies": true, "holders": "D", "name": {"nb": "Helt ny"}});
    document["packages"].as_array_mut().unwrap().push(package);
    world.change(async |tx| tx.put_access_metadata(Some(&document)).await.unwrap()).await;
    let path = format!("{META}/info/accesspackages/package/urn/helt-ny");
    assert_eq!(world.get(&path, "").await.json()["name"], "Helt ny");
    let check = world
        .pia(
            Method::GET,
            &format!(
                "{ENDUSER}/connections/accesspackages/delegationcheck?party={}&packages=helt-ny",
                world.party(CUSTOMER)
            ),
        )
        .await;
    assert_eq!(check.json()["data"][0]["result"], true);
    world.change(async |tx| tx.put_access_metadata(None).await.unwrap()).await;
    assert_eq!(world.get(&path, "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn delegation_checks_say_why() {
    let world = World::new().await;
    world.api_is_offered().await;
    let party = world.party(CUSTOMER);
    let rights = async |name: &str| {
        let path = format!("{ENDUSER}/connections/resources/delegationcheck?party={party}&resource={RESOURCE}");
        world.as_person(name, Method::GET, &path, None).await.json()["rights"].clone()
    };
    let pias = rights("Pia Tilfeldig").await;
    assert_eq!(pias[0]["right"]["name"], "Les");
    assert_eq!((&pias[0]["result"], &pias[0]["reasonCodes"]), (&json!(true), &json!(["RoleAccess"])));
    assert!(pias[0]["right"]["key"].as_str().unwrap().starts_with("01"));
    let sverres = rights("Sverre Subtil").await;
    assert_eq!(
        (&sverres[0]["result"], &sverres[0]["reasonCodes"]),
        (&json!(false), &json!(["MissingRoleAccess", "MissingPackageAccess", "MissingDelegationAccess"]))
    );
    let packages = async |name: &str, party: Uuid, packages: &str| {
        let path = format!("{ENDUSER}/connections/accesspackages/delegationcheck?party={party}&{packages}");
        world.as_person(name, Method::GET, &path, None).await
    };
    let checked = packages("Pia Tilfeldig", party, "packages=skatt-naering&packages=regnskapsforer-lonn").await.json();
    let data = checked["data"].as_array().unwrap();
    assert_eq!(data.iter().map(|of| of["result"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);
    let reason = &data[0]["reasons"][0];
    assert_eq!(
        [&reason["description"], &reason["roleUrn"], &reason["fromName"]],
        [
            &json!("Direct-RolePackage"),
            &json!("urn:altinn:external-role:ccr:daglig-leder"),
            &json!("TILFELDIG SUBTIL APE")
        ]
    );
    assert_eq!(packages("Pia Tilfeldig", party, "").await.json()["data"].as_array().unwrap().len(), 223);
    assert_eq!(packages("Pia Tilfeldig", party, "packages=x").await.problem(), "400 STD-00000");
    // Those who do not administer access see nothing.
    assert_eq!(packages("Arne Ansatt", party, "").await.status, 403);
    assert_eq!(packages("Pia Tilfeldig", world.party(OTHER), "").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_and_rights_are_given_to_system_users_and_taken_back() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let party = world.party(CUSTOMER);
    let may = async |action: &str| world.system_user_may(&id, RESOURCE, action, CUSTOMER).await;
    let policy = systembruker::resource_registry::builtin::policy_document_for(
        RESOURCE,
        &[("urn:altinn:rolecode", &["DAGL"]), ("urn:altinn:accesspackage", &["krav-og-utlegg"])],
        &["read", "write"],
        3,
    );
    assert_eq!(world.put_policy(RESOURCE, policy).await.status, 201);
    assert_eq!((may("read").await, may("write").await), ("Permit ok".into(), "NotApplicable ok".into()));
    let path = |rest: &str| format!("{ENDUSER}/connections/{rest}");
    let package =
        path(&format!("accesspackages?party={party}&to={id}&package=urn:altinn:accesspackage:krav-og-utlegg"));
    let given = world.pia(Method::POST, &package).await;
    assert_eq!((given.status, &given.json()["packageId"]), (200, &json!("a02fc602-872a-4671-b338-8b86a64b534a")));
    assert_eq!(may("write").await, "Permit ok");
    let listed = world.pia(Method::GET, &path(&format!("accesspackages?party={party}&from={party}"))).await.json();
    assert_eq!(listed["data"][0]["package"]["urn"], "urn:altinn:accesspackage:krav-og-utlegg");
    assert_eq!(listed["data"][0]["permissions"][0]["to"]["id"], json!(id));
    let taken = world.pia(Method::DELETE, &format!("{package}&from={party}")).await;
    assert_eq!(taken.status, 204, "{taken:?}");
    assert_eq!(may("write").await, "NotApplicable ok");

    let rights = path(&format!("resources/rights?party={party}&from={party}&to={id}&resource={RESOURCE}"));
    let check = world
        .pia(Method::GET, &path(&format!("resources/delegationcheck?party={party}&resource={RESOURCE}")))
        .await
        .json();
    let keys: Vec<&Value> = check["rights"].as_array().unwrap().iter().map(|of| &of["right"]["key"]).collect();
    let send = async |method: Method, keys: Value| {
        world.as_person("Pia Tilfeldig", method, &rights, Some(json!({"directRightKeys": keys}))).await
    };
    assert_eq!(send(Method::POST, json!([keys[1]])).await.status, 201);
    assert_eq!((may("read").await, may("write").await), ("Permit ok".into(), "Permit ok".into()));
    let direct = world.pia(Method::GET, &rights).await.json()["directRights"].clone();
    assert_eq!(direct.as_array().unwrap().len(), 2);
    assert_eq!(send(Method::PUT, json!([keys[1]])).await.status, 200);
    assert_eq!((may("read").await, may("write").await), ("NotApplicable ok".into(), "Permit ok".into()));
    let all = path(&format!("resources?party={party}&from={party}&to={id}&resource={RESOURCE}"));
    assert_eq!(world.pia(Method::DELETE, &all).await.status, 204);
    assert_eq!(may("write").await, "NotApplicable ok");

    for (answer, expected) in [
        (send(Method::POST, json!(["01ab"])).await, "400 AM-00036"),
        (send(Method::POST, json!([])).await, "400 AM-00033"),
        (
            world.pia(Method::POST, &path(&format!("accesspackages?party={party}&to={id}&package=x"))).await,
            "400 STD-00000",
        ),
        (
            world
                .pia(
                    Method::POST,
                    &path(&format!("accesspackages?party={party}&to={}&package=lonn", Uuid::from_u128(3))),
                )
                .await,
            "400 AM-00023",
        ),
        (
            world
                .pia(Method::POST, &path(&format!("accesspackages?party={party}&to={id}&package=regnskapsforer-lonn")))
                .await,
            "400 AM-00041",
        ),
        (
            world
                .pia(Method::POST, &path(&format!("accesspackages?party={party}&to={id}&package=hovedadministrator")))
                .await,
            "400 STD-00000",
        ),
        (
            world.pia(Method::GET, &path(&format!("resources/rights?party={party}&from={party}&resource=none"))).await,
            "400 AM-00027",
        ),
        (world.pia(Method::GET, &path(&format!("accesspackages?party={party}"))).await, "400 STD-00000"),
    ] {
        assert_eq!(answer.problem(), expected, "{answer:?}");
    }
    // The chair holds the package that opens the resource, and can give what it opens.
    let given =
        world.as_person("Sverre Subtil", Method::POST, &rights, Some(json!({"directRightKeys": [keys[0]]}))).await;
    assert_eq!((given.status, may("read").await), (201, "Permit ok".into()));
    // Neither a stranger, nor a token of an organisation, nor one without the scope.
    let stranger = world.as_person("Mona Modig", Method::POST, &package, None).await;
    assert_eq!((stranger.status, stranger.text.as_str()), (403, ""));
    let org = world.token("Digdir", "altinn:portal/enduser").await;
    assert_eq!(world.send(world.request(Method::POST, &package).bearer_auth(org)).await.status, 403);
    let other_scope = world.person_token("Pia Tilfeldig", "altinn:authorization/authorize").await;
    assert_eq!(world.send(world.request(Method::POST, &package).bearer_auth(other_scope)).await.status, 403);
    assert_eq!(world.send(world.request(Method::POST, &package)).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_given_by_those_who_hold_them_if_they_can_be_given_at_all() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let (party, arne) = (world.party(CUSTOMER), world.person_named("Arne Ansatt").await.party_uuid);
    // Who administers access holds nothing by that.
    let package = model::AccessPackage { urn: "urn:altinn:accesspackage:tilgangsstyrer".into() };
    world
        .change(async |tx| {
            tx.insert_connection(party, arne, party).await.unwrap();
            tx.give_connection_package(party, arne, &package).await.unwrap();
        })
        .await;
    let check = async |name: &str, resource: &str| {
        let path = format!("{ENDUSER}/connections/resources/delegationcheck?party={party}&resource={resource}");
        world.as_person(name, Method::GET, &path, None).await.json()["rights"].clone()
    };
    let give = async |name: &str, resource: &str, key: &Value| {
        let path =
            format!("{ENDUSER}/connections/resources/rights?party={party}&from={party}&to={id}&resource={resource}");
        world.as_person(name, Method::POST, &path, Some(json!({"directRightKeys": [key]}))).await
    };
    // What the system user has already could be given again by anybody who administers access.
    let all = format!("{ENDUSER}/connections/resources?party={party}&from={party}&to={id}&resource={RESOURCE}");
    assert_eq!(world.pia(Method::DELETE, &all).await.status, 204);
    let arnes = check("Arne Ansatt", RESOURCE).await;
    assert_eq!(arnes[0]["result"], false);
    assert_eq!(give("Arne Ansatt", RESOURCE, &arnes[0]["right"]["key"]).await.problem(), "403 AM-00028");
    let of_platform = check("Pia Tilfeldig", "altinn_access_management").await;
    assert_eq!(of_platform[0]["reasonCodes"], json!(["ResourceNotDelegable"]));
    let key = &of_platform[0]["right"]["key"];
    assert_eq!(give("Pia Tilfeldig", "altinn_access_management", key).await.problem(), "400 AM-00042");

    // What a rule denies, nobody with that role passes on, whatever else permits it.
    let permits = policy_document(RESOURCE, &["DAGL"], &["read"], 3);
    let (start, rest) = permits.split_once("  <xacml:Rule ").unwrap();
    let (rule, end) = rest.split_once("</xacml:Rule>\n").unwrap();
    let denies = rule.replace(r#"Effect="Permit""#, r#"Effect="Deny""#).replace(":rule:1", ":rule:2");
    let both = format!("{start}  <xacml:Rule {rule}</xacml:Rule>\n  <xacml:Rule {denies}</xacml:Rule>\n{end}");
    assert_eq!(world.put_policy(RESOURCE, both).await.status, 201);
    let denied = check("Pia Tilfeldig", RESOURCE).await;
    assert_eq!(denied[0]["result"], false, "{denied}");
    assert_eq!(give("Pia Tilfeldig", RESOURCE, &denied[0]["right"]["key"]).await.problem(), "403 AM-00028");

    // A right to a part of a resource is not given as one to all of it.
    let of_resource = rule.split("<xacml:AllOf>").find(|block| block.contains(&format!(">{RESOURCE}<"))).unwrap();
    let of_resource = of_resource.split_once("</xacml:AllOf>").unwrap().0;
    let of_task = of_resource.replace("urn:altinn:resource", "urn:altinn:task").replace(RESOURCE, "Task_1");
    let for_task = rule.replace(of_resource, &format!("{of_resource}{of_task}"));
    let for_task = format!("{start}  <xacml:Rule {for_task}</xacml:Rule>\n{end}");
    assert_eq!(world.put_policy(RESOURCE, for_task).await.status, 201);
    assert_eq!(check("Pia Tilfeldig", RESOURCE).await, json!([]));
    let path = format!("/resourceregistry/api/v2/resource/{RESOURCE}/policy/rights");
    let right = world.get(&path, "").await.json()[0].clone();
    assert_eq!(right["name"], "Les (Task_1)");
    assert_eq!(give("Pia Tilfeldig", RESOURCE, &right["key"]).await.problem(), "400 AM-00036");
}

#[tokio::test(flavor = "multi_thread")]
async fn packages_that_are_not_for_system_users_cannot_be_asked_for() {
    let world = World::new().await;
    world.api_is_offered().await;
    let vendor = world.new_client(&VENDOR_SCOPES).await;
    let token = vendor.token(&world, "altinn:authentication/systemregister.write").await;
    let packages = json!([{"urn": "urn:altinn:accesspackage:regnskapsforer-lonn"}]);
    let registration = with(system(SYSTEM, &vendor.client_id), "accessPackages", packages.clone());
    let registration = with(registration, "isVisible", json!(false));
    assert_eq!(world.post(REGISTER, &token, &registration).await.status, 200);
    let request = with(with(asked(), "rights", json!([])), "accessPackages", packages);
    assert_eq!(world.ask(&vendor, &request).await.problem(), "400 AUTH-00064");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_in_a_wrong_place_is_not_repeated() {
    let world = World::new().await;
    let token = world.token("Skatteetaten", "altinn:accessmanagement/authorizedparties.resourceowner").await;
    let path = "/accessmanagement/api/v1/resourceowner/authorizedparties";
    let subject = json!({"type": "urn:altinn:person:identifier-no", "value": 17_858_212_081_u64});
    let answer = world.post(path, &token, &subject).await;
    assert_eq!(answer.problem(), "400 -");
    assert!(!answer.text.contains("17858212081"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_and_organisations_are_connected_given_packages_and_disconnected() {
    let world = World::new().await;
    world.api_is_offered().await;
    let (party, arne) = (world.party(CUSTOMER), world.person_named("Arne Ansatt").await);
    let path = |rest: &str| format!("{ENDUSER}/connections{rest}");
    let to = arne.party_uuid;
    let package = path(&format!("/accesspackages?party={party}&from={party}&to={to}&package=tilgangsstyrer"));
    assert_eq!(world.pia(Method::POST, &package).await.problem(), "400 AM-00022");
    let connect = path(&format!("?party={party}&from={party}&to={to}"));
    let made = world.pia(Method::POST, &connect).await.json();
    assert_eq!((&made["fromId"], &made["toId"]), (&json!(party), &json!(to)));
    assert_eq!(world.pia(Method::POST, &connect).await.json(), made);
    assert_eq!(world.pia(Method::POST, &package).await.status, 200);
    // What Arne was given lets him administer access himself.
    let listed =
        world.as_person("Arne Ansatt", Method::GET, &path(&format!("?party={party}&from={party}")), None).await.json();
    assert_eq!(listed["data"][0]["party"]["id"], json!(to));
    assert_eq!(listed["data"][0]["roles"][0]["code"], "rettighetshaver");
    // He sees what he was given, too.
    let received =
        world.as_person("Arne Ansatt", Method::GET, &path(&format!("?party={to}&to={to}")), None).await.json();
    assert_eq!(received["data"][0]["party"]["organizationIdentifier"], CUSTOMER);
    assert_eq!(world.pia(Method::DELETE, &connect).await.problem(), "400 STD-00000");
    assert_eq!(world.pia(Method::DELETE, &format!("{connect}&cascade=true")).await.status, 204);
    assert_eq!(world.pia(Method::DELETE, &connect).await.problem(), "400 STD-00000");
    let lost = world.as_person("Arne Ansatt", Method::GET, &path(&format!("?party={party}&from={party}")), None).await;
    assert_eq!(lost.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_are_given_clients_and_lose_them_with_their_basis() {
    let world = World::new().await;
    let (_, system_user) = world.system_user().await;
    let (owner, client) = (world.party(ACCOUNTANT), world.party(OTHER));
    let agent = world.agent_of_accountant().await;
    let path = |rest: &str| format!("{ENDUSER}/clientdelegations/{rest}");
    let ragnhild = async |method: Method, path: &str, body: Option<Value>| {
        world.as_person("Ragnhild Rask", method, path, body).await
    };
    let clients = ragnhild(Method::GET, &path(&format!("clients?party={owner}")), None).await.json();
    let numbers: Vec<_> = clients["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| of["client"]["organizationIdentifier"].as_str().unwrap())
        .collect();
    assert!(numbers.contains(&OTHER) && numbers.contains(&CUSTOMER), "{numbers:?}");
    assert_eq!(clients["data"][0]["access"][0]["role"]["code"], "regnskapsforer");
    assert_eq!(
        ragnhild(Method::GET, &path(&format!("clients?party={owner}&roles=revisor")), None).await.json()["data"],
        json!([])
    );
    let packages = path(&format!("agents/accesspackages?party={owner}&from={client}&to={agent}"));
    let batch = |role: &str, package: &str| Some(json!({"values": [{"role": role, "packages": [package]}]}));
    let given =
        ragnhild(Method::POST, &packages, batch("regnskapsforer", "urn:altinn:accesspackage:regnskapsforer-lonn"))
            .await;
    assert_eq!((given.status, &given.json()[0]["changed"]), (200, &json!(true)), "{given:?}");
    let again = ragnhild(Method::POST, &packages, batch("regnskapsforer", "regnskapsforer-lonn")).await;
    assert_eq!(again.json()[0]["changed"], false);
    let of_agent =
        ragnhild(Method::GET, &path(&format!("agents/accesspackages?party={owner}&to={agent}")), None).await.json();
    assert_eq!(of_agent["data"][0]["client"]["organizationIdentifier"], OTHER);
    let of_client =
        ragnhild(Method::GET, &path(&format!("clients/accesspackages?party={owner}&from={client}")), None).await.json();
    assert_eq!(of_client["data"][0]["agent"]["id"], json!(agent));
    assert_eq!(
        ragnhild(Method::GET, &path(&format!("agents?party={owner}")), None).await.json()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for (answer, expected) in [
        (ragnhild(Method::POST, &packages, batch("revisor", "ansvarlig-revisor")).await, "400 AM-00041"),
        (ragnhild(Method::POST, &packages, batch("regnskapsforer", "skatt-naering")).await, "400 AM-00041"),
        (ragnhild(Method::POST, &packages, batch("nobody", "x")).await, "400 STD-00000"),
        (
            ragnhild(
                Method::POST,
                &path(&format!("agents/accesspackages?party={owner}&from={}&to={agent}", world.party("312655497"))),
                batch("regnskapsforer", "regnskapsforer-lonn"),
            )
            .await,
            "400 AM-00022",
        ),
        (
            ragnhild(
                Method::POST,
                &path(&format!("agents/accesspackages?party={owner}&from={client}&to={system_user}")),
                batch("regnskapsforer", "regnskapsforer-lonn"),
            )
            .await,
            "400 AM-00023",
        ),
        (ragnhild(Method::DELETE, &path(&format!("agents?party={owner}&to={agent}")), None).await, "400 STD-00000"),
    ] {
        assert_eq!(answer.problem(), expected, "{answer:?}");
    }
    assert_eq!(world.pia(Method::GET, &path(&format!("clients?party={owner}"))).await.status, 403);

    // A client that gives a package itself; when it takes that back, the agent's system user loses it.
    let customer = world.party(CUSTOMER);
    let connections = |rest: &str| format!("{ENDUSER}/connections{rest}");
    assert_eq!(world.pia(Method::POST, &connections(&format!("?party={customer}&to={owner}"))).await.status, 200);
    let tax =
        connections(&format!("/accesspackages?party={customer}&from={customer}&to={owner}&package=skatt-naering"));
    assert_eq!(world.pia(Method::POST, &tax).await.status, 200);
    let for_customer = path(&format!("agents/accesspackages?party={owner}&from={customer}&to={agent}"));
    assert_eq!(ragnhild(Method::POST, &for_customer, batch("rettighetshaver", "skatt-naering")).await.status, 200);
    let clients_now = || world.app.model.system_user(agent).unwrap().clients.len();
    assert_eq!(clients_now(), 2);
    assert_eq!(world.pia(Method::DELETE, &tax).await.status, 204);
    assert_eq!(clients_now(), 1);
    let taken = ragnhild(Method::DELETE, &packages, batch("regnskapsforer", "regnskapsforer-lonn")).await;
    assert_eq!(taken.json()[0]["changed"], true);
    assert_eq!(clients_now(), 0);
    assert_eq!(ragnhild(Method::DELETE, &path(&format!("agents?party={owner}&to={agent}")), None).await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_of_resources_see_for_whom_somebody_may_act() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let token = world.token("Skatteetaten", "altinn:accessmanagement/authorizedparties.resourceowner").await;
    let ask = async |query: &str, id: &str, value: &str| {
        let path = format!("/accessmanagement/api/v1/resourceowner/authorizedparties{query}");
        world.post(&path, &token, &json!({"type": id, "value": value})).await
    };
    let parties = ask("?includeAccessPackages=true", "urn:altinn:systemuser:uuid", &id).await.json();
    let [party] = parties.as_array().unwrap().as_slice() else { panic!("{parties}") };
    assert_eq!(
        [&party["organizationNumber"], &party["type"], &party["authorizedResources"]],
        [&json!(CUSTOMER), &json!("Organization"), &json!([RESOURCE])]
    );
    assert_eq!(party["subunits"][0]["organizationNumber"], "312651386");
    let pia = world.person_named("Pia Tilfeldig").await;
    let parties = ask("", "urn:altinn:userid", &pia.user_id.to_string()).await.json();
    let own = parties.as_array().unwrap().iter().find(|of| of["organizationNumber"] == CUSTOMER).unwrap();
    assert!(own["authorizedRoles"].as_array().unwrap().contains(&json!("dagl")));
    assert!(own["authorizedAccessPackages"].as_array().unwrap().is_empty());
    assert!(parties.as_array().unwrap().iter().any(|of| of["type"] == "Person"));
    // Through a key role, unless that is not wanted.
    let ragnhild = world.person_named("Ragnhild Rask").await.user_id.to_string();
    let through = |parties: &Value| parties.as_array().unwrap().iter().any(|of| of["organizationNumber"] == OTHER);
    assert!(through(&ask("", "urn:altinn:userid", &ragnhild).await.json()));
    assert!(!through(&ask("?includePartiesViaKeyRoles=false", "urn:altinn:userid", &ragnhild).await.json()));
    assert_eq!(ask("", "urn:altinn:systemuser:uuid", &Uuid::from_u128(1).to_string()).await.json(), json!([]));
    assert_eq!(ask("", "urn:altinn:systemuser:uuid", "x").await.problem(), "400 -");
    assert_eq!(ask("", "urn:altinn:rolecode", "x").await.problem(), "400 -");
    let own = world.person_token("Pia Tilfeldig", "altinn:accessmanagement/authorizedparties").await;
    let own = world.get(&format!("{ENDUSER}/authorizedparties"), &own).await.json();
    assert!(own["data"].as_array().unwrap().iter().any(|of| of["organizationNumber"] == CUSTOMER));
    let nobody = world.token("Digdir", "altinn:accessmanagement/authorizedparties").await;
    assert_eq!(world.get(&format!("{ENDUSER}/authorizedparties"), &nobody).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_are_delegated_by_persons_and_looked_up() {
    let world = World::new().await;
    world.api_is_offered().await;
    let owner = world.token("Skatteetaten", "idporten:scopes.write").await;
    let source = format!("{}/", world.origin);
    let scope =
        json!({"prefix": "skatteetaten", "subscope": "delegert", "description": "x", "delegation_source": source});
    let made = world.post("/api/v1/scopes", &owner, &scope).await;
    assert_eq!(made.status, 200, "{made:?}");
    let party = world.party(CUSTOMER);
    let path = format!("/systembruker/api/v1/scope-delegations?party={party}");
    let body = |supplier: &str, scope: &str| Some(json!({"supplier": supplier, "scope": scope}));
    let pia = async |method: Method, body| world.as_person("Pia Tilfeldig", method, &path, body).await;
    assert_eq!(pia(Method::POST, body("991825827", "skatteetaten:delegert")).await.status, 204);
    assert_eq!(
        pia(Method::GET, None).await.json(),
        json!([{"supplier": "991825827", "scope": "skatteetaten:delegert"}])
    );
    for wrong in
        [body("991825827", "skatteetaten:kravogbetalinger"), body(CUSTOMER, "skatteetaten:delegert"), body("1", "a:b")]
    {
        assert_eq!(pia(Method::POST, wrong).await.problem(), "400 -");
    }
    let foreign = world.as_person("Mona Modig", Method::POST, &path, body("991825827", "skatteetaten:delegert")).await;
    assert_eq!(foreign.status, 403);
    let admin = world.token("Digdir", "altinn:maskinporten/delegations.admin").await;
    let look_up = async |query: &str| {
        world.get(&format!("/accessmanagement/api/v1/maskinporten/delegations/?{query}"), &admin).await
    };
    let found =
        look_up(&format!("supplierOrg=991825827&consumerOrg={CUSTOMER}&scope=skatteetaten:delegert")).await.json();
    assert_eq!(
        [&found[0]["consumer_org"], &found[0]["supplier_org"], &found[0]["delegation_scheme_Id"], &found[0]["scopes"]],
        [&json!(CUSTOMER), &json!("991825827"), &Value::Null, &json!(["skatteetaten:delegert"])]
    );
    assert_eq!(look_up("consumerOrg=312652757").await.json(), json!([]));
    assert_eq!(look_up("").await.problem(), "400 -");
    assert_eq!(look_up("consumerOrg=123").await.problem(), "400 -");
    assert_eq!(pia(Method::DELETE, body("991825827", "skatteetaten:delegert")).await.status, 204);
    assert_eq!(pia(Method::DELETE, body("991825827", "skatteetaten:delegert")).await.status, 404);
    assert_eq!(look_up(&format!("consumerOrg={CUSTOMER}")).await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_ask_about_their_own_resources_where_that_is_set() {
    let key = "0f0e0d0c0b0a09080706050403020100";
    let decisions = DecisionSettings {
        owners_only: true,
        journalled: Journalled::All,
        internal_key: Some(SecretString::from(key)),
    };
    let world = World::of_template(SandboxOptions { decisions, ..SandboxOptions::default() }).await;
    let (_, id) = world.system_user().await;
    let subject = [("urn:altinn:systemuser:uuid", &*id)];
    let own = question(&subject, "read", &[("urn:altinn:resource", RESOURCE), (ORG, CUSTOMER)]);
    let foreign = question(&subject, "read", &[("urn:altinn:resource", "altinn_access_management"), (ORG, CUSTOMER)]);
    assert_eq!(summary(&world.decide_all(&own).await[0]), "Permit ok");
    let refused = &world.decide_all(&foreign).await[0];
    assert_eq!(summary(refused), "Indeterminate processing-error");
    assert!(refused["status"]["statusMessage"].as_str().unwrap().contains("another organisation"));
    let admin = world.token("Digdir", "altinn:authorization/authorize.admin").await;
    let answer = world.post(AUTHORIZE, &admin, &foreign).await.json();
    assert_eq!(summary(&answer["response"][0]), "NotApplicable ok");
    // The same holds for the four fields.
    let token = world.token("Skatteetaten", "altinn:authorization/authorize").await;
    let asked = json!({"subject": id, "resource": "altinn_access_management", "action": "read", "party": CUSTOMER, "explain": true});
    let answer = world.post("/systembruker/api/v1/decisions", &token, &asked).await.json();
    assert_eq!(answer["decisions"][0]["decision"], "Indeterminate");
    assert_eq!(answer["decisions"][0].get("explanation"), None);

    for (given, expected) in [(None, 401), (Some("wrong"), 401), (Some(key), 200)] {
        let mut request = world.request(Method::POST, DECISION).json(&foreign);
        if let Some(given) = given {
            request = request.header("Ocp-Apim-Subscription-Key", given);
        }
        assert_eq!(world.send(request).await.status, expected, "{given:?}");
    }
    // Who it is comes before what it asks: a body that is nothing tells those without the key nothing.
    let lists = "/authorization/api/v1/accesslist/accessmanagement/authorization";
    for (path, given, expected) in
        [(DECISION, "wrong", 401), (DECISION, key, 415), (lists, "wrong", 401), (lists, key, 415)]
    {
        let request = world.request(Method::POST, path).header("Ocp-Apim-Subscription-Key", given).body("{");
        assert_eq!(world.send(request).await.status, expected, "{path} {given}");
    }
    // All of it is in the journal, with who asked, and without who a person is.
    let mut written = vec![];
    for _ in 0..100 {
        written = world.app.store.read().await.unwrap().audit_of("altinn_access_management").await.unwrap();
        if written.len() == 4 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let actors: Vec<_> = written.iter().map(|entry| (entry.event.as_str(), entry.actor.as_str())).collect();
    assert_eq!(
        actors,
        [
            ("decision", "org:974761076"),
            ("decision", "org:312650010"),
            ("decision", "org:974761076"),
            ("decision", "platform")
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_for_tests_are_those_of_persons() {
    let world = World::new().await;
    let token = async |query: &str| world.get(&format!("/api/GetPersonalToken?{query}"), "").await;
    for query in ["pid=17858212081", "pid=1", "userId=1", "partyuuid=x", "consumerOrgNo=1"] {
        assert_eq!(token(query).await.status, if query == "pid=17858212081" { 200 } else { 400 }, "{query}");
    }
    // One that has expired is none.
    let short = token("pid=17858212081&scopes=altinn:portal/enduser&ttl=1").await.text;
    let path = format!("{ENDUSER}/connections?party={0}&from={0}", world.party(CUSTOMER));
    assert_eq!(world.get(&path, &short).await.status, 200);
    world.advance(60).await;
    assert_eq!(world.get(&path, &short).await.status, 401);
    // Without a person in it, it is nobody's.
    let nobody = token("scopes=altinn:portal/enduser").await.text;
    assert_eq!(world.get(&path, &nobody).await.status, 403);
}
