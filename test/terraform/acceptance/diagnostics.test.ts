import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { once } from 'node:events'
import { describe, expect, onTestFinished, test } from 'vitest'
import { header, requirement, terraformHarness } from './harness.ts'

const harness = terraformHarness()

/** Each is wrong in the line that ends with `# here`, and `said` about it; nothing else is wrong. */
const wrong: readonly (readonly [title: string, hcl: string, said: RegExp])[] = [
  [
    'a missing argument',
    'resource "mcp_agent" "X" { # here\n  name  = "billing"\n  owner = "platform-team"\n}',
    /Missing required argument/,
  ],
  [
    'an unknown argument',
    'resource "mcp_agent" "X" {\n  name = "billing"\n  owner = "o"\n  environment = "production"\n  colour = "red" # here\n}',
    /Unsupported argument/,
  ],
  ['a wrong type', 'resource "mcp_config" "X" {\n  default_ttl = "soon" # here\n}', /a number is required/],
  [
    'a list where a text goes',
    'resource "mcp_agent" "X" {\n  name = ["billing"] # here\n  owner = "o"\n  environment = "production"\n}',
    /string required/,
  ],
  [
    'an empty text',
    'resource "mcp_agent" "X" {\n  name = "billing"\n  owner = "" # here\n  environment = "production"\n}',
    /owner is empty/,
  ],
  [
    'a name with spaces',
    'resource "mcp_agent" "X" {\n  name = "Billing Agent!" # here\n  owner = "o"\n  environment = "production"\n}',
    /is not a name/,
  ],
  [
    'a name of thousands of characters',
    'resource "mcp_agent" "X" {\n  name = format("%04000d", 1) # here\n  owner = "o"\n  environment = "production"\n}',
    /is not a name/,
  ],
  [
    'a name that climbs out of its folder',
    'resource "mcp_upstream" "X" {\n  name = "../agents/x" # here\n  url = "https://api.stripe.com"\n}',
    /is not a name/,
  ],
  [
    'a null in a list',
    'resource "mcp_agent" "X" {\n  name = "billing"\n  owner = "o"\n  environment = "production"\n  policies = ["a", null] # here\n}',
    /policies\[1\] is null/,
  ],
  [
    'a null in a map',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  headers = { A = null } # here\n}',
    /is null/,
  ],
  [
    'a word that is not one of those allowed',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  sensitivity = "highest" # here\n}',
    /is not one of high, standard, low/,
  ],
  ['a negative duration', 'resource "mcp_config" "X" {\n  max_ttl = -1 # here\n}', /max_ttl is negative/],
  ['half a second', 'resource "mcp_config" "X" {\n  max_ttl = 0.5 # here\n}', /max_ttl is not a whole number/],
  [
    'a number no machine holds',
    'resource "mcp_config" "X" {\n  max_ttl = 123456789012345678901234567890 # here\n}',
    /max_ttl is not a whole number/,
  ],
  [
    'a URL that is none',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "api.stripe.com" # here\n}',
    /url ".*" is not an absolute URL/,
  ],
  [
    'a URL with a password',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://me:secret@api.stripe.com" # here\n}',
    /url must not hold a user or password/,
  ],
  [
    'a URL of another scheme',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "ftp://api.stripe.com" # here\n}',
    /must start with https/,
  ],
  [
    'http to the world',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "http://api.stripe.com" # here\n}',
    /unencrypted/,
  ],
  [
    'a key without its version',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  key_wo = "sk" # here\n}',
    /key_wo needs key_wo_version/,
  ],
  [
    'an empty key',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  key_wo = "" # here\n  key_wo_version = 1\n}',
    /key_wo is empty/,
  ],
  [
    'a version of half',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  key_wo = "sk"\n  key_wo_version = 1.5 # here\n}',
    /key_wo_version is not a whole number/,
  ],
  [
    'one key for every environment',
    'resource "mcp_upstream" "X" {\n  name = "stripe"\n  url = "https://api.stripe.com"\n  kv_path = "mcp/{{environment}}/stripe" # here\n  key_wo = "sk"\n  key_wo_version = 1\n}',
    /cannot be written to a kv_path/,
  ],
  [
    'a tool of four parts',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "a/b/c" # here\n  operations = [{ method = "GET", path = "/v1" }]\n}',
    /is not the name of a tool/,
  ],
  [
    'no operations',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = [] # here\n}',
    /operations must name at least one operation/,
  ],
  [
    'a method there is not one of',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = [\n    { method = "GET", path = "/v1" },\n    { method = "FETCH", path = "/v1" }, # here\n  ]\n}',
    /FETCH/,
  ],
  [
    'a path without a slash',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = [{ method = "GET", path = "v1" }] # here\n}',
    /slash/,
  ],
  [
    'a capability there is not one of',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = [{ method = "GET", path = "/v1", capability = "look" }] # here\n}',
    /capability/,
  ],
  [
    'an operation as text',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = ["GET /v1/invoices"] # here\n}',
    /Incorrect attribute value type|object required/,
  ],
  [
    'fields that are no paths',
    'resource "mcp_tool" "X" {\n  upstream = "stripe"\n  name = "invoices"\n  operations = [{ method = "GET", path = "/v1" }]\n  fields = ["data[0]..id"] # here\n}',
    /fields\[0\]/,
  ],
  [
    'a policy that does not parse',
    'resource "mcp_policy" "X" {\n  name = "p"\n  policy = "path \\"tools/stripe/invoices\\" { capabilities = [" # here\n}',
    /policy line 1/,
  ],
  [
    'a policy of another capability',
    'resource "mcp_policy" "X" {\n  name = "p"\n  policy = "path \\"tools/stripe/invoices\\" { capabilities = [\\"fly\\"] }" # here\n}',
    /fly/,
  ],
  [
    'a scope without a tool',
    'resource "mcp_agent_scopes" "X" {\n  agent = "billing"\n  scopes = ["read"] # here\n}',
    /scopes\[0\]/,
  ],
  [
    'the second of three scopes',
    'resource "mcp_agent_scopes" "X" {\n  agent = "billing"\n  scopes = ["read:stripe:invoices", "fly:stripe:invoices", "list:stripe:invoices"] # here\n}',
    /scopes\[1\]/,
  ],
  [
    'a rule of a document for no tool',
    'data "mcp_policy_document" "X" {\n  rules = [{ tool = "stripe", capabilities = ["read"] }] # here\n}',
    /is not a tool/,
  ],
  [
    'a rule of a document with no such capability',
    'data "mcp_policy_document" "X" {\n  rules = [{ tool = "stripe/invoices", capabilities = ["read", "fly"] }] # here\n}',
    /is not a capability/,
  ],
  [
    'a check of no tool',
    'data "mcp_access_check" "X" {\n  agent = "billing"\n  tool = "stripe" # here\n}',
    /is not a tool/,
  ],
  [
    'a check of no capability',
    'data "mcp_access_check" "X" {\n  agent = "billing"\n  tool = "stripe/invoices"\n  capability = "fly" # here\n}',
    /is not one of read/,
  ],
  ['a credential for no name', 'ephemeral "mcp_creds" "X" {\n  agent = "Nobody At All" # here\n}', /is not a name/],
  [
    'a credential of no scope',
    'ephemeral "mcp_creds" "X" {\n  agent = "billing"\n  requested_scopes = ["everything"] # here\n}',
    /requested_scopes\[0\]/,
  ],
  [
    'a credential for a negative time',
    'ephemeral "mcp_creds" "X" {\n  agent = "billing"\n  ttl = -5 # here\n}',
    /ttl is negative/,
  ],
  [
    'an address that is none',
    'data "mcp_agents" "X" {\n  provider = mcp.X\n}\nprovider "mcp" {\n  alias = "X"\n  address = "vault.example.com" # here\n}',
    /address must be an http or https URL/,
  ],
  [
    'a mount with a space',
    'data "mcp_agents" "X" {\n  provider = mcp.X\n}\nprovider "mcp" {\n  alias = "X"\n  mount = "m c p" # here\n}',
    /is not a mount path/,
  ],
  [
    'less than no retries',
    'data "mcp_agents" "X" {\n  provider = mcp.X\n}\nprovider "mcp" {\n  alias = "X"\n  max_retries = -1 # here\n}',
    /max_retries must be a whole number/,
  ],
  [
    'a login nowhere',
    'data "mcp_agents" "X" {\n  provider = mcp.X\n}\nprovider "mcp" {\n  alias = "X"\n  auth_login {\n    path = "" # here\n  }\n}',
    /auth_login.path is empty/,
  ],
]

interface Said {
  readonly summary: string
  readonly detail: string
  readonly range?: { readonly start: { readonly line: number } }
}

/** What no user should ever read. */
const crash =
  /panic|Plugin did not respond|TypeError|RangeError|undefined is not|Cannot read|\.ts:\d|\.js:\d|node:internal|Please report/

describe('bad HCL', () => {
  /** By the line each is expected in. */
  let found: ReadonlyMap<number, string>
  let lines: readonly number[]

  test('of every kind is reported in one go, and crashes nothing', async () => {
    const { workspace } = harness
    const text = `${header}${wrong.map(([, hcl], index) => hcl.replaceAll('"X"', `"x${String(index)}"`).replaceAll('mcp.X', `mcp.x${String(index)}`)).join('\n')}\n`
    lines = text.split('\n').flatMap((line, index) => (line.endsWith('# here') ? [index + 1] : []))
    expect(lines).toHaveLength(wrong.length)
    await workspace.write('main.tf', text)
    await workspace.init()
    const { stdout, text: all, code } = await workspace.run(['validate', '-json'])
    expect(code).toBe(1)
    expect(all).not.toMatch(crash)
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly Said[] }
    found = new Map(diagnostics.map(({ summary, detail, range }) => [range?.start.line ?? 0, `${summary}: ${detail}`]))
    const elsewhere = diagnostics.filter(({ range }) => !lines.includes(range?.start.line ?? 0))
    expect(elsewhere).toEqual([])
  })

  test.each(wrong.map(([title, , said], index) => [title, said, index] as const))(
    '%s is reported in its line',
    (_, said, index) => {
      expect(found.get(lines[index]!) ?? 'nothing is said there').toMatch(said)
    },
  )

  test('that only the whole configuration shows is reported in its line too', async () => {
    const { workspace } = harness
    await workspace.write(
      'main.tf',
      `${header}locals {\n  bad = { scope = "read:*", ttl = 5 }\n}\nresource "mcp_agent_scopes" "it" {\n  agent           = "billing"\n  scopes          = ["read:stripe:invoices", local.bad.scope]\n  max_ttl_seconds = local.bad.ttl - 10\n}\n`,
    )
    await workspace.init()
    const { text } = await workspace.run(['plan', '-no-color'])
    expect(text).toMatch(/on main\.tf line 16, in resource "mcp_agent_scopes" "it":/)
    expect(text).not.toMatch(crash)
  })
})

