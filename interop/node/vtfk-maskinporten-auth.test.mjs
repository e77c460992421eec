// @vtfk/maskinporten-auth: a Maskinporten client of a county that knows only enterprise certificates.
import { strict as assert } from 'node:assert'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import maskinportenToken from '@vtfk/maskinporten-auth'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import forge from 'node-forge'
import { ISSUER, JWKS_URI, SCOPE, TOKEN_ENDPOINT, certified, client } from './sandbox.mjs'

const base64 = (text) => Buffer.from(text).toString('base64')
// The library sends one certificate, so it gets one.
const certificate = () => certified().certificatePem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/)[0]

const options = (changes = {}) => ({
  url: TOKEN_ENDPOINT,
  pemcert: base64(certificate()),
  pemprivateKey: base64(certified().privateKeyPem),
  audience: ISSUER,
  issuer: certified().clientId,
  scope: SCOPE,
  ...changes,
})

async function assertToken(token) {
  assert.equal(token.token_type, 'Bearer')
  assert.equal(token.scope, SCOPE)
  assert(Number.isInteger(token.expires_in))
  const keys = createRemoteJWKSet(new URL(JWKS_URI))
  const { payload } = await jwtVerify(token.access_token, keys, { issuer: ISSUER })
  assert.equal(payload.client_amr, 'virksomhetssertifikat')
  assert.equal(payload.client_id, certified().clientId)
}

const assertRefused = (request, error, description, code) =>
  assert.rejects(request, ({ response }) => {
    assert.equal(response.status, 400)
    assert.equal(response.data.error, error)
    assert(response.data.error_description.includes(description), response.data.error_description)
    if (code) assert.equal(response.data.error_uri, `${ISSUER}errors/${code}`)
    return true
  })

test('a certificate as PEM gives a token', async () => {
  await assertToken(await maskinportenToken(options()))
})

test('a certificate as PFX gives a token', async () => {
  // From a PFX file the library sends the certificate with its line feeds taken out, but not the carriage returns.
  const key = forge.pki.privateKeyFromPem(certified().privateKeyPem)
  const p12 = forge.pkcs12.toPkcs12Asn1(key, [forge.pki.certificateFromPem(certificate())], 'orange')
  const pfxcert = forge.util.encode64(forge.asn1.toDer(p12).getBytes())
  const { pemcert, pemprivateKey, ...others } = options()
  await assertToken(await maskinportenToken({ ...others, pfxcert, privateKeyPassphrase: 'orange' }))
})

test('a certificate that signs itself is refused, though it says the same', async () => {
  const pair = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const genuine = forge.pki.certificateFromPem(certificate())
  const forged = forge.pki.createCertificate()
  forged.publicKey = forge.pki.publicKeyFromPem(pair.publicKey)
  forged.serialNumber = genuine.serialNumber
  forged.validity = genuine.validity
  forged.setSubject(genuine.subject.attributes)
  forged.setIssuer(genuine.subject.attributes)
  forged.sign(forge.pki.privateKeyFromPem(pair.privateKey), forge.md.sha256.create())
  const changes = { pemcert: base64(forge.pki.certificateToPem(forged).replaceAll('\r', '')), pemprivateKey: base64(pair.privateKey) }
  await assertRefused(maskinportenToken(options(changes)), 'invalid_grant', 'certificate', 'MP-120')
})

test('a certificate is refused for a client that has registered keys', async () => {
  const changes = { issuer: client().clientId }
  await assertRefused(maskinportenToken(options(changes)), 'invalid_grant', 'requires pre-registered jwk')
})

test('a certificate is refused without its key', async () => {
  const changes = { pemprivateKey: base64(client().privateKeyPem) }
  await assertRefused(maskinportenToken(options(changes)), 'invalid_grant', 'Invalid JWT signature', 'MP-124')
})

test('another audience is refused', async () => {
  const changes = { audience: 'https://test.maskinporten.no/' }
  await assertRefused(maskinportenToken(options(changes)), 'invalid_grant', 'Invalid JWT claim aud', 'MP-110')
})

test('a scope that is not on the client is refused', async () => {
  const changes = { scope: 'skatteetaten:other' }
  await assertRefused(maskinportenToken(options(changes)), 'invalid_scope', 'Token request contains invalid scopes for client', 'MP-200')
})
