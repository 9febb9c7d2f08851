import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../acceptance/eventually.ts'
import { header, processesIn, requirement, targets, terraformHarness } from './harness.ts'
import type { TerraformHarness } from './harness.ts'
import type { Running } from './workspace.ts'

const agent = `resource "mcp_agent" "billing" {
  name        = "billing"
  owner       = "platform-team"
  environment = "production"
}
resource "mcp_agent_scopes" "billing" {
  agent  = mcp_agent.billing.name
  scopes = ["read:stripe:invoices"]
}
`
const creds = (body: string): string =>
  `ephemeral "mcp_creds" "it" {\n  agent   = mcp_agent_scopes.billing.agent\n  purpose = "terraform"\n${body}\n}\n`

/** Lays the token down where only this test looks, and waits until it is told to go on. */
const use = (command: string): string => `resource "terraform_data" "use" {
  provisioner "local-exec" {
    environment = { TOKEN = ephemeral.mcp_creds.it.token }
    command     = ${JSON.stringify(command)}
  }
}
`
let runs = 0

/** An apply that has got as far as its provisioner, which holds a live token. */
async function applying(
  harness: TerraformHarness,
  body: string,
  provider = header,
  env: Readonly<Record<string, string>> = {},
  first = '',
): Promise<{ running: Running; token: string; goOn(): Promise<void> }> {
  const { workspace } = harness
  const file = join(harness.scratch, `token-${String(++runs)}`)
  await workspace.write(
    'main.tf',
    `${provider}${agent}${creds(body)}${use(`${first}printf %s "$TOKEN" > ${file}.new && mv ${file}.new ${file}; while [ ! -e go ]; do sleep 0.05; done`)}`,
  )
  await workspace.init()
  const running = workspace.start(['apply', '-auto-approve', '-no-color'], env)
  const read = () => readFile(file, 'utf8').catch(() => '')
  await eventually('the token is there', async () => (await read()) !== '' || running.process.exitCode, true)
  return { running, token: harness.secret(await read()), goOn: () => workspace.write('go', '') }
}

async function active(harness: TerraformHarness, token: string): Promise<boolean> {
  return ((await harness.engine('POST', 'introspect', { token })).body as { data: { active: boolean } }).data.active
}

const issued = async (harness: TerraformHarness): Promise<number> =>
  (await harness.requests()).filter((request) => /mcp\/creds\/[^/]+$/.test(request)).length

