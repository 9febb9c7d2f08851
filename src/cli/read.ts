import { cleanPath, readData } from './data.ts'
import { Failure } from './failure.ts'
import { fieldFlag, vaultCommand } from './vault-command.ts'

export const read = vaultCommand({
  summary: 'Read data, or get credentials',
  usage: '[flags] <path> [name=value …]',
  examples: ['read mcp/agents/claude-billing-agent', 'read -field=url mcp/upstreams/stripe'],
  flags: fieldFlag,
  takes: [1, Infinity],
  async run({ io, args, flags, request, show }) {
    const path = cleanPath(args[0]!)
    const query = Object.entries(await readData(args.slice(1), io)).map(([name, value]) => [name, String(value)])
    const response = await request(
      `Error reading ${path}`,
      (vault, options) => vault.read(path, { ...options, query: Object.fromEntries(query) as Record<string, string> }),
      path,
    )
    if (!response) throw new Failure(2, `No value found at ${path}`)
    return show(response, undefined, flags.field)
  },
})