/** What the server refuses, at apply. */
describe('refusals of the server', () => {
  const agent = `resource "mcp_agent" "it" {\n  name        = "billing"\n  owner       = "platform-team"\n  environment = "production"\n}\n`
  const childOnly = 'path "auth/token/create" { capabilities = ["update"] }\n'

  test.each([
    ['writing', 'path "mcp/agents/+" { capabilities = ["read"] }', '"create" and "update" on mcp/agents/billing'],
    ['anything', 'path "other/*" { capabilities = ["read"] }', 'on mcp/agents/billing'],
  ])('403 on %s names path and capability, and the policy to write', async (_, policy, said) => {
    const { workspace } = harness
    const token = await harness.tokenWith(`${childOnly}${policy}`)
    await workspace.write('main.tf', `${header}${agent}`)
    await workspace.init()
    const { code, text } = await workspace.run(['apply', '-auto-approve', '-no-color'], { VAULT_TOKEN: token })
    expect(code).toBe(1)
    expect(text).toContain(`Error: The token lacks`)
    expect(text).toContain(said)
    expect(text).toMatch(/with mcp_agent\.it,\n +on main\.tf line 10, in resource "mcp_agent" "it":/)
    expect(text).toMatch(/path "mcp\/agents\/billing" \{\n +capabilities = \[/)
  })

  test('403 on reading, deleting and listing names them as well', async () => {
    const { workspace } = harness
    const writer = await harness.tokenWith(
      `${childOnly}path "mcp/agents/+" { capabilities = ["create", "read", "update"] }`,
    )
    await workspace.write('main.tf', `${header}${agent}`)
    await workspace.init()
    await workspace.apply({ VAULT_TOKEN: writer })
    expect((await workspace.run(['destroy', '-auto-approve', '-no-color'], { VAULT_TOKEN: writer })).text).toContain(
      'lacks "delete" on mcp/agents/billing',
    )
    const unauthenticated = await harness.tokenWith(childOnly)
    expect((await workspace.run(['plan', '-no-color'], { VAULT_TOKEN: unauthenticated })).text).toContain(
      'lacks "read" on mcp/agents/billing',
    )
    await workspace.write('main.tf', `${header}data "mcp_agents" "all" {}\n`)
    expect(
      (await workspace.run(['plan', '-no-color', '-refresh=false'], { VAULT_TOKEN: unauthenticated })).text,
    ).toContain('lacks "list" on mcp/agents')
  })

  test('403 on the child token says how to do without', async () => {
    const { workspace } = harness
    const token = await harness.tokenWith('path "auth/token/lookup-self" { capabilities = ["read"] }', {
      no_default_policy: true,
    })
    await workspace.write('main.tf', `${header}${agent}`)
    await workspace.init()
    const { text } = await workspace.run(['apply', '-auto-approve', '-no-color'], { VAULT_TOKEN: token })
    expect(text).toContain('Error: This token is not allowed to create child tokens')
    expect(text).toContain('skip_child_token')
  })

  test('a bad import id, and an import of nothing', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${agent}`)
    await workspace.init()
    expect((await workspace.run(['import', '-no-color', 'mcp_agent.it', 'mcp/upstreams/billing'])).text).toContain(
      'is not an import id',
    )
    expect((await workspace.run(['import', '-no-color', 'mcp_agent.it', 'mcp/agents/nobody'])).text).toMatch(
      /Cannot import non-existent remote object/,
    )
  })

  test('an engine that is not mounted', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${requirement}provider "mcp" {\n  mount = "elsewhere"\n}\n${agent}`)
    await workspace.init()
    const { text } = await workspace.run(['apply', '-auto-approve', '-no-color'])
    expect(text).toContain('Error: Nothing is mounted at elsewhere')
    expect(text).not.toMatch(crash)
  })
})

