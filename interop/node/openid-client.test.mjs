// openid-client: discovery by RFC 8414, and the grant as one that the library does not know by name.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as oauth from 'openid-client'
import { GRANT_TYPE, ISSUER, JWKS_URI, SCOPE, TOKEN_ENDPOINT, client, grant, refused } from './sandbox.mjs'

// Maskinporten has no OpenID Connect discovery, only OAuth's.
const options = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] }
const discover = () => oauth.discovery(new URL(ISSUER), client().clientId, undefined, oauth.None(), options)

test('discovery finds the endpoints, and the issuer is the address that was asked', async () => {
  const metadata = (await discover()).serverMetadata()
  assert.equal(metadata.issuer, ISSUER)
  assert.equal(metadata.token_endpoint, TOKEN_ENDPOINT)
  assert.equal(metadata.jwks_uri, JWKS_URI)
  assert(metadata.grant_types_supported.includes(GRANT_TYPE))
})

test('a grant gives a token', async () => {
  const token = await oauth.genericGrantRequest(await discover(), GRANT_TYPE, { assertion: await grant() })
  assert.equal(token.token_type, 'bearer')
  assert.equal(token.scope, SCOPE)
  assert(Number.isInteger(token.expires_in))
  assert(token.expiresIn() > 0)
})

test('a token is accepted by the administration', async () => {
  const config = await discover()
  const assertion = await grant({ claims: () => ({ scope: 'idporten:dcr.read' }) })
  const { access_token: token } = await oauth.genericGrantRequest(config, GRANT_TYPE, { assertion })
  const response = await oauth.fetchProtectedResource(config, token, new URL(`${ISSUER}api/v1/clients`), 'GET')
  assert.equal(response.status, 200)
  assert((await response.json()).some((listed) => listed.client_id === client().clientId))
})

test('a grant is good only once', async () => {
  const config = await discover()
  const assertion = await grant()
  await oauth.genericGrantRequest(config, GRANT_TYPE, { assertion })
  await assert.rejects(oauth.genericGrantRequest(config, GRANT_TYPE, { assertion }), {
    error: 'invalid_grant',
    status: 400,
    error_description: /Grant is used before/,
  })
})

for (const { name, claims, header, error, description, code } of refused) {
  test(`a grant ${name} is refused`, async () => {
    const assertion = await grant({ claims, header })
    await assert.rejects(oauth.genericGrantRequest(await discover(), GRANT_TYPE, { assertion }), (refusal) => {
      assert(refusal instanceof oauth.ResponseBodyError)
      assert.equal(refusal.status, 400)
      assert.equal(refusal.error, error)
      assert(refusal.error_description.includes(description))
      assert.equal(refusal.cause.error_uri, code && `${ISSUER}errors/${code}`)
      return true
    })
  })
}
