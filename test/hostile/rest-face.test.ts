/** The gateway's REST face: paths, verbs, bodies, callers, and tokens asked about that are none. */
import { afterAll, beforeAll, describe } from 'vitest'
import { answers, restFace } from './rows.ts'
import { closeClean, startStage } from './stage.ts'
import type { Stage } from './stage.ts'

let stage: Stage
beforeAll(async () => {
  stage = await startStage()
})
afterAll(() => closeClean(stage))
const on = (): Stage => stage

const long = (count: number): string => 'x'.repeat(count)
const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`

describe('paths and verbs', () => {
  answers(restFace, on, [
    [
      'the root',
      'GET /',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'an unknown path',
      'GET /nothing',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'a Vault path',
      'GET /v1/sys/health',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'a trailing slash',
      'GET /agents/',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'two slashes',
      'GET //agents',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      '..',
      'GET /agents/../agents/billing',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      '%2e%2e',
      'GET /agents/%2e%2e/sessions',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'an encoded slash',
      'GET /agents/billing%2fscopes',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'a semicolon',
      'GET /agents;x=1',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'a backslash',
      'GET /agents\\billing',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'an encoded NUL',
      'GET /agents/billing%00',
      404,
      'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate or /u/<upstream>/…',
    ],
    [
      'a name in capitals',
      'GET /agents/Billing',
      400,
      'bad_request: agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
    ],
    [
      '__proto__',
      'GET /agents/__proto__',
      400,
      'bad_request: agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
    ],
    ['an agent that is not there', 'GET /agents/none', 404, 'not_found: agent none is not registered'],
    [
      'scopes that are not there',
      'GET /agents/refunder/scopes',
      404,
      'not_found: agent refunder has declared no scopes here',
    ],
    [
      'scopes of an environment called constructor',
      'GET /agents/billing/scopes/constructor',
      404,
      'not_found: agent billing has declared no scopes here',
    ],
    [
      'scopes of an environment in capitals',
      'GET /agents/billing/scopes/PROD',
      404,
      'not_found: agent billing has declared no scopes here',
    ],
    ['the absolute form', 'GET http://<host>/agents', 400, 'bad_request: the request target must start with /'],
    [
      'DELETE agents',
      'DELETE /agents',
      405,
      'method_not_allowed: DELETE is not served here; use GET, POST [Allow: GET, POST]',
    ],
    [
      'PUT an agent',
      'PUT /agents/billing\n\n{}',
      405,
      'method_not_allowed: PUT is not served here; use GET [Allow: GET]',
    ],
    [
      'PATCH an agent',
      'PATCH /agents/billing\n\n{}',
      405,
      'method_not_allowed: PATCH is not served here; use GET [Allow: GET]',
    ],
    [
      'DELETE an agent',
      'DELETE /agents/billing',
      405,
      'method_not_allowed: DELETE is not served here; use GET [Allow: GET]',
    ],
    [
      'DELETE scopes',
      'DELETE /agents/billing/scopes',
      405,
      'method_not_allowed: DELETE is not served here; use GET, POST [Allow: GET, POST]',
    ],
    ['GET sessions', 'GET /sessions', 405, 'method_not_allowed: GET is not served here; use POST [Allow: POST]'],
    [
      'GET a session',
      'GET /sessions/<session>',
      405,
      'method_not_allowed: GET is not served here; use DELETE [Allow: DELETE]',
    ],
    [
      'GET a refresh',
      'GET /sessions/<session>/refresh',
      405,
      'method_not_allowed: GET is not served here; use POST [Allow: POST]',
    ],
    [
      'DELETE the refresh',
      'DELETE /sessions/refresh',
      405,
      'method_not_allowed: DELETE is not served here; use POST [Allow: POST]',
    ],
    ['GET validate', 'GET /validate', 405, 'method_not_allowed: GET is not served here; use POST [Allow: POST]'],
    ['POST health', 'POST /healthz\n\n{}', 405, 'method_not_allowed: POST is not served here; use GET [Allow: GET]'],
    [
      'two Authorization headers',
      'GET /agents\nAuthorization: Bearer <root>\nAuthorization: Bearer nobody',
      400,
      'bad_request: Authorization is given twice; send it once',
    ],
    ['HEAD health', 'HEAD /healthz', 405, ' [Allow: GET]'],
    ['OPTIONS', 'OPTIONS /validate', 405, 'method_not_allowed: OPTIONS is not served here; use POST [Allow: POST]'],
    ['LIST', 'LIST /agents', 400, 'bad_request: the request begins with no method that is known here, for example GET'],
    ['LINK', 'LINK /agents', 405, 'method_not_allowed: LINK is not served here; use GET, POST [Allow: GET, POST]'],
  ])
})

describe('callers', () => {
  const as = (header: string): string => `GET /agents\n${header}`
  answers(restFace, on, [
    [
      'none',
      as('anonymous'),
      401,
      'caller_missing: send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"',
    ],
    ['an empty Authorization', as('Authorization:'), 401, 'caller_unknown: Authorization is not "Bearer <token>"'],
    [
      'Bearer without a token',
      as('Authorization: Bearer'),
      401,
      'caller_unknown: Authorization is not "Bearer <token>"',
    ],
    ['Basic', as('Authorization: Basic cm9vdDpyb290'), 401, 'caller_unknown: Authorization is not "Bearer <token>"'],
    ['two words', as('Authorization: Bearer a b'), 401, 'caller_unknown: Authorization is not "Bearer <token>"'],
    ['nonsense', as('Authorization: Bearer hello'), 403, 'permission_denied: permission denied'],
    ['bytes beyond ASCII', as('Authorization: Bearer h\xe9llo'), 401, "caller_unknown: the caller's token is not one"],
    [
      '5000 characters',
      as(`Authorization: Bearer ${long(5000)}`),
      401,
      "caller_unknown: the caller's token is not one",
    ],
    [
      'a phantom token',
      as('Authorization: Bearer <phantom>'),
      401,
      'caller_phantom_token: a phantom token is no caller here: authenticate with a Vault or service token and put the phantom token into the body',
    ],
    [
      'what looks like a phantom token',
      as('Authorization: Bearer svt_prod_x'),
      401,
      'caller_phantom_token: a phantom token is no caller here: authenticate with a Vault or service token and put the phantom token into the body',
    ],
    [
      'a phantom token of another prefix',
      as('Authorization: Bearer <foreign>'),
      401,
      'caller_phantom_token: a phantom token is no caller here: authenticate with a Vault or service token and put the phantom token into the body',
    ],
    [
      'a service token nobody configured',
      as('Authorization: Bearer <stray>'),
      401,
      'caller_unknown: the service token is not known to this gateway',
    ],
    [
      'a service token cut short',
      as('Authorization: Bearer gst_'),
      401,
      'caller_unknown: the service token is not known to this gateway',
    ],
    [
      'a service token without a Vault login',
      as('Authorization: Bearer <bound>'),
      403,
      'caller_without_vault: this caller has no Vault login of its own, so it can only validate tokens and call upstreams',
    ],
    [
      'a JWT',
      as('Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.'),
      401,
      'caller_jwt_not_configured: this gateway is not configured for JWT callers; use a Vault token or a service token',
    ],
    [
      'X-Vault-Token',
      as('anonymous\nX-Vault-Token: <root>'),
      401,
      'caller_missing: send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"',
    ],
    [
      'in the query',
      'GET /agents?access_token=<root>\nanonymous',
      401,
      'caller_missing: send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"',
    ],
    ['a Vault token without rights', as('Authorization: Bearer <nobody>'), 403, 'permission_denied: permission denied'],
    [
      'a service bound to others, on an agent',
      'GET /agents/billing\nAuthorization: Bearer <bound>',
      403,
      'caller_not_bound: service token bound is not bound to agent billing',
    ],
    [
      'a service bound to others, opening',
      'POST /sessions\nAuthorization: Bearer <bound>\n\n{"agent_id":"billing"}',
      403,
      'caller_not_bound: service token bound is not bound to agent billing',
    ],
    [
      'a service bound to others, validating',
      'POST /validate\nAuthorization: Bearer <bound>\n\n{"token":"<phantom>"}',
      403,
      'caller_not_bound: service token bound is not bound to agent billing',
    ],
    [
      'a service writing agents',
      'POST /agents\nAuthorization: Bearer <service>\n\n{"agent_id":"new","owner":"x","environment":"production"}',
      403,
      'permission_denied: permission denied',
    ],
    [
      'a Vault token that may not introspect, validating',
      'POST /validate\nAuthorization: Bearer <mcp-operator>\n\n{"token":"<phantom>"}',
      403,
      'caller_denied: the caller\'s Vault policies do not allow this: it needs "update" on mcp/introspect',
    ],
    [
      'a Vault token nobody knows, validating',
      'POST /validate\nAuthorization: Bearer hvs.nothing\n\n{"token":"<phantom>"}',
      401,
      "caller_unknown: Vault does not know the caller's token, or does not let it ask sys/capabilities-self",
    ],
    [
      'a service closing a session of another',
      'DELETE /sessions/<session>\nAuthorization: Bearer <service>',
      403,
      'permission_denied: permission denied',
    ],
  ])
})

describe('bodies', () => {
  answers(restFace, on, [
    [
      'not JSON',
      'POST /agents\n\n{"agent_id"',
      400,
      'bad_request: the body is not valid JSON, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      'a token in what is not JSON',
      'POST /validate\n\n{"token":"<phantom>"',
      400,
      'bad_request: the body is not valid JSON, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      'a list',
      'POST /agents\n\n[]',
      400,
      'bad_request: the body must be a JSON object, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      'a text',
      'POST /agents\n\n"agent"',
      400,
      'bad_request: the body must be a JSON object, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      'null',
      'POST /agents\n\nnull',
      400,
      'bad_request: the body must be a JSON object, for example {"agent_id":"claude-billing-agent"}',
    ],
    [
      'nothing',
      'POST /agents',
      400,
      'bad_request: agent_id: is missing or not a text, for example claude-billing-agent',
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
      'bad_request: agent_id: is missing or not a text, for example claude-billing-agent',
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
      'bad_request: agent_id: is missing or not a text, for example claude-billing-agent',
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
      'bad_request: scopes[0]: "everything" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
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
      'bad_request: agent_id: is missing or not a text, for example claude-billing-agent',
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
    [
      'refreshing nothing',
      'POST /sessions/refresh\n\n{}',
      400,
      'bad_request: body: give either session_id or token, for example {"session_id":"sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"}',
    ],
    [
      'refreshing two things',
      'POST /sessions/refresh\n\n{"token":"<phantom>","session_id":"<session>"}',
      400,
      'bad_request: body: give either session_id or token, for example {"session_id":"sess_01JNKQ8X4F2MVBP7RD3WCZH9GT"}',
    ],
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
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
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
  const ask = (body: object): string => `POST /validate\nAuthorization: Bearer <service>\n\n${JSON.stringify(body)}`
  answers(restFace, on, [
    ['nothing', ask({}), 401, 'missing: missing token'],
    ['an empty token', ask({ token: '' }), 401, 'missing: missing token'],
    ['null', ask({ token: null }), 401, 'missing: missing token'],
    ['a token that is a number', ask({ token: 7 }), 400, 'bad_request: token: is not a text, for example svt_prod_…'],
    [
      'a token that is a list',
      ask({ token: ['<phantom>'] }),
      400,
      'bad_request: token: is not a text, for example svt_prod_…',
    ],
    [
      'one cut short',
      ask({ token: '<cut>' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'wrong check digits',
      ask({ token: '<typo>' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    ['another prefix', ask({ token: '<foreign>' }), 401, 'unknown: the token is not known'],
    ['one never issued', ask({ token: '<unknown>' }), 401, 'unknown: the token is not known'],
    [
      'one with a space behind',
      ask({ token: '<phantom> ' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'one with a line break behind',
      ask({ token: '<phantom>\n' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'one in capitals',
      ask({ token: 'SVT_PROD_X' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'a Vault token',
      ask({ token: '<root>' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'a service token',
      ask({ token: '<service>' }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'a megabyte',
      ask({ token: long(200_000) }),
      401,
      'malformed: this is not a token of this gateway: it is cut short, mistyped or something else',
    ],
    [
      'a revoked one',
      ask({ token: '<revoked>' }),
      401,
      'reuse_after_revocation: the token was revoked; open a new session',
    ],
    [
      'an expired one',
      ask({ token: '<expired>' }),
      401,
      "expired: the token has expired; use the session's newest token, or open a new session",
    ],
    [
      'a scope that is none',
      ask({ token: '<phantom>', required_scope: 'everything' }),
      400,
      'bad_request: required_scope: "everything" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a scope that is a wildcard',
      ask({ token: '<phantom>', required_scope: 'read:*' }),
      400,
      'bad_request: required_scope: "read:*" covers every upstream. Name a resource, for example read:stripe:invoices.',
    ],
    [
      'a scope that is empty',
      ask({ token: '<phantom>', required_scope: '' }),
      400,
      'bad_request: required_scope: "" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a scope that is a number',
      ask({ token: '<phantom>', required_scope: 1 }),
      400,
      'bad_request: required_scope: is not a text, for example read:stripe:invoices',
    ],
    [
      'a token for a scope',
      ask({ token: '<phantom>', required_scope: '<phantom>' }),
      400,
      'bad_request: required_scope: "svt_…" begins with no capability (create, read, update, delete, list, deny, write). Write for example read:stripe:invoices.',
    ],
    [
      'a request id that is an object',
      ask({ token: '<phantom>', request_id: {} }),
      400,
      'bad_request: request_id: is not a text',
    ],
  ])
})
