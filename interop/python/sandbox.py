"""The running sandbox: its addresses, its clients, and grants signed for them."""

import json
import os
import time
import uuid
from pathlib import Path

import jwt
import requests

INFO = json.loads(Path(os.environ["SANDBOX_INFO"]).read_text())
ORIGIN = INFO["maskinporten"]
ISSUER = ORIGIN + "/"
TOKEN_ENDPOINT = ISSUER + "token"
JWKS_URI = ISSUER + "jwk"
METADATA = ISSUER + ".well-known/oauth-authorization-server"

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "skatteetaten:testinnsyn"
CERTIFIED = "SmartCloud AS with enterprise certificate"


def client(name="SmartCloud AS"):
    """A seeded client."""
    found = [client for client in INFO["clients"] if client["name"] == name]
    assert found, f"the sandbox has no client called {name}"
    return found[0]


def claims(client, **changes):
    """The claims of a grant that is good, but for the changes; a claim changed to None is left out."""
    now = int(time.time())
    good = {
        "aud": ISSUER,
        "iss": client["clientId"],
        "scope": SCOPE,
        "iat": now,
        "exp": now + 100,
        "jti": str(uuid.uuid4()),
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def sign(client, claims, *, key=None, algorithm="RS256", header=None):
    """The grant, signed with the client's key, or with another."""
    header = {"kid": client["kid"]} if header is None else header
    return jwt.encode(claims, key or client["privateKeyPem"], algorithm=algorithm, headers=header)


def grant(client, **changes):
    """A good grant, but for the changes."""
    return sign(client, claims(client, **changes))


def ask(assertion, **arguments):
    """Sends a grant with nothing but an HTTP library."""
    form = {"grant_type": GRANT_TYPE, "assertion": assertion}
    return requests.post(TOKEN_ENDPOINT, data=form, allow_redirects=False, timeout=10, **arguments)


def token(client, **changes):
    """An access token."""
    response = ask(grant(client, **changes))
    assert response.status_code == 200, response.text
    return response.json()["access_token"]


def assert_refused(response, error, description="", code=None):
    """The answer is a refusal as clients know them: by error, by fixed text, by the code at the end of error_uri."""
    assert response.status_code == 400, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert body["error"] == error, body
    assert description in body["error_description"], body
    if code:
        assert body.get("error_uri") == f"{ISSUER}errors/{code}", body
    assert "access_token" not in body
