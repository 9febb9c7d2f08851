import { cleanPath } from './data.ts'
import { Failure } from './failure.ts'
import { printable } from './table.ts'
import { vaultCommand } from './vault-command.ts'

export const pathHelp = vaultCommand({
  summary: 'Explain a path: its fields and its responses',
  usage: '[flags] <path>',
  examples: ['path-help mcp/', 'path-help mcp/creds/claude-billing-agent'],
  flags: {},
  takes: [1, 1],
  async run({ args, request, print }) {
    const path = cleanPath(args[0]!)
    const response = await request(
      'Error retrieving help',
      (vault, options) => vault.request('GET', path, { ...options, query: { help: 1 } }),
      path,
    )
    const { help } = response.raw as { help?: unknown }
    if (typeof help !== 'string' || help === '') throw new Failure(2, `No help for ${path}`)
    print(response.raw, () => `${help.split('\n').map(printable).join('\n').trimEnd()}\n`)
    return 0
  },
})
