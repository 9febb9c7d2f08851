// What an operator does before a program runs: an upstream by `mcp-vault add` where the product has a preset for it, the rest by hand.
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { mustRun } from './command.mjs'

const cli = resolve(import.meta.dirname, '../../../dist/cli/main.js')

/** Key, consent, document and tools in one go, as the preset has them. */
async function addPreset({ url: address, rootToken }, name, { preset, variables = {}, url, secret }, folder) {
  const values = Object.entries(variables).map(([variable, value]) => `-var=${variable}=${value}`)
  const fields = Object.entries(secret).map(([field, value]) => {
    const file = join(folder, `${name}-${field}.key`)
    writeFileSync(file, value, { mode: 0o600 })
    return `${field}=@${file}`
  })
  // Keys are made at random, and begin as those of no API.
  const flags = ['-yes', '-unusual-key', `-name=${name}`, `-url=${url}`, '-allow-private-addresses', ...values]
  const env = { ...process.env, VAULT_ADDR: address, VAULT_TOKEN: rootToken }
  await mustRun(process.execPath, [cli, 'add', preset, ...flags, ...fields], { cwd: folder, env })
}

async function addByHand({ vault }, name, { secret, consent, url }) {
  await vault('POST', `/v1/secret/data/mcp/${name}`, { data: secret })
  await vault('POST', `/v1/secret/metadata/mcp/${name}`, { custom_metadata: { mcp_origins: url, ...consent } })
  await vault('POST', `/v1/mcp/upstreams/${name}`, { url, allow_private_addresses: true })
}

/** An upstream with what its program adds to it. Returns what clients write before the token. */
async function addUpstream(server, name, upstream, folder) {
  const { vault } = server
  await (upstream.preset === undefined ? addByHand : addPreset)(server, name, upstream, folder)
  if (upstream.document) await vault('POST', `/v1/mcp/upstreams/${name}`, upstream.document)
  // To what its document says otherwise than the preset.
  if (typeof upstream.consent === 'function')
    await vault('POST', `/v1/secret/metadata/mcp/${name}`, { custom_metadata: upstream.consent(upstream.url) })
  for (const [tool, operations] of Object.entries(upstream.tools ?? {}))
    await vault('POST', `/v1/mcp/tools/${name}/${tool}`, { operations })
  return (await vault('GET', `/v1/mcp/upstreams/${name}`)).data.token_alias ?? ''
}

/** The upstreams, and an agent with all of `scopes`, cut by `policy`. Returns its token, and as what each upstream's clients write it. */
export async function provision(server, agent, upstreams, { scopes, policy }, folder) {
  const { vault } = server
  const aliases = {}
  for (const [name, upstream] of Object.entries(upstreams))
    aliases[name] = await addUpstream(server, name, upstream, folder)
  if (policy !== undefined) await vault('POST', `/v1/mcp/policies/${agent}`, { policy })
  const policies = policy === undefined ? {} : { policies: [agent] }
  await vault('POST', `/v1/mcp/agents/${agent}`, { owner: 'clients', environment: 'test', ...policies })
  await vault('POST', `/v1/mcp/agents/${agent}/scopes`, { scopes })
  const { token } = (await vault('POST', `/v1/mcp/creds/${agent}`, { purpose: 'clients' })).data
  return { token, keyOf: (name) => `${aliases[name]}${token}` }
}
