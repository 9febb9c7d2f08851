import { cleanPath } from './data.ts'
import { vaultCommand } from './vault-command.ts'

export const remove = vaultCommand({
  summary: 'Delete what is at a path',
  usage: '[flags] <path>',
  examples: ['delete mcp/agents/claude-billing-agent'],
  flags: {},
  takes: [1, 1],
  async run({ args, request, show }) {
    const path = cleanPath(args[0]!)
    const response = await request(`Error deleting ${path}`, (vault, options) => vault.delete(path, options), path)
    return show(response, `Success! Data deleted (if it existed) at: ${path}`)
  },
})
