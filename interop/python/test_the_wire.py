"""What Maskinporten clients in use send, with an HTTP library and PyJWT alone: forms, headers, lifetimes, claims."""

import time
import uuid

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox import (
    GRANT_TYPE,
    ISSUER,
    JWKS_URI,
    METADATA,
    SCOPE,
    TOKEN_ENDPOINT,
    ask,
    assert_refused,
    claims,
    client,
    grant,
    sign,
)


def post(body, **headers):
    headers = {"Content-Type": "application/x-www-form-urlencoded"} | headers
    return requests.post(TOKEN_ENDPOINT, data=body, headers=headers, allow_redirects=False, timeout=10)


def test_the_metadata_names_the_issuer_by_which_it_was_found():
    metadata = requests.get(METADATA, timeout=10)
    assert metadata.headers["content-type"].startswith("application/json")
    assert metadata.json()["issuer"] == ISSUER
    assert metadata.json()["token_endpoint"] == TOKEN_ENDPOINT
    assert metadata.json()["jwks_uri"] == JWKS_URI
    assert metadata.json()["grant_types_supported"] == [GRANT_TYPE]


def test_the_key_set_has_every_member_that_some_library_needs():
    for key in requests.get(JWKS_URI, timeout=10).json()["keys"]:
        assert {"kid", "use", "alg", "kty", "n", "e"} <= key.keys()
        assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
        assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()


def test_the_answer_has_the_members_that_clients_read():
    response = ask(grant(client()))
    body = response.json()
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("application/json")
    assert body["token_type"] == "Bearer"
    assert type(body["expires_in"]) is int
    assert body["access_token"].isascii()
    assert len(body["access_token"]) <= 8192


def test_the_token_has_the_header_and_the_claims_of_maskinporten():
    token = ask(grant(client())).json()["access_token"]
    assert set(jwt.get_unverified_header(token)) == {"kid", "alg"}
    said = jwt.decode(token, options={"verify_signature": False})
    assert said["iss"] == ISSUER
    assert said["client_id"] == client()["clientId"]
    assert said["client_amr"] == "private_key_jwt"
    assert said["token_type"] == "Bearer"
    assert said["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{client()['org']}"}
    assert not {"sub", "nbf", "aud"} & said.keys()


@pytest.mark.parametrize(
    "scope",
    [f"idporten:dcr.read {SCOPE}", f"{SCOPE} idporten:dcr.read"],
)
def test_the_scope_comes_back_to_the_byte(scope):
    body = ask(grant(client(), scope=scope)).json()
    assert body["scope"] == scope
    assert jwt.decode(body["access_token"], options={"verify_signature": False})["scope"] == scope


def test_a_form_is_read_without_percent_encoding():
    assert post(f"grant_type={GRANT_TYPE}&assertion={grant(client())}").status_code == 200


def test_the_order_of_the_form_does_not_matter():
    encoded = GRANT_TYPE.replace(":", "%3A")
    assert post(f"assertion={grant(client())}&grant_type={encoded}").status_code == 200


def test_unknown_parameters_and_headers_are_ignored():
    response = post(
        f"grant_type={GRANT_TYPE}&assertion={grant(client())}&alg=RS256&client_id=x&scope=x",
        **{"Charset": "UTF-8", "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "Accept": "*/*"},
    )
    assert response.status_code == 200


def test_a_form_without_what_is_needed_is_refused():
    assert_refused(post(f"grant_type={GRANT_TYPE}"), "invalid_request")
    assert_refused(post(f"assertion={grant(client())}"), "invalid_request")
    assert_refused(post(f"grant_type=client_credentials&assertion={grant(client())}"), "unsupported_grant_type")
    assert_refused(post(f"grant_type={GRANT_TYPE}&assertion=x"), "invalid_request", "Invalid assertion", "MP-011")


@pytest.mark.parametrize("seconds", [10, 60, 100, 119, 120])
def test_a_grant_may_last_as_long_as_clients_in_use_make_it_last(seconds):
    now = int(time.time())
    assert ask(grant(client(), iat=now, exp=now + seconds)).status_code == 200


def test_a_grant_may_not_last_an_hour():
    now = int(time.time())
    assert_refused(ask(grant(client(), iat=now, exp=now + 3600)), "invalid_grant")


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": client()["clientId"]},
        {"jti": None},
        {"nbf": int(time.time()) - 5},
        {"aud": [ISSUER]},
        {"resource": "https://api.example/"},
        {"resource": ["https://api.example/"]},
    ],
    ids=["sub", "no jti", "nbf", "aud as a list of one", "resource", "resource as a list"],
)
def test_claims_that_clients_in_use_send_are_taken(changes):
    assert ask(grant(client(), **changes)).status_code == 200


def test_a_token_asked_for_one_api_is_for_that_api():
    token = ask(grant(client(), resource="https://api.example/")).json()["access_token"]
    key = jwt.PyJWKClient(JWKS_URI).get_signing_key_from_jwt(token)
    said = jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, audience="https://api.example/")
    assert said["aud"] == "https://api.example/"
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, algorithms=["RS256"], issuer=ISSUER, audience="https://other.example/")


def test_several_audiences_are_refused():
    response = ask(grant(client(), aud=[ISSUER, "https://test.maskinporten.no/"]))
    assert response.status_code == 400
    assert response.json()["error"] in {"invalid_grant", "invalid_request"}


def test_the_type_of_the_header_may_be_there_or_not():
    smartcloud = client()
    for typ in ("JWT", None):
        header = {"kid": smartcloud["kid"], "typ": typ}
        assert ask(sign(smartcloud, claims(smartcloud), header=header)).status_code == 200


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [
        ("PS256", client()["privateKeyPem"]),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("HS256", "a secret that both would have to know, and is long enough"),
        ("none", None),
    ],
    ids=["PS256", "ES256", "HS256", "none"],
)
def test_other_algorithms_are_refused(algorithm, key):
    smartcloud = client()
    header = {"kid": smartcloud["kid"]}
    assertion = jwt.encode(claims(smartcloud), key, algorithm=algorithm, headers=header)
    response = ask(assertion)
    assert response.status_code == 400
    assert response.json()["error"] in {"invalid_grant", "invalid_request"}


def test_a_key_in_the_header_counts_for_nothing():
    smartcloud = client()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    header = {"kid": smartcloud["kid"], "jwk": public}
    response = ask(sign(smartcloud, claims(smartcloud), key=key, header=header))
    assert response.status_code == 400
    assert response.json()["error"] in {"invalid_grant", "invalid_request"}


def test_every_refusal_can_be_traced():
    first, second = (ask(grant(client(), jti=str(uuid.uuid4()), scope="a:b")) for _ in range(2))
    traces = {response.json()["error_description"].rpartition("(trace_id: ")[2] for response in (first, second)}
    assert len(traces) == 2
    assert all(len(trace) == len("0123456789abcdef0123456789abcdef)") for trace in traces)
