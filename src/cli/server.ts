import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { dirname, relative, resolve } from 'node:path'
import { pino } from 'pino'
import { startDevServer } from '../demo/dev-server.ts'
import type { DevServer } from '../demo/dev-server.ts'
import { seedArticle } from '../demo/article.ts'
import type { SeededArticle } from '../demo/article.ts'
import { command } from './command.ts'
import { Failure, UsageError } from './failure.ts'
import { text, texts, toggle } from './flags.ts'
import type { FlagValues } from './flags.ts'
import { document, formatOf } from './format.ts'
import type { Io } from './io.ts'
import { serveConfigured } from './server-run.ts'
import { AuditFiles, startFailure, untilAborted } from './service.ts'
import { packageVersion } from './version.ts'

const flags = {
  config: text(
    'file',
    'Run on a store of its own, as this HCL or JSON file says; see vault-config/server.example.hcl.',
  ),
  dev: toggle('Development: in memory, unsealed, loopback only.'),
  'dev-root-token-id': text('token', 'Root token of -dev; default a random one, printed.'),
  'dev-listen-address': text('host:port', 'Address of the Vault API; default 127.0.0.1:8200.'),
  'dev-seed': text('article', 'Also start two local upstreams and an MCP server, and provision an agent for them.'),
  'mcp-address': text('host:port', 'Address of the MCP server of -dev-seed; default 127.0.0.1:3000.'),
  'gateway-grpc-address': text('host:port', "Address of the gateway's gRPC listener; default 127.0.0.1:8250."),
  'gateway-http-address': text('host:port', "Address of the gateway's HTTP listener; default 127.0.0.1:8251."),
  'gateway-upstream-address': texts(
    'upstream=host:port',
    'A port that serves one upstream, for SDKs that cannot use a path prefix.',
  ),
  'audit-path': text('file', 'File of decision and outcome records; default ./.mcp-dev/audit.jsonl.'),
  'audit-paths': toggle('Keep paths of calls in those records, for tools suggest.'),
  format: text('table|json|yaml', 'How -dev prints where it listens and its tokens; default table.'),
}

const ARTICLE_LISTENER = { upstream: 'stripe', address: '127.0.0.1:8261' }

export const server = command({
  summary: 'Run the embedded Vault: -dev with a gateway beside it, or on a store of its own',
  usage: '-dev [flags] | -config=<file>',
  examples: [
    'server -dev -dev-root-token-id=root',
    'server -dev -dev-seed=article',
    'server -config=/etc/mcp-vault/server.hcl',
  ],
  flags,
  takes: [0, 0],
  run({ io, flags: given }) {
    return given.config === undefined ? serveDev(io, given) : serveConfigured(io, onlyConfig(given, given.config))
  },
})

type Given = FlagValues<typeof flags>

/** What the file says and what a flag says could differ, so there is no second place to say it. */
function onlyConfig(given: Given, file: string): string {
  const other = Object.entries(given).find(
    ([name, value]) =>
      name !== 'config' && value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0),
  )
  if (other)
    throw new UsageError(
      given.dev
        ? 'give either -dev or -config'
        : `-${other[0]} is for -dev; with -config, the file holds every setting`,
    )
  return file
}

async function serveDev(io: Io, given: Given): Promise<number> {
  const seeded = checkDevFlags(given)
  // Not from the environment: a line of a start script is not a response of Vault's.
  const format = formatOf({ env: {} }, given.format)
  const auditPath = resolve(given['audit-path'] ?? '.mcp-dev/audit.jsonl')
  await mkdir(dirname(auditPath), { recursive: true, mode: 0o700 }).catch(
    startFailure(
      `The folder ${dirname(auditPath)} for audit records cannot be created; choose another file with -audit-path`,
    ),
  )
  const listeners = given['gateway-upstream-address'].map(upstreamListener)
  if (seeded && !listeners.some(({ upstream }) => upstream === ARTICLE_LISTENER.upstream))
    listeners.push(ARTICLE_LISTENER)
  const seed: { article?: SeededArticle } = {}
  const addresses = addressesOf(given, seeded)
  const logger = pino({ level: 'warn' }, pino.destination({ fd: 2, sync: true }))
  const audits = new AuditFiles(logger)
  const started = await startDevServer({
    ...(given['dev-root-token-id'] !== undefined && { rootTokenId: given['dev-root-token-id'] }),
    listenAddress: addresses['dev-listen-address'],
    grpcAddress: addresses['gateway-grpc-address'],
    httpAddress: addresses['gateway-http-address'],
    upstreamListeners: listeners,
    auditPath,
    auditPaths: given['audit-paths'],
    clock: io.clock,
    random: (bytes) => randomBytes(bytes),
    logger,
    openAuditLog: (options) => audits.log(options),
    ...(seeded && {
      provision: async (server) => {
        seed.article = await seedArticle(server, addresses['mcp-address'])
      },
    }),
  }).catch(addressInUse(addresses))
  io.stdout(
    format === 'table'
      ? banner(started, auditPath, seed.article)
      : document(format, facts(started, auditPath, seed.article)),
  )
  await untilAborted(io)
  await seed.article?.close()
  audits.stop()
  await started.close()
  return 0
}

