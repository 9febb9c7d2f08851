/** What token endpoints say instead of a token, and what becomes of it: one table for every kind of credential that is exchanged. */

export interface EndpointResponse {
  readonly status: number
  readonly body: object | string
}

export interface EndpointRow extends EndpointResponse {
  readonly what: string
  /** What the agent is told: code, and words of the sentence. */
  readonly code: 'key_unavailable' | 'token_endpoint_unavailable'
  readonly sentence: string
  /** Whether a refresh token is as good as before. Otherwise somebody has to authorize again. */
  readonly keepsRefreshToken: boolean
}

/** Must reach nobody: endpoints repeat what they were sent. */
export const ECHO = 'a-secret-the-endpoint-repeats'

const refusal = (status: number, error: string, more: Partial<EndpointRow> = {}): EndpointRow => ({
  what: `${String(status)} ${error}`,
  status,
  body: { error, error_description: ECHO },
  code: 'key_unavailable',
  sentence: `its token endpoint answered ${String(status)} ${error}`,
  keepsRefreshToken: true,
  ...more,
})

const failure = (status: number, body: object | string, keepsRefreshToken: boolean): EndpointRow => ({
  what: `${String(status)} of ${typeof body === 'string' ? 'no JSON' : JSON.stringify(body)}`,
  status,
  body,
  code: 'token_endpoint_unavailable',
  sentence: `its token endpoint answered ${String(status)}`,
  keepsRefreshToken,
})

const success = (what: string, body: object | string, sentence: string, keepsRefreshToken: boolean): EndpointRow => ({
  what,
  status: 200,
  body,
  code: 'key_unavailable',
  sentence,
  keepsRefreshToken,
})

const token = { access_token: `a-token-${ECHO}`, token_type: 'Bearer', expires_in: 3600 }

export const endpointRows: readonly EndpointRow[] = [
  // RFC 6749, 5.2.
  refusal(400, 'invalid_request'),
  refusal(401, 'invalid_client'),
  refusal(400, 'invalid_client'),
  refusal(400, 'invalid_grant', { keepsRefreshToken: false }),
  refusal(401, 'invalid_grant', { keepsRefreshToken: false }),
  refusal(400, 'unauthorized_client'),
  refusal(400, 'unsupported_grant_type'),
  refusal(400, 'invalid_scope'),
  // In the words of GitHub and Slack.
  refusal(200, 'bad_refresh_token', { keepsRefreshToken: false }),
  refusal(200, 'incorrect_client_credentials'),
  refusal(200, 'invalid_refresh_token', { keepsRefreshToken: false }),
  // What is not a known code may be anything, so that it is not repeated.
  refusal(400, ECHO, { sentence: 'its token endpoint answered 400:' }),
  refusal(200, ECHO, { sentence: 'its token endpoint answered 200:' }),
  refusal(400, 'constructor', { sentence: 'its token endpoint answered 400:' }),
  { ...failure(403, `<p>${ECHO}</p>`, true), code: 'key_unavailable' },
  { ...failure(404, { message: ECHO }, true), code: 'key_unavailable' },
  { ...failure(302, '', true), code: 'key_unavailable' },
  // Not handled, by the meaning of the status.
  failure(429, { error: 'rate_limited' }, true),
  failure(503, 'later', true),
  // Who can tell how far it came?
  failure(500, { error: 'server_error', error_description: ECHO }, false),
  failure(500, { error: 'invalid_grant' }, false),
  failure(502, '<h1>Bad Gateway</h1>', false),
  failure(504, '<h1>Gateway Time-out</h1>', false),
  success('a page', `<p>${ECHO}</p>`, 'sent no access token', false),
  success('half a response', '{"access_token":"a-tok', 'sent no access token', false),
  success('an empty object', {}, 'sent no access token', true),
  success('a token with a line break', { ...token, access_token: `a\r\n${ECHO}` }, 'sent no access token', true),
  success('a token without end', { ...token, access_token: 'a'.repeat(5_000) }, 'sent no access token', true),
  success('a token of another type', { ...token, token_type: 'DPoP' }, 'not a bearer token', true),
  success('a token of no type', { ...token, token_type: 7 }, 'not a bearer token', true),
  success('a life that is no number', { ...token, expires_in: 'soon' }, 'did not say how long its token lives', true),
  success('a life that is over', { ...token, expires_in: 0 }, 'live less than', true),
  success('a life that is too short', { ...token, expires_in: 3 }, 'live less than', true),
]
