/** The Vault API: documents the engine and the policy store refuse, one row a kind. */
import { afterAll, beforeAll, describe } from 'vitest'
import { alike, checkRows, vaultFace } from './rows.ts'
import { closeClean, startHostileHarness } from './harness.ts'
import type { HostileHarness } from './harness.ts'

let harness: HostileHarness
beforeAll(async () => {
  harness = await startHostileHarness()
})
afterAll(() => closeClean(harness))
const on = (): HostileHarness => harness

const policy = (text: string): string => JSON.stringify({ policy: text })
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

describe('upstreams and tools', () => {
  const upstream = (document: object): string =>
    `POST /v1/mcp/upstreams/new\n\n${JSON.stringify({ url: 'https://api.example', ...document })}`
  const tool = (document: object): string => `POST /v1/mcp/tools/stripe/new\n\n${JSON.stringify(document)}`
  checkRows(vaultFace, on, [
    ['no url', 'POST /v1/mcp/upstreams/new\n\n{}', 400, 'url is required, for example url=https://api.stripe.com.'],
    [
      'a relative url',
      upstream({ url: '/v1' }),
      400,
      'url "/v1" is not an absolute URL, for example url=https://api.stripe.com.',
    ],
    ...alike(
      [400, 'url must start with https://, for example url=https://api.stripe.com.'],
      [
        ['a file url', upstream({ url: 'file:///etc/passwd' })],
        ['a script url', upstream({ url: 'javascript:alert(1)' })],
      ],
    ),
    [
      'a url with a password',
      upstream({ url: 'https://a:secret@api.example' }),
      400,
      'url must not hold a user or password; keys belong in KV, for example url=https://api.stripe.com.',
    ],
    ...alike(
      [400, 'url must not have a query or fragment, for example url=https://api.stripe.com.'],
      [
        ['a url with a query', upstream({ url: 'https://api.example/?key=x' })],
        ['a url with a fragment', upstream({ url: 'https://api.example/#' })],
      ],
    ),
    [
      'http without leave',
      upstream({ url: 'http://api.example' }),
      400,
      'url is http:, which sends the key unencrypted. Use https:, or set allow_private_addresses=true for an upstream of your own network.',
    ],
    [
      'kv_path with ..',
      upstream({ kv_path: 'mcp/../root' }),
      400,
      'kv_path "mcp/../root" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed, for example kv_path=mcp/stripe.',
    ],
    [
      'kv_path with an empty part',
      upstream({ kv_path: 'mcp//x' }),
      400,
      'kv_path "mcp//x" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed, for example kv_path=mcp/stripe.',
    ],
    [
      'kv_path with another template',
      upstream({ kv_path: 'mcp/{{agent}}' }),
      400,
      'kv_path "mcp/{{agent}}" is not a KV path: segments of letters, digits, _ . @ - separated by single slashes, {{environment}} allowed, for example kv_path=mcp/stripe.',
    ],
    [
      'kv_mount with a template',
      upstream({ kv_mount: '{{environment}}' }),
      400,
      'kv_mount must be a fixed mount path, for example kv_mount=secret.',
    ],
    ['an empty kv_field', upstream({ kv_field: '' }), 400, 'kv_field must not be empty, for example kv_field=api_key.'],
    [
      'an unknown auth',
      upstream({ auth: 'magic' }),
      400,
      'auth "magic" is not a way to send a key: bearer, basic, basic:{user}:{pass}, header:<Name>, query:<name>, path:<template>, body:<field>, several of these with commas between, aws_sigv4:<AWS service>/<region>, oauth2_client_credentials:<token URL>, oauth2_refresh:<token URL>, github_app:<app>/<installation>, google_service_account:<scope> or none, for example auth=header:X-Api-Key.',
    ],
    [
      'auth into Host',
      upstream({ auth: 'header:Host' }),
      400,
      'auth "header:Host" does not name a header that may carry a key, for example auth=header:X-Api-Key={api_key}.',
    ],
    [
      'auth into a header with a line break',
      upstream({ auth: 'header:X\r\nY' }).replaceAll('\\r', ''),
      400,
      'auth "header:X\\nY" does not name a header that may carry a key, for example auth=header:X-Api-Key={api_key}.',
    ],
    [
      'auth into a query name with &',
      upstream({ auth: 'query:a&b' }),
      400,
      'auth "query:a&b" does not name a query parameter that may carry a key, for example auth=query:api_key.',
    ],
    [
      'a header with a credential',
      upstream({ headers: { Authorization: 'Bearer x' } }),
      400,
      'headers: "Authorization" carries a credential. Put the key into KV and name its place with auth, for example auth=header:Authorization.',
    ],
    [
      'a header that frames',
      upstream({ headers: { 'Transfer-Encoding': 'chunked' } }),
      400,
      'headers: "Transfer-Encoding" is not a header that can be added, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
    ...alike(
      [400, 'headers.X-A must be a printable text on one line, for example headers={"Stripe-Version":"2025-03-31"}.'],
      [
        ['a header value with a line break', upstream({ headers: { 'X-A': 'a\nb' } })],
        ['a header value that is a number', upstream({ headers: { 'X-A': 1 } })],
      ],
    ),
    [
      'headers named __proto__',
      'POST /v1/mcp/upstreams/new\n\n{"url":"https://api.example","headers":{"__proto__":{"a":"b"}}}',
      400,
      'headers.__proto__ must be a printable text on one line, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
    [
      'an unknown sensitivity',
      upstream({ sensitivity: 'extreme' }),
      400,
      'sensitivity must be one of high, standard, low, for example sensitivity=high.',
    ],
    ['a timeout of nothing', upstream({ timeout: 0 }), 400, 'timeout must be at least 1, for example timeout=60.'],
    [
      'a timeout that is negative',
      upstream({ timeout: -1 }),
      400,
      'timeout must not be negative, for example timeout=60.',
    ],
    [
      'a timeout that is none',
      upstream({ timeout: 'soon' }),
      400,
      'timeout must be a duration in seconds, or a string such as 15m or 1h30m, for example timeout=60.',
    ],
    ...alike(
      [400, 'max_request_bytes must be a whole number, for example max_request_bytes=1048576.'],
      [
        ['max_request_bytes as a fraction', upstream({ max_request_bytes: 1.5 })],
        ['max_request_bytes beyond numbers', upstream({ max_request_bytes: 1e300 })],
      ],
    ),
    [
      'no operations',
      tool({}),
      400,
      'operations is required, for example operations=GET /v1/invoices,GET /v1/invoices/{id}.',
    ],
    [
      'an empty list of operations',
      tool({ operations: [] }),
      400,
      'operations must name at least one operation, for example operations="GET /v1/invoices".',
    ],
    [
      'an operation without a path',
      tool({ operations: ['GET'] }),
      400,
      'operations[0]: operation "GET" is not a method and a path; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation TRACE',
      tool({ operations: ['TRACE /v1'] }),
      400,
      'operations[0]: operation method "TRACE" is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, PROPFIND, REPORT, SEARCH, PROPPATCH, MKCOL, MKCALENDAR, COPY, MOVE, LOCK, UNLOCK; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with ..',
      tool({ operations: ['GET /v1/../admin'] }),
      400,
      'operations[0]: operation path "/v1/../admin" has an empty, "." or ".." segment, a backslash or a control character; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with a query',
      tool({ operations: ['GET /v1?x=1'] }),
      400,
      'operations[0]: operation path "/v1?x=1" holds a query or fragment; query parameters go into parameters; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with *',
      tool({ operations: ['GET /v1/*'] }),
      400,
      'operations[0]: operation path "/v1/*" has a "*"; {name} stands for one whole segment, {name...} for one segment or more; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation that is encoded',
      tool({ operations: ['GET /v1/%2e%2e'] }),
      400,
      'operations[0]: operation path "/v1/%2e%2e" is percent-encoded; write it decoded; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with braces inside',
      tool({ operations: ['GET /v1/a{b'] }),
      400,
      'operations[0]: operation path "/v1/a{b" has braces that hold no name; {name} stands for one segment or a part of one, {name...} for one segment or more; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation naming {id} twice',
      tool({ operations: ['GET /v1/{id}/{id}'] }),
      400,
      'operations[0]: operation path "/v1/{id}/{id}" names {id} twice; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with an unknown key',
      tool({ operations: [{ method: 'GET', path: '/v1', scope: 'x' }] }),
      400,
      'operations[0]: an operation has the unknown key "scope"; known are capability, method, path, parameters, denied_parameters and body.',
    ],
    [
      'an operation that is a number',
      tool({ operations: [1] }),
      400,
      'operations[0]: an operation must be a string or an object; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'a capability that is none',
      tool({ operations: [{ method: 'GET', path: '/v1', capability: 'root' }] }),
      400,
      'operations[0]: operation capability "root" is not one of create, read, update, delete, list.',
    ],
    [
      'parameters that are a text',
      tool({ operations: [{ method: 'GET', path: '/v1', parameters: 'limit' }] }),
      400,
      'operations[0]: operation parameters is a list of query parameter names, for example ["limit", "created[gte]"].',
    ],
    [
      'fields that do not parse',
      tool({ operations: ['GET /v1'], fields: ['data[[].id'] }),
      400,
      'fields[0]: field "data[[].id" is not a path into a JSON response; write for example has_more or data[].id.',
    ],
    [
      'an unknown risk',
      tool({ operations: ['GET /v1'], risk: 'extreme' }),
      400,
      'risk must be one of low, medium, high, critical, for example risk=low.',
    ],
    [
      'a tool of three parts',
      'POST /v1/mcp/tools/stripe/a/b/c\n\n{"operations":["GET /v1"]}',
      400,
      'name "a/b/c" is not the name of a tool: write a resource, or resource/qualifier, for example name=customers/id-only.',
    ],
    [
      'a tool called *',
      'POST /v1/mcp/tools/stripe/*\n\n{"operations":["GET /v1"]}',
      400,
      'name "*" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example name=customers/id-only.',
    ],
  ])
})

describe('tool policies', () => {
  const write = (text: string): string => `POST /v1/mcp/policies/new\n\n${policy(text)}`
  checkRows(vaultFace, on, [
    [
      'nothing',
      'POST /v1/mcp/policies/new\n\n{}',
      400,
      'policy is required, for example policy=path "tools/stripe/invoices" { capabilities = ["read"] }.',
    ],
    [
      'a policy that is an object',
      'POST /v1/mcp/policies/new\n\n{"policy":{"path":{}}}',
      400,
      'policy must be a string, for example policy=path "tools/stripe/invoices" { capabilities = ["read"] }.',
    ],
    [
      'a text that is no policy',
      write('hello'),
      400,
      'policy: line 1: after hello comes the end of the text; write hello = value, or hello "name" { … }.',
    ],
    [
      'a block that is not closed',
      write('path "tools/stripe/invoices" {\n  capabilities = ["read"]\n'),
      400,
      'policy: line 3: the text ends inside a block; a closing } is missing.',
    ],
    [
      'a list that is not closed',
      write('path "tools/stripe/invoices" {\n  capabilities = ["read"\n}'),
      400,
      'policy: line 3: "}" follows a list item; put a comma between items and a ] at the end.',
    ],
    [
      'a text that is not closed',
      write('\npath "tools/stripe/invoices {'),
      400,
      'policy: line 2: a quoted string is not closed on its line; put a " at its end.',
    ],
    [
      'a comment that is not closed',
      write('\n\n/* hello'),
      400,
      'policy: line 3: the comment opened with /* is never closed with */.',
    ],
    [
      'a here-document that is not closed',
      write('path "tools/a/b" {\n comment = <<EOF\nhello\n}'),
      400,
      'policy: line 2: the here-document is never closed; put EOF on a line of its own.',
    ],
    [
      'an unknown escape',
      write('path "tools/\\qa" {}'),
      400,
      'policy: line 1: a quoted string holds the unknown escape \\q; \\" \\\\ \\n \\t and \\u0041 are known.',
    ],
    [
      'no quotes',
      write('path "tools/a/b" {\n capabilities = [read]\n}'),
      400,
      'policy: line 2: read is not in quotes; write "read".',
    ],
    [
      'an unknown key',
      write('path "tools/stripe/invoices" {\n  capabilities = ["read"]\n  scope = "all"\n}'),
      400,
      'policy: line 3: path "tools/stripe/invoices": invalid key "scope"; known are comment, policy, capabilities, allowed_parameters, denied_parameters, required_parameters, min_wrapping_ttl, max_wrapping_ttl.',
    ],
    [
      'a block of another kind',
      write('\nrole "x" { a = 1 }'),
      400,
      'policy: line 2: invalid key "role"; a policy consists of path "…" { … } blocks.',
    ],
    [
      'a restriction of another server',
      write('path "tools/stripe/invoices" {\n  capabilities = ["read"]\n  control_group = {}\n}'),
      400,
      'policy: line 3: path "tools/stripe/invoices": control_group is not enforced by this server, so the policy is refused; remove it.',
    ],
    [
      'a capability that is none',
      write('path "tools/stripe/invoices" {\n  capabilities = ["fly"]\n}'),
      400,
      'policy: line 2: path "tools/stripe/invoices": invalid capability "fly"; known are create, read, update, patch, delete, list, sudo, deny.',
    ],
    [
      'sudo',
      write('path "tools/stripe/invoices" {\n  capabilities = ["sudo"]\n}'),
      400,
      'policy, line 1: capability "sudo" does not exist for tools. Use create, read, update, delete, list or deny.',
    ],
    [
      'capabilities that are a text',
      write('path "tools/stripe/invoices" {\n  capabilities = "read"\n}'),
      400,
      'policy: line 2: path "tools/stripe/invoices": capabilities is a string; write a list, for example capabilities = ["read", "list"].',
    ],
    [
      'a path that is no tool',
      write('\n\npath "secret/data/mcp/stripe" { capabilities = ["read"] }'),
      400,
      'policy, line 3: path "secret/data/mcp/stripe" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'everything',
      write('path "*" { capabilities = ["read"] }'),
      400,
      'policy, line 1: path "*" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'every upstream',
      write('path "tools/*" { capabilities = ["read"] }'),
      400,
      'policy, line 1: path "tools/*" covers more than one upstream. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.',
    ],
    [
      'every resource',
      write('\npath "tools/stripe/*" { capabilities = ["read"] }'),
      400,
      'policy, line 2: path "tools/stripe/*" covers more than one resource of stripe. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.',
    ],
    [
      'any upstream',
      write('path "tools/+/invoices" { capabilities = ["read"] }'),
      400,
      'policy, line 1: path "tools/+/invoices" covers more than one upstream. Name a resource, for example path "tools/stripe/invoices", or set allow_wildcards in config.',
    ],
    [
      'a star within',
      write('path "tools/*/invoices" { capabilities = ["read"] }'),
      400,
      'policy, line 1: path "tools/*/invoices" is not a tool. Paths are tools/<upstream>/<resource> or tools/<upstream>/<resource>/<qualifier>, for example path "tools/stripe/invoices".',
    ],
    [
      'a template',
      write('path "tools/{{identity.entity.name}}/invoices" { capabilities = ["read"] }'),
      400,
      'policy: templates such as {{identity.entity.name}} are not filled in for tools. Name the tool, for example path "tools/stripe/invoices".',
    ],
    [
      'a template that is not closed',
      write('path "tools/{{identity/invoices" { capabilities = ["read"] }'),
      400,
      'policy: line 1: path "tools/{{identity/invoices" has unbalanced template braces; write for example {{identity.entity.id}}.',
    ],
    [
      'wrapping',
      write('path "tools/stripe/invoices" {\n capabilities = ["read"]\n min_wrapping_ttl = "1s"\n}'),
      400,
      'policy, line 1: wrapping TTLs mean nothing for tools. Leave min_wrapping_ttl and max_wrapping_ttl out.',
    ],
    [
      'parameters that are a list',
      write('path "tools/stripe/invoices" {\n capabilities = ["read"]\n allowed_parameters = ["a"]\n}'),
      400,
      'policy: line 3: path "tools/stripe/invoices": allowed_parameters is a list; write a block, for example allowed_parameters = { "limit" = ["10", "20"] }.',
    ],
    [
      'a number that is none',
      write('path "tools/stripe/invoices" {\n capabilities = ["read"]\n allowed_parameters = { "a" = [007] }\n}'),
      400,
      'policy: line 3: 007 is not a number; write digits such as 90, or a quoted text such as "90s".',
    ],
    ...alike(
      [400, 'policy: line 1: blocks and lists are nested more than 16 deep.'],
      [
        ['blocks 10 000 deep', write('a {'.repeat(10_000))],
        ['lists 10 000 deep', write(`path "tools/a/b" { capabilities = ${'['.repeat(10_000)}`)],
      ],
    ),
    [
      'a megabyte',
      write('#'.repeat(1_100_000)),
      400,
      'failed to parse JSON input: a text is longer than 1048576 bytes (max_json_string_value_length); send less, or have the operator raise the setting of the listener',
    ],
    [
      'a NUL',
      write('path "tools/a\\u0000b/c" { capabilities = ["read"] }'),
      400,
      'policy: line 1: path "tools/a\\u0000b/c" holds a control character.',
    ],
    [
      'a control character',
      write('path\u0001'),
      400,
      'policy: line 1: the character U+0001 is not expected here; write for example path "secret/*" { capabilities = ["read"] }.',
    ],
    [
      'a lone surrogate',
      write('\ud800'),
      400,
      'policy: line 1: the character U+D800 is not expected here; write for example path "secret/*" { capabilities = ["read"] }.',
    ],
    [
      'JSON that is broken',
      write('{"path": {"tools/a/b": {"capabilities": ["read"]}'),
      400,
      'policy: line 1: the JSON text has its end where "}" was expected.',
    ],
    ['JSON 10 000 deep', write(deep(10_000)), 400, 'policy: line 1: objects and lists are nested more than 16 deep.'],
    [
      'JSON giving a path twice',
      write('{"path":{"tools/a/b":{"capabilities":["read"]},"tools/a/b":{"capabilities":["fly"]}}}'),
      400,
      'policy: line 1: path "tools/a/b": invalid capability "fly"; known are create, read, update, patch, delete, list, sudo, deny.',
    ],
    [
      'JSON with a list for a body',
      write('{"path":{"tools/a/b":"read"}}'),
      400,
      'policy: line 1: a path block has a name in quotes and a body, for example path "secret/*" { capabilities = ["read"] }; found a string.',
    ],
  ])
})

describe('ACL policies', () => {
  const write = (text: string): string => `POST /v1/sys/policies/acl/new\n\n${policy(text)}`
  checkRows(vaultFace, on, [
    [
      'nothing',
      'POST /v1/sys/policies/acl/new\n\n{}',
      400,
      'policy is required, for example policy=path "mcp/creds/*" { capabilities = ["update"] }.',
    ],
    [
      'a text that is no policy',
      write('hello'),
      400,
      'failed to parse policy: line 1: after hello comes the end of the text; write hello = value, or hello "name" { … }.',
    ],
    [
      'a block that is not closed',
      write('path "secret/*" {\n  capabilities = ["read"]\n'),
      400,
      'failed to parse policy: line 3: the text ends inside a block; a closing } is missing.',
    ],
    [
      'a capability that is none',
      write('path "secret/*" {\n  capabilities = ["fly"]\n}'),
      400,
      'failed to parse policy: line 2: path "secret/*": invalid capability "fly"; known are create, read, update, patch, delete, list, sudo, deny.',
    ],
    [
      'an unknown key',
      write('path "secret/*" {\n  caps = ["read"]\n}'),
      400,
      'failed to parse policy: line 2: path "secret/*": invalid key "caps"; known are comment, policy, capabilities, allowed_parameters, denied_parameters, required_parameters, min_wrapping_ttl, max_wrapping_ttl.',
    ],
    [
      'base64 that is none',
      'POST /v1/sys/policies/acl/new\n\n{"policy":"cGF0aA==="}',
      400,
      'failed to parse policy: line 1: "=" stands where a value was expected, for example "text", 15 or ["read"].',
    ],
    [
      'root',
      `POST /v1/sys/policies/acl/root\n\n${policy('path "*" { capabilities = ["read"] }')}`,
      400,
      'cannot update "root" policy',
    ],
    ['deleting root', 'DELETE /v1/sys/policies/acl/root', 400, 'cannot delete "root" policy'],
    ['deleting default', 'DELETE /v1/sys/policies/acl/default', 400, 'cannot delete "default" policy'],
    ['one that is not there', 'GET /v1/sys/policies/acl/none', 404, 'errors: []'],
  ])
})
