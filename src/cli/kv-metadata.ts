import type { Family } from './command.ts'
import { Failure } from './failure.ts'
import { choice, duration, integer, pairs, texts } from './flags.ts'
import { members, pathHeading } from './kv-data.ts'
import { locateV2, mountFlag } from './kv-place.ts'
import { section } from './table.ts'
import { vaultCommand } from './vault-command.ts'

const settings = {
  ...mountFlag,
  'custom-metadata': pairs('Text kept beside the secret, for example mcp_origins=https://api.stripe.com.'),
  'max-versions': integer('number', "Versions to keep; 0 = the engine's own number."),
  'cas-required': choice('Every write must name the version it replaces.'),
  'delete-version-after': duration('Delete each version this long after it was written.'),
}

interface Settings {
  readonly 'custom-metadata': Readonly<Record<string, string>> | undefined
  readonly 'max-versions': number | undefined
  readonly 'cas-required': boolean | undefined
  readonly 'delete-version-after': number | undefined
}

/** Only what was given: the rest stays as it is. */
function bodyOf(flags: Settings, removed: readonly string[] = []): Record<string, unknown> {
  const custom =
    removed.length === 0 && flags['custom-metadata'] === undefined
      ? undefined
      : { ...flags['custom-metadata'], ...Object.fromEntries(removed.map((name) => [name, null])) }
  const after = flags['delete-version-after']
  return {
    ...(custom === undefined ? {} : { custom_metadata: custom }),
    ...(flags['max-versions'] === undefined ? {} : { max_versions: flags['max-versions'] }),
    ...(flags['cas-required'] === undefined ? {} : { cas_required: flags['cas-required'] }),
    ...(after === undefined ? {} : { delete_version_after: `${String(after)}s` }),
  }
}

const get = vaultCommand({
  summary: 'Show the settings and versions of a secret',
  usage: '[flags] <path>',
  examples: ['kv metadata get -mount=secret mcp/stripe'],
  flags: mountFlag,
  takes: [1, 1],
  async run(call) {
    const { args, request, io, format, show } = call
    const path = (await locateV2(call, args[0]!, 'Metadata')).at('metadata')
    const response = await request(`Error reading ${path}`, (vault, options) => vault.read(path, options))
    if (!response) throw new Failure(2, `No value found at ${path}`)
    if (format !== 'table' || !response.data) return show(response)
    call.warn(response)
    const { versions, ...rest } = response.data
    const numbered = Object.entries(members(versions) ?? {}).sort(([a], [b]) => Number(a) - Number(b))
    const sections = [
      section('Metadata', rest),
      ...numbered.map(([number, version]) => section(`Version ${number}`, members(version) ?? {})),
    ]
    io.stdout(pathHeading('Metadata Path', path) + sections.join('\n'))
    return 0
  },
})

const put = vaultCommand({
  summary: 'Set the settings of a secret; custom metadata is replaced as a whole',
  usage: '[flags] <path>',
  examples: ['kv metadata put -mount=secret -custom-metadata=mcp_origins=https://api.stripe.com mcp/stripe'],
  flags: settings,
  takes: [1, 1],
  async run(call) {
    const { args, flags, request, show } = call
    const path = (await locateV2(call, args[0]!, 'Metadata')).at('metadata')
    const response = await request(`Error writing data to ${path}`, (vault, options) =>
      vault.request('PUT', path, { ...options, body: bodyOf(flags) }),
    )
    return show(response, `Success! Data written to: ${path}`)
  },
})

const patch = vaultCommand({
  summary: 'Change single settings or custom metadata of a secret',
  usage: '[flags] <path>',
  examples: ['kv metadata patch -mount=secret -remove-custom-metadata=mcp_origins mcp/stripe'],
  flags: { ...settings, 'remove-custom-metadata': texts('name', 'Custom metadata to remove.') },
  takes: [1, 1],
  async run(call) {
    const { args, flags, request, show } = call
    const path = (await locateV2(call, args[0]!, 'Metadata')).at('metadata')
    const response = await request(`Error writing data to ${path}`, (vault, options) =>
      vault.request('PATCH', path, { ...options, body: bodyOf(flags, flags['remove-custom-metadata']) }),
    )
    return show(response, `Success! Data written to: ${path}`)
  },
})

const remove = vaultCommand({
  summary: 'Delete a secret with all its versions, for good',
  usage: '[flags] <path>',
  examples: ['kv metadata delete -mount=secret mcp/stripe'],
  flags: mountFlag,
  takes: [1, 1],
  async run(call) {
    const { args, request, show } = call
    const path = (await locateV2(call, args[0]!, 'Metadata')).at('metadata')
    const response = await request(`Error deleting ${path}`, (vault, options) => vault.delete(path, options))
    return show(response, `Success! Data deleted (if it existed) at: ${path}`)
  },
})

export const metadata: Family = {
  summary: 'Settings, versions and custom metadata of a secret',
  commands: { get, put, patch, delete: remove },
}
