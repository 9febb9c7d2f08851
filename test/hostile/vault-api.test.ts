/** The Vault API: paths, verbs, bodies, policies, scopes, durations, and tokens that are none. */
import { afterAll, beforeAll, describe } from 'vitest'
import { answers, vaultFace } from './rows.ts'
import { closeClean, startStage } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await startStage()
})
afterAll(() => closeClean(stage))
const on = (): Stage => stage

const policy = (text: string): string => JSON.stringify({ policy: text })
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const long = (count: number): string => 'x'.repeat(count)
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('paths', () => {
  answers(vaultFace, on, [
    ['outside the API', 'GET /', 404, 'no handler for this path; the API lies under /v1/'],
    ['the UI', 'GET /ui/', 404, 'no handler for this path; the API lies under /v1/'],
    ['the root of the API', 'GET /v1/', 404, 'no handler for route "". route entry not found.'],
    ['another version', 'GET /v2/sys/health', 404, 'no handler for this path; the API lies under /v1/'],
    [
      'a mount that is not there',
      'GET /v1/nothing/here',
      404,
      'no handler for route "nothing/here". route entry not found.',
    ],
    ['the mount itself', 'GET /v1/mcp', 404, 'unsupported path'],
    ['an unknown path of the engine', 'GET /v1/mcp/nothing', 404, 'unsupported path'],
    ['a path too deep', 'GET /v1/mcp/agents/a/b/c/d', 404, 'unsupported path'],
    ['an agent that is not there', 'GET /v1/mcp/agents/none', 404, 'errors: []'],
    ['scopes of an agent that is not there', 'GET /v1/mcp/agents/none/scopes', 404, 'errors: []'],
    ['an empty list', 'LIST /v1/mcp/tools/none', 404, 'errors: []'],
    ['..', 'GET /v1/mcp/../sys/mounts', 400, 'path cannot contain relative segments such as ".."'],
    ['.', 'GET /v1/mcp/./agents/billing', 400, 'path cannot contain relative segments such as ".."'],
    ['%2e%2e', 'GET /v1/mcp/%2e%2e/sys/mounts', 400, 'path cannot contain relative segments such as ".."'],
    ['.%2e', 'GET /v1/secret/data/mcp/.%2e/x', 400, 'path cannot contain relative segments such as ".."'],
    [
      '.. in KV',
      'POST /v1/secret/data/mcp/../other\n\n{"data":{"a":"b"}}',
      400,
      'path cannot contain relative segments such as ".."',
    ],
    ['%00', 'GET /v1/mcp/agents/billing%00', 400, 'path cannot contain non-printable characters'],
    ['%0d%0a', 'GET /v1/mcp/agents/a%0d%0aX-B:c', 400, 'path cannot contain non-printable characters'],
    [
      'a lone %',
      'GET /v1/mcp/agents/%',
      400,
      'the path holds a "%" that starts no percent-encoded UTF-8 character; write it as %25.',
    ],
    [
      '%ff',
      'GET /v1/mcp/agents/%ff',
      400,
      'the path holds a "%" that starts no percent-encoded UTF-8 character; write it as %25.',
    ],
    [
      'an overlong slash',
      'GET /v1/mcp/agents/%c0%af',
      400,
      'the path holds a "%" that starts no percent-encoded UTF-8 character; write it as %25.',
    ],
    [
      'raw bytes beyond ASCII',
      'GET /v1/mcp/agents/\xe9',
      400,
      'the request is not well-formed HTTP/1.1: its first line, a header or the framing of its body is wrong',
    ],
    [
      'a slash twice encoded',
      'GET /v1/mcp/agents/a%252fb',
      400,
      'agent_id "a%2fb" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'a backslash',
      'GET /v1/mcp/agents/a\\b',
      400,
      'agent_id "a\\\\b" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'a semicolon',
      'GET /v1/mcp/agents/billing;x=1',
      400,
      'agent_id "billing;x=1" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'the absolute form',
      'GET http://<host>/v1/mcp/agents/billing',
      404,
      'no handler for this path; the API lies under /v1/',
    ],
    [
      'the absolute form of another server',
      'GET http://evil.example/v1/sys/mounts',
      404,
      'no handler for this path; the API lies under /v1/',
    ],
    ['two slashes at the front', 'GET //v1/mcp/agents/none', 404, 'errors: []'],
    [
      'a name in capitals',
      'GET /v1/mcp/agents/Billing',
      400,
      'agent_id "Billing" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'a name of 65 characters',
      `GET /v1/mcp/agents/${long(65)}`,
      400,
      'agent_id (65 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'a name of 5000 characters',
      `GET /v1/mcp/agents/${long(5000)}`,
      400,
      'agent_id (5000 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'a token where a name belongs',
      'POST /v1/mcp/creds/<phantom>\n\n{}',
      400,
      'agent (58 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent=claude-billing-agent.',
    ],
    [
      'a token where an agent belongs',
      'GET /v1/mcp/agents/<root>',
      400,
      'agent_id (40 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    [
      'an upstream called ..',
      'POST /v1/mcp/upstreams/%2e%2e\n\n{"url":"https://a.example"}',
      400,
      'path cannot contain relative segments such as ".."',
    ],
    [
      '__proto__ as a name',
      'GET /v1/mcp/agents/__proto__',
      400,
      'agent_id "__proto__" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example agent_id=claude-billing-agent.',
    ],
    ['constructor as an agent', 'GET /v1/mcp/agents/constructor', 404, 'errors: []'],
    [
      'constructor as a mount',
      'GET /v1/constructor/x',
      404,
      'no handler for route "constructor/x". route entry not found.',
    ],
    ['toString as an environment', 'GET /v1/mcp/agents/billing/scopes/tostring', 404, 'errors: []'],
    ['constructor as an environment', 'GET /v1/mcp/agents/billing/scopes/constructor', 404, 'errors: []'],
  ])
})

