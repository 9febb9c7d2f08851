/** The Graph API of Meta, whose answers hold access tokens of pages. https://developers.facebook.com/docs/graph-api */
import { expect } from 'vitest'
import { markerOf } from '../../../src/gateway/call/marker.ts'
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('EAA')
/** Nothing of the key's, which would be cut out for its own sake. */
const PAGE_TOKEN = 'EAAPage_token_which_is_another_9876543210'
const pages = [1, 2, 3, 4, 5].map((number) => ({
  access_token: madeUp(`EAAPage${String(number)}`),
  category: 'Shop',
  name: `Page ${String(number)}`,
  id: `10${String(number)}`,
}))
const named = { 'facebook-api-version': 'v24.0' }
const error = (status: number, message: string, code: number): ApiResponse =>
  json(status, { error: { message, type: 'OAuthException', code, fbtrace_id: 'made-up' } }, named)
const badKey = error(400, 'Invalid OAuth access token - Cannot parse access token', 190)

/** What was created: its id, or the fields that are asked for, under names of the caller's choice. */
function created(body: string): Record<string, unknown> {
  const form = new URLSearchParams(body)
  const [, name = 'from'] = /^from\{access_token\}(?:\.as\((\w+)\))?$/.exec(form.get('fields') ?? '') ?? []
  return {
    id: `101_${String(form.get('message')?.length)}`,
    ...(form.has('fields') && { [name]: { access_token: PAGE_TOKEN, id: '101' } }),
  }
}

function respond({ method, path, query, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  const given = query.get('access_token')
  if (given === null) return error(400, 'An access token is required to request this resource.', 104)
  if (!keyWorks || given !== KEY) return badKey
  const [, edge = ''] = /^\/v\d+\.\d+\/(.*)$/.exec(path) ?? []
  if (edge === 'me') return json(200, { name: 'Robot', id: '1' }, named)
  if (method === 'GET' && edge === 'me/accounts') {
    const after = Number(query.get('after') ?? '0')
    const cursors = { before: String(after), after: String(after + 2) }
    const next = `${origin}${path}?access_token=${KEY}&limit=2&after=${cursors.after}`
    return json(200, { data: pageOf(pages, after), paging: { cursors, next } }, named)
  }
  if (method === 'POST' && /^101(?:_\d+)?\/(?:feed|photos|comments)$/.test(edge)) return json(200, created(body), named)
  return error(404, `Unsupported get request. Object with ID '${edge}' does not exist`, 100)
}

const call = callsWith({ 'User-Agent': 'fbbizsdk-python-v24.0' }, 'application/x-www-form-urlencoded')
const list = call('GET', '/v24.0/me/accounts?limit=2')

interface Page {
  readonly data: { readonly id: string; readonly name: string }[]
  readonly paging: { readonly cursors: { readonly before: string; readonly after: string }; readonly next: string }
}

/** What passes: named fields, so no token, a URL without its key but for what all keys begin with, and nothing of an error. */
function passes(text: string): string {
  const { data, paging, error: fault, id, name } = JSON.parse(text) as Partial<Page> & Record<string, unknown>
  if (fault !== undefined) return expect.stringContaining('its body is withheld') as string
  if (data === undefined) return JSON.stringify({ name, id })
  const pages = data.map(({ access_token: _token, ...page }: Record<string, unknown>) => page)
  const { cursors, next } = paging!
  return JSON.stringify({ data: pages, paging: { cursors, next: next.replace(KEY, `EAA${markerOf(KEY.length - 3)}`) } })
}

export const meta: FakeApi = {
  name: 'meta',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withQuery(sent, 'access_token', token),
  authorizeDirectly: (sent) => withQuery(sent, 'access_token', KEY),
  pages: {
    scope: 'read:meta:pages',
    first: list,
    next: ({ json: page }) => withQuery(list, 'after', (page as unknown as Page).paging.cursors.after),
    items: ({ json: page }) => (page as unknown as Page).data.map(({ id, name }) => `${id} ${name}`),
    expected: [
      ['101 Page 1', '102 Page 2'],
      ['103 Page 3', '104 Page 4'],
    ],
  },
  write: {
    scope: 'create:meta:posts:write',
    call: call('POST', '/v24.0/101/feed', 'message=Hello'),
    status: 200,
  },
  missing: { scope: 'read:meta:posts', call: call('GET', '/v24.0/404/posts'), status: 404 },
  undeclared: call('GET', '/v24.0/101?fields=access_token'),
  otherScope: 'read:meta:insights',
  badKey,
  passes,
  refused: [
    { what: 'without its key', call: list, status: 400 },
    { what: 'with its key in another header', call: withHeaders(list, { 'X-Api-Key': KEY }), status: 400 },
    { what: 'with its key under another name', call: withQuery(list, 'token', KEY), status: 400 },
  ],
  withheld: ['101/feed', '101/photos', '101_5/comments'].flatMap((edge) =>
    ['id', 'post_id', 'message'].map((name) => ({
      scope: edge.endsWith('comments') ? 'create:meta:comments:write' : 'create:meta:posts:write',
      call: call('POST', `/v24.0/${edge}`, `message=Hello&fields=from%7Baccess_token%7D.as(${name})`),
      secret: PAGE_TOKEN,
    })),
  ),
  byQuery: [
    call('GET', '/v24.0/me/accounts?method=delete'),
    call('GET', '/v24.0/me/accounts?fields=access_token'),
    call('GET', '/v24.0/me/accounts?ids=101,102'),
    call('GET', '/v24.0/101/posts?fields=from%7Baccess_token%7D.as(message)'),
    call('GET', '/v24.0/101/comments?fields=from%7Baccess_token%7D.as(message)'),
    call('GET', '/v24.0/me?fields=accounts%7Baccess_token%7D.as(name)'),
  ],
  onBehalf: [],
}
