import type { VaultResponse } from '../vault-client/index.ts'
import { cleanPath } from './data.ts'
import { Failure } from './failure.ts'
import { integer, text, toggle } from './flags.ts'
import { byKey, goText, table } from './table.ts'
import { vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

/** Prints the keys below a path; used by every list-like command. */
export async function listKeys(call: VaultCall, path: string, { detailed = false, page = {} } = {}): Promise<number> {
  const response = await call.request(
    `Error listing ${path}`,
    (vault, options) => vault.list(path, { ...options, query: page }),
    path,
  )
  const keys = response?.data?.keys
  if (!response || !Array.isArray(keys)) return showNoKeys(call, response, path)
  call.warn(response)
  const info = response.data?.key_info
  if (detailed && typeof info === 'object' && info !== null)
    call.print(info, () => detailTable(keys, info as Record<string, unknown>))
  else
    call.print(keys, () =>
      table(
        ['Keys'],
        keys.map((key) => [goText(key)]),
      ),
    )
  return 0
}

/** A wrapped listing has no keys to show, only the token that will. Anything else without keys is a failure. */
function showNoKeys(call: VaultCall, response: VaultResponse | undefined, path: string): number {
  if (response?.wrap_info) return call.show(response)
  if (call.format !== 'table') call.print({}, () => '')
  throw new Failure(2, `No value found at ${path}/`)
}

function detailTable(keys: readonly unknown[], info: Readonly<Record<string, unknown>>): string {
  const members = (key: unknown): Record<string, unknown> => (info[String(key)] ?? {}) as Record<string, unknown>
  const columns = [...new Set(keys.flatMap((key) => Object.keys(members(key))))]
    .map((name): [string, null] => [name, null])
    .sort(byKey)
    .map(([name]) => name)
  return table(
    ['Keys', ...columns],
    keys.map((key) => [goText(key), ...columns.map((name) => goText(members(key)[name] ?? ''))]),
  )
}

export const list = vaultCommand({
  summary: 'List what lies below a path',
  usage: '[flags] <path>',
  examples: [
    'list mcp/agents',
    'list -detailed mcp/tools/stripe',
    'list sys/leases/lookup/mcp/creds/claude-billing-agent',
  ],
  flags: {
    detailed: toggle('Show what is known about each key, not only its name.'),
    after: text('key', 'List only what sorts behind this key: the last one of the page before.'),
    limit: integer('number', 'List this many keys at most; needs a server that knows pages, such as OpenBao.'),
  },
  takes: [1, 1],
  run(call) {
    const { detailed, after, limit } = call.flags
    const page = { ...(after !== undefined && { after }), ...(limit !== undefined && { limit }) }
    return listKeys(call, cleanPath(call.args[0]!), { detailed, page })
  },
})