describe.each(targets)('mcp_creds on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test('issues nothing at plan when it is told to wait, lives while applying, and is revoked at the end', async () => {
    const { workspace } = harness
    const { running, token, goOn } = await applying(harness, 'issue = terraform.applying\nttl = 300')
    expect([await active(harness, token), (await harness.leases()).length]).toEqual([true, 1])
    expect(await issued(harness)).toBe(1)
    await goOn()
    expect((await running.ended).code).toBe(0)
    expect([await active(harness, token), await harness.leases()]).toEqual([false, []])
    expect(await workspace.planCode()).toBe(0)
    expect(await issued(harness)).toBe(1)
  })

  test('is issued by a plan that is not told to wait, and revoked before that ends', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agent}${creds('ttl = 300')}`)
    await harness.engine('POST', 'agents/billing', { owner: 'platform-team', environment: 'production' })
    await harness.engine('POST', 'agents/billing/scopes', { scopes: ['read:stripe:invoices'] })
    await workspace.init()
    expect(await workspace.planCode()).toBe(2)
    expect([await issued(harness), await harness.leases()]).toEqual([1, []])
  })

  test('is renewed while what uses it takes longer than its life', async () => {
    const { running, token, goOn } = await applying(harness, 'issue = terraform.applying\nttl = 4')
    await eventually(
      'it is renewed twice',
      async () =>
        Math.min(2, (await harness.requests()).filter((request) => request.includes('sys/leases/renew')).length),
      2,
    )
    expect(await active(harness, token)).toBe(true)
    await goOn()
    expect((await running.ended).code).toBe(0)
    expect(await active(harness, token)).toBe(false)
  })

  test('is revoked when what uses it fails', async () => {
    const { workspace } = harness
    const file = join(harness.scratch, `token-${String(++runs)}`)
    await workspace.write(
      'main.tf',
      `${header}${agent}${creds('issue = terraform.applying')}${use(`printf %s "$TOKEN" > ${file}; exit 3`)}`,
    )
    await workspace.init()
    expect((await workspace.run(['apply', '-auto-approve', '-no-color'])).text).toContain('exit status 3')
    const token = harness.secret(await readFile(file, 'utf8'))
    expect([await active(harness, token), await harness.leases()]).toEqual([false, []])
  })

  test.each([
    ['Ctrl-C, which every process of the terminal gets', (pid: number) => process.kill(-pid, 'SIGINT')],
    ['an interrupt to Terraform alone', (pid: number) => process.kill(pid, 'SIGINT')],
    ['an end asked for by a supervisor', (pid: number) => process.kill(pid, 'SIGTERM')],
  ])('is revoked on %s', async (_, interrupt) => {
    const { running, token } = await applying(harness, 'issue = terraform.applying\nttl = 300')
    interrupt(running.process.pid!)
    expect((await running.ended).code).toBe(1)
    expect([await active(harness, token), await harness.leases(), await harness.tokens()]).toEqual([false, [], []])
  })

  test('is revoked by the provider itself when Terraform is killed without warning', async () => {
    const { workspace } = harness
    const { running, token, goOn } = await applying(harness, 'issue = terraform.applying\nttl = 300')
    process.kill(running.process.pid!, 'SIGKILL')
    await goOn()
    await eventually('no provider is left', () => processesIn(workspace.dir), [])
    expect([await active(harness, token), await harness.leases(), await harness.tokens()]).toEqual([false, [], []])
  })

  test('is revoked when a second interrupt ends Terraform before it has asked for that', async () => {
    const { workspace } = harness
    const { running, token, goOn } = await applying(
      harness,
      'issue = terraform.applying\nttl = 300',
      header,
      {},
      'trap "" INT; ',
    )
    process.kill(running.process.pid!, 'SIGINT')
    await eventually('the first is heard', () => Promise.resolve(running.said().includes('Interrupt received')), true)
    // Where it has ended meanwhile, there is nothing to interrupt, and what follows holds as well.
    running.process.kill('SIGINT')
    await running.ended
    await goOn()
    await eventually('no provider is left', () => processesIn(workspace.dir), [])
    expect([await active(harness, token), await harness.leases(), await harness.tokens()]).toEqual([false, [], []])
  })

  test("ends by its TTL, and the run's own token with it, when everything is killed at once", async () => {
    const provider = `${requirement}provider "mcp" {\n  max_lease_ttl_seconds = 10\n}\n`
    const { running, token, goOn } = await applying(harness, 'issue = terraform.applying\nttl = 300', provider)
    const lookups = await Promise.all(
      (await harness.tokens()).map((accessor) =>
        harness.server.api('POST', 'auth/token/lookup-accessor', { body: { accessor } }),
      ),
    )
    expect([
      ...new Set(lookups.map(({ body }) => (body as { data: { explicit_max_ttl: number } }).data.explicit_max_ttl)),
    ]).toEqual([10])
    process.kill(-running.process.pid!, 'SIGKILL')
    await running.ended
    await goOn()
    expect((await harness.leases()).length).toBe(1)
    await eventually('the token is over', () => active(harness, token), false)
  })
})

describe('what cannot be issued', () => {
  const harness = terraformHarness()

  test('is said at the block that asks for it', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${header}${agent}ephemeral "mcp_creds" "it" {\n  agent            = mcp_agent_scopes.billing.agent\n  requested_scopes = ["read:stripe:refunds"]\n  issue            = terraform.applying\n}\nresource "terraform_data" "use" {\n  provisioner "local-exec" {\n    environment = { TOKEN = ephemeral.mcp_creds.it.token }\n    command     = "true"\n  }\n}\n`,
    )
    await workspace.init()
    const refused = await workspace.run(['apply', '-auto-approve', '-no-color'])
    expect(refused.code).toBe(1)
    expect(refused.text).toMatch(/on main\.tf line 21, in ephemeral "mcp_creds" "it":\n +21: +requested_scopes/)
    expect(refused.text).toContain('read:stripe:refunds')
  })

  test('a run under a token that may not revoke leases closes what it opened', async () => {
    const token = await harness.tokenWith(
      'path "mcp/*" { capabilities = ["create", "read", "update", "delete"] }\npath "auth/token/create" { capabilities = ["update"] }\npath "auth/token/revoke-self" { capabilities = ["update"] }',
      { no_default_policy: true },
    )
    const {
      running,
      token: phantom,
      goOn,
    } = await applying(harness, 'issue = terraform.applying\nttl = 300', header, { VAULT_TOKEN: token })
    await goOn()
    expect((await running.ended).code).toBe(0)
    expect([await active(harness, phantom), await harness.leases()]).toEqual([false, []])
  })

  test('a run that works with the given token itself still takes back what it lent', async () => {
    const { running, token, goOn } = await applying(
      harness,
      'issue = terraform.applying\nttl = 300',
      `${requirement}provider "mcp" {\n  skip_child_token = true\n}\n`,
    )
    expect(await harness.tokens()).toEqual([])
    process.kill(-running.process.pid!, 'SIGINT')
    expect((await running.ended).code).toBe(1)
    await goOn()
    expect([await active(harness, token), await harness.leases()]).toEqual([false, []])
  })
})
