"""wenche: a vendor's program that registers itself, asks for a system user, logs in, and asks for a change."""

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

INFO = json.loads(Path(os.environ["CHAIN_INFO"]).read_text())
PLATFORM = "https://platform.tt02.altinn.no"
MASKINPORTEN = "https://test.maskinporten.no"
VENDOR, CUSTOMER = "991825827", "310904473"
# What wenche asks for rights to, with owners; the sandbox has no Brønnøysund, so another organisation has its code.
SERVICES = [
    ("app_brg_aarsregnskap-vanlig-202406", "314250052", "brg"),
    ("ske-innrapportering-aksjonaerregisteroppgave", "974761076", "skd"),
    ("app_skd_formueinntekt-skattemelding-v2", "974761076", "skd"),
]
SCOPES = [
    "altinn:authentication/systemregister.write",
    "altinn:authentication/systemuser.request.read",
    "altinn:authentication/systemuser.request.write",
    "altinn:instances.read",
    "altinn:instances.write",
]
POLICY = """<?xml version="1.0" encoding="UTF-8"?>
<Policy xmlns="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" PolicyId="urn:altinn:policyid:{id}" Version="1.0"
  RuleCombiningAlgId="urn:oasis:names:tc:xacml:3.0:rule-combining-algorithm:deny-overrides"><Target/>
 <Rule RuleId="r" Effect="Permit"><Target>
  <AnyOf><AllOf>{role}</AllOf></AnyOf><AnyOf><AllOf>{resource}</AllOf></AnyOf><AnyOf><AllOf>{action}</AllOf></AnyOf>
 </Target></Rule></Policy>"""
MATCH = """<Match MatchId="urn:oasis:names:tc:xacml:{function}">
 <AttributeValue DataType="http://www.w3.org/2001/XMLSchema#string">{value}</AttributeValue>
 <AttributeDesignator AttributeId="{attribute}" Category="urn:oasis:names:tc:xacml:{category}"
  DataType="http://www.w3.org/2001/XMLSchema#string" MustBePresent="false"/></Match>"""


def match(attribute, category, value, function="1.0:function:string-equal"):
    return MATCH.format(attribute=attribute, category=category, value=value, function=function)


def policy(id):
    return POLICY.format(
        id=id,
        role=match("urn:altinn:rolecode", "1.0:subject-category:access-subject", "dagl", "3.0:function:string-equal-ignore-case"),
        resource=match("urn:altinn:resource", "3.0:attribute-category:resource", id),
        action=match("urn:oasis:names:tc:xacml:1.0:action:action-id", "3.0:attribute-category:action", "read"),
    )


def ok(response):
    assert response.is_success, response.text
    return response


def test_token(kind, **parameters):
    return ok(httpx.get(f"{PLATFORM}/api/{kind}", params={"env": "tt02", **parameters}, auth=("any", "body"))).text


test_token.__test__ = False


def references(id):
    """An app is also named by its owner and its own name."""
    if not id.startswith("app_"):
        return []
    return [{"referenceSource": "Altinn3", "referenceType": "ApplicationId", "reference": id[4:].replace("_", "/", 1)}]


@pytest.fixture(scope="session")
def resources():
    """The services that wenche asks for rights to."""
    texts = {"nb": "x", "nn": "x", "en": "x"}
    for id, owner, code in SERVICES:
        token = test_token("GetEnterpriseToken", orgNo=owner, scopes="altinn:resourceregistry/resource.write")
        headers = {"Authorization": f"Bearer {token}"}
        resource = {"identifier": id, "title": texts, "description": texts, "rightDescription": texts,
                    "resourceType": "AltinnApp" if id.startswith("app_") else "GenericAccessResource",
                    "resourceReferences": references(id), "contactPoints": [],
                    "hasCompetentAuthority": {"organization": owner, "orgcode": code, "name": texts}}
        ok(httpx.post(f"{PLATFORM}/resourceregistry/api/v1/resource", json=resource, headers=headers))
        ok(httpx.post(f"{PLATFORM}/resourceregistry/api/v1/resource/{id}/policy", content=policy(id),
                      headers=headers | {"Content-Type": "application/xml"}))


