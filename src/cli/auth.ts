import type { Family } from './command.ts'
import { cleanPath } from './data.ts'
import { UsageError } from './failure.ts'
import { duration, text, toggle } from './flags.ts'
import { byKey, goText, table } from './table.ts'
import { vaultCommand } from './vault-command.ts'

type Members = Readonly<Record<string, unknown>>
const members = (value: unknown): Members => (typeof value === 'object' && value !== null ? (value as Members) : {})
const cell = (value: unknown): string => (value === null || value === undefined ? '' : goText(value))
const columns = ['type', 'accessor', 'description'] as const

const list = vaultCommand({
  summary: 'List enabled auth methods',
  usage: '[flags]',
  flags: {},
  takes: [0, 0],
  async run({ request, print }) {
    const response = await request('Error listing auth methods', (vault, options) =>
      vault.request('GET', 'sys/auth', options),
    )
    const methods = Object.entries(members(response.data)).sort(byKey)
    print(Object.fromEntries(methods), () =>
      table(
        ['Path', 'Type', 'Accessor', 'Description'],
        methods.map(([path, method]) => [path, ...columns.map((column) => cell(members(method)[column]))]),
      ),
    )
    return 0
  },
})

const enable = vaultCommand({
  summary: 'Enable an auth method',
  usage: '[flags] <type>',
  examples: ['auth enable approle', 'auth enable -path=machines approle'],
  flags: {
    description: text('text', 'What the auth method is for.'),
    'default-lease-ttl': duration('Default TTL of a token.'),
    'max-lease-ttl': duration('Maximum TTL of a token.'),
    path: text('path', 'Where to mount it; default its type.'),
    local: toggle('Do not replicate the mount.'),
  },
  takes: [1, 1],
  async run({ args, flags, request, show }) {
    const type = args[0]!.trim()
    if (type === '') throw new UsageError('The type is empty, for example approle')
    const path = cleanPath(flags.path ?? type)
    const seconds = (value: number | undefined) => (value === undefined ? undefined : `${String(value)}s`)
    const body = {
      type,
      description: flags.description,
      local: flags.local || undefined,
      config: {
        default_lease_ttl: seconds(flags['default-lease-ttl']),
        max_lease_ttl: seconds(flags['max-lease-ttl']),
      },
    }
    const response = await request(`Error enabling ${type} auth`, (vault, options) =>
      vault.request('POST', `sys/auth/${path}`, { ...options, body }),
    )
    return show(response, `Success! Enabled ${type} auth method at: ${path}/`)
  },
})

const disable = vaultCommand({
  summary: 'Disable an auth method: its tokens end, its data is gone',
  usage: '[flags] <path>',
  examples: ['auth disable approle/'],
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const path = cleanPath(args[0]!)
    const response = await request(`Error disabling auth method at ${path}/`, (vault, options) =>
      vault.delete(`sys/auth/${path}`, options),
    )
    return show(response, `Success! Disabled the auth method (if it existed) at: ${path}/`)
  },
})

export const auth: Family = { summary: 'Auth methods', commands: { list, enable, disable } }
