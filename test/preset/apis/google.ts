/** Google Drive and Calendar, with tokens that are exchanged for an assertion. https://developers.google.com/identity/protocols/oauth2/service-account */
import { generateKeyPairSync } from 'node:crypto'
import { jwtVerify } from 'jose'
import { callsWith, json, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ACCOUNT = 'robot@acme.iam.gserviceaccount.example'
const TOKEN = 'ya29.made_up_01234567890123456789'
const scopes = ['drive.readonly', 'calendar.readonly'].map((name) => `https://www.googleapis.com/auth/${name}`)
const files = [1, 2, 3, 4, 5].map((number) => ({ kind: 'drive#file', id: `file-${String(number)}` }))
const error = (code: number, message: string, reason: string, status: string): ApiResponse =>
  json(code, { error: { code, message, errors: [{ message, domain: 'global', reason }], status } })
const badKey = error(401, 'Request had invalid authentication credentials.', 'authError', 'UNAUTHENTICATED')

async function respond(request: ApiRequest, { origin, keyWorks }: FakeState): Promise<ApiResponse> {
  const { method, path, query, headers, body } = request
  if (path === '/token') return exchange(new URLSearchParams(body), origin)
  if (!keyWorks || headers.authorization !== `Bearer ${TOKEN}`) return badKey
  if (method === 'GET' && path === '/drive/v3/files') {
    const after = Number(query.get('pageToken') ?? '0')
    return json(200, { kind: 'drive#fileList', files: pageOf(files, after), nextPageToken: String(after + 2) })
  }
  if (path === '/drive/v3/about') return json(200, { user: { emailAddress: ACCOUNT } })
  if (method === 'POST' && path === '/calendar/v3/freeBusy')
    return json(200, { kind: 'calendar#freeBusy', ...(JSON.parse(body) as object) })
  return error(404, 'File not found: file-404.', 'notFound', 'NOT_FOUND')
}

async function exchange(form: URLSearchParams, origin: string): Promise<ApiResponse> {
  try {
    const { payload } = await jwtVerify(form.get('assertion') ?? '', publicKey, {
      issuer: ACCOUNT,
      audience: `${origin}/token`,
      algorithms: ['RS256'],
    })
    const grant = form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer'
    if (!grant || payload.scope !== scopes.join(' ')) return json(400, { error: 'invalid_scope' })
    return json(200, { access_token: TOKEN, expires_in: 3599, token_type: 'Bearer' })
  } catch {
    return json(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' })
  }
}

const call = callsWith({ 'User-Agent': 'google-api-nodejs-client/10.9.1 (gzip)' })
const list = call('GET', '/drive/v3/files?pageSize=2')

export const google: FakeApi = {
  name: 'google',
  secret: { client_email: ACCOUNT, private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${TOKEN}` }),
  pages: {
    scope: 'read:google:files',
    first: list,
    next: ({ json: page }) => withQuery(list, 'pageToken', page.nextPageToken as string),
    items: ({ json: page }) => (page.files as { id: string }[]).map(({ id }) => id),
    expected: [
      ['file-1', 'file-2'],
      ['file-3', 'file-4'],
    ],
  },
  write: {
    scope: 'read:google:free-busy',
    call: call('POST', '/calendar/v3/freeBusy', { items: [{ id: 'primary' }] }),
    status: 200,
  },
  missing: { scope: 'read:google:files', call: call('GET', '/drive/v3/files/file-404'), status: 404 },
  undeclared: call('DELETE', '/drive/v3/files/file-1'),
  otherScope: 'read:google:calendars',
  badKey,
  refused: [
    { what: 'without a token', call: list, status: 401 },
    { what: 'with its token in another header', call: withHeaders(list, { 'X-Goog-Api-Key': TOKEN }), status: 401 },
    {
      what: 'with an assertion of another key',
      call: callsWith({}, 'application/x-www-form-urlencoded')('POST', '/token', 'assertion=e30.e30.e30'),
      status: 400,
      says: 'invalid_grant',
    },
  ],
  onBehalf: [['X-Goog-User-Project', 'another-project']],
  sentence: ({ json: body }) => (body.error as { message: string }).message,
}