@pytest.fixture(scope="session")
def wenche(resources, tmp_path_factory):
    """Runs wenche's commands as a vendor with a Maskinporten client of its own."""
    home = tmp_path_factory.mktemp("home")
    seeded = next(client for client in INFO["clients"] if client["name"] == "SmartCloud AS")
    key = RSAKey.import_key(seeded["privateKeyPem"])
    now = int(time.time())
    claims = {"aud": f"{MASKINPORTEN}/", "iss": seeded["clientId"], "scope": "idporten:dcr.write", "iat": now,
              "exp": now + 100, "jti": str(uuid.uuid4())}
    assertion = jwt.encode({"alg": "RS256", "kid": seeded["kid"]}, claims, key)
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    headers = {"Authorization": "Bearer " + ok(httpx.post(f"{MASKINPORTEN}/token", data=form)).json()["access_token"]}
    body = {"integration_type": "maskinporten", "client_name": "wenche", "scopes": SCOPES}
    client = ok(httpx.post(f"{MASKINPORTEN}/api/v1/clients", json=body, headers=headers)).json()["client_id"]
    public = key.as_dict(private=False) | {"kid": "wenche", "use": "sig", "alg": "RS256"}
    ok(httpx.post(f"{MASKINPORTEN}/api/v1/clients/{client}/jwks", json={"keys": [public]}, headers=headers))
    pem = home / "key.pem"
    pem.write_text(seeded["privateKeyPem"])
    env = os.environ | {
        "HOME": str(home), "WENCHE_ENV": "test", "MASKINPORTEN_CLIENT_ID": client, "MASKINPORTEN_KID": "wenche",
        "MASKINPORTEN_PRIVAT_NOKKEL": str(pem), "ORG_NUMMER": VENDOR, "SKD_TEST_ORG_NUMMER": CUSTOMER,
    }

    def run(*arguments, python=None):
        command = [sys.executable, "-c", python] if python else [Path(sys.executable).with_name("wenche"), *arguments]
        return subprocess.run(command, env=env, cwd=home, capture_output=True, text=True, timeout=60)

    return run


def approve(kind, id):
    """Approves as the customer's manager, by the addresses of the portal's front end."""
    pia = next(person for person in INFO["persons"] if person["name"] == "Pia Tilfeldig")
    token = test_token("GetPersonalToken", pid=pia["nationalId"], scopes="altinn:portal/enduser")
    headers = {"Authorization": f"Bearer {token}"}
    base = f"https://am.ui.tt02.altinn.no/accessmanagement/api/v1/systemuser/{kind}"
    party = ok(httpx.get(f"{base}/{id}", headers=headers)).json()["partyId"]
    assert ok(httpx.post(f"{base}/{party}/{id}/approve", headers=headers)).text == "true"


def test_the_whole_chain(wenche):
    first = wenche("registrer-system")
    assert first.returncode == 0 and "System registrert" in first.stdout, first
    second = wenche("registrer-system")
    assert second.returncode == 0 and "oppdatert i Altinn" in second.stdout, second

    asked = wenche("opprett-systembruker")
    assert asked.returncode == 0 and "Status: New" in asked.stdout, asked
    assert "https://am.ui.tt02.altinn.no/accessmanagement/ui/systemuser/request?id=" in asked.stdout
    request = asked.stdout.split("(ID: ")[1].split(")")[0]

    early = wenche("login")
    assert early.returncode != 0 and "Maskinporten svarte 400" in early.stderr, early
    approve("request", request)
    login = wenche("login")
    assert login.returncode == 0, login

    library = """
import json
from wenche import auth, systembruker
token = auth.login_admin()
users = systembruker.hent_systembrukere(token, "991825827")
status = systembruker.hent_forespørsel_status(token, "REQUEST")
change = systembruker.opprett_endringsforespørsel(token, users[0]["id"], [systembruker._SKATTEMELDING_RETT])
print(json.dumps({"users": users, "status": status, "change": change}))
""".replace("REQUEST", request)
    used = wenche(python=library)
    assert used.returncode == 0, used
    seen = json.loads(used.stdout.splitlines()[-1])
    assert [user["reporteeOrgNo"] for user in seen["users"]] == [CUSTOMER]
    assert seen["status"]["status"] == "Accepted"
    assert seen["change"]["confirmUrl"].startswith("https://am.ui.tt02.altinn.no/accessmanagement/ui/systemuser/changerequest?id=")
    approve("changerequest", seen["change"]["id"])


def test_the_exchanged_token_names_the_test_environment(wenche):
    """wenche throws a token away whose issuer is not of the environment that it runs in."""
    used = wenche(python="import json; from wenche import auth; print(json.dumps(auth.login(lagre_token=False)))")
    assert used.returncode == 0, used
    token = json.loads(used.stdout.splitlines()[-1])["altinn_token"]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["iss"] == f"{PLATFORM}/authentication/api/v1/openid/"
    assert claims["authorization_details"]["systemuser_org"]["ID"] == f"0192:{CUSTOMER}"
