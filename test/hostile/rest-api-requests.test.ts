/** The gateway's REST API: paths, verbs and callers. */
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

const long = (count: number): string => 'x'.repeat(count)

describe('paths and verbs', () => {
  checkRows(restFace, on, [
    ...alike(
      [
        404,
        'not_found: nothing is served at this path; try /healthz, /agents, /sessions, /validate, /check or /u/<upstream>/…',
      ],
      [
        ['the root', 'GET /'],
        ['an unknown path', 'GET /nothing'],
        ['a Vault path', 'GET /v1/sys/health'],
        ['a trailing slash', 'GET /agents/'],
        ['two slashes', 'GET //agents'],
        ['..', 'GET /agents/../agents/billing'],
        ['%2e%2e', 'GET /agents/%2e%2e/sessions'],
        ['an encoded slash', 'GET /agents/billing%2fscopes'],
        ['a semicolon', 'GET /agents;x=1'],
        ['a backslash', 'GET /agents\\billing'],
        ['an encoded NUL', 'GET /agents/billing%00'],
      ],
    ),
    ...alike(
      [
        400,
        'bad_request: agent_id: is not a name of 1 to 64 characters a-z, 0-9, _ and -, for example claude-billing-agent',
      ],
      [
        ['a name in capitals', 'GET /agents/Billing'],
        ['__proto__', 'GET /agents/__proto__'],
      ],
    ),
    ['an agent that is not there', 'GET /agents/none', 404, 'not_found: agent none is not registered'],
    [
      'scopes that are not there',
      'GET /agents/refunder/scopes',
      404,
      'not_found: agent refunder has declared no scopes here',
    ],
    ...alike(
      [404, 'not_found: agent billing has declared no scopes here'],
      [
        ['scopes of an environment called constructor', 'GET /agents/billing/scopes/constructor'],
        ['scopes of an environment in capitals', 'GET /agents/billing/scopes/PROD'],
      ],
    ),
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
    ['LIST', 'LIST /agents', 400, 'bad_request: the request does not begin with a known method, for example GET'],
    ['LINK', 'LINK /agents', 405, 'method_not_allowed: LINK is not served here; use GET, POST [Allow: GET, POST]'],
  ])
})

describe('callers', () => {
  const as = (header: string): string => `GET /agents\n${header}`
  checkRows(restFace, on, [
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
    ...alike(
      [401, "caller_unknown: the caller's token is malformed"],
      [
        ['bytes beyond ASCII', as('Authorization: Bearer h\xe9llo')],
        ['5000 characters', as(`Authorization: Bearer ${long(5000)}`)],
      ],
    ),
    ...alike(
      [
        401,
        'caller_phantom_token: a phantom token cannot authenticate a caller: authenticate with a Vault or service token and put the phantom token into the body',
      ],
      [
        ['a phantom token', as('Authorization: Bearer <phantom>')],
        ['what looks like a phantom token', as('Authorization: Bearer svt_prod_x')],
        ['a phantom token of another prefix', as('Authorization: Bearer <foreign>')],
      ],
    ),
    ...alike(
      [401, 'caller_unknown: the service token is not known to this gateway'],
      [
        ['a service token nobody configured', as('Authorization: Bearer <stray>')],
        ['a service token cut short', as('Authorization: Bearer gst_')],
      ],
    ),
    [
      'a service token without a Vault login',
      as('Authorization: Bearer <bound>'),
      403,
      "caller_without_vault: this caller has no Vault login of its own, so it can only validate tokens and call upstreams; its operator gives it one in the gateway's configuration: vault_token_file or vault_approle of its service_token",
    ],
    [
      'a JWT',
      as('Authorization: Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJyb290In0.'),
      401,
      'caller_jwt_not_configured: this gateway is not configured for JWT callers; use a Vault token or a service token',
    ],
    ...alike(
      [401, 'caller_missing: send the caller\'s own token: "Authorization: Bearer <Vault token or service token>"'],
      [
        ['X-Vault-Token', as('anonymous\nX-Vault-Token: <root>')],
        ['in the query', 'GET /agents?access_token=<root>\nanonymous'],
      ],
    ),
    ['a Vault token without rights', as('Authorization: Bearer <nobody>'), 403, 'permission_denied: permission denied'],
    ...alike(
      [403, 'caller_not_bound: service token bound is not bound to agent billing'],
      [
        ['a service bound to others, on an agent', 'GET /agents/billing\nAuthorization: Bearer <bound>'],
        [
          'a service bound to others, opening',
          'POST /sessions\nAuthorization: Bearer <bound>\n\n{"agent_id":"billing"}',
        ],
        [
          'a service bound to others, validating',
          'POST /validate\nAuthorization: Bearer <bound>\n\n{"token":"<phantom>"}',
        ],
      ],
    ),
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
