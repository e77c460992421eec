// jose: signs grants, and verifies access tokens as an API does.
import { strict as assert } from 'node:assert'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { SignJWT, createRemoteJWKSet, decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { GRANT_TYPE, ISSUER, JWKS_URI, SCOPE, TOKEN_ENDPOINT, certified, client, grant } from './sandbox.mjs'

const keys = createRemoteJWKSet(new URL(JWKS_URI))
const expected = { issuer: ISSUER, algorithms: ['RS256'], requiredClaims: ['exp', 'consumer', 'scope'] }
const anotherKey = () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

async function ask(assertion) {
  const body = new URLSearchParams({ grant_type: GRANT_TYPE, assertion })
  const response = await fetch(TOKEN_ENDPOINT, { method: 'POST', body, redirect: 'error' })
  return { status: response.status, ...(await response.json()) }
}

async function token(changes) {
  const answer = await ask(await grant(changes))
  assert.equal(answer.status, 200, answer.error_description)
  return answer.access_token
}

test('a token is verified', async () => {
  const { payload, protectedHeader } = await jwtVerify(await token(), keys, expected)
  assert.equal(protectedHeader.alg, 'RS256')
  assert.equal(payload.scope, SCOPE)
  assert.equal(payload.client_amr, 'private_key_jwt')
  assert.deepEqual(payload.consumer, { authority: 'iso6523-actorid-upis', ID: `0192:${client().org}` })
})

test('a token of another issuer is refused', async () => {
  const another = { ...expected, issuer: 'https://test.maskinporten.no/' }
  await assert.rejects(jwtVerify(await token(), keys, another), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'iss' })
})

test('a token for nobody in particular is refused where an audience is asked for', async () => {
  const api = { ...expected, audience: 'https://api.example/' }
  await assert.rejects(jwtVerify(await token(), keys, api), { code: 'ERR_JWT_CLAIM_VALIDATION_FAILED', claim: 'aud' })
  await jwtVerify(await token({ claims: () => ({ resource: 'https://api.example/' }) }), keys, api)
})

test('a changed token is refused', async () => {
  const [header, , signature] = (await token()).split('.')
  const [, claims] = (await token({ claims: () => ({ scope: 'idporten:dcr.write' }) })).split('.')
  await assert.rejects(jwtVerify([header, claims, signature].join('.'), keys, expected), errors.JWSSignatureVerificationFailed)
})

test('a token that another key signed is refused', async () => {
  const genuine = await token()
  const forge = (header) => new SignJWT(decodeJwt(genuine)).setProtectedHeader(header).sign(anotherKey())
  const sameName = await forge(decodeProtectedHeader(genuine))
  await assert.rejects(jwtVerify(sameName, keys, expected), errors.JWSSignatureVerificationFailed)
  const otherName = await forge({ alg: 'RS256', kid: 'nobody' })
  await assert.rejects(jwtVerify(otherName, keys, expected), errors.JWKSNoMatchingKey)
})

test('a grant that another key signed is refused', async () => {
  const refusal = await ask(await grant({ key: anotherKey() }))
  assert.equal(refusal.status, 400)
  assert.equal(refusal.error, 'invalid_grant')
  assert.equal(refusal.error_uri, `${ISSUER}errors/MP-124`)
})

test('an algorithm that is not among those of the metadata is refused', async () => {
  const refusal = await ask(await grant({ header: { alg: 'PS256', kid: client().kid } }))
  assert.equal(refusal.status, 400)
  assert(['invalid_grant', 'invalid_request'].includes(refusal.error))
})

for (const alg of ['RS256', 'RS384', 'RS512']) {
  // A registered key is for the algorithm it was registered for, a certificate's for each of them.
  test(`a grant with an enterprise certificate and ${alg} gives a token`, async () => {
    const x5c = certified().certificatePem.match(/(?<=-----BEGIN CERTIFICATE-----)[^-]+/g)
    const header = { alg, x5c: x5c.map((certificate) => certificate.replace(/\s/g, '')) }
    const { payload } = await jwtVerify(await token({ of: certified(), header }), keys, expected)
    assert.equal(payload.client_amr, 'virksomhetssertifikat')
    assert.equal(payload.client_id, certified().clientId)
  })
}

test('a grant with an enterprise certificate is refused when it is signed with another key', async () => {
  const x5c = [certified().certificatePem.match(/(?<=-----BEGIN CERTIFICATE-----)[^-]+/)[0].replace(/\s/g, '')]
  const refusal = await ask(await grant({ of: certified(), header: { x5c }, key: createPrivateKey(client().privateKeyPem) }))
  assert.equal(refusal.status, 400)
  assert.equal(refusal.error_uri, `${ISSUER}errors/MP-124`)
})
