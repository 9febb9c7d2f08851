import { randomBytes } from 'node:crypto'
import { mintToken, tokenDigest } from '../scope/index.ts'
import { command } from './command.ts'
import { UsageError } from './failure.ts'
import { text } from './flags.ts'
import { document, formatFlag, formatOf } from './format.ts'
import type { Format } from './format.ts'
import { runGateway } from './gateway-run.ts'
import type { Io } from './io.ts'

const NAME = /^[A-Za-z0-9_-]{1,64}$/

export const gateway = command({
  summary: 'Run a gateway beside any Vault, or make a service token for one',
  usage: '-config=<file> | token [flags] [name]',
  examples: ['gateway -config=/etc/mcp-vault/gateway.hcl', 'gateway token billing-mcp'],
  flags: { config: text('file', 'HCL or JSON; see vault-config/gateway.example.hcl.'), ...formatFlag },
  takes: [0, 2],
  run({ io, args: [word, name], flags: { config, format } }) {
    if (word === 'token' && config === undefined)
      return Promise.resolve(printServiceToken(io, name ?? 'mcp-server', formatOf(io, format)))
    if (word !== undefined)
      throw new UsageError(`"${word}" is not expected here; give -config=<file>, or the word token`)
    if (config === undefined) throw new UsageError('give -config=<file>; to try a gateway out: mcp-vault server -dev')
    return runGateway(io, config)
  },
})

/** Only the hash goes into the configuration: who reads that file learns no token. */
function printServiceToken(io: Io, name: string, format: Format): number {
  if (!NAME.test(name))
    throw new UsageError('the name of a service token is 1 to 64 letters, digits, _ or -, for example billing-mcp')
  const token = mintToken({ prefix: 'gst', label: 'mcp', random: (bytes) => randomBytes(bytes) })
  const sha256 = tokenDigest(token)
  if (format !== 'table') {
    io.stdout(document(format, { name, token, sha256 }))
    return 0
  }
  io.stdout(`Service token, for the MCP server alone; it is not shown again:
  ${token}

For the gateway's configuration:
  service_token "${name}" {
    sha256 = "${sha256}"
    agents = ["claude-billing-agent"]
    # It validates tokens and calls upstreams. To open sessions too: a token under vault-config/policies/mcp-service.hcl.
    # vault_token_file = "/etc/mcp-vault/${name}.token"
  }
`)
  return 0
}
