/** The Vault API: paths, verbs and bodies that are none. */
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

const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
const long = (count: number): string => 'x'.repeat(count)

describe('paths', () => {
  checkRows(vaultFace, on, [
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
    ...alike(
      [400, 'the path holds a "%" that starts no percent-encoded UTF-8 character; write it as %25.'],
      [
        ['a lone %', 'GET /v1/mcp/agents/%'],
        ['%ff', 'GET /v1/mcp/agents/%ff'],
        ['an overlong slash', 'GET /v1/mcp/agents/%c0%af'],
      ],
    ),
    [
      'raw bytes beyond ASCII',
      'GET /v1/mcp/agents/\xe9',
      400,
      'the request is not well-formed HTTP/1.1: the target is not made of visible ASCII characters; escape others, for example %20 for a space',
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
    ...alike(
      [404, 'no handler for this path; the API lies under /v1/'],
      [
        ['the absolute form', 'GET http://<host>/v1/mcp/agents/billing'],
        ['the absolute form of another server', 'GET http://evil.example/v1/sys/mounts'],
      ],
    ),
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
  checkRows(vaultFace, on, [
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
    ...alike(
      [405, 'unsupported operation [Allow: GET, LIST, POST, PUT, PATCH, DELETE]'],
      [
        ['OPTIONS', 'OPTIONS /v1/mcp/agents/billing'],
        ['LINK, which stands in for LIST', 'LINK /v1/mcp/agents'],
        ['LOCK', 'LOCK /v1/mcp/agents'],
        ['SCAN', 'SCAN /v1/mcp/agents'],
        ['QUERY', 'QUERY /v1/mcp/agents'],
        ['MKCOL', 'MKCOL /v1/mcp/agents'],
      ],
    ),
    ...alike(
      [415, 'PATCH requires Content-Type application/merge-patch+json'],
      [
        ['PATCH without a content type', 'PATCH /v1/secret/data/mcp/stripe\n\n{"data":{"a":"b"}}'],
        [
          'PATCH as plain JSON',
          'PATCH /v1/secret/data/mcp/stripe\nContent-Type: application/json\n\n{"data":{"a":"b"}}',
        ],
      ],
    ),
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
      'error parsing X-Vault-Wrap-TTL header: it must be a duration in seconds, or a string such as 5m, and not negative',
    ],
    ...alike(
      [400, 'namespaces are not supported by this server; leave X-Vault-Namespace (VAULT_NAMESPACE) out.'],
      [
        ['a namespace', 'GET /v1/mcp/agents/billing\nX-Vault-Namespace: team'],
        ['a namespace with a line break encoded', 'GET /v1/mcp/agents/billing\nX-Vault-Namespace: a%0d%0ab'],
      ],
    ),
  ])
})

describe('bodies', () => {
  checkRows(vaultFace, on, [
    ['not JSON', 'POST /v1/mcp/agents/new\n\n{"owner"', 400, 'failed to parse JSON input: the body is not valid JSON'],
    [
      'a key in what is not JSON',
      'POST /v1/secret/data/mcp/new\n\n{"data":{"api_key":"<key>"',
      400,
      'failed to parse JSON input: the body is not valid JSON',
    ],
    ...alike(
      [400, 'failed to parse JSON input: the body must be a JSON object, for example {"ttl":"15m"}'],
      [
        ['a list', 'POST /v1/mcp/agents/new\n\n[]'],
        ['a text', 'POST /v1/mcp/agents/new\n\n"x"'],
        ['a number', 'POST /v1/mcp/agents/new\n\n1'],
      ],
    ),
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
    ...alike(
      [400, 'failed to parse JSON input: the body is not valid UTF-8'],
      [
        ['bytes that are not UTF-8', 'POST /v1/mcp/agents/new\n\n{"owner":"\xff"}'],
        ['UTF-16', 'POST /v1/mcp/agents/new\n\n\xff\xfe{\0}\0'],
      ],
    ),
    ...alike(
      [
        400,
        'failed to parse JSON input: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
      ],
      [
        ['10 000 levels', `POST /v1/mcp/agents/new\n\n${deep(10_000)}`],
        ['10 000 levels in KV', `POST /v1/secret/data/mcp/new\n\n{"data":${deep(10_000)}}`],
        [
          'a million brackets',
          `POST /v1/secret/data/mcp/new\n\n{"data":{"a":${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}}}`,
        ],
      ],
    ),
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
    ...alike(
      [400, 'owner is required, for example owner=platform-team.'],
      [
        ['__proto__', 'POST /v1/mcp/agents/new\n\n{"__proto__":{"owner":"x","environment":"production"}}'],
        [
          'constructor.prototype',
          'POST /v1/mcp/agents/new\n\n{"constructor":{"prototype":{"owner":"x","environment":"production"}}}',
        ],
        ['a missing owner', 'POST /v1/mcp/agents/new\n\n{"environment":"production"}'],
        ['an empty owner', 'POST /v1/mcp/agents/new\n\n{"owner":"","environment":"production"}'],
      ],
    ),
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
    ...alike(
      [400, 'data must be an object, or key=value strings, for example data={"api_key":"…"}.'],
      [
        ['KV data that is a text', 'POST /v1/secret/data/mcp/new\n\n{"data":"x"}'],
        ['KV data that is a list', 'POST /v1/secret/data/mcp/new\n\n{"data":[1]}'],
      ],
    ),
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
