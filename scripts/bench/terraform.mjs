// `npm run bench:terraform`: how fast the provider is, beside a bare Node and, with VAULT_PROVIDER_BIN=/path/to/terraform-provider-vault,
// beside the official provider's vault_generic_endpoint on as many of the same documents. Needs a build, and Terraform or OpenTofu.
// Ratios only, within this run: it states and does not judge.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { buildProvider } from '../build-provider.mjs'
import { findTerraform } from '../find-terraform.mjs'
import { quantile } from './loops.mjs'
import { openProcesses } from './processes.mjs'
import { startDev } from './stage.mjs'

const STARTS = 15
const PLANS = 5
const RESOURCES = 200

/** From spawn to the first line, which for a provider is the handshake Terraform waits for; without mutual TLS, whose keys are the host's cost too. */
async function lineAfter(program, args) {
  const env = {
    PATH: process.env.PATH,
    TF_PLUGIN_MAGIC_COOKIE: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
    PLUGIN_PROTOCOL_VERSIONS: '5,6',
  }
  const started = performance.now()
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  await once(child.stdout, 'data')
  const took = performance.now() - started
  child.kill('SIGKILL')
  await exited
  return took
}

/**
 * Runs every subject in turn, so that what else the machine does falls on all of them; `[median, least]` in milliseconds of each, the first
 * turn left out. On a busy machine only the least says much.
 */
async function measured(subjects, turns) {
  const took = subjects.map(() => [])
  for (let turn = 0; turn <= turns; turn++) {
    for (const [index, { run }] of subjects.entries()) {
      const ms = await run()
      if (turn > 0) took[index].push(ms)
    }
  }
  return took.map((samples) => [quantile(samples, 0.5), Math.min(...samples)])
}

function say(title, subjects, found) {
  console.log(`\n${title.padEnd(64)}p50   least`)
  for (const [index, { name }] of subjects.entries()) {
    const ratios = found[index].map((ms, column) => (ms / found[0][column]).toFixed(2).padStart(8))
    console.log(`  ${name.padEnd(56)}${ratios.join('')}`)
  }
}

/** A folder with a configuration of `RESOURCES` resources, applied; answers how to time its plan. */
function workspace({ folder, binary, url }, { name, source, provider, configuration }) {
  const directory = join(folder, name)
  const plugins = join(folder, `${name}-plugin`)
  mkdirSync(join(directory, 'home'), { recursive: true })
  mkdirSync(plugins)
  symlinkSync(provider, join(plugins, `terraform-provider-${source.split('/').at(-1)}`))
  writeFileSync(
    join(folder, `${name}.tfrc`),
    `provider_installation {\n  dev_overrides {\n    "${source}" = "${plugins}"\n  }\n}\n`,
  )
  writeFileSync(
    join(directory, 'main.tf'),
    `terraform {\n  required_providers {\n    ${source.split('/').at(-1)} = { source = "${source}" }\n  }\n}\n${configuration}`,
  )
  const env = {
    PATH: process.env.PATH,
    HOME: join(directory, 'home'),
    TF_CLI_CONFIG_FILE: join(folder, `${name}.tfrc`),
    CHECKPOINT_DISABLE: '1',
    TF_INPUT: '0',
    VAULT_ADDR: url,
    VAULT_TOKEN: 'root',
  }
  const terraform = (args) => {
    const started = performance.now()
    const { status, stderr } = spawnSync(binary, [...args, '-no-color', '-parallelism=10'], {
      cwd: directory,
      env,
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`terraform ${args.join(' ')} in ${name} ended with ${status}:\n${stderr}`)
    return performance.now() - started
  }
  terraform(['apply', '-auto-approve'])
  // 0, so nothing was planned: a plan with changes would have ended with 2.
  return { name, run: () => terraform(['plan', '-detailed-exitcode']) }
}

const ours = `resource "mcp_agent" "it" {
  count       = ${RESOURCES}
  name        = "ours-\${count.index}"
  owner       = "platform-team"
  environment = "production"
}
`
const official = `resource "vault_generic_endpoint" "it" {
  count                = ${RESOURCES}
  path                 = "mcp/agents/official-\${count.index}"
  ignore_absent_fields = true
  data_json            = jsonencode({ owner = "platform-team", environment = "production" })
}
`

async function run(processes) {
  const { binary, version } = findTerraform()
  const peer = process.env.VAULT_PROVIDER_BIN
  if (peer && !existsSync(peer)) throw new Error(`VAULT_PROVIDER_BIN=${peer} is not there`)
  const { path: provider } = await buildProvider({ outDir: join(processes.folder, 'built') })
  console.log(
    `Node ${process.version}, Terraform ${version}${peer ? '' : '; VAULT_PROVIDER_BIN is not set, so the official provider is left out'}`,
  )

  const starts = [
    { name: 'Node, one line', run: () => lineAfter(process.execPath, ['-e', 'console.log(1)']) },
    { name: 'terraform-provider-mcp', run: () => lineAfter(provider, []) },
    ...(peer ? [{ name: 'terraform-provider-vault (Go)', run: () => lineAfter(peer, []) }] : []),
  ]
  say('Start to handshake, times a bare Node', starts, await measured(starts, STARTS))

  const { url } = await startDev(processes)
  const at = { folder: processes.folder, binary, url }
  const plans = [
    ...(peer
      ? [
          workspace(at, {
            name: `vault_generic_endpoint x ${RESOURCES}`,
            source: 'hashicorp/vault',
            provider: resolve(peer),
            configuration: `provider "vault" {}\n${official}`,
          }),
        ]
      : []),
    workspace(at, {
      name: `mcp_agent x ${RESOURCES}`,
      source: 'terraform.local/mcp/mcp',
      provider,
      configuration: `provider "mcp" {}\n${ours}`,
    }),
  ]
  const found = await measured(plans, PLANS)
  if (peer) say('Plan with nothing to do, times the official provider', plans, found)
  else
    console.log(
      `\nPlan with nothing to do, ${plans[0].name}: ${(found[0][0] / 1000).toFixed(1)} s; nothing to compare it with`,
    )
}

if (!existsSync(resolve(import.meta.dirname, '../../dist/cli/main.js'))) {
  console.error('bench: there is no build; run npm run build first')
  process.exit(1)
}
const processes = openProcesses()
try {
  await run(processes)
} catch (error) {
  console.error(`bench: ${error.message}`)
  process.exitCode = 1
} finally {
  await processes.close()
}
