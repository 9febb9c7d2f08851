import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { header, requirement, targets, terraformHarness } from './harness.ts'
import { holders } from './search.ts'
import type { TerraformHarness } from './harness.ts'

const stripe = (body: string): string => `variable "key" {
  type      = string
  ephemeral = true
  default   = null
}
resource "mcp_upstream" "stripe" {
  name = "stripe"
  url  = "https://api.stripe.com"
${body}
}
`
const withKey = (version: number, more = ''): string =>
  `${header}${stripe(`  key_wo         = var.key\n  key_wo_version = ${String(version)}\n${more}`)}`

async function kept(
  harness: TerraformHarness,
  path = 'mcp/stripe',
): Promise<{ readonly data: unknown; readonly origins: unknown; readonly version: unknown }> {
  const secret = (await harness.server.api('GET', `secret/data/${path}`)).body as {
    data?: { data: unknown; metadata: { version: number } }
  }
  const metadata = (await harness.server.api('GET', `secret/metadata/${path}`)).body as {
    data?: { custom_metadata: Record<string, unknown> | null }
  }
  return {
    data: secret.data?.data,
    origins: metadata.data?.custom_metadata?.mcp_origins,
    version: secret.data?.metadata.version,
  }
}

const put = (harness: TerraformHarness, path: string, body: unknown) =>
  harness.server.api('POST', `secret/${path}`, { body })

// After every one of these the rig searches state, plan files and everything that was said for the keys.
describe.each(targets)('a write-only key on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('goes to its place in KV and nowhere else, also with every log line Terraform has', async () => {
    const { workspace } = harness
    const key = harness.secret('sk_live_trace-1f6c')
    const env = { TF_VAR_key: key, TF_LOG: 'trace' }
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    await workspace.ok(['plan', '-no-color', '-out=tfplan'], env)
    // A plan holds no ephemeral value, so it is given again.
    const applied = await workspace.applyPlanned(env)
    expect(applied.text).toContain('[TRACE]')
    expect(applied.text).toMatch(/terraform-provider-mcp/)
    expect(await kept(harness)).toEqual({ data: { api_key: key }, origins: 'https://api.stripe.com', version: 1 })
    expect((await workspace.attributes('mcp_upstream.stripe')).key_wo).toBe(null)
    expect(await workspace.planCode({ TF_VAR_key: key })).toBe(0)
  })

  test('is written again when its version changes, and only then', async () => {
    const { workspace } = harness
    const [first, second, third] = ['sk_live_first-41', 'sk_live_second-42', 'sk_live_third-43'].map((key) =>
      harness.secret(key),
    ) as [string, string, string]
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    await workspace.apply({ TF_VAR_key: first })
    expect(await workspace.planCode({ TF_VAR_key: second })).toBe(0)
    await workspace.apply({ TF_VAR_key: second })
    expect(await kept(harness)).toMatchObject({ data: { api_key: first }, version: 1 })
    await workspace.write('main.tf', withKey(2))
    expect(await workspace.actions({ TF_VAR_key: third })).toEqual({ 'mcp_upstream.stripe': 'update' })
    await workspace.applyPlanned({ TF_VAR_key: third })
    expect(await kept(harness)).toMatchObject({ data: { api_key: third }, version: 2 })
    expect(await workspace.planCode()).toBe(0)
  })

  test('shares its secret: other fields, origins and metadata stay, also when it goes', async () => {
    const { workspace } = harness
    const key = harness.secret('sk_live_shared-77')
    await put(harness, 'data/mcp/stripe', { data: { webhook: 'whsec_1' } })
    await put(harness, 'metadata/mcp/stripe', {
      custom_metadata: { owner: 'billing', mcp_origins: 'https://files.stripe.com' },
    })
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    await workspace.apply({ TF_VAR_key: key })
    expect(await kept(harness)).toMatchObject({
      data: { webhook: 'whsec_1', api_key: key },
      origins: 'https://files.stripe.com,https://api.stripe.com',
    })
    await workspace.destroy()
    expect(await kept(harness)).toMatchObject({ data: { webhook: 'whsec_1' }, origins: 'https://files.stripe.com' })
  })

  test('moves with its place, and leaves nothing where it was', async () => {
    const { workspace } = harness
    const key = harness.secret('sk_live_moved-90')
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    await workspace.apply({ TF_VAR_key: key })
    await workspace.write('main.tf', withKey(1, '  kv_path  = "mcp/payments"\n  kv_field = "secret_key"\n'))
    await workspace.apply({ TF_VAR_key: key })
    expect(await kept(harness, 'mcp/payments')).toMatchObject({
      data: { secret_key: key },
      origins: 'https://api.stripe.com',
    })
    const before = await kept(harness)
    expect([before.data ?? {}, before.origins]).toEqual([{}, undefined])
    expect(await workspace.planCode()).toBe(0)
  })
})

