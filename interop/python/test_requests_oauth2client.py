"""requests-oauth2client: a generic OAuth client that keeps every part of a refusal."""

import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from requests_oauth2client import BearerToken, OAuth2Client
from requests_oauth2client.exceptions import InvalidGrant, InvalidScope, UnknownTokenEndpointError

from sandbox import ISSUER, JWKS_URI, METADATA, SCOPE, TOKEN_ENDPOINT, claims, client, grant, sign

SYSTEM_USER = {
    "type": "urn:altinn:systemuser",
    "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:310904473"},
}


@pytest.fixture
def oauth():
    # The library does not take plain http unless it is told that this is a test.
    return OAuth2Client.from_discovery_endpoint(
        METADATA, issuer=ISSUER, client_id=client()["clientId"], auth=None, testing=True
    )


def test_discovery_finds_the_endpoints(oauth):
    assert oauth.issuer == ISSUER
    assert oauth.token_endpoint == TOKEN_ENDPOINT
    assert oauth.jwks_uri == JWKS_URI


def test_a_grant_gives_a_token(oauth):
    token = oauth.jwt_bearer(grant(client()))
    assert isinstance(token, BearerToken)
    assert token.scope == SCOPE
    assert 0 < token.expires_in <= 120
    assert not token.is_expired()


def test_a_grant_is_good_only_once(oauth):
    assertion = grant(client())
    oauth.jwt_bearer(assertion)
    with pytest.raises(InvalidGrant, match="Grant is used before") as refusal:
        oauth.jwt_bearer(assertion)
    assert refusal.value.uri == f"{ISSUER}errors/MP-012"


def test_a_jti_is_good_only_once_even_in_another_grant(oauth):
    jti = str(uuid.uuid4())
    oauth.jwt_bearer(grant(client(), jti=jti))
    with pytest.raises(InvalidGrant) as refusal:
        oauth.jwt_bearer(grant(client(), jti=jti, exp=int(time.time()) + 60))
    assert refusal.value.uri == f"{ISSUER}errors/MP-012"


@pytest.mark.parametrize(
    "audience",
    ["https://test.maskinporten.no/", TOKEN_ENDPOINT, ISSUER.rstrip("/")],
    ids=["another issuer", "the token endpoint", "no slash at the end"],
)
def test_a_grant_for_another_audience_is_refused(oauth, audience):
    with pytest.raises(InvalidGrant, match="Invalid JWT claim aud") as refusal:
        oauth.jwt_bearer(grant(client(), aud=audience))
    assert refusal.value.response.status_code == 400
    assert refusal.value.uri == f"{ISSUER}errors/MP-110"


def test_an_unknown_key_is_refused(oauth):
    with pytest.raises(InvalidGrant) as refusal:
        oauth.jwt_bearer(sign(client(), claims(client()), header={"kid": "nobody"}))
    assert "Unknown key identifier (kid)" in refusal.value.description


def test_the_key_of_another_client_is_refused(oauth):
    other = client("Skatteetaten")
    with pytest.raises(InvalidGrant) as refusal:
        oauth.jwt_bearer(sign(other, claims(client())))
    assert "Unknown key identifier (kid)" in refusal.value.description


def test_a_grant_without_a_named_key_is_refused(oauth):
    with pytest.raises(InvalidGrant, match="requires pre-registered jwk"):
        oauth.jwt_bearer(sign(client(), claims(client()), header={}))


def test_a_wrong_signature_is_refused(oauth):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(InvalidGrant, match="Invalid JWT signature") as refusal:
        oauth.jwt_bearer(sign(client(), claims(client()), key=key))
    assert refusal.value.uri == f"{ISSUER}errors/MP-124"


def test_changed_claims_are_refused(oauth):
    header, _, signature = grant(client()).split(".")
    _, other_claims, _ = grant(client(), scope="idporten:dcr.write").split(".")
    with pytest.raises(InvalidGrant) as refusal:
        oauth.jwt_bearer(f"{header}.{other_claims}.{signature}")
    assert refusal.value.uri == f"{ISSUER}errors/MP-124"


def test_an_expired_grant_is_refused(oauth):
    now = int(time.time())
    with pytest.raises(InvalidGrant, match="JWT is expired") as refusal:
        oauth.jwt_bearer(grant(client(), iat=now - 120, exp=now - 20))
    assert refusal.value.uri == f"{ISSUER}errors/MP-130"


def test_a_grant_from_the_future_is_refused(oauth):
    now = int(time.time())
    with pytest.raises(InvalidGrant, match="Issue time is after now"):
        oauth.jwt_bearer(grant(client(), iat=now + 60, exp=now + 120))


def test_an_unknown_client_is_refused(oauth):
    with pytest.raises(InvalidGrant, match="Client not found") as refusal:
        oauth.jwt_bearer(grant(client(), iss=str(uuid.uuid4())))
    assert refusal.value.uri == f"{ISSUER}errors/MP-100"


def test_a_scope_that_is_not_on_the_client_is_refused(oauth):
    with pytest.raises(InvalidScope) as refusal:
        oauth.jwt_bearer(grant(client(), scope=f"{SCOPE} altinn:authorization/authorize.admin"))
    assert "Token request contains invalid scopes for client" in refusal.value.description
    assert refusal.value.uri == f"{ISSUER}errors/MP-200"


def test_a_system_user_that_is_not_there_is_refused(oauth):
    with pytest.raises(UnknownTokenEndpointError) as refusal:
        oauth.jwt_bearer(grant(client(), authorization_details=[SYSTEM_USER]))
    assert refusal.value.response.status_code == 400
    assert refusal.value.error == "invalid_altinn_customer_configuration"
    assert refusal.value.uri == f"{ISSUER}errors/MP-303"


@pytest.mark.parametrize(
    ("details", "code"),
    [
        ([SYSTEM_USER | {"type": "urn:altinn:other"}], "MP-301"),
        ([SYSTEM_USER | {"other": "1"}], "MP-302"),
        ([SYSTEM_USER | {"systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:1"}}], "MP-303"),
    ],
)
def test_authorization_details_that_cannot_be_read_are_refused(oauth, details, code):
    with pytest.raises(UnknownTokenEndpointError) as refusal:
        oauth.jwt_bearer(grant(client(), authorization_details=details))
    assert refusal.value.response.status_code == 400
    assert refusal.value.uri == f"{ISSUER}errors/{code}"


def test_the_token_is_accepted_by_the_administration_and_says_whose_it_is(oauth):
    token = oauth.jwt_bearer(grant(client(), scope="idporten:dcr.read"))
    # BearerToken is itself the authentication that requests wants.
    response = oauth.session.get(f"{ISSUER}api/v1/clients", auth=token, timeout=10)
    assert response.status_code == 200
    assert client()["clientId"] in {listed["client_id"] for listed in response.json()}
    said = jwt.decode(token.access_token, options={"verify_signature": False})
    assert said["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{client()['org']}"}
    assert said["client_amr"] == "private_key_jwt"
