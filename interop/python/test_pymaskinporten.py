"""pymaskinporten: a Maskinporten client with a command that explains what is wrong with a set-up."""

import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pymaskinporten import (
    MaskinportenClient,
    MaskinportenSecrets,
    MaskinportenTokenError,
    request_maskinporten_token,
)

from sandbox import ISSUER, SCOPE, TOKEN_ENDPOINT, client


def secrets(**changes):
    smartcloud = client()
    good = {
        "PRIVATE_KEY": smartcloud["privateKeyPem"],
        "MASKINPORTEN_CLIENT_ID": smartcloud["clientId"],
        "KID": smartcloud["kid"],
        "SCOPE": SCOPE,
    }
    return good | changes


def request(audience=ISSUER, **changes):
    config = MaskinportenSecrets(**secrets(**changes))
    return request_maskinporten_token(config=config, token_url=TOKEN_ENDPOINT, audience=audience)


def doctor(audience=ISSUER, **changes):
    command = Path(sys.executable).with_name("pymaskinporten")
    return subprocess.run(
        [command, "doctor", "--token-url", TOKEN_ENDPOINT, "--audience", audience],
        env=os.environ | secrets(**changes),
        capture_output=True,
        text=True,
        timeout=60,
    )


def another_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_a_token_is_got_and_its_lifetime_is_an_integer():
    token, expires_in = request()
    claims = jwt.decode(token, options={"verify_signature": False})
    assert type(expires_in) is int
    assert 0 < expires_in <= claims["exp"] - claims["iat"]


def test_a_token_is_kept_until_it_expires_and_then_a_new_one_is_got():
    config = MaskinportenSecrets(**secrets())
    requester = MaskinportenClient(config, token_url=TOKEN_ENDPOINT, audience=ISSUER)
    first = requester.get_token()
    assert requester.get_token() == first
    requester.clear_cache()
    assert requester.get_token() != first


@pytest.mark.parametrize(
    ("changes", "code", "description"),
    [
        ({"audience": TOKEN_ENDPOINT}, "invalid_grant", "Invalid JWT claim aud"),
        ({"KID": "nobody"}, "invalid_grant", "Unknown key identifier (kid)"),
        ({"PRIVATE_KEY": another_key()}, "invalid_grant", "Invalid JWT signature"),
        ({"MASKINPORTEN_CLIENT_ID": "nobody"}, "invalid_grant", "Client not found"),
        ({"SCOPE": "skatteetaten:other"}, "invalid_scope", "Token request contains invalid scopes for client"),
    ],
    ids=["audience", "kid", "signature", "client", "scope"],
)
def test_a_refusal_is_read(changes, code, description):
    with pytest.raises(MaskinportenTokenError) as refusal:
        request(**changes)
    assert refusal.value.status == 400
    assert refusal.value.code == code
    assert description in refusal.value.description


def test_the_doctor_finds_a_right_set_up_healthy():
    result = doctor()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "OK: got an access token" in result.stdout


@pytest.mark.parametrize(
    ("changes", "code", "cause"),
    [
        ({"audience": "https://test.maskinporten.no/"}, "invalid_grant", "the audience is not the environment's issuer"),
        ({"KID": "nobody"}, "invalid_grant", "the key does not match KID"),
        ({"SCOPE": "skatteetaten:other"}, "invalid_scope", "The scope is not granted to this integration"),
    ],
    ids=["audience", "kid", "scope"],
)
def test_the_doctor_finds_the_cause_of_a_refusal(changes, code, cause):
    result = doctor(**changes)
    assert result.returncode == 1
    assert f"Error code:  {code}" in result.stdout
    assert cause in result.stdout
