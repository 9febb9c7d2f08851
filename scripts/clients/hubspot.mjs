// HubSpot's own client: pages by cursor, searches and batches by POST.
import { bodyOf, hasBearer, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['@hubspot/api-client@13.5.0']
export const upstreams = { hubspot: { preset: 'hubspot', fake: api } }
export const scopes = [
  'read:hubspot:contacts',
  'create:hubspot:contacts:write',
  'update:hubspot:contacts:write',
  'read:hubspot:owners',
]

const always = { 'x-hubspot-correlation-id': '0192', 'x-hubspot-ratelimit-remaining': '99' }
const times = { createdAt: '2026-12-01T00:00:00Z', updatedAt: '2026-12-01T00:00:00Z' }
const problem = (response, status, category, message) =>
  respondJson(response, status, { status: 'error', message, correlationId: '0192', category }, always)

function api({ key }) {
  const contacts = '/crm/v3/objects/contacts'
  const routes = {
    [`GET ${contacts}`]: (response, _, url) => {
      const after = Number(url.searchParams.get('after') ?? 0)
      const paging = after < 2 ? { next: { after: String(after + 1) } } : undefined
      respondJson(response, 200, { results: [{ id: String(after), properties: {}, ...times }], paging }, always)
    },
    [`POST ${contacts}`]: (response, body) =>
      respondJson(response, 201, { id: '9', ...JSON.parse(body), ...times }, always),
    [`PATCH ${contacts}/9`]: (response, body) =>
      respondJson(response, 200, { id: '9', ...JSON.parse(body), ...times }, always),
    [`POST ${contacts}/search`]: (response, body) =>
      respondJson(response, 200, { total: JSON.parse(body).limit, results: [] }, always),
    [`POST ${contacts}/batch/read`]: (response, body) =>
      respondJson(
        response,
        200,
        {
          status: 'COMPLETE',
          results: JSON.parse(body).inputs.map((one) => ({ ...one, properties: {}, ...times })),
          startedAt: times.createdAt,
          completedAt: times.createdAt,
        },
        always,
      ),
    'GET /crm/v3/owners': (response) => respondJson(response, 200, { results: [] }, always),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return problem(response, 401, 'INVALID_AUTHENTICATION', 'no credentials')
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    return route ? route(response, body, url) : problem(response, 404, 'OBJECT_NOT_FOUND', 'resource not found')
  }
}

export async function run({ at, load, step, refused }) {
  const { Client } = await load('@hubspot/api-client')
  const client = new Client({ accessToken: at.hubspot.key, basePath: at.hubspot.url, numberOfApiCallRetries: 0 })
  const { basicApi, searchApi, batchApi } = client.crm.contacts
  await step('all contacts', () => client.crm.contacts.getAll(1))
  const properties = { firstname: 'Jürgen 😀', email: 'a+b@example.com' }
  await step('a new contact', () => basicApi.create({ properties, associations: [] }))
  await step('a changed contact', () => basicApi.update('9', { properties: { phone: '' } }))
  const filters = [{ propertyName: 'email', operator: 'EQ', value: 'a+b@example.com' }]
  await step('a search', () =>
    searchApi.doSearch({ filterGroups: [{ filters }], limit: 3, after: '0', sorts: [], properties: ['email'] }),
  )
  await step('many at once', () =>
    batchApi.read({ inputs: [{ id: '1' }, { id: '2' }], properties: ['email'], propertiesWithHistory: [] }),
  )
  await step('owners', () => client.crm.owners.ownersApi.getPage())
  await step('what HubSpot does not know', () => rejectionOf(basicApi.getById('404'), ['code', 'body']))
  await refused('a tool that was not granted', () => basicApi.archive('9'), /delete:hubspot:contacts:delete/)
  await refused(
    'what no tool covers',
    () => client.crm.companies.basicApi.archive('1'),
    /no tool of hubspot covers DELETE/,
  )
}
