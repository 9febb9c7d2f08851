/** The gateway's REST API: bodies, and malformed tokens. */
import { afterAll, beforeAll, describe } from 'vitest'
import { alike, checkRows, restFace } from './rows.ts'
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

describe('bodies', () => {
  checkRows(restFace, on, [
    ...alike(
      [400, 'bad_request: the body is not valid JSON, for example {"agent_id":"claude-billing-agent"}'],
      [
        ['not JSON', 'POST /agents\n\n{"agent_id"'],
        ['a token in what is not JSON', 'POST /validate\n\n{"token":"<phantom>"'],
      ],
    ),
    ...alike(
      [400, 'bad_request: the body must be a JSON object, for example {"agent_id":"claude-billing-agent"}'],
      [
        ['a list', 'POST /agents\n\n[]'],
        ['a text', 'POST /agents\n\n"agent"'],
        ['null', 'POST /agents\n\nnull'],
      ],
    ),
    [
      'nothing',
      'POST /agents',
      400,
      'bad_request: agent_id: is missing or not a string, for example claude-billing-agent',
    ],
    [
      'bytes that are not UTF-8',
      'POST /agents\n\n{"agent_id":"new","owner":"\xff","environment":"production"}',
      400,
      'bad_request: the body is not valid UTF-8, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      '10 000 levels',
      `POST /agents\n\n{"agent_id":"new","owner":${deep(10_000)}}`,
      400,
      'bad_request: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    ],
    [
      '10 000 levels for scopes',
      `POST /agents/billing/scopes\n\n{"scopes":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
      400,
      'bad_request: objects and lists are nested more than 300 deep (max_json_depth); send less, or have the operator raise the setting of the listener',
    ],
    [
      '300 KB',
      `POST /agents\n\n{"agent_id":"${long(300_000)}"}`,
      413,
      'too_large: request body too large; the limit is 64 KiB',
    ],
    [
      'a form',
      'POST /agents\nContent-Type: application/x-www-form-urlencoded\n\nagent_id=new',
      400,
      'bad_request: the body is not valid JSON, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      '__proto__',
      'POST /agents\n\n{"__proto__":{"agent_id":"new"}}',
      400,
      'bad_request: agent_id: is missing or not a string, for example claude-billing-agent',
    ],
    [
      '__proto__ beside a name',
      'POST /agents\n\n{"agent_id":"new","__proto__":{"owner":"x","environment":"production"}}',
      400,
      'bad_request: owner is required, for example owner=platform-team.',
    ],
    [
      'a name that is a number',
      'POST /agents\n\n{"agent_id":7}',
      400,
      'bad_request: agent_id: is missing or not a string, for example claude-billing-agent',
    ],
    [
      'a name that is none',
      'POST /agents\n\n{"agent_id":"../billing"}',
      400,
      'bad_request: agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
    ],
    [
      'no owner',
      'POST /agents\n\n{"agent_id":"new","environment":"production"}',
      400,
      'bad_request: owner is required, for example owner=platform-team.',
    ],
    [
      'a scope that is none',
      'POST /agents/billing/scopes\n\n{"scopes":["everything"]}',
      400,
      'bad_request: scopes[0]: "everything" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'scopes for an agent that is not there',
      'POST /agents/none/scopes\n\n{"scopes":["read:stripe:invoices"]}',
      404,
      'not_found: agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
    ],
    [
      'a session for nobody',
      'POST /sessions\n\n{}',
      400,
      'bad_request: agent_id: is missing or not a string, for example claude-billing-agent',
    ],
    [
      'a session for an agent that is not there',
      'POST /sessions\n\n{"agent_id":"none"}',
      400,
      'bad_request: agent "none" is not registered. Write mcp/agents/none with owner and environment first.',
    ],
    [
      'a session for an agent that is disabled',
      'POST /sessions\n\n{"agent_id":"disabled"}',
      400,
      'bad_request: agent "disabled" is disabled; no tokens are issued for it.',
    ],
    [
      'a session with more than is declared',
      'POST /sessions\n\n{"agent_id":"billing","requested_scopes":["delete:stripe:invoices"]}',
      400,
      'bad_request: requested_scopes: "delete:stripe:invoices" is more than agent "billing" declares (read:stripe:invoices, read:stripe:customers:id-only, read:stripe:faults, read:stripe:projected, create:stripe:refunds).',
    ],
    [
      'a ttl that is a text',
      'POST /sessions\n\n{"agent_id":"billing","ttl":"soon"}',
      400,
      'bad_request: ttl: is not a whole number of seconds, for example 900',
    ],
    [
      'a ttl of 0',
      'POST /sessions\n\n{"agent_id":"billing","ttl":0}',
      400,
      'bad_request: ttl: must be at least 1 second, for example 900',
    ],
    [
      'a ttl that is a fraction',
      'POST /sessions\n\n{"agent_id":"billing","ttl":1.5}',
      400,
      'bad_request: ttl: is not a whole number of seconds, for example 900',
    ],
    [
      'a purpose of two lines',
      'POST /sessions\n\n{"agent_id":"billing","purpose":"a\\nb"}',
      400,
      'bad_request: purpose must be one line of at most 512 characters, for example purpose=quarterly-invoice-reconciliation.',
    ],
    ...alike(
      [
        400,
        'bad_request: body: give either session_id or token, for example {"session_id":"sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"}',
      ],
      [
        ['refreshing nothing', 'POST /sessions/refresh\n\n{}'],
        ['refreshing two things', 'POST /sessions/refresh\n\n{"token":"<phantom>","session_id":"<session>"}'],
      ],
    ),
    [
      'refreshing what is no session',
      'POST /sessions/nothing/refresh',
      400,
      'bad_request: session_id: is not a session id, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    ],
    [
      'refreshing a session that is not there',
      'POST /sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT/refresh',
      404,
      'session_unknown: there is no such session',
    ],
    [
      'refreshing by a token cut short',
      'POST /sessions/refresh\n\n{"token":"<cut>"}',
      401,
      'malformed: this is not a token of this gateway: it is truncated, mistyped or of another kind',
    ],
    [
      'refreshing by a revoked token',
      'POST /sessions/refresh\n\n{"token":"<revoked>"}',
      400,
      'bad_request: session is over, open a new one',
    ],
    [
      'closing what is no session',
      'DELETE /sessions/nothing',
      400,
      'bad_request: session_id: is not a session id, for example sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
    ],
    [
      'closing a session that is not there',
      'DELETE /sessions/sess_01JNKQ8X4F2MVBP7RD3WCZH9GT',
      404,
      'session_unknown: there is no such session',
    ],
  ])
})

describe('validate', () => {
  const requestText = (body: object): string =>
    `POST /validate\nAuthorization: Bearer <service>\n\n${JSON.stringify(body)}`
  checkRows(restFace, on, [
    ['nothing', requestText({}), 401, 'missing: missing token'],
    ['an empty token', requestText({ token: '' }), 401, 'missing: missing token'],
    ['null', requestText({ token: null }), 401, 'missing: missing token'],
    ...alike(
      [400, 'bad_request: token: must be a string, for example svt_prod_…'],
      [
        ['a token that is a number', requestText({ token: 7 })],
        ['a token that is a list', requestText({ token: ['<phantom>'] })],
      ],
    ),
    ...alike(
      [401, 'malformed: this is not a token of this gateway: it is truncated, mistyped or of another kind'],
      [
        ['one cut short', requestText({ token: '<cut>' })],
        ['wrong check digits', requestText({ token: '<typo>' })],
      ],
    ),
    ['another prefix', requestText({ token: '<foreign>' }), 401, 'unknown: the token is not known'],
    ['one never issued', requestText({ token: '<unknown>' }), 401, 'unknown: the token is not known'],
    ...alike(
      [401, 'malformed: this is not a token of this gateway: it is truncated, mistyped or of another kind'],
      [
        ['one with a space behind', requestText({ token: '<phantom> ' })],
        ['one with a line break behind', requestText({ token: '<phantom>\n' })],
        ['one in capitals', requestText({ token: 'SVT_PROD_X' })],
        ['a Vault token', requestText({ token: '<root>' })],
        ['a service token', requestText({ token: '<service>' })],
        ['a megabyte', requestText({ token: long(200_000) })],
      ],
    ),
    [
      'a revoked one',
      requestText({ token: '<revoked>' }),
      401,
      'reuse_after_revocation: the token was revoked; open a new session',
    ],
    [
      'an expired one',
      requestText({ token: '<expired>' }),
      401,
      "expired: the token has expired; use the session's newest token, or open a new session",
    ],
    [
      'a scope that is none',
      requestText({ token: '<phantom>', required_scope: 'everything' }),
      400,
      'bad_request: required_scope: "everything" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a scope that is a wildcard',
      requestText({ token: '<phantom>', required_scope: 'read:*' }),
      400,
      'bad_request: required_scope: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'a scope that is empty',
      requestText({ token: '<phantom>', required_scope: '' }),
      400,
      'bad_request: required_scope: "" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a scope that is a number',
      requestText({ token: '<phantom>', required_scope: 1 }),
      400,
      'bad_request: required_scope: must be a string, for example read:stripe:invoices',
    ],
    [
      'a token for a scope',
      requestText({ token: '<phantom>', required_scope: '<phantom>' }),
      400,
      'bad_request: required_scope: "svt_…" does not begin with a capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a request id that is an object',
      requestText({ token: '<phantom>', request_id: {} }),
      400,
      'bad_request: request_id: must be a string',
    ],
  ])
})
