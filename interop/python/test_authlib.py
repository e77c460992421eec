"""Authlib: a session that gets a token by itself, with grants that last an hour unless told otherwise."""

import time

import pytest
from authlib.integrations.requests_client import AssertionSession
from authlib.oauth2.base import OAuth2Error
from joserfc.jwk import RSAKey

from sandbox import ISSUER, TOKEN_ENDPOINT, client


def session(scope="idporten:dcr.read", kid=None, **times):
    smartcloud = client()
    return AssertionSession(
        token_endpoint=TOKEN_ENDPOINT,
        issuer=smartcloud["clientId"],
        subject=smartcloud["clientId"],
        audience=ISSUER,
        claims={"scope": scope},
        header={"alg": "RS256", "kid": kid or smartcloud["kid"]},
        key=RSAKey.import_key(smartcloud["privateKeyPem"]),
        **times,
    )


def for_100_seconds():
    now = int(time.time())
    return {"issued_at": now, "expires_at": now + 100}


def test_a_grant_for_100_seconds_gives_a_token_that_is_used():
    with session(**for_100_seconds()) as oauth:
        response = oauth.get(f"{ISSUER}api/v1/clients", timeout=10)
        assert response.status_code == 200
        assert oauth.token["token_type"] == "Bearer"
        assert type(oauth.token["expires_in"]) is int
        assert oauth.token["scope"] == "idporten:dcr.read"


def test_a_grant_for_an_hour_is_refused():
    with session() as oauth, pytest.raises(OAuth2Error) as refusal:
        oauth.refresh_token()
    assert refusal.value.error == "invalid_grant"
    assert "3600" in refusal.value.description


def test_a_used_grant_is_refused():
    # The claims are kept between the grants of a session, and with them the jti.
    with session(**for_100_seconds()) as oauth:
        oauth.refresh_token()
        with pytest.raises(OAuth2Error, match="Grant is used before"):
            oauth.refresh_token()


def test_an_unknown_key_and_a_foreign_scope_are_told_apart():
    with session(kid="nobody", **for_100_seconds()) as oauth, pytest.raises(OAuth2Error) as refusal:
        oauth.refresh_token()
    assert refusal.value.error == "invalid_grant"
    assert "Unknown key identifier (kid)" in refusal.value.description

    with session(scope="skatteetaten:other", **for_100_seconds()) as oauth, pytest.raises(OAuth2Error) as refusal:
        oauth.refresh_token()
    assert refusal.value.error == "invalid_scope"
    assert "Token request contains invalid scopes for client" in refusal.value.description
