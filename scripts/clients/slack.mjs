// Slack's own client: forms, a status that is always 200, and an upload to a host that the API names.
import assert from 'node:assert/strict'
import { URLSearchParams } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bodyOf, hasBearer, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['@slack/web-api@8.2.0']

const methods = (names) => names.map((name) => ({ method: 'POST', path: `/api/${name}`, capability: 'read' }))

export const upstreams = {
  slack: {
    preset: 'slack',
    tools: {
      files: methods([
        'files.getUploadURLExternal',
        'files.completeUploadExternal',
        'files.upload',
        'admin.analytics.getFile',
      ]),
    },
    fake: api,
  },
  // What is uploaded goes to a presigned URL, without the gateway.
  'slack-files': { isOutside: true, fake: uploads },
}
export const scopes = [
  ...['auth', 'conversations', 'files'].map((tool) => `read:slack:${tool}`),
  'create:slack:messages:write',
]

const always = {
  server: 'Apache',
  'x-slack-req-id': '7a1',
  'x-oauth-scopes': 'chat:write,files:write',
  'x-accepted-oauth-scopes': 'chat:write',
  'cache-control': 'private, no-cache, no-store, must-revalidate',
  vary: 'Accept-Encoding',
  'x-content-type-options': 'nosniff',
  'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
  'referrer-policy': 'no-referrer',
}
const found = (response, value) => respondJson(response, 200, { ok: true, ...value }, always)
const failed = (response, error) => respondJson(response, 200, { ok: false, error }, always)
const content = Buffer.from('a,b\r\nü,\x00\xff\r\n'.repeat(500), 'latin1')

function api({ key, urls }) {
  const state = { tries: 0 }
  const routes = {
    'auth.test': (response) => found(response, { user: 'bot', team_id: 'T1' }),
    'conversations.list': (response, form) => {
      const isFirst = !form.has('cursor')
      found(response, {
        channels: [{ id: isFirst ? 'C1' : 'C2', asked: [...form] }],
        response_metadata: { next_cursor: isFirst ? 'dGVhbTpD+/==' : '' },
      })
    },
    'chat.postMessage': (response, form) => {
      if (form.get('channel') === 'C404') return failed(response, 'channel_not_found')
      if (form.get('channel') === 'C429' && state.tries++ === 0)
        return respondJson(response, 429, { ok: false, error: 'ratelimited' }, { ...always, 'retry-after': '1' })
      found(response, { channel: 'C1', ts: '1796126400.000100', message: Object.fromEntries(form) })
    },
    'files.getUploadURLExternal': (response) =>
      found(response, { upload_url: `${urls['slack-files']}/upload/v1/ABC?signature=a`, file_id: 'F1' }),
    'files.completeUploadExternal': (response, form) => found(response, { files: JSON.parse(form.get('files')) }),
    'files.upload': (response, _, body) => found(response, { file: { id: 'F2', size: body.length } }),
    'admin.analytics.getFile': (response) =>
      respond(response, 200, gzipSync('{"a":1}\n{"a":2}\n', { level: 9 }), {
        ...always,
        'content-type': 'application/gzip',
      }),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return failed(response, 'invalid_auth')
    const route = routes[request.url.slice('/api/'.length)]
    return route
      ? route(response, new URLSearchParams(body.toString('utf8')), body)
      : failed(response, 'unknown_method')
  }
}

function uploads() {
  return async (request, response) => {
    const body = await bodyOf(request)
    respond(response, 200, `OK - ${body.length}`, { 'content-type': 'text/plain' })
  }
}

export async function run({ at, load, step, refused }) {
  const { WebClient, LogLevel } = await load('@slack/web-api')
  const settings = { slackApiUrl: `${at.slack.url}/api/`, logLevel: LogLevel.ERROR }
  const slack = new WebClient(at.slack.key, settings)
  await step('auth.test', () => slack.auth.test())
  await step('a message with blocks', () =>
    slack.chat.postMessage({
      channel: 'C1',
      text: 'ü & "=" + 😀',
      blocks: [{ type: 'section', text: { type: 'mrkdwn', text: '*b*' } }],
      unfurl_links: false,
    }),
  )
  await step('all pages', async () => {
    const pages = []
    for await (const page of slack.paginate('conversations.list', {
      limit: 1,
      types: 'public_channel,private_channel',
    }))
      pages.push(page.channels)
    assert.equal(pages.length, 2)
    return pages
  })
  await step('a rate limit, and the call again', () => slack.chat.postMessage({ channel: 'C429', text: 'a' }))
  await step('what Slack refuses', () =>
    rejectionOf(slack.chat.postMessage({ channel: 'C404', text: 'a' }), ['code', 'message', 'data']),
  )
  await step('a file, to the host that Slack names', () =>
    slack.files.uploadV2({ channel_id: 'C1', filename: 'ü.csv', file: content, initial_comment: 'see' }),
  )
  await step('a file, as a form', () =>
    slack.apiCall('files.upload', { channels: 'C1', filename: 'a.csv', file: content }),
  )
  await step('a compressed file', () =>
    slack.apiCall('admin.analytics.getFile', { type: 'member', date: '2026-11-30' }),
  )
  await refused(
    'a token of nobody',
    () => new WebClient(at.slack.wrongKey, settings).auth.test(),
    /is not a token of this gateway/,
  )
  const gone = { channel: 'C1', ts: '1.2' }
  await refused('a tool that was not granted', () => slack.chat.delete(gone), /delete:slack:messages:delete/)
  await refused(
    'what no tool covers',
    () => slack.conversations.archive({ channel: 'C1' }),
    /no tool of slack covers POST/,
  )
}
