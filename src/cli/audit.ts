import type { Family } from './command.ts'
import { cleanPath, readData } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { text, toggle } from './flags.ts'
import { byKey, goText, table } from './table.ts'
import { vaultCommand } from './vault-command.ts'

const list = vaultCommand({
  summary: 'List audit devices',
  usage: '[flags]',
  flags: {},
  takes: [0, 0],
  async run({ request, print, format }) {
    const response = await request('Error listing audits', (vault, options) =>
      vault.request('GET', 'sys/audit', options),
    )
    const devices = Object.entries((response.data ?? {}) as Record<string, Record<string, unknown> | null>).sort(byKey)
    if (devices.length === 0 && format === 'table') throw new Failure(2, 'No audit devices are enabled.')
    print(Object.fromEntries(devices), () =>
      table(
        ['Path', 'Type', 'Description'],
        devices.map(([path, device]) => [path, goText(device?.type ?? ''), goText(device?.description ?? '')]),
      ),
    )
    return 0
  },
})

const enable = vaultCommand({
  summary: 'Enable an audit device',
  usage: '[flags] <type> [name=value …]',
  examples: ['audit enable file file_path=/var/log/vault-audit.log'],
  flags: {
    path: text('path', 'Where to enable it; default its type.'),
    description: text('text', 'What it is for.'),
    local: toggle('Do not replicate it.'),
  },
  takes: [1, Infinity],
  async run({ io, args, flags, request, show }) {
    const type = args[0]!.trim()
    if (type === '') throw new UsageError('The type is empty, for example file')
    const path = cleanPath(flags.path ?? type)
    const body = {
      type,
      description: flags.description,
      local: flags.local,
      options: await readData(args.slice(1), io),
    }
    const response = await request('Error enabling audit device', (vault, options) =>
      vault.request('PUT', `sys/audit/${path}`, { ...options, body }),
    )
    return show(response, `Success! Enabled the ${type} audit device at: ${path}/`)
  },
})

const disable = vaultCommand({
  summary: 'Disable an audit device',
  usage: '[flags] <path>',
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const path = cleanPath(args[0]!)
    const response = await request('Error disabling audit device', (vault, options) =>
      vault.delete(`sys/audit/${path}`, options),
    )
    return show(response, `Success! Disabled audit device (if it was enabled) at: ${path}/`)
  },
})

export const audit: Family = { summary: 'Audit devices of the server', commands: { list, enable, disable } }
