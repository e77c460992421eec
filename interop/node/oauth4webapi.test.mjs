// oauth4webapi: every step by itself, with the strict checks of the standards.
import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import * as oauth from 'oauth4webapi'
import { GRANT_TYPE, ISSUER, SCOPE, TOKEN_ENDPOINT, client, grant, refused } from './sandbox.mjs'

const insecure = { [oauth.allowInsecureRequests]: true }
const fetchMetadata = () => oauth.discoveryRequest(new URL(ISSUER), { algorithm: 'oauth2', ...insecure })

async function ask(assertion) {
  const server = await oauth.processDiscoveryResponse(new URL(ISSUER), await fetchMetadata())
  const asker = { client_id: client().clientId }
  const form = new URLSearchParams({ assertion })
  const response = await oauth.genericTokenEndpointRequest(server, asker, oauth.None(), GRANT_TYPE, form, insecure)
  return oauth.processGenericTokenEndpointResponse(server, asker, response)
}

test('the metadata are found where RFC 8414 says, and are of the issuer that was asked for', async () => {
  const server = await oauth.processDiscoveryResponse(new URL(ISSUER), await fetchMetadata())
  assert.equal(server.issuer, ISSUER)
  assert.equal(server.token_endpoint, TOKEN_ENDPOINT)
})

test('the metadata do not pass for those of another issuer', async () => {
  const another = oauth.processDiscoveryResponse(new URL('https://test.maskinporten.no/'), await fetchMetadata())
  await assert.rejects(another, { code: oauth.JSON_ATTRIBUTE_COMPARISON })
})

test('a grant gives a token', async () => {
  const token = await ask(await grant())
  assert.equal(token.token_type, 'bearer')
  assert.equal(token.scope, SCOPE)
  assert(Number.isInteger(token.expires_in))
})

test('a grant is good only once', async () => {
  const assertion = await grant()
  await ask(assertion)
  await assert.rejects(ask(assertion), (refusal) => {
    assert.equal(refusal.error, 'invalid_grant')
    assert.equal(refusal.cause.error_uri, `${ISSUER}errors/MP-012`)
    return true
  })
})

for (const { name, claims, header, error, description, code } of refused) {
  test(`a grant ${name} is refused`, async () => {
    await assert.rejects(ask(await grant({ claims, header })), (refusal) => {
      assert(refusal instanceof oauth.ResponseBodyError)
      assert.equal(refusal.status, 400)
      assert.equal(refusal.error, error)
      assert(refusal.error_description.includes(description))
      assert.equal(refusal.cause.error_uri, code && `${ISSUER}errors/${code}`)
      return true
    })
  })
}