describe('verbs', () => {
  answers(vaultFace, on, [
    ['POST health', 'POST /v1/sys/health\n\n{}', 405, 'unsupported operation [Allow: GET, HEAD]'],
    ['PUT init', 'PUT /v1/sys/init\n\n{}', 400, 'Vault is already initialized'],
    ['DELETE seal-status', 'DELETE /v1/sys/seal-status', 405, 'unsupported operation [Allow: GET, HEAD]'],
    ['GET introspect', 'GET /v1/mcp/introspect', 405, 'unsupported operation [Allow: POST, PUT]'],
    ['DELETE introspect', 'DELETE /v1/mcp/introspect', 405, 'unsupported operation [Allow: POST, PUT]'],
    ['POST feed', 'POST /v1/mcp/feed\n\n{}', 405, 'unsupported operation [Allow: GET]'],
    ['POST sessions', 'POST /v1/mcp/sessions/<session>\n\n{}', 405, 'unsupported operation [Allow: GET, DELETE]'],
    [
      'GET a session of creds',
      'GET /v1/mcp/creds/billing/<session>',
      405,
      'unsupported operation [Allow: POST, PUT, DELETE]',
    ],
    ['LIST an agent', 'LIST /v1/mcp/agents/billing', 405, 'unsupported operation [Allow: GET, POST, PUT, DELETE]'],
    ['LIST config', 'LIST /v1/mcp/config', 405, 'unsupported operation [Allow: GET, POST, PUT, DELETE]'],
    ['DELETE creds', 'DELETE /v1/mcp/creds/billing', 405, 'unsupported operation [Allow: GET, POST, PUT]'],
    ['GET agents', 'GET /v1/mcp/agents/', 405, 'unsupported operation [Allow: LIST]'],
    ['POST a collection', 'POST /v1/mcp/agents/\n\n{}', 400, "cannot write to a path ending in '/'"],
    [
      'two Authorization headers',
      'GET /v1/mcp/agents/billing\nAuthorization: Bearer <root>\nAuthorization: Bearer nobody',
      400,
      'authorization is given twice; send it once.',
    ],
    ['HEAD an agent', 'HEAD /v1/mcp/agents/billing', 405, ' [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
    [
      'OPTIONS',
      'OPTIONS /v1/mcp/agents/billing',
      405,
      'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]',
    ],
    [
      'LINK, which stands in for LIST',
      'LINK /v1/mcp/agents',
      405,
      'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]',
    ],
    ['LOCK', 'LOCK /v1/mcp/agents', 405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
    ['SCAN', 'SCAN /v1/mcp/agents', 405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
    ['QUERY', 'QUERY /v1/mcp/agents', 405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
    ['MKCOL', 'MKCOL /v1/mcp/agents', 405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
    [
      'PATCH without a content type',
      'PATCH /v1/secret/data/mcp/stripe\n\n{"data":{"a":"b"}}',
      415,
      'PATCH requires Content-Type application/merge-patch+json',
    ],
    [
      'PATCH as plain JSON',
      'PATCH /v1/secret/data/mcp/stripe\nContent-Type: application/json\n\n{"data":{"a":"b"}}',
      415,
      'PATCH requires Content-Type application/merge-patch+json',
    ],
    [
      'PATCH of an agent',
      'PATCH /v1/mcp/agents/billing\nContent-Type: application/merge-patch+json\n\n{"owner":"x"}',
      405,
      'unsupported operation [Allow: GET, POST, PUT, DELETE]',
    ],
    ['list=maybe', 'GET /v1/mcp/agents?list=maybe', 400, 'list must be true or false, for example ?list=true.'],
    ['help=maybe', 'GET /v1/mcp/agents?help=maybe', 400, 'help must be true or false, for example ?help=true.'],
    [
      'a wrapping TTL that is none',
      'GET /v1/mcp/agents/billing\nX-Vault-Wrap-TTL: soon',
      400,
      'error parsing X-Vault-Wrap-TTL header: it must be a duration in seconds, or a text such as 5m, and not negative',
    ],
    [
      'a namespace',
      'GET /v1/mcp/agents/billing\nX-Vault-Namespace: team',
      400,
      'namespaces are not supported by this server; leave X-Vault-Namespace (VAULT_NAMESPACE) out.',
    ],
    [
      'a namespace with a line break encoded',
      'GET /v1/mcp/agents/billing\nX-Vault-Namespace: a%0d%0ab',
      400,
      'namespaces are not supported by this server; leave X-Vault-Namespace (VAULT_NAMESPACE) out.',
    ],
  ])
})

describe('bodies', () => {
  answers(vaultFace, on, [
    ['not JSON', 'POST /v1/mcp/agents/new\n\n{"owner"', 400, 'failed to parse JSON input: the body is not valid JSON'],
    [
      'a key in what is not JSON',
      'POST /v1/secret/data/mcp/new\n\n{"data":{"api_key":"<key>"',
      400,
      'failed to parse JSON input: the body is not valid JSON',
    ],
    [
      'a list',
      'POST /v1/mcp/agents/new\n\n[]',
      400,
      'failed to parse JSON input: the body must be a JSON object, for example {"ttl":"15m"}',
    ],
    [
      'a text',
      'POST /v1/mcp/agents/new\n\n"x"',
      400,
      'failed to parse JSON input: the body must be a JSON object, for example {"ttl":"15m"}',
    ],
    [
      'a number',
      'POST /v1/mcp/agents/new\n\n1',
      400,
      'failed to parse JSON input: the body must be a JSON object, for example {"ttl":"15m"}',
    ],
    ['null', 'POST /v1/mcp/agents/new\n\nnull', 400, 'owner is required, for example owner=platform-team.'],
    ['nothing', 'POST /v1/mcp/agents/new', 400, 'owner is required, for example owner=platform-team.'],
    ['two values', 'POST /v1/mcp/agents/new\n\n{}{}', 400, 'failed to parse JSON input: the body is not valid JSON'],
    [
      'JSON with comments',
      'POST /v1/mcp/agents/new\n\n{/* a */}',
      400,
      'failed to parse JSON input: the body is not valid JSON',
    ],
    ['NaN', 'POST /v1/mcp/agents/new\n\n{"owner":NaN}', 400, 'failed to parse JSON input: the body is not valid JSON'],
    [
      'bytes that are not UTF-8',
      'POST /v1/mcp/agents/new\n\n{"owner":"\xff"}',
      400,
      'failed to parse JSON input: the body is not valid UTF-8',
    ],
    [
      'UTF-16',
      'POST /v1/mcp/agents/new\n\n\xff\xfe{\0}\0',
      400,
      'failed to parse JSON input: the body is not valid UTF-8',
    ],
    [
      '10 000 levels',
      `POST /v1/mcp/agents/new\n\n${deep(10_000)}`,
      400,
      'failed to parse JSON input: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    ],
    [
      '10 000 levels in KV',
      `POST /v1/secret/data/mcp/new\n\n{"data":${deep(10_000)}}`,
      400,
      'failed to parse JSON input: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    ],
    [
      'a million brackets',
      `POST /v1/secret/data/mcp/new\n\n{"data":{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}}`,
      400,
      'failed to parse JSON input: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    ],
    [
      '33 MiB',
      `POST /v1/secret/data/mcp/new\nContent-Length: ${String(33 * 1024 * 1024)}\n\n`,
      413,
      'request body too large; the limit is 32 MiB',
    ],
    [
      'a form',
      'POST /v1/mcp/agents/new\nContent-Type: application/x-www-form-urlencoded\n\nowner=',
      400,
      'owner is required, for example owner=platform-team.',
    ],
    [
      'XML',
      'POST /v1/mcp/agents/new\nContent-Type: text/xml\n\n<owner/>',
      400,
      'failed to parse JSON input: the body is not valid JSON',
    ],
    [
      '__proto__',
      'POST /v1/mcp/agents/new\n\n{"__proto__":{"owner":"x","environment":"production"}}',
      400,
      'owner is required, for example owner=platform-team.',
    ],
    [
      'constructor.prototype',
      'POST /v1/mcp/agents/new\n\n{"constructor":{"prototype":{"owner":"x","environment":"production"}}}',
      400,
      'owner is required, for example owner=platform-team.',
    ],
    [
      'a missing owner',
      'POST /v1/mcp/agents/new\n\n{"environment":"production"}',
      400,
      'owner is required, for example owner=platform-team.',
    ],
    [
      'an empty owner',
      'POST /v1/mcp/agents/new\n\n{"owner":"","environment":"production"}',
      400,
      'owner is required, for example owner=platform-team.',
    ],
    [
      'an owner that is a list',
      'POST /v1/mcp/agents/new\n\n{"owner":["a"],"environment":"production"}',
      400,
      'owner must be a string, for example owner=platform-team.',
    ],
    [
      'an owner of 300 characters',
      `POST /v1/mcp/agents/new\n\n{"owner":"${long(300)}","environment":"production"}`,
      400,
      'owner must be at most 256 characters, for example owner=platform-team.',
    ],
    [
      'a missing environment',
      'POST /v1/mcp/agents/new\n\n{"owner":"x"}',
      400,
      'environment is required, for example environment=production.',
    ],
    [
      'an environment that is no name',
      'POST /v1/mcp/agents/new\n\n{"owner":"x","environment":"a/b"}',
      400,
      'environment "a/b" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example environment=production.',
    ],
    [
      'disabled: perhaps',
      'POST /v1/mcp/agents/new\n\n{"owner":"x","environment":"production","disabled":"perhaps"}',
      400,
      'disabled must be true or false, for example disabled=false.',
    ],
    [
      'policies that are an object',
      'POST /v1/mcp/agents/new\n\n{"owner":"x","environment":"production","policies":{}}',
      400,
      'policies must be a list of strings, or one string with commas, for example policies=billing-read.',
    ],
    [
      'a policy that is no name',
      'POST /v1/mcp/agents/new\n\n{"owner":"x","environment":"production","policies":["../x"]}',
      400,
      'policies[0] "../x" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example policies[0]=billing-read.',
    ],
    [
      'a policy name of a megabyte',
      `POST /v1/mcp/agents/new\n\n{"owner":"x","environment":"production","policies":["${long(1_000_000)}"]}`,
      400,
      'policies[0] (1000000 characters) is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example policies[0]=billing-read.',
    ],
    ['KV without data', 'POST /v1/secret/data/mcp/new\n\n{"api_key":"x"}', 400, 'no data provided'],
    [
      'KV data that is a text',
      'POST /v1/secret/data/mcp/new\n\n{"data":"x"}',
      400,
      'data must be an object, or key=value texts, for example data={"api_key":"…"}.',
    ],
    [
      'KV data that is a list',
      'POST /v1/secret/data/mcp/new\n\n{"data":[1]}',
      400,
      'data must be an object, or key=value texts, for example data={"api_key":"…"}.',
    ],
    [
      'a cas that is none',
      'POST /v1/secret/data/mcp/new\n\n{"data":{"a":"b"},"options":{"cas":"x"}}',
      400,
      'error parsing check-and-set parameter',
    ],
    [
      'a cas that does not match',
      'POST /v1/secret/data/mcp/new\n\n{"data":{"a":"b"},"options":{"cas":7}}',
      400,
      'check-and-set parameter did not match the current version',
    ],
    [
      'custom_metadata that is deep',
      'POST /v1/secret/metadata/mcp/new\n\n{"custom_metadata":{"a":{"b":1}}}',
      400,
      'custom_metadata validation failed: the value of key "a" must be a string, for example custom_metadata={"owner":"team-a"}.',
    ],
  ])
})

describe('upstreams and tools', () => {
  const upstream = (document: object): string =>
    `POST /v1/mcp/upstreams/new\n\n${JSON.stringify({ url: 'https://api.example', ...document })}`
  const tool = (document: object): string => `POST /v1/mcp/tools/stripe/new\n\n${JSON.stringify(document)}`
  answers(vaultFace, on, [
    ['no url', 'POST /v1/mcp/upstreams/new\n\n{}', 400, 'url is required, for example url=https://api.stripe.com.'],
    [
      'a relative url',
      upstream({ url: '/v1' }),
      400,
      'url "/v1" is not an absolute URL, for example url=https://api.stripe.com.',
    ],
    [
      'a file url',
      upstream({ url: 'file:///etc/passwd' }),
      400,
      'url must start with https://, for example url=https://api.stripe.com.',
    ],
    [
      'a script url',
      upstream({ url: 'javascript:alert(1)' }),
      400,
      'url must start with https://, for example url=https://api.stripe.com.',
    ],
    [
      'a url with a password',
      upstream({ url: 'https://a:secret@api.example' }),
      400,
      'url must not hold a user or password; keys lie in KV, for example url=https://api.stripe.com.',
    ],
    [
      'a url with a query',
      upstream({ url: 'https://api.example/?key=x' }),
      400,
      'url must not have a query or fragment, for example url=https://api.stripe.com.',
    ],
    [
      'a url with a fragment',
      upstream({ url: 'https://api.example/#' }),
      400,
      'url must not have a query or fragment, for example url=https://api.stripe.com.',
    ],
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
      'auth "magic" is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none, for example auth=header:X-Api-Key.',
    ],
    [
      'auth into Host',
      upstream({ auth: 'header:Host' }),
      400,
      'auth "header:Host" is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none, for example auth=header:X-Api-Key.',
    ],
    [
      'auth into a header with a line break',
      upstream({ auth: 'header:X\r\nY' }).replaceAll('\\r', ''),
      400,
      'auth "header:X\\nY" is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none, for example auth=header:X-Api-Key.',
    ],
    [
      'auth into a query name with &',
      upstream({ auth: 'query:a&b' }),
      400,
      'auth "query:a&b" is not a way to send a key: bearer, basic, header:<Name>, query:<name> or none, for example auth=header:X-Api-Key.',
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
    [
      'a header value with a line break',
      upstream({ headers: { 'X-A': 'a\nb' } }),
      400,
      'headers.X-A must be a printable text on one line, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
    [
      'a header value that is a number',
      upstream({ headers: { 'X-A': 1 } }),
      400,
      'headers.X-A must be a printable text on one line, for example headers={"Stripe-Version":"2025-03-31"}.',
    ],
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
      'timeout must be a duration in seconds, or a text such as 15m or 1h30m, for example timeout=60.',
    ],
    [
      'max_request_bytes as a fraction',
      upstream({ max_request_bytes: 1.5 }),
      400,
      'max_request_bytes must be a whole number, for example max_request_bytes=1048576.',
    ],
    [
      'max_request_bytes beyond numbers',
      upstream({ max_request_bytes: 1e300 }),
      400,
      'max_request_bytes must be a whole number, for example max_request_bytes=1048576.',
    ],
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
      'operations[0]: operation method "TRACE" is none of GET, HEAD, POST, PUT, PATCH, DELETE; write for example "GET /v1/invoices/{id}".',
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
      'operations[0]: operation path "/v1/*" has a "*"; {name} stands for one whole segment; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation that is encoded',
      tool({ operations: ['GET /v1/%2e%2e'] }),
      400,
      'operations[0]: operation path "/v1/%2e%2e" is percent-encoded; write it decoded; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'an operation with braces inside',
      tool({ operations: ['GET /v1/a{b}'] }),
      400,
      'operations[0]: operation path "/v1/a{b}" has braces inside a segment; {name} stands for one whole segment; write for example "GET /v1/invoices/{id}".',
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
      'operations[0]: an operation has the unknown key "scope"; known are capability, method, path and parameters.',
    ],
    [
      'an operation that is a number',
      tool({ operations: [1] }),
      400,
      'operations[0]: an operation is a text or an object; write for example "GET /v1/invoices/{id}".',
    ],
    [
      'a capability that is none',
      tool({ operations: [{ method: 'GET', path: '/v1', capability: 'root' }] }),
      400,
      'operations[0]: operation capability "root" is none of create, read, update, delete, list.',
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
      'fields: field "data[[].id" is not a path into a JSON answer; write for example has_more or data[].id.',
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
      'name "a/b/c" is not a tool: a resource, or resource/qualifier, for example customers/id-only.',
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
  answers(vaultFace, on, [
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
    [
      'blocks 10 000 deep',
      write('a {'.repeat(10_000)),
      400,
      'policy: line 1: blocks and lists are nested more than 16 deep.',
    ],
    [
      'lists 10 000 deep',
      write(`path "tools/a/b" { capabilities = ${'['.repeat(10_000)}`),
      400,
      'policy: line 1: blocks and lists are nested more than 16 deep.',
    ],
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
  answers(vaultFace, on, [
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

describe('scopes', () => {
  const write = (scopes: unknown): string => `POST /v1/mcp/agents/billing/scopes\n\n${JSON.stringify({ scopes })}`
  answers(vaultFace, on, [
    [
      'an agent that is not there',
      'POST /v1/mcp/agents/none/scopes\n\n{"scopes":["read:stripe:invoices"]}',
      404,
      'agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
    ],
    [
      'an environment that is no name',
      'POST /v1/mcp/agents/billing/scopes/PROD\n\n{"scopes":["read:stripe:invoices"]}',
      400,
      'environment "PROD" is not a name: 1 to 64 characters of a-z, 0-9, _ and -, starting with a letter or digit, for example environment=staging.',
    ],
    [
      'an object',
      write({}),
      400,
      'scopes must be a list of strings, or one string with commas, for example scopes=read:stripe:invoices,read:stripe:customers:id-only.',
    ],
    [
      'a list in a list',
      write([['read:stripe:invoices']]),
      400,
      'scopes has an item at [0] that is not a string, for example scopes=read:stripe:invoices,read:stripe:customers:id-only.',
    ],
    [
      'no capability',
      write(['stripe:invoices']),
      400,
      'scopes[0]: "stripe:invoices" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'an unknown capability',
      write(['root:stripe:invoices']),
      400,
      'scopes[0]: "root:stripe:invoices" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a capability of the prototype',
      write(['constructor:stripe:invoices']),
      400,
      'scopes[0]: "constructor:stripe:invoices" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'no upstream',
      write(['read:']),
      400,
      'scopes[0]: "read:" names no upstream. Write for example read:stripe:invoices.',
    ],
    [
      'no resource',
      write(['read:stripe']),
      400,
      'scopes[0]: "read:stripe" names no resource. Name one, for example read:stripe:invoices.',
    ],
    [
      'an empty part',
      write(['read:stripe::id-only']),
      400,
      'scopes[0]: "read:stripe::id-only" has an empty part. Write for example read:stripe:invoices.',
    ],
    [
      'five parts',
      write(['read:stripe:a:b:c']),
      400,
      'scopes[0]: "read:stripe:a:b:c" has more parts than capability, upstream, resource and qualifier. Write for example read:stripe:customers:id-only.',
    ],
    [
      'capitals',
      write(['read:Stripe:invoices']),
      400,
      'scopes[0]: "read:Stripe:invoices": "Stripe" is not a name (lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 64 characters). Write for example read:stripe:invoices.',
    ],
    [
      'a space',
      write(['read:stripe:in voices']),
      400,
      'scopes[0]: "read:stripe:in voices": "in voices" is not a name (lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 64 characters). Write for example read:stripe:invoices.',
    ],
    [
      '..',
      write(['read:tools/../secret']),
      400,
      'scopes[0]: "read:tools/../secret": ".." is not a name (lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 64 characters). Write for example read:stripe:invoices.',
    ],
    [
      'letters that look alike',
      utf8(write(['read:str\u0456pe:invoices'])),
      400,
      'scopes[0]: "read:strіpe:invoices": "strіpe" is not a name (lower-case letters, digits, "_" and "-", beginning with a letter or digit, at most 64 characters). Write for example read:stripe:invoices.',
    ],
    [
      'everything',
      write(['read:*']),
      400,
      'scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'any upstream',
      write(['read:+:invoices']),
      400,
      'scopes[0]: "read:+:invoices" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'upstreams that begin so',
      write(['read:str*']),
      400,
      'scopes[0]: "read:str*" covers every upstream beginning with "str". Name a resource, for example read:stripe:invoices.',
    ],
    [
      'every resource',
      write(['read:stripe:*']),
      400,
      'scopes[0]: "read:stripe:*" covers every resource of stripe. Name one, for example read:stripe:invoices.',
    ],
    [
      'resources that begin so',
      write(['read:stripe:inv*']),
      400,
      'scopes[0]: "read:stripe:inv*" covers every resource of stripe beginning with "inv". Name one, for example read:stripe:invoices.',
    ],
    [
      'a star before the end',
      write(['read:*:invoices']),
      400,
      'scopes[0]: "read:*:invoices" has a "*" before its end. "*" stands only at the end, "+" for one part; write for example read:stripe:+:id-only.',
    ],
    [
      '300 characters',
      write([`read:stripe:${long(300)}`]),
      400,
      'scopes[0]: a scope has at most 256 characters; "read:stripe:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…" is longer.',
    ],
    [
      'a token for a scope',
      write(['<phantom>']),
      400,
      'scopes[0]: "svt_…" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a good one and a bad one',
      write(['read:stripe:invoices', 'read']),
      400,
      'scopes[1]: "read" names no upstream. Write for example read:stripe:invoices.',
    ],
    [
      'a max_ttl_seconds of 0',
      'POST /v1/mcp/agents/billing/scopes\n\n{"max_ttl_seconds":0}',
      400,
      'max_ttl_seconds must be at least 1; tokens always expire, for example max_ttl_seconds=900.',
    ],
    [
      'a max_ttl_seconds that is negative',
      'POST /v1/mcp/agents/billing/scopes\n\n{"max_ttl_seconds":-5}',
      400,
      'max_ttl_seconds must not be negative, for example max_ttl_seconds=900.',
    ],
    [
      'a max_ttl_seconds without a unit known',
      'POST /v1/mcp/agents/billing/scopes\n\n{"max_ttl_seconds":"5y"}',
      400,
      'max_ttl_seconds must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl_seconds=900.',
    ],
    [
      'a max_ttl_seconds that is infinite',
      'POST /v1/mcp/agents/billing/scopes\n\n{"max_ttl_seconds":1e999}',
      400,
      'failed to parse JSON input: a number has more digits than this server keeps, or is too large for it; send it as a text, for example "9007199254740993"',
    ],
  ])
})

describe('settings', () => {
  const write = (config: object): string => `POST /v1/mcp/config\n\n${JSON.stringify(config)}`
  answers(vaultFace, on, [
    [
      'a default_ttl of 0',
      write({ default_ttl: 0 }),
      400,
      'default_ttl must be at least 1 second; tokens and sessions always expire, for example default_ttl=900.',
    ],
    [
      'a default_ttl over max_ttl',
      write({ default_ttl: '2h' }),
      400,
      'default_ttl (7200) is longer than max_ttl (3600); raise max_ttl or lower default_ttl, for example default_ttl=3600.',
    ],
    [
      "a max_ttl over a session's life",
      write({ max_ttl: '9h' }),
      400,
      'max_ttl (32400) is longer than session_max_life (28800); a token cannot outlive its session, for example session_max_life=32400.',
    ],
    [
      'a duration that is none',
      write({ max_ttl: 'tomorrow' }),
      400,
      'max_ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl=3600.',
    ],
    [
      'a duration with units the wrong way',
      write({ max_ttl: 'm15' }),
      400,
      'max_ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl=3600.',
    ],
    [
      'a duration that is negative',
      write({ max_ttl: '-15m' }),
      400,
      'max_ttl must not be negative, for example max_ttl=3600.',
    ],
    [
      'a duration that is a list',
      write({ max_ttl: [900] }),
      400,
      'max_ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl=3600.',
    ],
    [
      'a duration that is true',
      write({ max_ttl: true }),
      400,
      'max_ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl=3600.',
    ],
    [
      'a duration beyond numbers',
      write({ max_ttl: '99999999999999999999s' }),
      400,
      'max_ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example max_ttl=3600.',
    ],
    [
      'the prefix of service tokens',
      write({ token_prefix: 'gst' }),
      400,
      'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
    ],
    [
      'a prefix of one letter',
      write({ token_prefix: 'x' }),
      400,
      'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
    ],
    [
      'a prefix with _',
      write({ token_prefix: 'a_b' }),
      400,
      'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
    ],
    [
      'a label that is too long',
      write({ environment_labels: { production: long(17) } }),
      400,
      'environment_labels.production must be 1 to 16 characters of a-z and 0-9, for example {"production":"prod"}.',
    ],
    [
      'a label that is an object',
      write({ environment_labels: { production: {} } }),
      400,
      'environment_labels.production must be 1 to 16 characters of a-z and 0-9, for example {"production":"prod"}.',
    ],
    [
      'labels that are a list',
      write({ environment_labels: [1] }),
      400,
      'environment_labels must be an object, or key=value texts, for example environment_labels={"production-eu":"prodeu"}.',
    ],
    [
      'allow_wildcards: perhaps',
      write({ allow_wildcards: 'perhaps' }),
      400,
      'allow_wildcards must be true or false, for example allow_wildcards=false.',
    ],
  ])
})

describe('creds', () => {
  const ask = (agent: string, body: object): string => `POST /v1/mcp/creds/${agent}\n\n${JSON.stringify(body)}`
  answers(vaultFace, on, [
    [
      'an agent that is not registered',
      ask('none', {}),
      400,
      'agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
    ],
    [
      'an agent that is disabled',
      ask('disabled', {}),
      400,
      'agent "disabled" is disabled; no tokens are issued for it.',
    ],
    [
      'an agent without scopes',
      ask('silent', {}),
      400,
      'agent "silent" has declared no scopes or policies; nothing can be granted. Write mcp/agents/silent/scopes, for example scopes=read:stripe:invoices.',
    ],
    [
      'more than is declared',
      ask('billing', { requested_scopes: ['delete:stripe:invoices'] }),
      400,
      'requested_scopes: "delete:stripe:invoices" is more than agent "billing" declares (read:stripe:invoices, read:stripe:customers:id-only, read:stripe:faults, read:stripe:projected, create:stripe:refunds).',
    ],
    [
      'no scopes',
      ask('billing', { requested_scopes: [] }),
      400,
      'requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.',
    ],
    [
      'a scope that is none',
      ask('billing', { requested_scopes: ['everything'] }),
      400,
      'requested_scopes[0]: "everything" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a wildcard',
      ask('billing', { requested_scopes: ['read:*'] }),
      400,
      'requested_scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'a policy it has not',
      ask('billing', { policies: ['root'] }),
      400,
      'policies: "root" is not a policy of agent "billing" (it has none).',
    ],
    [
      'an environment not its own',
      ask('billing', { environment: 'staging' }),
      400,
      'environment "staging" is neither the own environment of agent "billing" ("production") nor one it has scopes for. Write mcp/agents/billing/scopes/staging first.',
    ],
    [
      'an environment of the prototype',
      ask('billing', { environment: '__proto__' }),
      400,
      'environment "__proto__" is neither the own environment of agent "billing" ("production") nor one it has scopes for. Write mcp/agents/billing/scopes/__proto__ first.',
    ],
    [
      'a purpose of two lines',
      ask('billing', { purpose: 'a\nb' }),
      400,
      'purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
    ],
    [
      'a purpose of 600 characters',
      ask('billing', { purpose: long(600) }),
      400,
      'purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
    ],
    [
      'a purpose that is an object',
      ask('billing', { purpose: {} }),
      400,
      'purpose must be a string, for example purpose=quarterly-invoice-reconciliation.',
    ],
    [
      'a ttl that is none',
      ask('billing', { ttl: 'x' }),
      400,
      'ttl must be a duration in seconds, or a text such as 15m or 1h30m, for example ttl=900.',
    ],
    ['a ttl that is negative', ask('billing', { ttl: -1 }), 400, 'ttl must not be negative, for example ttl=900.'],
    [
      'a parent that is none',
      ask('billing', { parent_token: 'svt_prod_x' }),
      400,
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    ],
    [
      'a parent that is revoked',
      ask('billing', { parent_token: '<revoked>' }),
      400,
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    ],
    [
      'a parent that is expired',
      ask('billing', { parent_token: '<expired>' }),
      400,
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    ],
    [
      'a parent that is a Vault token',
      ask('billing', { parent_token: '<root>' }),
      400,
      'parent_token is not a live token; delegate from a live session, or omit parent_token.',
    ],
    [
      'more than the parent has',
      ask('refunder', { parent_token: '<phantom>', requested_scopes: ['create:stripe:payouts'] }),
      400,
      'requested_scopes: "create:stripe:payouts" is more than agent "refunder" declares (by its policies).',
    ],
    [
      'refreshing a session of another agent',
      'POST /v1/mcp/creds/refunder/<session>\n\n{}',
      400,
      'session "<session>" is not a session of agent "refunder"; open one with mcp/creds/refunder.',
    ],
    [
      'refreshing what is no session',
      'POST /v1/mcp/creds/billing/nothing\n\n{}',
      400,
      'session "nothing" is not a session of agent "billing"; open one with mcp/creds/billing.',
    ],
    [
      'introspecting nothing',
      'POST /v1/mcp/introspect\n\n{}',
      400,
      'give exactly one of token, token_sha256 and session_id, for example token=svt_prod_….',
    ],
    [
      'introspecting two things',
      'POST /v1/mcp/introspect\n\n{"token":"<phantom>","session_id":"<session>"}',
      400,
      'give exactly one of token, token_sha256 and session_id, for example token=svt_prod_….',
    ],
    [
      'introspecting a digest that is none',
      'POST /v1/mcp/introspect\n\n{"token_sha256":"xyz"}',
      400,
      'token_sha256 must be 64 hexadecimal digits, for example token_sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9.',
    ],
    [
      'introspecting for a scope that is none',
      'POST /v1/mcp/introspect\n\n{"token":"<phantom>","required_scope":"everything"}',
      400,
      'required_scope: "everything" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a feed position that is none',
      'GET /v1/mcp/feed?after=x',
      400,
      'after must be a whole number, for example after=41.',
    ],
    [
      'a feed wait that is none',
      'GET /v1/mcp/feed?wait=x',
      400,
      'wait must be a duration in seconds, or a text such as 15m or 1h30m, for example wait=1.',
    ],
    [
      'revoking an agent that is not there',
      'POST /v1/mcp/agents/none/revoke\n\n{}',
      404,
      'agent "none" is not registered.',
    ],
    ['reading a session that is none', 'GET /v1/mcp/sessions/nothing', 404, 'errors: []'],
  ])
})

describe('tokens', () => {
  const as = (header: string, target = 'GET /v1/mcp/agents/billing'): string => `${target}\n${header}`
  answers(vaultFace, on, [
    ['none', 'GET /v1/mcp/agents/billing\nanonymous', 403, 'permission denied'],
    ['an empty one', as('X-Vault-Token:'), 403, 'permission denied'],
    ['nonsense', as('X-Vault-Token: hello'), 403, 'permission denied'],
    ['one cut short', 'GET /v1/mcp/agents/billing\nX-Vault-Token: hvs.root', 403, 'permission denied'],
    ['two', as('X-Vault-Token: <root>\nX-Vault-Token: <nobody>'), 400, 'x-vault-token is given twice; send it once.'],
    ['a good one beside a bad one', as('X-Vault-Token: hello\nAuthorization: Bearer <root>'), 403, 'permission denied'],
    ['basic', as('Authorization: Basic cm9vdDpyb290'), 403, 'permission denied'],
    ['a phantom token', as('X-Vault-Token: <phantom>'), 403, 'permission denied'],
    ['a service token', as('X-Vault-Token: <service>'), 403, 'permission denied'],
    ['in the query', 'GET /v1/mcp/agents/billing?token=<root>\nanonymous', 403, 'permission denied'],
    ['in a cookie', as('anonymous\nCookie: token=<root>'), 403, 'permission denied'],
    ['one of 10 KB', as(`X-Vault-Token: ${long(10_000)}`), 403, 'permission denied'],
    ['__proto__', as('X-Vault-Token: __proto__'), 403, 'permission denied'],
    ['one without rights', as('X-Vault-Token: <nobody>'), 403, '1 error occurred:\n\t* permission denied\n\n'],
    [
      'one without rights at a path that is not there',
      as('X-Vault-Token: <nobody>', 'GET /v1/nothing/here'),
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'an operator reading a key',
      as('X-Vault-Token: <mcp-operator>', 'GET /v1/secret/data/mcp/stripe'),
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'an operator issuing a token',
      'POST /v1/mcp/creds/billing\nX-Vault-Token: <mcp-operator>\n\n{}',
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'an operator introspecting',
      'POST /v1/mcp/introspect\nX-Vault-Token: <mcp-operator>\n\n{"token":"<phantom>"}',
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'a gateway writing an upstream',
      'POST /v1/mcp/upstreams/stripe\nX-Vault-Token: <mcp-gateway>\n\n{"url":"https://evil.example"}',
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'a gateway reading another key',
      as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret/data/other'),
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'a gateway by way of ..',
      as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret/data/mcp/%2e%2e/other'),
      400,
      'path cannot contain relative segments such as ".."',
    ],
    [
      'a gateway by way of an encoded slash',
      as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret%2fdata%2fother'),
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'a service issuing, then introspecting',
      'POST /v1/mcp/introspect\nX-Vault-Token: <mcp-service>\n\n{"token":"<phantom>"}',
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    [
      'a service closing a session that is not its own',
      'DELETE /v1/mcp/creds/billing/<session>\nX-Vault-Token: <mcp-service>',
      403,
      'permission denied',
    ],
    [
      'a service refreshing a session that is not its own',
      'POST /v1/mcp/creds/billing/<session>\nX-Vault-Token: <mcp-service>\n\n{}',
      403,
      'permission denied',
    ],
    [
      'a child with more policies',
      'POST /v1/auth/token/create\nX-Vault-Token: <nobody>\n\n{"policies":["root"]}',
      403,
      '1 error occurred:\n\t* permission denied\n\n',
    ],
    ['looking up what is none', 'POST /v1/auth/token/lookup\n\n{"token":"hello"}', 403, 'permission denied'],
    ['renewing what is none', 'POST /v1/auth/token/renew\n\n{"token":"hello"}', 400, 'token not found'],
    ['revoking what is none', 'POST /v1/auth/token/revoke\n\n{"token":"hello"}', 204, ''],
    ['a lease that is none', 'PUT /v1/sys/leases/renew\n\n{"lease_id":"nothing"}', 400, 'lease not found'],
  ])
})
