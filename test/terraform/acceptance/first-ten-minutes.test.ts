import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { releaseProvider } from '../../../scripts/release-provider.mjs'
import { systemClock } from '../../../src/logical/clock.ts'
import { run } from '../../../src/cli/run.ts'
import { terraformCommands } from '../../../src/cli/terraform.ts'
import { header, installed, platform, targets, terraformHarness } from './harness.ts'
import type { TerraformHarness } from './harness.ts'

/** What a person copies out of the documentation. */
const main = `terraform {
  required_version = ">= 1.11"
  required_providers { mcp = { source = "terraform.local/mcp/mcp", version = "0.1.0" } }
}
provider "mcp" {}                                # VAULT_ADDR, VAULT_TOKEN
variable "stripe_key" {
  type      = string
  ephemeral = true
}
resource "mcp_upstream" "stripe" {
  name           = "stripe"
  url            = "https://api.stripe.com"
  key_wo         = var.stripe_key                # goes to secret/mcp/stripe with its mcp_origins, never to state
  key_wo_version = 1
}
resource "mcp_tool" "invoices" {
  upstream   = mcp_upstream.stripe.name
  name       = "invoices"
  operations = [{ capability = "read", method = "GET", path = "/v1/invoices" }]
}
resource "mcp_agent" "billing" {
  name        = "claude-billing-agent"
  owner       = "platform-team"
  environment = "production"
}
resource "mcp_agent_scopes" "billing" {
  agent           = mcp_agent.billing.name
  scopes          = [provider::mcp::scope("read", mcp_tool.invoices.id)]      # read:stripe:invoices
  max_ttl_seconds = 900
}
`

/** `mcp-vault terraform install -dir=…` of a package with that provider in it. */
async function install(provider: string, dir: string): Promise<string> {
  let out = ''
  const none = () => Promise.reject(new Error('nothing is asked'))
  const io = {
    env: {},
    home: dir,
    clock: systemClock,
    signal: new AbortController().signal,
    stdinIsTerminal: false,
    stdoutIsTerminal: false,
    stdout: (text: string) => {
      out += text
    },
    stderr: (text: string) => {
      out += text
    },
    readStdin: none,
    promptHidden: none,
    prompt: none,
    readFile: none,
    readChunks: () => Readable.from([]),
  }
  const load = () => Promise.resolve(terraformCommands(provider, process))
  const code = await run(['terraform', 'install', `-dir=${dir}`], io, [
    { group: 'Run', name: 'terraform', summary: '', load },
  ])
  if (code !== 0) throw new Error(out)
  return out
}

const providerIn = (mirror: string, version: string): string =>
  join(mirror, 'terraform.local/mcp/mcp', version, platform, 'terraform-provider-mcp')

/** Terraform as a person has it, with a CLI configuration that says nothing: only what lies beside the configuration is found. */
async function unconfigured(harness: TerraformHarness): Promise<Record<string, string>> {
  await harness.workspace.write('home/empty.tfrc', '')
  return { TF_CLI_CONFIG_FILE: harness.workspace.path('home/empty.tfrc') }
}

describe.each(targets)('on $TARGET', (target) => {
  const harness = terraformHarness(target)

  test("the documentation's first ten minutes, line by line", async () => {
    const { workspace } = harness
    const key = harness.secret('sk_live_51Nx-first-ten-minutes')
    const env = { ...(await unconfigured(harness)), TF_VAR_stripe_key: key }
    expect(await install(providerIn(harness.mirror, '0.1.0'), workspace.dir)).toMatch(
      new RegExp(
        `^terraform\\.local/mcp/mcp 0\\.1\\.0 → .*/terraform\\.d/plugins/terraform\\.local/mcp/mcp/0\\.1\\.0/${platform}/ {2}\\(sha256 [0-9a-f]{64}\\)\\n$`,
      ),
    )
    await workspace.write('main.tf', main)
    await workspace.ok(['init', '-no-color'], env)
    expect((await workspace.apply(env)).text).toContain('Apply complete! Resources: 4 added, 0 changed, 0 destroyed.')
    expect(await workspace.planCode(env)).toBe(0)
    expect((await workspace.read('terraform.tfstate')).split('sk_live')).toHaveLength(1)

    const secret = (await harness.server.api('GET', 'secret/data/mcp/stripe')).body as { data: { data: unknown } }
    const metadata = (await harness.server.api('GET', 'secret/metadata/mcp/stripe')).body as {
      data: { custom_metadata: unknown }
    }
    expect([secret.data.data, metadata.data.custom_metadata]).toEqual([
      { api_key: key },
      { mcp_origins: 'https://api.stripe.com' },
    ])
    const scopes = (await harness.engine('GET', 'agents/claude-billing-agent/scopes')).body as {
      data: Record<string, unknown>
    }
    expect(scopes.data).toMatchObject({ scopes: ['read:stripe:invoices'], max_ttl_seconds: 900 })

    await workspace.write('main.tf', main.replace(/\[provider::mcp::scope.*\]/, '["read:*"]'))
    const refused = await workspace.run(['plan', '-no-color'], env)
    expect(refused.code).toBe(1)
    expect(refused.text).toContain('Error: scopes[0] "read:*" covers every upstream\n')
    expect(refused.text).toMatch(/on main\.tf line 28, in resource "mcp_agent_scopes" "billing":/)
    expect(refused.text).toContain('Name a resource, for example read:stripe:invoices.')
    await workspace.write('main.tf', main)
    await workspace.destroy(env)
  })
})

