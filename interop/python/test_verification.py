"""Access tokens, verified against the published keys by the JOSE libraries that APIs use."""

import json

import jwt as pyjwt
import jwskate
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import exceptions as python_jose_errors
from jose import jwt as python_jose
from joserfc import errors as joserfc_errors
from joserfc import jwt as joserfc
from joserfc.jwk import KeySet
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import InvalidJWSSignature
from jwcrypto.jwt import JWT, JWTInvalidClaimValue

from sandbox import ISSUER, JWKS_URI, SCOPE, client, token


def key_set():
    return requests.get(JWKS_URI, timeout=10).text


def with_pyjwt(token, issuer=ISSUER):
    key = pyjwt.PyJWKClient(JWKS_URI).get_signing_key_from_jwt(token)
    return pyjwt.decode(token, key, algorithms=["RS256"], issuer=issuer, options={"require": ["exp", "iss"]})


def with_python_jose(token, issuer=ISSUER):
    return python_jose.decode(token, key_set(), algorithms=["RS256"], issuer=issuer)


def with_joserfc(token, issuer=ISSUER):
    decoded = joserfc.decode(token, KeySet.import_key_set(json.loads(key_set())), algorithms=["RS256"])
    registry = joserfc.JWTClaimsRegistry(iss={"essential": True, "value": issuer}, exp={"essential": True})
    registry.validate(decoded.claims)
    return decoded.claims


def with_jwcrypto(token, issuer=ISSUER):
    # Given the whole set, it reports a wrong signature as a missing key.
    key = JWKSet.from_json(key_set()).get_key(pyjwt.get_unverified_header(token)["kid"])
    return json.loads(JWT(jwt=token, key=key, algs=["RS256"], check_claims={"iss": issuer, "exp": None}).claims)


def with_jwskate(token, issuer=ISSUER):
    parsed = jwskate.Jwt(token)
    key = jwskate.JwkSet(json.loads(key_set())).get_jwk_by_kid(parsed.headers["kid"])
    parsed.validate(key=key, issuer=issuer, algs=["RS256"])
    return parsed.claims


# The library, how it says that a signature is wrong, and how it says that the issuer is.
every_library = pytest.mark.parametrize(
    ("verify", "wrong_signature", "wrong_issuer"),
    [
        pytest.param(with_pyjwt, pyjwt.InvalidSignatureError, pyjwt.InvalidIssuerError, id="PyJWT"),
        pytest.param(with_python_jose, python_jose_errors.JWTError, python_jose_errors.JWTClaimsError, id="python-jose"),
        pytest.param(with_joserfc, joserfc_errors.BadSignatureError, joserfc_errors.InvalidClaimError, id="joserfc"),
        pytest.param(with_jwcrypto, InvalidJWSSignature, JWTInvalidClaimValue, id="jwcrypto"),
        pytest.param(with_jwskate, jwskate.InvalidSignature, jwskate.InvalidClaim, id="jwskate"),
    ],
)


@every_library
def test_a_token_is_verified(verify, wrong_signature, wrong_issuer):
    claims = verify(token(client()))
    assert claims["scope"] == SCOPE
    assert claims["consumer"]["ID"] == f"0192:{client()['org']}"


@every_library
def test_a_token_of_another_issuer_is_refused(verify, wrong_signature, wrong_issuer):
    with pytest.raises(wrong_issuer):
        verify(token(client()), issuer="https://test.maskinporten.no/")


@every_library
def test_a_changed_token_is_refused(verify, wrong_signature, wrong_issuer):
    header, _, signature = token(client()).split(".")
    _, claims, _ = token(client(), scope="idporten:dcr.write").split(".")
    with pytest.raises(wrong_signature):
        verify(f"{header}.{claims}.{signature}")


@every_library
def test_a_token_that_another_key_signed_is_refused(verify, wrong_signature, wrong_issuer):
    genuine = token(client())
    claims = pyjwt.decode(genuine, options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    forged = pyjwt.encode(claims, key, algorithm="RS256", headers=pyjwt.get_unverified_header(genuine))
    with pytest.raises(wrong_signature):
        verify(forged)


def test_a_key_that_is_not_published_is_not_found():
    claims = pyjwt.decode(token(client()), options={"verify_signature": False})
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    with pytest.raises(pyjwt.PyJWKClientError):
        with_pyjwt(pyjwt.encode(claims, key, algorithm="RS256", headers={"kid": "nobody"}))
