"""Clients that authenticate with an enterprise certificate (x5c) instead of a registered key."""

import base64
import datetime
import uuid

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from sandbox import CERTIFIED, ISSUER, JWKS_URI, ask, assert_refused, claims, client, sign, token


def genuine_chain():
    return x509.load_pem_x509_certificates(client(CERTIFIED)["certificatePem"].encode())


def encoded(chain):
    return [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in chain]


def new_key():
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def forged(original, key, issuer, issuer_key):
    """A certificate that says all that the original says, but is signed by someone else."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(original.subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(original.serial_number)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
    )
    for extension in original.extensions:
        builder = builder.add_extension(extension.value, extension.critical)
    return builder.sign(issuer_key, hashes.SHA256())


def grant(x5c, *, key=None, name=CERTIFIED, **changes):
    # PyJWT would add a typ, which clients with certificates leave out.
    header = {"x5c": x5c, "typ": None}
    certified = client(CERTIFIED)
    key = key or certified["privateKeyPem"]
    return sign(certified, claims(client(name), **changes), key=key, header=header)


@pytest.mark.parametrize("length", [1, None], ids=["the certificate alone", "the whole chain"])
def test_a_certificate_gives_a_token(length):
    response = ask(grant(encoded(genuine_chain()[:length])))
    assert response.status_code == 200, response.text
    access_token = response.json()["access_token"]
    key = jwt.PyJWKClient(JWKS_URI).get_signing_key_from_jwt(access_token)
    said = jwt.decode(access_token, key, algorithms=["RS256"], issuer=ISSUER)
    assert said["client_amr"] == "virksomhetssertifikat"
    assert said["client_id"] == client(CERTIFIED)["clientId"]
    assert said["consumer"]["ID"] == f"0192:{client(CERTIFIED)['org']}"


def test_a_grant_with_a_certificate_is_good_only_once():
    assertion = grant(encoded(genuine_chain()))
    assert ask(assertion).status_code == 200
    assert_refused(ask(assertion), "invalid_grant", "Grant is used before", "MP-012")


def test_a_grant_with_a_certificate_must_be_for_this_issuer():
    response = ask(grant(encoded(genuine_chain()), aud="https://test.maskinporten.no/"))
    assert_refused(response, "invalid_grant", "Invalid JWT claim aud", "MP-110")


def test_a_certificate_that_signs_itself_is_refused():
    leaf, key = genuine_chain()[0], new_key()
    certificate = forged(leaf, key, leaf.subject, key)
    assert_refused(ask(grant(encoded([certificate]), key=key)), "invalid_grant", "certificate", "MP-120")


def test_a_certificate_of_an_issuer_that_only_has_the_name_is_refused():
    leaf, key, authority_key = genuine_chain()[0], new_key(), new_key()
    certificate = forged(leaf, key, leaf.issuer, authority_key)
    # With the genuine issuer beside it, and without.
    for chain in ([certificate], [certificate, *genuine_chain()[1:]]):
        assert_refused(ask(grant(encoded(chain), key=key)), "invalid_grant", "certificate", "MP-120")


def test_a_chain_that_brings_its_own_authority_is_refused():
    leaf, key, authority_key = genuine_chain()[0], new_key(), new_key()
    authority = (
        x509.CertificateBuilder()
        .subject_name(leaf.issuer)
        .issuer_name(leaf.issuer)
        .public_key(authority_key.public_key())
        .serial_number(1)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    chain = [forged(leaf, key, leaf.issuer, authority_key), authority]
    assert_refused(ask(grant(encoded(chain), key=key)), "invalid_grant", "certificate", "MP-120")


def test_a_certificate_certifies_nobody_else():
    # The holder of a genuine certificate issues one to himself.
    certified, key = client(CERTIFIED), new_key()
    leaf = genuine_chain()[0]
    leaf_key = load_pem_private_key(certified["privateKeyPem"].encode(), None)
    chain = [forged(leaf, key, leaf.subject, leaf_key), *genuine_chain()]
    assert_refused(ask(grant(encoded(chain), key=key)), "invalid_grant", "certificate", "MP-120")


def test_a_genuine_certificate_without_its_key_is_refused():
    response = ask(grant(encoded(genuine_chain()), key=new_key()))
    assert_refused(response, "invalid_grant", "Invalid JWT signature", "MP-124")


def test_the_certificate_of_another_organisation_is_refused():
    # A client of another organisation that has no keys registered.
    skatteetaten = client("Skatteetaten")
    made = requests.post(
        f"{ISSUER}api/v1/clients",
        json={
            "integration_type": "maskinporten",
            "client_name": f"without keys {uuid.uuid4()}",
            "description": "has no keys",
            "scopes": ["idporten:dcr.read"],
        },
        headers={"Authorization": f"Bearer {token(skatteetaten, scope='idporten:dcr.write')}"},
        timeout=10,
    )
    assert made.ok, made.text
    response = ask(grant(encoded(genuine_chain()), iss=made.json()["client_id"], scope="idporten:dcr.read"))
    assert_refused(response, "invalid_grant", "Does not match certificate orgno", "MP-122")


def test_a_client_with_registered_keys_may_not_use_a_certificate():
    response = ask(grant(encoded(genuine_chain()), name="SmartCloud AS"))
    assert_refused(response, "invalid_grant", "requires pre-registered jwk")


def test_a_client_with_a_certificate_has_no_key_to_name():
    certified = client(CERTIFIED)
    response = ask(sign(certified, claims(certified), header={"kid": "nobody"}))
    assert_refused(response, "invalid_grant", "Unknown key identifier (kid)")


@pytest.mark.parametrize("x5c", ["bm8gY2VydGlmaWNhdGU=", [1]], ids=["a text", "a number in the list"])
def test_a_header_that_is_no_list_of_texts_is_refused(x5c):
    assert_refused(ask(grant(x5c)), "invalid_grant", "Invalid JWT header x5c", "MP-123")


@pytest.mark.parametrize("x5c", [[], ["bm8gY2VydGlmaWNhdGU="], ["%"]], ids=["empty", "no certificate", "no base64"])
def test_a_list_without_a_certificate_is_refused(x5c):
    assert_refused(ask(grant(x5c)), "invalid_grant")
