import { cleanPath, readData } from './data.ts'
import { UsageError } from './failure.ts'
import { toggle } from './flags.ts'
import { fieldFlag, vaultCommand } from './vault-command.ts'

export const write = vaultCommand({
  summary: 'Write data, or issue a phantom token',
  usage: '[flags] <path> [name=value … | name=@file | name=- | @file.json | -]',
  examples: [
    'write mcp/upstreams/stripe url=https://api.stripe.com',
    'write mcp/creds/claude-billing-agent purpose=reconciliation',
    'write mcp/policies/billing policy=@billing.hcl',
    'write -f mcp/agents/claude-billing-agent/revoke',
  ],
  flags: { ...fieldFlag, force: toggle('Write without any data.', 'f') },
  takes: [1, Infinity],
  async run({ io, args, flags, request, show }) {
    const path = cleanPath(args[0]!)
    const words = args.slice(1)
    if (words.length === 0 && !flags.force) throw new UsageError('Must supply data or use -force')
    const body = words.length === 0 ? {} : { body: await readData(words, io) }
    const response = await request(
      `Error writing data to ${path}`,
      (vault, options) => vault.request('PUT', path, { ...options, ...body }),
      path,
    )
    const empty = response.raw === undefined
    return show(response, `Success! Data written to: ${path}`, empty ? undefined : flags.field)
  },
})