describe('where terraform init finds it', () => {
  const harness = terraformHarness()
  const agent = `${header}resource "mcp_agent" "it" {\n  name        = "billing"\n  owner       = "platform-team"\n  environment = "production"\n}\n`

  test('a folder of release zips is a mirror as it is', async () => {
    const { workspace } = harness
    const mirror = join(harness.scratch, 'packed')
    const folder = join(mirror, 'terraform.local/mcp/mcp')
    mkdirSync(folder, { recursive: true })
    const out = join(harness.scratch, 'release')
    const files = await releaseProvider({ outDir: out, version: '0.1.0' })
    for (const { name } of files.filter((file) => file.name.endsWith('.zip')))
      copyFileSync(join(out, name), join(folder, name))
    await workspace.write(
      'home/packed.tfrc',
      `provider_installation {\n  filesystem_mirror {\n    path = "${mirror}"\n  }\n}\n`,
    )
    const env = { TF_CLI_CONFIG_FILE: workspace.path('home/packed.tfrc') }
    await workspace.write('main.tf', agent)
    await workspace.ok(['init', '-no-color'], env)
    await workspace.apply(env)
    expect(await workspace.planCode(env)).toBe(0)

    // One lock file for both ways of installing.
    const lock = await workspace.read('.terraform.lock.hcl')
    spawnSync('rm', ['-r', workspace.path('.terraform')])
    const plain = await unconfigured(harness)
    await install(providerIn(harness.mirror, '0.1.0'), workspace.dir)
    await workspace.ok(['init', '-no-color', '-lockfile=readonly'], plain)
    expect(await workspace.read('.terraform.lock.hcl')).toBe(lock)
  })

  test('it starts in the folder of a Node project whose files are modules', async () => {
    const { workspace } = harness
    await workspace.write('package.json', '{"type":"module"}')
    await workspace.write('main.tf', agent)
    const env = await unconfigured(harness)
    await install(providerIn(harness.mirror, '0.1.0'), workspace.dir)
    await workspace.ok(['init', '-no-color'], env)
    expect(await workspace.planCode(env)).toBe(2)
  })

  test('a newer provider takes over the state as it is', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', agent)
    const env = await unconfigured(harness)
    await install(providerIn(harness.mirror, '0.1.0'), workspace.dir)
    await workspace.ok(['init', '-no-color'], env)
    await workspace.apply(env)
    const before = JSON.parse(await workspace.read('terraform.tfstate')) as { resources: unknown }

    await installed(join(harness.scratch, 'newer'), '0.2.0')
    await install(providerIn(join(harness.scratch, 'newer'), '0.2.0'), workspace.dir)
    expect((await workspace.ok(['init', '-no-color', '-upgrade'], env)).text).toMatch(
      /terraform\.local\/mcp\/mcp v0\.2\.0/,
    )
    expect(await workspace.planCode(env)).toBe(0)
    await workspace.apply(env)
    expect((JSON.parse(await workspace.read('terraform.tfstate')) as { resources: unknown }).resources).toEqual(
      before.resources,
    )
  })

  test('another build under the same version is not run unnoticed', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', agent)
    const env = await unconfigured(harness)
    await install(providerIn(harness.mirror, '0.1.0'), workspace.dir)
    await workspace.ok(['init', '-no-color'], env)
    const other = join(harness.scratch, 'other')
    await mkdir(other, { recursive: true })
    await copyFile(providerIn(harness.mirror, '0.1.0'), join(other, 'terraform-provider-mcp'))
    await workspace.edit(join(other, 'terraform-provider-mcp'), (text) => `${text}// changed\n`)
    expect(await install(join(other, 'terraform-provider-mcp'), workspace.dir)).toContain(
      'remove that block and run terraform init',
    )
    expect((await workspace.run(['plan', '-no-color'], env)).text).toMatch(/checksum|does not match/i)
    await workspace.write('.terraform.lock.hcl', '')
    await workspace.ok(['init', '-no-color'], env)
    expect(await workspace.planCode(env)).toBe(2)
    expect(
      (await readdir(workspace.path(`terraform.d/plugins/terraform.local/mcp/mcp/0.1.0/${platform}`))).sort(),
    ).toEqual(['package.json', 'terraform-provider-mcp_v0.1.0'])
  })
})
