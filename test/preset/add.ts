/** Adds an API by its preset, with a fake in its place: what `mcp-vault add` plans, written in the order in which it writes. */
import { planPreset, presets } from '../../src/preset/index.ts'
import type { Preset, PresetChoices, PresetPlan } from '../../src/preset/index.ts'
import { fill } from '../../src/preset/variables.ts'
import { withConsent } from '../../src/scope/index.ts'
import type { VaultClient } from '../../src/vault-client/index.ts'
import type { FakeApi } from './fake-api.ts'

function presetOf({ name }: FakeApi): Preset {
  const found = presets.find((preset) => preset.name === name)
  if (found === undefined) throw new Error(`no preset is called ${name}`)
  return found
}

/** Tokens of Google come from another server, which is the fake, too. */
const withFakeIssuer = (auth: string, origin: string): string =>
  auth.startsWith('google_service_account:') ? `${auth};token_url=${origin}/token` : auth

const planOf = (api: FakeApi, preset: Preset, place: Partial<PresetChoices>): PresetPlan =>
  planPreset(preset, { mount: 'mcp', variables: api.variables, ...place })

/** The preset's harmless call, and the scope it needs. */
export function probeOf(api: FakeApi): { method: string; path: string; scope: string } {
  const preset = presetOf(api)
  const { variables, tools } = planOf(api, preset, {})
  const { method, path, tool } = fill(preset.probe, variables)
  return { method, path, scope: tools.find(({ name }) => name === tool)!.scopes[0]! }
}

export async function addPreset(admin: VaultClient, api: FakeApi, origin: string): Promise<void> {
  const preset = presetOf(api)
  const auth = withFakeIssuer(preset.upstream.auth, origin)
  const placed = { ...preset, upstream: { ...preset.upstream, auth } }
  const plan = planOf(api, placed, { url: origin, allow_private_addresses: true })
  const { use, secret, name, upstream, tools } = plan
  await admin.write(`mcp/upstreams/${name}`, upstream)
  for (const tool of tools) await admin.write(`mcp/tools/${name}/${tool.name}`, tool.document)
  await admin.write(`${secret.mount}/data/${use.kv_path}`, { data: api.secret })
  await admin.write(`${secret.mount}/metadata/${use.kv_path}`, { custom_metadata: withConsent(use, {}) })
}
