/** Adds an API by its preset as its operator does, `mcp-vault add`, with a fake in the API's place. */
import { shellAt } from '../cli/terminal.ts'
import { withConsent } from '../../src/scope/index.ts'
import type { ApiCall, FakeApi } from './fake-api.ts'
import type { PresetHarness } from './harness.ts'

/** What `add` says of the way on, in `next`. */
interface Added {
  readonly next: readonly string[]
}

/** Resolves with the command lines that `add` gives at its end. */
export async function addPreset({ address, admin }: PresetHarness, api: FakeApi, origin: string): Promise<Added> {
  const { name, secret, variables = {} } = api
  const [only, ...others] = Object.values(secret)
  const shell = await shellAt(address, {
    env: { VAULT_TOKEN: 'root' },
    stdin: others.length === 0 ? only! : JSON.stringify(secret),
  })
  const chosen = Object.entries(variables).map(([variable, value]) => `-var=${variable}=${value}`)
  const place = [`-url=${origin}`, '-allow-private-addresses', '-gateway=http://gateway.invalid']
  const { code, out, err } = await shell.mcpVault('add', name, ...chosen, ...place, '-format=json', '-yes', '-')
  if (code !== 0) throw new Error(`add ${name}: ${err}`)
  if (name === 'google') await changeIssuer(admin, origin)
  return JSON.parse(out) as Added
}

/** Tokens of Google come from another server; here it is the fake, too. */
async function changeIssuer(admin: PresetHarness['admin'], origin: string): Promise<void> {
  const { auth } = (await admin.read('mcp/upstreams/google'))!.data as { auth: string }
  const changed = `${auth};token_url=${origin}/token`
  await admin.write('mcp/upstreams/google', { auth: changed })
  const use = { mount: 'mcp', upstream: 'google', origin, auth: changed, kv_path: 'mcp/google', kv_field: 'api_key' }
  await admin.write('secret/metadata/mcp/google', { custom_metadata: withConsent(use, {}) })
}

/** A line that begins with curl as the call it makes, below `base`, and the scopes that another line asks for. */
export function firstCall({ next }: Added, base: string, token: string): { call: ApiCall; scopes: string[] } {
  const words = next.find((line) => line.startsWith('curl '))!.match(/'[^']*'|"[^"]*"|\S+/g)!
  const plain = words.map((word) => word.replace(/^(['"])(.*)\1$/, '$2').replace('$TOKEN', token))
  const after = (option: string) => plain.filter((_, at) => plain[at - 1] === option)
  const body = after('-d')[0]
  const headers = after('-H').map((line) => line.split(/: (.*)/s) as [string, string])
  return {
    scopes: next
      .find((line) => line.includes(' scopes='))!
      .replace(/^.* scopes=/, '')
      .split(','),
    call: {
      method: after('-X')[0] ?? 'GET',
      path: plain.at(-1)!.slice(new URL(base).pathname.length + 'http://gateway.invalid'.length),
      headers: { Accept: '*/*', 'User-Agent': 'curl/8.14.1', ...Object.fromEntries(headers) },
      ...(body !== undefined && { body }),
    },
  }
}