async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
  })
  return (server.address() as AddressInfo).port
}

const answering = async (response: RequestListener): Promise<string> => {
  const server = createServer(response)
  onTestFinished(() => {
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${String(await listening(server))}`
}

describe('servers that cannot be asked', () => {
  const listsAgents = `data "mcp_agents" "all" {}\n`
  const settings = `${requirement}provider "mcp" {\n  max_retries     = 0\n  timeout_seconds = 1\n}\n`

  const cases: readonly (readonly [title: string, address: () => Promise<string>, said: RegExp])[] = [
    ['nobody listens', async () => 'http://127.0.0.1:9', /Error: .*(connect|reach|refused)/i],
    ['no such host', async () => 'http://vault.invalid:8200', /Error: .*vault\.invalid/],
    [
      'sealed',
      () =>
        answering((_, response) => {
          response.writeHead(503, { 'Content-Type': 'application/json' }).end('{"errors":["Vault is sealed"]}')
        }),
      /Error: The server is sealed/,
    ],
    [
      'a proxy in front of it that answers itself',
      () =>
        answering((_, response) => {
          response.writeHead(502, { 'Content-Type': 'text/html' }).end('<html>Bad Gateway</html>')
        }),
      /502/,
    ],
    [
      'not Vault at all',
      () =>
        answering((_, response) => {
          response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>Welcome</html>')
        }),
      /Error: /,
    ],
    ['it never answers', () => answering(() => undefined), /Error: .*did not respond within/],
    [
      'it hangs up',
      async () =>
        `http://127.0.0.1:${String(
          await listening(
            createTcpServer((socket) => {
              socket.destroy()
            }),
          ),
        )}`,
      /Error: /,
    ],
    [
      'https is asked of http',
      async () =>
        (
          await answering((_, response) => {
            response.end('{}')
          })
        ).replace('http:', 'https:'),
      /Error: .*(TLS|https|certificate|SSL)/i,
    ],
    [
      'it sends elsewhere',
      () =>
        answering((_, response) => {
          response.writeHead(307, { Location: 'http://127.0.0.1:9/v1/auth/token/create' }).end()
        }),
      /Error: /,
    ],
  ]

  test.each(cases)('%s', async (_, address, said) => {
    const { workspace } = harness
    await workspace.write('main.tf', `${settings}${listsAgents}`)
    await workspace.init()
    const { code, text } = await workspace.run(['plan', '-no-color'], { VAULT_ADDR: await address() })
    expect(code).toBe(1)
    expect(text).toMatch(said)
    expect(text).not.toMatch(crash)
  })

  test('a CA file that is missing or invalid', async () => {
    const { workspace } = harness
    await workspace.write('main.tf', `${header}${listsAgents}`)
    await workspace.write('not-a-ca.pem', 'nonsense')
    await workspace.init()
    for (const file of ['/nowhere/ca.pem', workspace.path('not-a-ca.pem')]) {
      const { code, text } = await workspace.run(['plan', '-no-color'], {
        VAULT_ADDR: 'https://127.0.0.1:9',
        VAULT_CACERT: file,
      })
      expect(code).toBe(1)
      expect(text.replaceAll(/\s+/g, ' ')).toContain(`ca_cert_file ${file}`)
      expect(text).not.toMatch(crash)
    }
  })

  test('one that comes back is asked again', async () => {
    const { workspace } = harness
    let failures = 2
    const target = new URL(harness.server.address)
    const address = await answering((request, response) => {
      if (failures-- > 0) {
        response.writeHead(503).end('{"errors":["not yet"]}')
        return
      }
      void (async () => {
        const chunks: Buffer[] = []
        for await (const chunk of request) chunks.push(chunk as Buffer)
        const {
          host: _,
          connection: __,
          'content-length': ___,
          'transfer-encoding': ____,
          ...headers
        } = request.headers
        const method = request.method === 'GET' && request.url!.includes('list=true') ? 'GET' : request.method!
        const answer = await fetch(new URL(request.url!, target), {
          method,
          headers: headers as Record<string, string>,
          ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
        })
        response
          .writeHead(answer.status, { 'Content-Type': 'application/json' })
          .end(Buffer.from(await answer.arrayBuffer()))
      })()
    })
    await workspace.write(
      'main.tf',
      `${header}resource "mcp_agent" "it" {\n  name        = "billing"\n  owner       = "o"\n  environment = "production"\n}\n`,
    )
    await workspace.init()
    await workspace.apply({ VAULT_ADDR: address })
    expect(failures).toBeLessThan(0)
    expect(await workspace.planCode()).toBe(0)
  })
})
