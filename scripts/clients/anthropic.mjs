// Anthropic's own client, which streams, retries and uploads. Before 1.0 its key stood in a header of its own.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { bodyOf, hasBearer, openGate, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['@anthropic-ai/sdk@1.15.0', 'sdk-before-1@npm:@anthropic-ai/sdk@0.137.0']

export const upstreams = { anthropic: { preset: 'anthropic', fake: api } }
export const scopes = [
  'read:anthropic:models',
  'create:anthropic:messages',
  'read:anthropic:token-counts',
  'read:anthropic:files',
  'create:anthropic:files:write',
]
const where = 'the key is put where the preset says; the API, and the fake, takes it from either'
export const leftOut = { 'x-stainless-*': 'telemetry of the SDK', authorization: where, 'x-api-key': where }
export const responsesLeftOut = { 'cf-ray': 'of the network before the API' }

const always = {
  'request-id': 'req_011',
  'anthropic-organization-id': 'a1b2',
  'anthropic-ratelimit-requests-limit': '50',
  'anthropic-ratelimit-requests-remaining': '49',
  'anthropic-ratelimit-requests-reset': '2026-12-01T12:00:00Z',
  'cf-ray': '8a0-FRA',
}
const found = (response, value) => respondJson(response, 200, value, always)
const problem = (response, status, type, message, headers) =>
  respondJson(response, status, { type: 'error', error: { type, message } }, { ...always, ...headers })

let read = openGate()
const content = randomBytes(50_000)
const usage = { input_tokens: 1, output_tokens: 1 }
const message = { id: 'msg_1', type: 'message', role: 'assistant', content: [], stop_reason: null, usage }

async function writeStream(response, { model }) {
  response.writeHead(200, { ...always, 'content-type': 'text/event-stream; charset=utf-8' })
  const event = (type, data) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`)
  event('message_start', { message: { ...message, model } })
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } })
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Grüß ' } })
  await read.passed
  event('ping')
  event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'dich 😀' } })
  if (model === 'endless') return
  if (model === 'overloaded-late') event('error', { error: { type: 'overloaded_error', message: 'Overloaded' } })
  event('content_block_stop', { index: 0 })
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 9 } })
  event('message_stop')
  response.end()
}

function answer(response, request, body, state) {
  const asked = JSON.parse(body)
  if (asked.stream) return writeStream(response, asked)
  if (asked.model === 'busy' && state.tries++ === 0)
    return problem(response, 529, 'overloaded_error', 'Overloaded', { 'retry-after': '0', 'x-should-retry': 'true' })
  if (asked.max_tokens > 100) return problem(response, 400, 'invalid_request_error', 'max_tokens: 1000 > 100')
  const { 'anthropic-beta': beta, 'anthropic-version': version } = request.headers
  found(response, { ...message, model: asked.model, asked, beta, version })
}

const page = (response, url) => {
  const isFirst = !url.searchParams.has('after_id')
  const id = isFirst ? 'claude-a' : 'claude-b'
  found(response, { data: [{ type: 'model', id }], has_more: isFirst, first_id: id, last_id: id })
}

function api({ key }) {
  const state = { tries: 0 }
  const routes = {
    'GET /v1/models': (response, _, __, url) => page(response, url),
    'POST /v1/messages': (response, request, body) => answer(response, request, body, state),
    'POST /v1/messages/count_tokens': (response) => found(response, { input_tokens: 3 }),
    'POST /v1/files': (response, _, body) => found(response, { id: 'file_1', type: 'file', size_bytes: body.length }),
    'GET /v1/files/file_1/content': (response) =>
      respond(response, 200, content, { ...always, 'content-type': 'application/octet-stream' }),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key) && request.headers['x-api-key'] !== key)
      return problem(response, 401, 'authentication_error', 'invalid x-api-key')
    if (!request.headers['anthropic-version']) return problem(response, 400, 'invalid_request_error', 'no version')
    const url = new URL(request.url, 'http://fake')
    const route = routes[`${request.method} ${url.pathname}`]
    return route ? route(response, request, body, url) : problem(response, 404, 'not_found_error', request.url)
  }
}

const asked = { model: 'claude-example', max_tokens: 50, messages: [{ role: 'user', content: 'Sag "ü"' }] }

async function readStreams({ step, client }) {
  await step('a stream, read while it is written', async () => {
    read = openGate()
    const stream = client.messages.stream(asked)
    stream.on('text', () => read.open())
    const { content: blocks, usage: used } = await stream.finalMessage()
    assert.equal(blocks[0].text, 'Grüß dich 😀')
    return { blocks, used }
  })
  await step('a stream that the program leaves', async () => {
    read = openGate()
    const stream = client.messages.stream({ ...asked, model: 'endless' })
    stream.on('text', (text) => {
      read.open()
      if (text.startsWith('dich')) stream.abort()
    })
    return rejectionOf(stream.finalMessage(), ['name', 'message'])
  })
  await step('an error in a stream', () => {
    read = openGate()
    read.open()
    return rejectionOf(client.messages.stream({ ...asked, model: 'overloaded-late' }).finalMessage(), [
      'name',
      'message',
    ])
  })
}

export async function run({ at, load, step, refused }) {
  const { default: Anthropic, toFile } = await load('@anthropic-ai/sdk')
  const client = new Anthropic({ apiKey: at.anthropic.key, baseURL: at.anthropic.url })
  await step('messages.create', () => client.messages.create(asked))
  await step('a beta', () =>
    client.beta.messages.create({ ...asked, betas: ['files-api-2025-04-14', 'example-2026-01-01'] }),
  )
  await step('messages.countTokens', () => client.messages.countTokens({ model: 'm', messages: asked.messages }))
  await step('all pages', async () => {
    const ids = []
    for await (const { id } of client.models.list({ limit: 1 })) ids.push(id)
    assert.deepEqual(ids, ['claude-a', 'claude-b'])
    return ids
  })
  await readStreams({ step, client })
  await step('an overloaded API, and the call again', () => client.messages.create({ ...asked, model: 'busy' }))
  await step('what the API refuses', () =>
    rejectionOf(client.messages.create({ ...asked, max_tokens: 1000 }), [
      'name',
      'status',
      'message',
      'requestID',
      'type',
    ]),
  )
  await step('a file, as a form', async () =>
    client.beta.files.upload({ file: await toFile(content, 'ü.bin', { type: 'application/pdf' }) }),
  )
  await step('the content of a file', async () => {
    const got = Buffer.from(await (await client.beta.files.download('file_1')).arrayBuffer())
    assert(got.equals(content))
    return got.length
  })
  const { default: Before } = await load('sdk-before-1')
  const before = new Before({ apiKey: at.anthropic.key, baseURL: at.anthropic.url })
  await step('messages.create, with the key in a header of its own', () => before.messages.create(asked))
  const stranger = () => new Anthropic({ apiKey: at.anthropic.wrongKey, baseURL: at.anthropic.url })
  await refused('a token of nobody', () => stranger().messages.create(asked), /is not a token of this gateway/)
  const batch = { requests: [{ custom_id: 'a', params: asked }] }
  await refused(
    'a tool that was not granted',
    () => client.messages.batches.create(batch),
    /create:anthropic:batches:write/,
  )
  await refused('what no tool covers', () => client.beta.files.delete('file_1'), /no tool of anthropic covers DELETE/)
}
