/** The module's JWT roles: agents and gateways log in with tokens of an identity provider. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SignJWT, exportSPKI, generateKeyPair } from 'jose'
import { expect, it } from 'vitest'
import { servers } from './servers.ts'
import { openWorkspace } from './workspace.ts'

const provider = process.env.VAULT_PROVIDER_BIN ?? ''
const AGENT = 'claude-billing-agent'

/** What a user of the example would write beside it. */
const override = (pem: string) => `module "mcp" {
  jwt = {
    jwt_validation_pubkeys = [${JSON.stringify(pem)}]
    bound_issuer           = "https://idp.example"
  }
  approle = null
  gateway = { jwt = { bound_audiences = ["mcp"], bound_subject = "gateway" } }
  agents = {
    ${AGENT} = {
      owner       = "platform-team"
      environment = "production"
      scopes      = ["read:stripe:invoices"]
      jwt         = { bound_audiences = ["mcp"], bound_claims = { team = "billing,finance" } }
    }
  }
}
`

it.skipIf(provider === '').each(servers)(
  'the official route (VAULT_PROVIDER_BIN) makes JWT roles on $name, and the second plan is empty',
  async ({ start }) => {
    const { server, plugin } = await start()
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const terraform = await openWorkspace('examples/article-official', {
      provider,
      env: {
        VAULT_ADDR: server.address,
        VAULT_TOKEN: server.rootToken,
        TF_VAR_plugin: plugin,
        TF_VAR_create_kv_mount: 'true',
        TF_VAR_keys: '{"stripe":"a","github":"b"}',
      },
    })
    try {
      await writeFile(join(terraform.folder, 'jwt_override.tf'), override(await exportSPKI(publicKey)))
      await terraform.must(['apply', '-auto-approve'])
      expect((await terraform.run(['plan', '-detailed-exitcode'])).code).toBe(0)

      const login = async (role: string, claims: Record<string, unknown>) => {
        const jwt = await new SignJWT({ iss: 'https://idp.example', aud: 'mcp', sub: 'ci', team: 'finance', ...claims })
          .setProtectedHeader({ alg: 'ES256' })
          .setIssuedAt()
          .setExpirationTime('5m')
          .sign(privateKey)
        return server.api('POST', 'auth/jwt/login', { token: '', body: { role, jwt } })
      }
      const agent = await login(AGENT, {})
      const { status, body } = await server.api('PUT', `mcp/creds/${AGENT}`, { token: agent.body.auth.client_token })
      expect([status, body.data.scopes]).toEqual([200, ['read:stripe:invoices']])
      expect((await login('mcp-gateway', { sub: 'gateway' })).body.auth.policies).toEqual(['mcp-gateway'])
      for (const [role, claims] of [
        [AGENT, { team: 'hr' }],
        [AGENT, { aud: 'x' }],
        [AGENT, { iss: 'x' }],
        ['mcp-gateway', {}],
      ] as const) {
        expect([role, claims, (await login(role, claims)).status]).toEqual([role, claims, 400])
      }

      await terraform.must(['destroy', '-auto-approve'])
      expect(Object.keys((await server.api('GET', 'sys/auth')).body.data)).toEqual(['token/'])
    } finally {
      await terraform.close()
      await server.stop()
    }
  },
)
