import type { Family } from './command.ts'
import { cleanPath } from './data.ts'
import { UsageError } from './failure.ts'
import { duration, integer, pairs, text, toggle } from './flags.ts'
import { byKey, goText, table } from './table.ts'
import { vaultCommand } from './vault-command.ts'

type Members = Readonly<Record<string, unknown>>

const members = (value: unknown): Members => (typeof value === 'object' && value !== null ? (value as Members) : {})
const cell = (value: unknown): string => (value === null || value === undefined ? '' : goText(value))

/** Columns of `secrets list -detailed`: title, and where the value lies. */
const details: readonly (readonly [string, (mount: Members) => unknown])[] = [
  ['Plugin', ({ type }) => type],
  ['Accessor', ({ accessor }) => accessor],
  ['Default TTL', ({ config }) => members(config).default_lease_ttl || 'system'],
  ['Max TTL', ({ config }) => members(config).max_lease_ttl || 'system'],
  ['Options', ({ options }) => members(options)],
  ['Description', ({ description }) => description],
  ['UUID', ({ uuid }) => uuid],
  ['Version', ({ plugin_version }) => plugin_version],
  ['Running Version', ({ running_plugin_version }) => running_plugin_version],
  ['Running SHA256', ({ running_sha256 }) => running_sha256],
]
const brief: typeof details = [
  ['Type', ({ type }) => type],
  details[1]!,
  ['Description', ({ description }) => description],
]

const list = vaultCommand({
  summary: 'List mounted engines',
  usage: '[flags]',
  flags: { detailed: toggle('Show TTLs, options and plugin versions.') },
  takes: [0, 0],
  async run({ flags, request, print }) {
    const response = await request('Error listing secrets engines', (vault, options) =>
      vault.request('GET', 'sys/mounts', options),
    )
    const mounts = Object.entries(members(response.data)).sort(byKey)
    const columns = flags.detailed ? details : brief
    print(Object.fromEntries(mounts), () =>
      table(
        ['Path', ...columns.map(([title]) => title)],
        mounts.map(([path, mount]) => [path, ...columns.map(([, value]) => cell(value(members(mount))))]),
      ),
    )
    return 0
  },
})

const tuning = {
  description: text('text', 'What the mount is for.'),
  'default-lease-ttl': duration('Default TTL of a lease.'),
  'max-lease-ttl': duration('Maximum TTL of a lease.'),
  options: pairs('Option of the engine.'),
  version: integer('number', 'Version of the key/value engine, 1 or 2.'),
  'plugin-version': text('version', 'Version of the plugin to run.'),
}

interface Tuning {
  readonly 'default-lease-ttl': number | undefined
  readonly 'max-lease-ttl': number | undefined
  readonly options: Readonly<Record<string, string>> | undefined
  readonly version: number | undefined
}

const seconds = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : `${String(value)}s`
const ttls = (flags: Tuning) => ({
  default_lease_ttl: seconds(flags['default-lease-ttl']),
  max_lease_ttl: seconds(flags['max-lease-ttl']),
})
const optionsOf = ({ options, version }: Tuning) =>
  options === undefined && version === undefined
    ? undefined
    : { ...options, ...(version === undefined ? {} : { version: String(version) }) }

const enable = vaultCommand({
  summary: 'Mount an engine',
  usage: '[flags] <type>',
  examples: ['secrets enable mcp', 'secrets enable -path=secret -version=2 kv'],
  flags: {
    ...tuning,
    path: text('path', 'Where to mount it; default its type.'),
    local: toggle('Do not replicate the mount.'),
  },
  takes: [1, 1],
  async run({ args, flags, request, show }) {
    const [, given, kvVersion] = /^(kv)-v([12])$/.exec(args[0]!.trim()) ?? [undefined, args[0]!.trim(), undefined]
    if (given === undefined || given === '') throw new UsageError('The type is empty, for example mcp')
    const path = cleanPath(flags.path ?? args[0]!)
    const options = kvVersion === undefined ? optionsOf(flags) : { ...optionsOf(flags), version: kvVersion }
    const body = {
      type: given,
      description: flags.description,
      local: flags.local || undefined,
      config: { ...ttls(flags), plugin_version: flags['plugin-version'] },
      options,
    }
    const response = await request('Error enabling', (vault, options) =>
      vault.request('POST', `sys/mounts/${path}`, { ...options, body }),
    )
    return show(response, `Success! Enabled the ${args[0]!.trim()} secrets engine at: ${path}/`)
  },
})

const disable = vaultCommand({
  summary: 'Unmount an engine: its leases end, its data is gone',
  usage: '[flags] <path>',
  examples: ['secrets disable mcp/'],
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const path = cleanPath(args[0]!)
    const response = await request(`Error disabling secrets engine at ${path}/`, (vault, options) =>
      vault.delete(`sys/mounts/${path}`, options),
    )
    return show(response, `Success! Disabled the secrets engine (if it existed) at: ${path}/`)
  },
})

const tune = vaultCommand({
  summary: 'Change the settings of a mount',
  usage: '[flags] <path>',
  examples: ['secrets tune -max-lease-ttl=2h mcp/'],
  flags: tuning,
  takes: [1, 1],
  async run({ args, flags, request, show }) {
    const path = cleanPath(args[0]!)
    const body = {
      ...ttls(flags),
      description: flags.description,
      options: optionsOf(flags),
      plugin_version: flags['plugin-version'],
    }
    const response = await request(`Error tuning secrets engine ${path}/`, (vault, options) =>
      vault.request('POST', `sys/mounts/${path}/tune`, { ...options, body }),
    )
    return show(response, `Success! Tuned the secrets engine at: ${path}/`)
  },
})

export const secrets: Family = { summary: 'Mounted engines', commands: { list, enable, disable, tune } }