describe('the search that every test ends with', () => {
  const harness = terraformHarness()

  test('finds what is not a secret to Terraform in configuration, state, plan and output, and as base64', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${header}resource "mcp_agent" "it" {\n  name        = "billing"\n  owner       = "not-a-secret"\n  environment = "production"\n  description = base64encode("not-a-secret-either")\n}\n`,
    )
    await workspace.init()
    await workspace.actions()
    await workspace.applyPlanned()
    const found = await holders(workspace.dir, ['not-a-secret'], { said: 'owner = "not-a-secret"', silent: '' })
    expect(found.map((file) => file.split('/').at(-1)).sort()).toEqual([
      'main.tf',
      'said',
      'terraform.tfstate',
      'tfplan',
    ])
    expect(
      (await holders(workspace.dir, ['not-a-secret-either'], {})).map((file) => file.split('/').at(-1)).sort(),
    ).toEqual(['main.tf', 'terraform.tfstate', 'tfplan'])
    expect(await holders(workspace.dir, ['not-there'], {})).toEqual([])
  })
})

describe('what a key needs', () => {
  const harness = terraformHarness()

  test('a version beside it, said at the argument', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${stripe('  key_wo = var.key')}`)
    await workspace.init()
    const refused = await workspace.run(['plan', '-no-color'], { TF_VAR_key: harness.secret('sk_live_no-version') })
    expect(refused.code).toBe(1)
    expect(refused.text).toContain('Error: key_wo needs key_wo_version')
  })

  test('a KV engine of version 2, said before the upstream is made', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', withKey(1, '  kv_mount = "nowhere"\n'))
    await workspace.init()
    const refused = await workspace.run(['apply', '-auto-approve', '-no-color'], {
      TF_VAR_key: harness.secret('sk_live_no-kv'),
    })
    expect(refused.code).toBe(1)
    expect(refused.text).toMatch(/Error: There is no KV engine of version 2 at nowhere\//)
    expect((await harness.server.api('GET', 'mcp/upstreams/stripe')).status).toBe(404)
  })

  test('the rights to write it: a refusal names path and capability', async () => {
    const { workspace } = harness
    const token = await harness.tokenWith(
      'path "mcp/*" { capabilities = ["create", "read", "update", "delete"] }\npath "auth/token/create" { capabilities = ["update"] }',
    )
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    const refused = await workspace.run(['apply', '-auto-approve', '-no-color'], {
      TF_VAR_key: harness.secret('sk_live_refused'),
      VAULT_TOKEN: token,
    })
    expect(refused.code).toBe(1)
    expect(refused.text).toMatch(/Error: The token lacks .* on secret\/data\/mcp\/stripe/)
    expect(refused.text).toMatch(/on main\.tf line \d+, in resource "mcp_upstream" "stripe":\n +\d+: {3}key_wo /)
  })

  test('no more rights than the policy for Terraform has', async () => {
    const { workspace } = harness
    const token = await harness.tokenWith(
      await readFile(new URL('../../../vault-config/policies/mcp-terraform.hcl', import.meta.url), 'utf8'),
    )
    const env = { TF_VAR_key: harness.secret('sk_live_least-rights'), VAULT_TOKEN: token }
    await workspace.write('main.tf', withKey(1))
    await workspace.init()
    await workspace.apply(env)
    expect(await workspace.planCode(env)).toBe(0)
    await workspace.destroy(env)
  })
})

describe("the provider's own secrets", () => {
  const harness = terraformHarness()

  test('a login with AppRole: neither its secret id nor a token of it stays, in files or alive', async () => {
    const { workspace, server } = harness
    const call = (method: string, path: string, body: unknown = {}) => server.api(method, path, { body })
    await call('POST', 'sys/auth/approle', { type: 'approle' })
    await call('PUT', 'sys/policies/acl/approle-terraform', {
      policy:
        'path "mcp/*" { capabilities = ["create", "read", "update", "delete"] }\npath "auth/token/create" { capabilities = ["update"] }',
    })
    await call('POST', 'auth/approle/role/terraform', { token_policies: ['approle-terraform'], token_ttl: '10m' })
    const { role_id: role } = (await server.api('GET', 'auth/approle/role/terraform/role-id')).body.data as {
      role_id: string
    }
    const { secret_id: secret } = (await call('POST', 'auth/approle/role/terraform/secret-id')).body.data as {
      secret_id: string
    }
    const env = { VAULT_TOKEN: '', TF_VAR_secret_id: harness.secret(secret), TF_LOG: 'trace' }
    await workspace.write(
      'main.tf',
      `${requirement}variable "secret_id" {
  type      = string
  ephemeral = true
}
provider "mcp" {
  auth_login {
    path       = "auth/approle/login"
    parameters = { role_id = "${role}", secret_id = var.secret_id }
  }
}
resource "mcp_agent" "it" {
  name        = "billing"
  owner       = "platform-team"
  environment = "production"
}
`,
    )
    await workspace.init()
    await workspace.apply(env)
    expect(await harness.tokens()).toEqual([])
    expect(
      (await workspace.run(['plan', '-no-color'], { ...env, TF_VAR_secret_id: 'wrong', TF_LOG: '' })).text,
    ).toContain('Error: The login at auth/approle/login was refused')
  })

  test('a worthless token is distinguished from a server that is down', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}data "mcp_agents" "all" {}\n`)
    await workspace.init()
    expect((await workspace.run(['plan', '-no-color'], { VAULT_TOKEN: harness.secret('hvs.nobody') })).text).toContain(
      'Error: The token is not valid',
    )
    const none = await workspace.run(['plan', '-no-color'], { VAULT_TOKEN: '' })
    expect(none.text).toContain('Error: No token is set')
    expect(none.text).toContain('VAULT_TOKEN')
  })
})
