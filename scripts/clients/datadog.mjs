// Datadog's own client: two keys, pages by cursor, compressed responses.
import { randomBytes } from 'node:crypto'
import { bodyOf, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['@datadog/datadog-api-client@1.64.0']
const hex = (bytes) => randomBytes(bytes).toString('hex')
export const upstreams = {
  datadog: { preset: 'datadog', secret: () => ({ api_key: hex(16), app_key: hex(20) }), fake: api },
}
export const scopes = [
  'read:datadog:validate',
  'read:datadog:logs',
  'create:datadog:events:write',
  'read:datadog:monitors',
]
export const leftOut = {
  'dd-application-key': 'added to every request; the client leaves it out where the API key alone is needed',
}

const always = { 'x-ratelimit-limit': '300', 'x-ratelimit-remaining': '299', 'x-ratelimit-period': '3600' }

function api({ secret }) {
  const routes = {
    'GET /api/v1/validate': (response) => respondJson(response, 200, { valid: true }, always),
    'POST /api/v2/logs/events/search': (response, body) => {
      const { page = {} } = JSON.parse(body)
      const after = Number(page.cursor ?? 0)
      const meta = after < 2 ? { page: { after: String(after + 1) } } : {}
      respondJson(response, 200, { data: [{ id: `log-${after}`, type: 'log' }], meta }, always)
    },
    'POST /api/v1/events': (response, body) =>
      respondJson(response, 202, { status: 'ok', event: { text: JSON.parse(body).text } }, always),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    const { 'dd-api-key': key, 'dd-application-key': appKey } = request.headers
    const needsOne = /^\/api\/v1\/(?:validate|events)$/.test(request.url)
    if (key !== secret.api_key || !(needsOne || appKey === secret.app_key))
      return respondJson(response, 403, { errors: ['Forbidden'] })
    const route = routes[`${request.method} ${request.url.split('?')[0]}`]
    return route ? route(response, body) : respondJson(response, 404, { errors: ['Not Found'] }, always)
  }
}

export async function run({ at, load, step, refused }) {
  const { client, v1, v2 } = await load('@datadog/datadog-api-client')
  const { key, secret, url } = at.datadog
  const configuration = client.createConfiguration({
    authMethods: { apiKeyAuth: key, appKeyAuth: secret?.app_key ?? key },
    baseServer: new client.BaseServerConfiguration(url, {}),
  })
  const logs = new v2.LogsApi(configuration)
  await step('whether the key works', () => new v1.AuthenticationApi(configuration).validate())
  await step('all logs', async () => {
    const found = []
    for await (const one of logs.listLogsWithPagination({ body: { filter: { query: 'ü "a"' }, page: { limit: 1 } } }))
      found.push(one.id)
    return found
  })
  await step('an event', () => new v1.EventsApi(configuration).createEvent({ body: { title: 'a', text: 'ü 😀' } }))
  const monitors = new v1.MonitorsApi(configuration)
  await step('what Datadog does not know', () =>
    rejectionOf(monitors.getMonitor({ monitorId: 404 }), ['code', 'message']),
  )
  const events = new v1.EventsApi(configuration)
  await refused(
    'a tool that was not granted',
    () => new v1.DashboardsApi(configuration).listDashboards(),
    /read:datadog:dashboards/,
  )
  await refused(
    'what no tool covers',
    () => monitors.deleteMonitor({ monitorId: 1 }),
    /no tool of datadog covers DELETE/,
  )
  await refused('another event of the same', () => events.getEvent({ eventId: 1 }), /read:datadog:events/)
}