/** Whether the seed is wanted. */
function checkDevFlags(given: Given): boolean {
  if (!given.dev)
    throw new UsageError('give -dev to try it in memory on loopback, or -config=<file> to keep what is written')
  const seed = given['dev-seed']
  if (seed !== undefined && seed !== 'article')
    throw new UsageError(`-dev-seed: "${seed}" is unknown; the only seed is article`)
  if (seed === undefined && given['mcp-address'] !== undefined)
    throw new UsageError('-mcp-address is for the MCP server that -dev-seed=article starts; give both')
  return seed !== undefined
}

const defaultAddresses = {
  'dev-listen-address': '127.0.0.1:8200',
  'gateway-grpc-address': '127.0.0.1:8250',
  'gateway-http-address': '127.0.0.1:8251',
  'mcp-address': '127.0.0.1:3000',
} as const
type AddressFlag = keyof typeof defaultAddresses

function addressesOf(given: Given, seeded: boolean): Readonly<Record<AddressFlag, string>> {
  const names = (Object.keys(defaultAddresses) as AddressFlag[]).filter((name) => seeded || name !== 'mcp-address')
  return Object.fromEntries(
    names.map((name) => [name, loopback(name, given[name] ?? defaultAddresses[name])]),
  ) as Record<AddressFlag, string>
}

/** Names the flag that would have chosen another address. */
const addressInUse =
  (places: Readonly<Record<string, string>>) =>
  (error: NodeJS.ErrnoException & { port?: number }): never => {
    if (error.code !== 'EADDRINUSE' || error.port === undefined) throw error
    const { port } = error
    const flag =
      Object.keys(places).find((name) => places[name]?.endsWith(`:${String(port)}`)) ??
      'gateway-upstream-address=<upstream>'
    throw new Failure(
      1,
      `Error starting the server: ${error.message}. Is another one running? To choose another address: -${flag}=127.0.0.1:${String(port + 10)}`,
    )
  }

function banner(server: DevServer, auditPath: string, article: SeededArticle | undefined): string {
  const lines = [
    `==> mcp-vault ${packageVersion()}, dev mode: in memory, unsealed, loopback only. Do not use in production.`,
    `    Vault API     ${server.vaultAddress}       mounts: mcp/ (mcp)  secret/ (kv v2)`,
    `    Gateway       gRPC ${server.gateway.grpcAddress}   HTTP ${server.gateway.httpUrl}   audit: ${shortPath(auditPath)}`,
    ...Object.entries(server.gateway.upstreamUrls).map(
      ([upstream, url]) => `    Upstream      ${upstream} at ${url} (for SDKs that cannot use a path prefix)`,
    ),
    `    Root token    ${server.rootToken}           Service token for MCP servers: ${server.serviceToken}`,
    ...(article ? articleLines(article) : []),
    '    Try, with vault, bao or `npx --no mcp-vault` (from anywhere after `npm i -g` of what `npm pack` makes):',
    `      export VAULT_ADDR=${server.vaultAddress} VAULT_TOKEN=${server.rootToken}`,
    ...(article
      ? ['      npx --no mcp-vault write mcp/creds/claude-billing-agent purpose=quarterly-invoice-reconciliation']
      : ['      npx --no mcp-vault kv put -mount=secret mcp/stripe api_key=@stripe.key']),
    '      npx --no mcp-vault path-help mcp/',
    '      npx --no -- mcp-vault -h',
  ]
  return `${lines.join('\n')}\n`
}

/** What the banner says, for scripts. */
const facts = (server: DevServer, auditPath: string, article: SeededArticle | undefined): object => ({
  version: packageVersion(),
  vault_address: server.vaultAddress,
  root_token: server.rootToken,
  service_token: server.serviceToken,
  gateway_grpc_address: server.gateway.grpcAddress,
  gateway_http_url: server.gateway.httpUrl,
  gateway_upstream_urls: server.gateway.upstreamUrls,
  audit_path: auditPath,
  ...(article && {
    seed: {
      scopes: article.scopes,
      upstreams: { stripe: article.stripeUrl, github: article.githubUrl },
      mcp_url: article.mcpUrl,
      session_token: article.token,
      service_token: article.serviceToken,
    },
  }),
})

/** As one would type it from here, where it lies below. */
function shortPath(path: string): string {
  const below = relative(process.cwd(), path)
  return below.startsWith('..') ? path : `./${below}`
}

function articleLines(article: SeededArticle): string[] {
  return [
    `    Seed          agent claude-billing-agent: ${article.scopes.join(', ')}`,
    `    Upstreams     stripe ${article.stripeUrl}, github ${article.githubUrl}: local, demanding their real keys`,
    `    MCP server    ${article.mcpUrl}`,
    `      export MCP_SESSION_TOKEN=${article.token} MCP_GATEWAY_TOKEN=${article.serviceToken}`,
  ]
}

function upstreamListener(value: string): { upstream: string; address: string } {
  const at = value.indexOf('=')
  if (at < 1)
    throw new UsageError(
      `-gateway-upstream-address: "${value}" is not upstream=host:port, for example -gateway-upstream-address=stripe=127.0.0.1:8261`,
    )
  return { upstream: value.slice(0, at), address: loopback('gateway-upstream-address', value.slice(at + 1)) }
}

/** -dev has no TLS and a root token anyone on the machine could be given: it stays on this machine. */
function loopback(flag: string, address: string): string {
  const match = /^(127(?:\.\d{1,3}){3}|localhost|\[::1\]):(\d{1,5})$/.exec(address)
  if (!match || Number(match[2]) > 65_535)
    throw new UsageError(
      `-${flag}: "${address}" is not a loopback address with a port; -dev listens on this machine only, for example -${flag}=127.0.0.1:8200`,
    )
  return address
}
