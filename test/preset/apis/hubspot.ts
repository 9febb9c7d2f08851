/** The HubSpot CRM API. https://developers.hubspot.com/docs/api-reference */
import { callsWith, json, madeUp, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const KEY = madeUp('pat-eu1-')
const contacts = [1, 2, 3, 4, 5].map((number) => ({ id: String(number), properties: { firstname: 'Jane' } }))
const named = { 'x-hubspot-correlation-id': 'made-up', 'x-hubspot-ratelimit-remaining': '99' }
const error = (status: number, category: string, message: string): ApiResponse =>
  json(status, { status: 'error', message, correlationId: 'made-up', category }, named)
const badKey = error(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found.')

function respond({ method, path, query, headers, body }: ApiRequest, { origin, keyWorks }: FakeState): ApiResponse {
  if (!keyWorks || headers.authorization !== `Bearer ${KEY}`) return badKey
  if (path === '/account-info/v3/details') return json(200, { portalId: 1 }, named)
  if (method === 'GET' && path === '/crm/v3/objects/contacts') {
    const after = String(Number(query.get('after') ?? '0') + 2)
    const next = { after, link: `${origin}${path}?limit=2&after=${after}` }
    return json(200, { results: pageOf(contacts, Number(after) - 2), paging: { next } }, named)
  }
  if (method === 'POST' && path === '/crm/v3/objects/contacts') {
    if (headers['content-type'] !== 'application/json') return error(415, 'VALIDATION_ERROR', 'Unsupported Media Type')
    return json(201, { id: '6', ...(JSON.parse(body) as object) }, named)
  }
  return error(404, 'OBJECT_NOT_FOUND', 'resource not found')
}

const call = callsWith({ 'User-Agent': 'hubspot-api-client-nodejs; 13.5.0' })
const list = call('GET', '/crm/v3/objects/contacts?limit=2')

export const hubspot: FakeApi = {
  name: 'hubspot',
  secret: { api_key: KEY },
  respond,
  authorize: (sent, token) => withHeaders(sent, { Authorization: `Bearer ${token}` }),
  authorizeDirectly: (sent) => withHeaders(sent, { Authorization: `Bearer ${KEY}` }),
  pages: {
    scope: 'read:hubspot:contacts',
    first: list,
    next({ json: page }) {
      const { next } = page.paging as { next: { after: string } }
      return withQuery(list, 'after', next.after)
    },
    items: ({ json: page }) => (page.results as { id: string }[]).map(({ id }) => id),
    expected: [
      ['1', '2'],
      ['3', '4'],
    ],
  },
  write: {
    scope: 'create:hubspot:contacts:write',
    call: call('POST', '/crm/v3/objects/contacts', { properties: { email: 'jane@example.com' } }),
    status: 201,
  },
  missing: { scope: 'read:hubspot:contacts', call: call('GET', '/crm/v3/objects/contacts/404'), status: 404 },
  undeclared: call('POST', '/crm/v3/objects/contacts/gdpr-delete', {}),
  otherScope: 'read:hubspot:deals',
  badKey,
  refused: [
    { what: 'without its key', call: list, status: 401 },
    { what: 'with its key in the query', call: withQuery(list, 'hapikey', KEY), status: 401 },
    { what: 'with another scheme word', call: withHeaders(list, { Authorization: `token ${KEY}` }), status: 401 },
  ],
  onBehalf: [],
  sentence: ({ json: body }) => body.message,
}
