/** The Vault API: scopes, settings and durations that are refused, and tokens that are none. */
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

const long = (count: number): string => 'x'.repeat(count)
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe('scopes', () => {
  const write = (scopes: unknown): string => `POST /v1/mcp/agents/billing/scopes\n\n${JSON.stringify({ scopes })}`
  checkRows(vaultFace, on, [
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
      'scopes[0]: "stripe:invoices" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'an unknown capability',
      write(['root:stripe:invoices']),
      400,
      'scopes[0]: "root:stripe:invoices" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a capability of the prototype',
      write(['constructor:stripe:invoices']),
      400,
      'scopes[0]: "constructor:stripe:invoices" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
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
      'scopes[0]: "svt_…" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
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
      'max_ttl_seconds must be a duration in seconds, or a string such as 15m or 1h30m, for example max_ttl_seconds=900.',
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
  checkRows(vaultFace, on, [
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
    ...alike(
      [400, 'max_ttl must be a duration in seconds, or a string such as 15m or 1h30m, for example max_ttl=3600.'],
      [
        ['a duration that is none', write({ max_ttl: 'tomorrow' })],
        ['a duration with units the wrong way', write({ max_ttl: 'm15' })],
      ],
    ),
    [
      'a duration that is negative',
      write({ max_ttl: '-15m' }),
      400,
      'max_ttl must not be negative, for example max_ttl=3600.',
    ],
    ...alike(
      [400, 'max_ttl must be a duration in seconds, or a string such as 15m or 1h30m, for example max_ttl=3600.'],
      [
        ['a duration that is a list', write({ max_ttl: [900] })],
        ['a duration that is true', write({ max_ttl: true })],
        ['a duration beyond numbers', write({ max_ttl: '99999999999999999999s' })],
      ],
    ),
    ...alike(
      [
        400,
        'token_prefix must be 2 to 8 characters of a-z and 0-9 (gst is taken by service tokens), for example token_prefix=svt.',
      ],
      [
        ['the prefix of service tokens', write({ token_prefix: 'gst' })],
        ['a prefix of one letter', write({ token_prefix: 'x' })],
        ['a prefix with _', write({ token_prefix: 'a_b' })],
      ],
    ),
    ...alike(
      [
        400,
        'environment_labels.production must be 1 to 16 characters of a-z and 0-9, for example {"production":"prod"}.',
      ],
      [
        ['a label that is too long', write({ environment_labels: { production: long(17) } })],
        ['a label that is an object', write({ environment_labels: { production: {} } })],
      ],
    ),
    [
      'labels that are a list',
      write({ environment_labels: [1] }),
      400,
      'environment_labels must be an object, or key=value strings, for example environment_labels={"production-eu":"prodeu"}.',
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
  const requestText = (agent: string, body: object): string => `POST /v1/mcp/creds/${agent}\n\n${JSON.stringify(body)}`
  checkRows(vaultFace, on, [
    [
      'an agent that is not registered',
      requestText('none', {}),
      400,
      'agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
    ],
    [
      'an agent that is disabled',
      requestText('disabled', {}),
      400,
      'agent "disabled" is disabled; no tokens are issued for it.',
    ],
    [
      'an agent without scopes',
      requestText('silent', {}),
      400,
      'agent "silent" has declared no scopes or policies; nothing can be granted. Write mcp/agents/silent/scopes, for example scopes=read:stripe:invoices.',
    ],
    [
      'more than is declared',
      requestText('billing', { requested_scopes: ['delete:stripe:invoices'] }),
      400,
      'requested_scopes: "delete:stripe:invoices" is more than agent "billing" declares (read:stripe:invoices, read:stripe:customers:id-only, read:stripe:faults, read:stripe:projected, create:stripe:refunds).',
    ],
    [
      'no scopes',
      requestText('billing', { requested_scopes: [] }),
      400,
      'requested_scopes is empty. Omit it to be granted all declared scopes, or name some, for example requested_scopes=read:stripe:invoices.',
    ],
    [
      'a scope that is none',
      requestText('billing', { requested_scopes: ['everything'] }),
      400,
      'requested_scopes[0]: "everything" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a wildcard',
      requestText('billing', { requested_scopes: ['read:*'] }),
      400,
      'requested_scopes[0]: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'a policy it has not',
      requestText('billing', { policies: ['root'] }),
      400,
      'policies: "root" is not a policy of agent "billing" (it has none).',
    ],
    [
      'an environment not its own',
      requestText('billing', { environment: 'staging' }),
      400,
      'environment "staging" is neither the own environment of agent "billing" ("production") nor one it has scopes for. Write mcp/agents/billing/scopes/staging first.',
    ],
    [
      'an environment of the prototype',
      requestText('billing', { environment: '__proto__' }),
      400,
      'environment "__proto__" is neither the own environment of agent "billing" ("production") nor one it has scopes for. Write mcp/agents/billing/scopes/__proto__ first.',
    ],
    ...alike(
      [
        400,
        'purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
      ],
      [
        ['a purpose of two lines', requestText('billing', { purpose: 'a\nb' })],
        ['a purpose of 600 characters', requestText('billing', { purpose: long(600) })],
      ],
    ),
    [
      'a purpose that is an object',
      requestText('billing', { purpose: {} }),
      400,
      'purpose must be a string, for example purpose=quarterly-invoice-reconciliation.',
    ],
    [
      'a ttl that is none',
      requestText('billing', { ttl: 'x' }),
      400,
      'ttl must be a duration in seconds, or a string such as 15m or 1h30m, for example ttl=900.',
    ],
    [
      'a ttl that is negative',
      requestText('billing', { ttl: -1 }),
      400,
      'ttl must not be negative, for example ttl=900.',
    ],
    ...alike(
      [400, 'parent_token is not a live token; delegate from a live session, or omit parent_token.'],
      [
        ['a parent that is none', requestText('billing', { parent_token: 'svt_prod_x' })],
        ['a parent that is revoked', requestText('billing', { parent_token: '<revoked>' })],
        ['a parent that is expired', requestText('billing', { parent_token: '<expired>' })],
        ['a parent that is a Vault token', requestText('billing', { parent_token: '<root>' })],
      ],
    ),
    [
      'more than the parent has',
      requestText('refunder', { parent_token: '<phantom>', requested_scopes: ['create:stripe:payouts'] }),
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
    ...alike(
      [400, 'give exactly one of token, token_sha256, session_id and batch_input, for example token=svt_prod_….'],
      [
        ['introspecting nothing', 'POST /v1/mcp/introspect\n\n{}'],
        ['introspecting two things', 'POST /v1/mcp/introspect\n\n{"token":"<phantom>","session_id":"<session>"}'],
      ],
    ),
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
      'required_scope: "everything" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
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
      'wait must be a duration in seconds, or a string such as 15m or 1h30m, for example wait=1.',
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
  checkRows(vaultFace, on, [
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
    ...alike(
      [403, '1 error occurred:\n\t* permission denied\n\n'],
      [
        ['one without rights', as('X-Vault-Token: <nobody>')],
        ['one without rights at a path that is not there', as('X-Vault-Token: <nobody>', 'GET /v1/nothing/here')],
        ['an operator reading a key', as('X-Vault-Token: <mcp-operator>', 'GET /v1/secret/data/mcp/stripe')],
        ['an operator issuing a token', 'POST /v1/mcp/creds/billing\nX-Vault-Token: <mcp-operator>\n\n{}'],
        [
          'an operator introspecting',
          'POST /v1/mcp/introspect\nX-Vault-Token: <mcp-operator>\n\n{"token":"<phantom>"}',
        ],
        [
          'a gateway writing an upstream',
          'POST /v1/mcp/upstreams/stripe\nX-Vault-Token: <mcp-gateway>\n\n{"url":"https://evil.example"}',
        ],
        ['a gateway reading another key', as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret/data/other')],
      ],
    ),
    [
      'a gateway by way of ..',
      as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret/data/mcp/%2e%2e/other'),
      400,
      'path cannot contain relative segments such as ".."',
    ],
    ...alike(
      [403, '1 error occurred:\n\t* permission denied\n\n'],
      [
        ['a gateway by way of an encoded slash', as('X-Vault-Token: <mcp-gateway>', 'GET /v1/secret%2fdata%2fother')],
        [
          'a service issuing, then introspecting',
          'POST /v1/mcp/introspect\nX-Vault-Token: <mcp-service>\n\n{"token":"<phantom>"}',
        ],
      ],
    ),
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
