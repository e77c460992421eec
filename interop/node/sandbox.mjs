// The running sandbox: its addresses, its clients, and grants signed for them.
import { strict as assert } from 'node:assert'
import { createPrivateKey, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SignJWT } from 'jose'

const info = JSON.parse(readFileSync(process.env.SANDBOX_INFO, 'utf8'))

export const ISSUER = `${info.maskinporten}/`
export const TOKEN_ENDPOINT = `${ISSUER}token`
export const JWKS_URI = `${ISSUER}jwk`
export const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
export const SCOPE = 'skatteetaten:testinnsyn'

export function client(name = 'SmartCloud AS') {
  const found = info.clients.find((client) => client.name === name)
  assert(found, `the sandbox has no client called ${name}`)
  return found
}

export const certified = () => client('SmartCloud AS with enterprise certificate')

const now = () => Math.floor(Date.now() / 1000)

// A good grant, but for the claims that differ, another header, or another key.
export function grant({ of = client(), claims, header, key } = {}) {
  const iat = now()
  const good = { aud: ISSUER, iss: of.clientId, scope: SCOPE, iat, exp: iat + 100, jti: randomUUID() }
  return new SignJWT({ ...good, ...claims?.() })
    .setProtectedHeader({ alg: 'RS256', ...(header ?? { kid: of.kid }) })
    .sign(key ?? createPrivateKey(of.privateKeyPem))
}

const HOUR = 3600

const systemUser = {
  type: 'urn:altinn:systemuser',
  systemuser_org: { authority: 'iso6523-actorid-upis', ID: '0192:310904473' },
}

// Grants that must be refused: the claims and the header that differ from a good one, and what the refusal says.
export const refused = [
  {
    name: 'for another audience',
    claims: () => ({ aud: 'https://test.maskinporten.no/' }),
    error: 'invalid_grant',
    description: 'Invalid JWT claim aud',
    code: 'MP-110',
  },
  {
    name: 'with an unknown key',
    header: { kid: 'nobody' },
    error: 'invalid_grant',
    description: 'Unknown key identifier (kid)',
  },
  {
    name: 'that has expired',
    claims: () => ({ iat: now() - 120, exp: now() - 20 }),
    error: 'invalid_grant',
    description: 'JWT is expired',
    code: 'MP-130',
  },
  {
    name: 'that lasts an hour',
    claims: (iat = now()) => ({ iat, exp: iat + HOUR }),
    error: 'invalid_grant',
    description: `${HOUR} s`,
  },
  {
    name: 'for a scope that is not on the client',
    claims: () => ({ scope: 'skatteetaten:other' }),
    error: 'invalid_scope',
    description: 'Token request contains invalid scopes for client',
    code: 'MP-200',
  },
  {
    name: 'for a system user that is not there',
    claims: () => ({ authorization_details: [systemUser] }),
    error: 'invalid_altinn_customer_configuration',
    description: 'system user',
    code: 'MP-303',
  },
]
