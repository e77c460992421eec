//! The resource registry and its access lists.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use serde_json::{Value, json};
use systembruker::resource_registry::builtin::{policy_document, policy_document_for};

use crate::world::{Answer, CUSTOMER, RESOURCE, World, resource, with};

const BASE: &str = "/resourceregistry/api/v1/resource";
const LISTS: &str = "/resourceregistry/api/v1/access-lists";
const ORG: &str = "urn:altinn:organization:identifier-no";

async fn write_token(world: &World) -> String {
    world.token("Skatteetaten", "altinn:resourceregistry/resource.write").await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_version_of_a_resource_can_be_read() {
    let world = World::new().await;
    let token = write_token(&world).await;
    let made = world.post(BASE, &token, &resource(RESOURCE)).await;
    assert_eq!((made.status, made.text.as_str()), (201, ""));
    assert!(made.headers[LOCATION].to_str().unwrap().ends_with(&format!("{BASE}/{RESOURCE}")));
    let path = format!("{BASE}/{RESOURCE}");
    let first = world.get(&path, "").await.json();
    let put = async |token: &str, body: &Value| {
        world.send(world.request(Method::PUT, &path).bearer_auth(token).json(body)).await
    };
    let changed = with(resource(RESOURCE), "title", json!({"nb": "Ny", "nn": "Ny", "en": "New"}));
    let answer = put(&token, &changed).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    let second = world.get(&path, "").await.json();
    assert_eq!(second["title"]["en"], "New");
    assert!(second["versionId"].as_i64() > first["versionId"].as_i64());
    assert_eq!(world.get(&format!("{path}?versionId={}", first["versionId"]), "").await.json(), first);
    assert_eq!(world.get(&format!("{path}?versionId=999"), "").await.status, 404);
    assert_eq!(put(&token, &resource("another-id")).await.problem(), "400 -");
    // Neither another owner nor the owner's own word can move it to somebody else.
    let foreign = world.token("Digdir", "altinn:resourceregistry/resource.write").await;
    assert_eq!(put(&foreign, &changed).await.status, 403);
    let authority = json!({"organization": "312650010", "orgcode": "digdir", "name": {}});
    assert_eq!(put(&token, &with(changed.clone(), "hasCompetentAuthority", authority.clone())).await.status, 403);
    assert_eq!(put(&foreign, &with(changed.clone(), "hasCompetentAuthority", authority)).await.status, 403);
    // Nor can a short name be taken that is another's.
    let stolen = json!({"organization": "312650010", "orgcode": "SKD", "name": {}});
    let stolen = world.post(BASE, &foreign, &with(resource("some-other"), "hasCompetentAuthority", stolen)).await;
    assert_eq!(stolen.problem(), "400 -");
    let missing =
        world.send(world.request(Method::PUT, &format!("{BASE}/unknown-one")).bearer_auth(&token).json(&changed)).await;
    assert_eq!(missing.status, 404);

    let delete = async |token: &str| world.send(world.request(Method::DELETE, &path).bearer_auth(token)).await.status;
    assert_eq!(delete(&foreign).await, 403);
    assert_eq!((delete(&token).await, delete(&token).await), (204, 404));
    assert_eq!(world.get(&path, "").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_follow_the_rules_of_their_kind() {
    let world = World::new().await;
    let token = write_token(&world).await;
    let references = |kind: &str, reference: &str| json!([{"referenceSource": "Altinn3", "reference": reference, "referenceType": kind}]);
    let errors = async |body: &Value| {
        let answer = world.post(BASE, &token, body).await;
        assert_eq!(answer.problem(), "400 -", "{body}");
        answer.json()["errors"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let app = || {
        with(
            with(resource("app_skd_skattemelding"), "resourceType", json!("AltinnApp")),
            "resourceReferences",
            references("ApplicationId", "skd/skattemelding"),
        )
    };
    assert_eq!(
        errors(&with(resource("se_1234"), "resourceReferences", references("ServiceCode", "1234"))).await,
        ["identifier"]
    );
    assert_eq!(errors(&with(app(), "resourceType", json!("GenericAccessResource"))).await, ["identifier"]);
    assert_eq!(errors(&with(app(), "identifier", json!("app_nav_skattemelding"))).await, ["identifier"]);
    assert_eq!(errors(&with(app(), "resourceReferences", json!([]))).await, ["resourceReferences"]);
    let schema = with(resource("skd-scopes"), "resourceType", json!("MaskinportenSchema"));
    assert_eq!(errors(&schema).await, ["resourceReferences"]);
    // Everything that is wrong is said at once.
    let many = with(
        with(with(resource("No"), "title", json!({})), "contactPoints", Value::Null),
        "hasCompetentAuthority",
        json!({"orgcode": "skd"}),
    );
    assert_eq!(errors(&many).await, ["contactPoints", "hasCompetentAuthority.organization", "identifier", "title"]);
    let foreign = with(schema.clone(), "resourceReferences", references("MaskinportenScope", "altinn:portal/enduser"));
    assert_eq!(world.post(BASE, &token, &foreign).await.problem(), "401 -");
    for good in [
        app(),
        with(schema, "resourceReferences", references("MaskinportenScope", "skatteetaten:testinnsyn")),
        with(with(resource("app_skd_a1-1051:130203"), "resourceType", json!("MigratedApp")), "delegable", json!(false)),
        with(resource("ttd-test"), "hasCompetentAuthority", json!({"orgcode": "ttd", "name": {}})),
    ] {
        let answer = world.post(BASE, &token, &good).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let list = async |query: &str| {
        let list = world.get(&format!("{BASE}/resourcelist{query}"), "").await.json();
        list.as_array().unwrap().iter().map(|of| of["identifier"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("").await.len(), 6);
    assert!(!list("?includeApps=false").await.contains(&"app_skd_skattemelding".to_owned()));
    assert!(list("?includeMigratedApps=true").await.contains(&"app_skd_a1-1051:130203".to_owned()));
    let search = async |query: &str| {
        let found = world.get(&format!("{BASE}/Search?{query}"), "").await.json();
        found.as_array().unwrap().iter().map(|of| of["identifier"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(search("title=TILGANGSSTYRING").await, ["altinn_access_management"]);
    assert_eq!(search("resourceType=AltinnApp&orgCode=SKD").await, ["app_skd_skattemelding"]);
    assert_eq!(search("reference=testinnsyn").await, ["skd-scopes"]);
    assert_eq!(search("id=altinn_&organizationId=312650010").await.len(), 3);
    assert!(search("id=altinn_&title=klient&description=finnes-ikke").await.is_empty());
    let app = world.get(&format!("{BASE}/search?id=app_skd_skatt"), "").await.json();
    assert_eq!(
        app[0]["authorizationReference"],
        json!([{"id": "urn:altinn:org", "value": "skd"}, {"id": "urn:altinn:app", "value": "skattemelding"}])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn apps_are_decided_by_owner_and_app_and_by_their_id() {
    let world = World::new().await;
    let references = json!([{"reference": "skd/skattemelding", "referenceType": "ApplicationId"}]);
    let app = with(
        with(resource("app_skd_skattemelding"), "resourceType", json!("AltinnApp")),
        "resourceReferences",
        references,
    );
    let by_id = policy_document("app_skd_skattemelding", &["DAGL"], &["read"], 3);
    world.offer(&app, by_id.clone()).await;
    let pia = world.person_named("Pia Tilfeldig").await.user_id.to_string();
    let subject = [("urn:altinn:userid", &*pia)];
    let pair = [("urn:altinn:org", "skd"), ("urn:altinn:app", "skattemelding"), (ORG, CUSTOMER)];
    let alias = [("urn:altinn:resource", "app_skd_skattemelding"), (ORG, CUSTOMER)];
    assert_eq!(world.decide(&subject, "read", &pair).await, "Permit ok");
    assert_eq!(world.decide(&subject, "read", &alias).await, "Permit ok");
    let resource_block = by_id.split("<xacml:AnyOf>").nth(2).unwrap().to_owned();
    let of = |id: &str, value: &str| {
        resource_block.replace("urn:altinn:resource", id).replace("app_skd_skattemelding", value)
    };
    let both = format!("{}<xacml:AnyOf>{}", of("urn:altinn:org", "skd"), of("urn:altinn:app", "skattemelding"));
    let by_pair = by_id.replacen(&resource_block, &both, 1);
    let put = world.put_policy("app_skd_skattemelding", by_pair.clone()).await;
    // Two blocks about one category: what is meant must be said.
    assert_eq!(put.problem(), "400 -");
    let path = format!("{BASE}/app_skd_skattemelding/policy?meaning=standard");
    let request = world
        .request(Method::POST, &path)
        .bearer_auth(write_token(&world).await)
        .header(CONTENT_TYPE, "application/xml");
    assert_eq!(world.send(request.body(by_pair)).await.status, 201);
    assert_eq!(world.decide(&subject, "read", &pair).await, "Permit ok");
    assert_eq!(world.decide(&subject, "read", &alias).await, "Permit ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_says_is_told_in_four_ways() {
    let world = World::new().await;
    let id = "krav-og-betalinger";
    let policy = policy_document_for(
        id,
        &[("urn:altinn:rolecode", &["dagl"]), ("urn:altinn:accesspackage", &["krav-og-utlegg"])],
        &["read", "write"],
        3,
    );
    world.offer(&resource(id), policy).await;
    let get = async |path: &str| world.get(&format!("{BASE}/{id}/policy/{path}"), "").await.json();
    let subjects = get("subjects").await;
    let urns: Vec<_> = subjects["data"].as_array().unwrap().iter().map(|of| of["urn"].as_str().unwrap()).collect();
    assert_eq!(urns, ["urn:altinn:accesspackage:krav-og-utlegg", "urn:altinn:rolecode:dagl"]);
    assert_eq!(subjects["links"], json!({}));
    let rules = get("rules").await;
    assert_eq!(rules.as_array().unwrap().len(), 4);
    assert_eq!(
        rules[0],
        json!({"subject": [{"type": "urn:altinn:rolecode", "value": "dagl"}],
        "action": {"type": "urn:oasis:names:tc:xacml:1.0:action:action-id", "value": "read"},
        "resource": [{"type": "urn:altinn:resource", "value": id}]})
    );
    let v1 = get("rights").await;
    assert_eq!(v1[0]["rightKey"], "read;krav-og-betalinger;a0a85fe8bfe85e5673d0d9e81c79d91b");
    assert_eq!(v1[0]["subjectTypes"], json!(["urn:altinn:accesspackage", "urn:altinn:rolecode"]));
    assert_eq!(
        v1[0]["subjects"][1],
        json!({"subjectAttributes": [{"type": "urn:altinn:accesspackage", "value": "krav-og-utlegg"}]})
    );
    let v2 = world
        .request(Method::GET, &format!("/resourceregistry/api/v2/resource/{id}/policy/rights"))
        .header("Accept-Language", "en");
    let v2 = world.send(v2).await.json();
    assert_eq!(
        [&v2[0]["key"], &v2[0]["name"], &v2[1]["key"], &v2[1]["name"]],
        [
            &json!("019823775b43d28047d3a27012902dc4d4d5fe04e641068f1a965910a89dfe08e5"),
            &json!("Read"),
            &json!("018b033cf2489632eb70290b5739a116b006dea8bfd5422974e65cc999fabf952f"),
            &json!("Write"),
        ]
    );
    assert_eq!(world.get(&format!("{BASE}/unknown/policy/rights"), "").await.status, 404);
    let found = world
        .send(
            world
                .request(Method::POST, &format!("{BASE}/bysubjects/"))
                .json(&json!(["urn:altinn:rolecode:DAGL", "urn:altinn:rolecode:none"])),
        )
        .await
        .json();
    assert_eq!(found["data"].as_array().unwrap().len(), 1);
    assert_eq!(
        found["data"][0]["resources"],
        json!([{"type": "urn:altinn:resource", "value": id, "urn": format!("urn:altinn:resource:{id}")}])
    );
    let too_many = vec!["urn:altinn:rolecode:dagl"; 1001];
    assert_eq!(
        world.send(world.request(Method::POST, &format!("{BASE}/bysubjects")).json(&too_many)).await.problem(),
        "400 -"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_lose_and_repeat_nothing() {
    let world = World::new().await;
    for id in ["feed-a", "feed-b"] {
        world.offer(&resource(id), policy_document(id, &["DAGL", "LEDE"], &["read"], 3)).await;
    }
    world.advance(10).await;
    assert_eq!(world.put_policy("feed-a", policy_document("feed-a", &["DAGL"], &["read"], 3)).await.status, 201);
    let follow = async |mut path: String| {
        let mut all = vec![];
        loop {
            let page = world.get(&path, "").await.json();
            let data = page["data"].as_array().unwrap().clone();
            assert!(data.len() <= 2);
            all.extend(data);
            match page["links"].get("next") {
                Some(next) => path = next.as_str().unwrap().strip_prefix(&world.origin).unwrap().to_owned(),
                None => return all,
            }
        }
    };
    let updated = follow(format!("{BASE}/updated?since=2000-01-01T01:00:00.000Z&limit=2")).await;
    let whole = world.get(&format!("{BASE}/updated"), "").await.json()["data"].clone();
    assert_eq!(json!(updated), whole);
    let last = updated.last().unwrap();
    assert_eq!(
        [&last["subjectUrn"], &last["resourceUrn"], &last["deleted"]],
        [&json!("urn:altinn:rolecode:lede"), &json!("urn:altinn:resource:feed-a"), &json!(true)]
    );
    let changed = follow(format!("{BASE}/changes?limit=2")).await;
    let ids: Vec<_> = changed.iter().map(|of| of["resourceId"].as_str().unwrap()).collect();
    assert_eq!(ids[ids.len() - 2..], ["feed-b", "feed-a"]);
    for (path, code) in [
        ("updated?limit=0", "400 STD-00000"),
        ("changes?limit=1001", "400 STD-00000"),
        ("updated?since=x", "400 -"),
        ("updated?token=x", "400 -"),
        ("changes?token=!", "400 -"),
    ] {
        assert_eq!(world.get(&format!("{BASE}/{path}"), "").await.problem(), code, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_has_a_limit_of_combinations() {
    let world = World::new().await;
    world.post(BASE, &write_token(&world).await, &resource(RESOURCE)).await;
    let names = |count: u32| (0..count).map(|number| format!("a{number}")).collect::<Vec<_>>();
    let put = async |roles: u32, actions: u32| {
        let (roles, actions) = (names(roles), names(actions));
        let (roles, actions): (Vec<&str>, Vec<&str>) =
            (roles.iter().map(String::as_str).collect(), actions.iter().map(String::as_str).collect());
        world.put_policy(RESOURCE, policy_document(RESOURCE, &roles, &actions, 3)).await
    };
    assert_eq!(put(100, 100).await.status, 201);
    let refused = put(100, 101).await;
    assert_eq!(refused.problem(), "400 -");
    assert!(refused.text.contains("10000"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_owner_has_no_say() {
    let world = World::new().await;
    let (_, id) = world.system_user().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/accesslist.write").await;
    let lists = Lists { world: &world, token };
    lists.send(Method::PUT, "skd/pilot", Some(json!({"name": "Pilot"})), None).await;
    let members = json!({"data": [format!("{ORG}:{CUSTOMER}")]});
    assert_eq!(lists.send(Method::POST, "skd/pilot/members", Some(members), None).await.status, 200);
    let connected = format!("skd/pilot/resource-connections/{RESOURCE}");
    assert_eq!(lists.send(Method::PUT, &connected, Some(json!({})), None).await.status, 200);
    let move_to = async |owner: &str| {
        let mut moved = world.app.model.resource(RESOURCE).unwrap().resource.clone();
        moved.owner = owner.parse().unwrap();
        moved.access_lists_only = true;
        world.change(async |tx| _ = tx.update_resource(&moved).await.unwrap()).await;
    };
    let may = async || world.system_user_may(&id, RESOURCE, "read", CUSTOMER).await;
    move_to("974761076").await;
    assert_eq!(may().await, "Permit ok");
    move_to("991825827").await;
    assert_eq!(may().await, "Deny ok");
    let put = world.put_policy(RESOURCE, policy_document(RESOURCE, &["DAGL"], &["read"], 3)).await;
    assert_eq!(put.status, 403, "{put:?}");
    let connected = connected.replace("skd/", "974761076/");
    assert_eq!(lists.send(Method::PUT, &connected, Some(json!({})), None).await.problem(), "403 RR-00004");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_have_limits() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/accesslist.write").await;
    let lists = Lists { world: &world, token };
    let put = async |id: &str, name: &str| {
        lists.send(Method::PUT, &format!("skd/{id}"), Some(json!({"name": name})), None).await
    };
    let owner = "974761076".parse().unwrap();
    world
        .change(async |tx| {
            for number in 0..999 {
                tx.put_access_list(owner, &format!("l{number}"), "x", "").await.unwrap();
            }
        })
        .await;
    assert_eq!(put("last", "x").await.status, 200);
    assert_eq!(put("one-more", "x").await.problem(), "400 -");
    assert_eq!(put("last", "y").await.status, 200);
    assert_eq!(put("last", &"x".repeat(2_001)).await.problem(), "400 -");
    assert_eq!(put(&"a".repeat(101), "x").await.problem(), "400 -");
    let connect = |actions: usize| {
        let actions: Vec<_> = (0..actions).map(|number| format!("a{number}")).collect();
        json!({"actionFilters": actions})
    };
    let path = format!("skd/last/resource-connections/{RESOURCE}");
    assert_eq!(lists.send(Method::PUT, &path, Some(connect(101)), None).await.problem(), "400 -");
    assert_eq!(lists.send(Method::PUT, &path, Some(connect(100)), None).await.status, 200);
}

struct Lists<'a> {
    world: &'a World,
    token: String,
}

impl Lists<'_> {
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        condition: Option<(reqwest::header::HeaderName, &str)>,
    ) -> Answer {
        let mut request = self.world.request(method, &format!("{LISTS}/{path}")).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        if let Some((name, value)) = condition {
            request = request.header(name, value);
        }
        self.world.send(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn access_lists_have_versions_members_and_resources() {
    let world = World::new().await;
    world.api_is_offered().await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/accesslist.write").await;
    let lists = Lists { world: &world, token };
    let put = async |body: Value, condition| lists.send(Method::PUT, "skd/pilot", Some(body), condition).await;
    let made = put(json!({"name": "Pilot", "description": "First users"}), Some((IF_NONE_MATCH, "*"))).await;
    assert_eq!((made.status, &made.json()["urn"]), (200, &json!("urn:altinn:access-list:skd:pilot")));
    let tag = made.headers[ETAG].to_str().unwrap().to_owned();
    assert!(tag.starts_with("W/\""));
    assert_eq!(put(json!({"name": "Pilot"}), Some((IF_NONE_MATCH, "*"))).await.status, 412);
    assert_eq!(lists.send(Method::GET, "skd/pilot", None, Some((IF_NONE_MATCH, &tag))).await.status, 304);
    let renamed = put(json!({"name": "Pilots"}), Some((IF_MATCH, &tag))).await;
    assert_eq!((renamed.status, &renamed.json()["description"]), (200, &json!("")));
    assert_eq!(put(json!({"name": "Late"}), Some((IF_MATCH, &tag))).await.status, 412);
    let patched = lists.send(Method::PATCH, "974761076/pilot", Some(json!({"description": "Some"})), None).await.json();
    assert_eq!([&patched["name"], &patched["description"]], [&json!("Pilots"), &json!("Some")]);

    let members = async |method: Method, urns: Vec<String>| {
        lists.send(method, "skd/pilot/members", Some(json!({"data": urns})), None).await
    };
    let of = |number: &str| format!("{ORG}:{number}");
    let added = members(Method::POST, vec![of(CUSTOMER), of("312652757"), of(CUSTOMER)]).await.json();
    assert_eq!(added["data"].as_array().unwrap().len(), 2);
    assert!(added["data"].as_array().unwrap().iter().any(|member| member["identifiers"][ORG] == CUSTOMER));
    let replaced = members(Method::PUT, vec![of("312654121"), of(CUSTOMER)]).await.json();
    assert_eq!(replaced["data"].as_array().unwrap().len(), 2);
    let removed = members(Method::DELETE, vec![of("312654121"), of("312652757")]).await.json();
    assert_eq!(removed["data"].as_array().unwrap().len(), 1);
    for (urns, code) in [
        (vec![of("312659603")], "400 RR-00001"),
        (vec!["x".into()], "400 -"),
        (vec![of(CUSTOMER); 101], "400 STD-00000"),
    ] {
        assert_eq!(members(Method::POST, urns).await.problem(), code);
    }
    let connect = async |resource: &str, body: Value| {
        lists.send(Method::PUT, &format!("skd/pilot/resource-connections/{resource}"), Some(body), None).await
    };
    let connected = connect(RESOURCE, json!({"actionFilters": ["read"]})).await.json();
    assert_eq!([&connected["resourceIdentifier"], &connected["actionFilters"]], [&json!(RESOURCE), &json!(["read"])]);
    assert_eq!(connect("unknown", json!({})).await.problem(), "400 RR-00002");
    assert_eq!(connect("altinn_access_management", json!({})).await.problem(), "403 RR-00004");
    assert_eq!(lists.get("skd/pilot/resource-connections").await.json()["data"].as_array().unwrap().len(), 1);
    let included = lists.get(&format!("skd?include=resource-actions&resource={RESOURCE}")).await.json();
    assert_eq!(included["data"][0]["resourceConnections"][0]["actionFilters"], json!(["read"]));
    assert_eq!(lists.get("skd?include=resources").await.problem(), "400 STD-00000");
    assert_eq!(lists.get("skd?include=members").await.problem(), "501 -");

    // The decision point's own look-ups.
    let pdp = world.token("Digdir", "altinn:resourceregistry/pdp:accesslist.read").await;
    let look_up = async |query: &str| world.get(&format!("{LISTS}/{query}"), &pdp).await;
    let membership =
        look_up(&format!("memberships?party={}&resource=urn:altinn:resource:{RESOURCE}", of(CUSTOMER))).await.json();
    assert_eq!(membership["data"][0]["actionFilters"], json!(["read"]));
    assert_eq!(look_up(&format!("memberships?party={}", of("312652757"))).await.json(), json!({"data": []}));
    assert_eq!(look_up(&format!("get-by-member?party={}", of(CUSTOMER))).await.json()[0]["identifier"], "pilot");
    for (query, code) in [
        ("memberships", "400 STD-00000"),
        ("memberships?party=x", "400 STD-00000"),
        (&*format!("memberships?party={}", of("312659603")), "400 RR-00001"),
        (&*format!("memberships?party={}&resource=x", of(CUSTOMER)), "400 STD-00000"),
        (&*format!("memberships?party={0},{0}", of(CUSTOMER)), "400 STD-00000"),
    ] {
        assert_eq!(look_up(query).await.problem(), code, "{query}");
    }

    assert_eq!(
        lists.send(Method::DELETE, &format!("skd/pilot/resource-connections/{RESOURCE}"), None, None).await.status,
        200
    );
    assert_eq!(
        lists.send(Method::DELETE, &format!("skd/pilot/resource-connections/{RESOURCE}"), None, None).await.status,
        204
    );
    assert_eq!(lists.send(Method::DELETE, "skd/pilot", None, Some((IF_MATCH, &tag))).await.status, 412);
    assert_eq!(lists.send(Method::DELETE, "skd/pilot", None, None).await.json()["identifier"], "pilot");
    assert_eq!(lists.send(Method::DELETE, "skd/pilot", None, None).await.status, 204);
    assert_eq!(lists.get("skd/pilot").await.status, 404);
    assert_eq!(lists.send(Method::PUT, "skd/Pilot", Some(json!({"name": "x"})), None).await.problem(), "400 -");
    // Nobody else's.
    assert_eq!(lists.get("digdir").await.status, 403);
    assert_eq!(lists.get("312650010/x").await.status, 403);
    let foreign =
        Lists { world: &world, token: world.token("Digdir", "altinn:resourceregistry/accesslist.write").await };
    assert_eq!(foreign.send(Method::PUT, "skd/pilot", Some(json!({"name": "x"})), None).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_access_list_are_of_one_version() {
    let world = World::new().await;
    world.api_is_offered().await;
    let owner = "974761076".parse().unwrap();
    let parties: Vec<_> = world
        .app
        .store
        .read()
        .await
        .unwrap()
        .persons()
        .await
        .unwrap()
        .into_iter()
        .map(|(person, _)| person.party_uuid)
        .collect();
    let lines: Vec<Value> = (0..120)
        .map(|number| json!({"orgNumber": org_number(number), "name": "A", "unitType": "AS", "roles": []}))
        .collect();
    world.import(&lines).await;
    let members: Vec<_> = (0..120).map(|number| world.organisation(&org_number(number)).party_uuid).collect();
    world
        .change(async |tx| {
            for number in 0..25 {
                tx.put_access_list(owner, &format!("list-{number:02}"), "x", "").await.unwrap();
            }
            tx.change_members(owner, "list-00", &members, &[]).await.unwrap();
        })
        .await;
    let token = world.token("Skatteetaten", "altinn:resourceregistry/accesslist.read").await;
    let lists = Lists { world: &world, token };
    let next = |page: &Value| {
        page["links"]["next"]
            .as_str()
            .map(|next| next.strip_prefix(&format!("{}{LISTS}/", world.origin)).unwrap().to_owned())
    };
    let first = lists.get("skd").await.json();
    let second = lists.get(&next(&first).unwrap()).await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), second["data"].as_array().unwrap().len()), (20, 5));
    assert_eq!(next(&second), None);
    let first = lists.get("skd/list-00/members").await.json();
    let following = next(&first).unwrap();
    let second = lists.get(&following).await.json();
    assert_eq!((first["data"].as_array().unwrap().len(), second["data"].as_array().unwrap().len()), (100, 20));
    world.change(async |tx| tx.change_members(owner, "list-00", &parties[..1], &[]).await.unwrap()).await;
    assert_eq!(lists.get(&following).await.status, 412);
}

/// An organisation number with its check digit.
pub fn org_number(number: u32) -> String {
    let weights = [3, 2, 7, 6, 5, 4, 3, 2];
    let candidates = (0..).map(|step| format!("{:08}", 31_700_000 + number * 20 + step));
    let with_digit = |digits: String| {
        let sum: u32 = digits.chars().zip(weights).map(|(digit, weight)| digit.to_digit(10).unwrap() * weight).sum();
        match (11 - sum % 11) % 11 {
            10 => None,
            check => Some(format!("{digits}{check}")),
        }
    };
    let mut valid = candidates.filter_map(with_digit);
    valid.next().unwrap()
}
