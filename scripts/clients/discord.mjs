// The REST client of discord.js: limits by header, a reason for the audit log.
import { URLSearchParams } from 'node:url'
import { bodyOf, rejectionOf, respondJson } from './harness/fake.mjs'

export const packages = ['@discordjs/rest@2.6.3']
export const upstreams = { discord: { preset: 'discord', fake: api } }
export const scopes = ['read:discord:me', 'read:discord:messages', 'create:discord:messages:write']

const limits = {
  'x-ratelimit-limit': '5',
  'x-ratelimit-remaining': '4',
  'x-ratelimit-reset': '1796126400',
  'x-ratelimit-reset-after': '1',
  'x-ratelimit-bucket': 'abcd1234',
}

function api({ key }) {
  const state = { tries: 0 }
  const routes = {
    'GET /api/v10/users/@me': (response) => {
      if (state.tries++ > 0) return respondJson(response, 200, { id: '1', bot: true }, limits)
      const told = { ...limits, 'retry-after': '0.1', 'x-ratelimit-scope': 'user' }
      respondJson(response, 429, { message: 'You are being rate limited.', retry_after: 0.1, global: false }, told)
    },
    'GET /api/v10/channels/100/messages': (response, request) =>
      respondJson(response, 200, [{ id: '1', content: request.url }], limits),
    'POST /api/v10/channels/100/messages': (response, request, body) =>
      respondJson(response, 200, { id: '2', bytes: body.length, why: request.headers['x-audit-log-reason'] }, limits),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!/^DiscordBot \(\S+, \S+\)/.test(request.headers['user-agent'] ?? ''))
      return respondJson(response, 403, { message: 'no User-Agent of a bot', code: 40_333 })
    if (request.headers.authorization !== `Bot ${key}`)
      return respondJson(response, 401, { message: '401: Unauthorized', code: 0 })
    const route = routes[`${request.method} ${request.url.split('?')[0]}`]
    if (!route) return respondJson(response, 404, { message: 'Unknown Channel', code: 10_003 }, limits)
    route(response, request, body)
  }
}

export async function run({ at, load, step, refused }) {
  const { REST } = await load('@discordjs/rest')
  const rest = new REST({ api: `${at.discord.url}/api`, retries: 0 }).setToken(at.discord.key)
  const channel = '/channels/100/messages'
  await step('who it is, at the second try', () => rest.get('/users/@me'))
  await step('messages before another', () =>
    rest.get(channel, { query: new URLSearchParams({ limit: '2', before: '5' }) }),
  )
  await step('a message, with a reason', () => rest.post(channel, { body: { content: 'ü 😀' }, reason: 'weil – ü' }))
  await step('what Discord does not know', () =>
    rejectionOf(rest.get('/channels/404/messages'), ['name', 'status', 'code', 'message']),
  )
  await refused('a tool that was not granted', () => rest.delete(`${channel}/1`), /delete:discord:messages:delete/)
  await refused(
    'what no tool covers',
    () => rest.put('/guilds/1/bans/2', { body: {} }),
    /no tool of discord covers PUT/,
  )
}
