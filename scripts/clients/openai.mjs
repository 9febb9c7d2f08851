// OpenAI's own client: streams that are read while they are written, breaks on either side, retries, files.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bodyOf, hasBearer, openGate, rejectionOf, respond, respondJson } from './harness/fake.mjs'

export const packages = ['openai@6.30.1']

export const upstreams = {
  openai: {
    preset: 'openai',
    document: { request_headers: { 'OpenAI-Organization': ['org-example'], 'OpenAI-Project': ['*'] } },
    fake: api,
  },
}
export const scopes = [
  ...['models', 'embeddings', 'files'].map((tool) => `read:openai:${tool}`),
  ...['chat', 'responses', 'files:write'].map((tool) => `create:openai:${tool}`),
]
export const leftOut = { 'x-stainless-*': 'telemetry of the SDK' }
export const responsesLeftOut = {
  'cf-*': 'of the network before the API',
  'alt-svc': 'for a host name that is not the gateway’s',
}

const always = {
  'openai-organization': 'org-example',
  'openai-processing-ms': '12',
  'openai-version': '2020-10-01',
  'x-request-id': 'req_0123',
  'x-ratelimit-limit-requests': '10000',
  'x-ratelimit-remaining-requests': '9999',
  'x-ratelimit-reset-requests': '6ms',
  'cf-cache-status': 'DYNAMIC',
  'cf-ray': '8a0-FRA',
  'alt-svc': 'h3=":443"; ma=86400',
  'set-cookie': '__cf_bm=a; path=/; HttpOnly',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
}
const found = (response, value, headers) => respondJson(response, 200, value, { ...always, ...headers })
const problem = (response, status, message, headers) =>
  respondJson(
    response,
    status,
    { error: { message, type: 'invalid_request_error', code: 'example' } },
    { ...always, ...headers },
  )

/** The stream that is being written; `read` is opened by the program when it has what was written so far. */
let stream = { read: openGate() }
const content = randomBytes(200_000)

const chunkOf = (model, text) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  model,
  choices: [{ index: 0, delta: { content: text }, finish_reason: null }],
})

async function writeStream(response, { model }) {
  response.writeHead(200, {
    ...always,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache',
  })
  const event = (data) => response.write(`data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`)
  event(chunkOf(model, 'first ü'))
  await stream.read.passed
  if (model === 'breaks') return response.destroy()
  // Two events, of which the second is cut in the middle of a character.
  const [one, other] = [chunkOf(model, 'second 😀'), chunkOf(model, 'third')].map(
    (chunk) => `data: ${JSON.stringify(chunk)}\n\n`,
  )
  const bytes = Buffer.from(one + other)
  response.write(bytes.subarray(0, bytes.indexOf(0xf0) + 2))
  response.write(bytes.subarray(bytes.indexOf(0xf0) + 2))
  if (model === 'endless') return
  event('[DONE]')
  response.end()
}

function complete(response, request, body, state) {
  const asked = JSON.parse(body)
  if (asked.stream) return writeStream(response, asked)
  if (asked.model === 'unknown') return problem(response, 404, 'The model `unknown` does not exist')
  if (asked.model === 'busy' && state.tries++ === 0)
    return problem(response, 429, 'slow down', { 'retry-after-ms': '20', 'x-should-retry': 'true' })
  if (asked.model === 'unwell') return problem(response, 500, 'unwell', { 'retry-after-ms': '10' })
  const { 'openai-organization': organization, 'openai-project': project } = request.headers
  found(response, { id: 'chatcmpl-1', model: asked.model, choices: [], asked, organization, project })
}

function api({ key }) {
  const state = { tries: 0 }
  stream = { read: openGate() }
  const routes = {
    'GET /v1/models': (response) => found(response, { object: 'list', data: [{ id: 'gpt-example', object: 'model' }] }),
    'POST /v1/chat/completions': (response, request, body) => complete(response, request, body, state),
    'POST /v1/responses': (response, request, body) => writeStream(response, JSON.parse(body)),
    'POST /v1/embeddings': (response) =>
      found(response, { object: 'list', data: [{ object: 'embedding', index: 0, embedding: 'zczMPc3MTD4=' }] }),
    'POST /v1/files': (response, request, body) =>
      found(response, { id: 'file-1', object: 'file', bytes: body.length }),
    'GET /v1/files/file-1/content': (response) =>
      respond(response, 200, content, {
        ...always,
        'content-type': 'application/octet-stream',
        'content-disposition': 'attachment; filename="example.bin"',
      }),
  }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return problem(response, 401, 'Incorrect API key provided')
    const route = routes[`${request.method} ${request.url}`]
    return route ? route(response, request, body) : problem(response, 404, `Unknown request URL: ${request.url}`)
  }
}

const messages = [{ role: 'user', content: 'Say "ü"' }]

async function readStreams({ step, client }) {
  const begin = async (model, options) => {
    stream.read = openGate()
    return client.chat.completions.create({ model, messages, stream: true }, options)
  }
  await step('a stream, read while it is written', async () => {
    const texts = []
    for await (const { choices } of await begin('gpt-example')) {
      texts.push(choices[0].delta.content)
      stream.read.open()
    }
    assert.deepEqual(texts, ['first ü', 'second 😀', 'third'])
    return texts
  })
  await step('a stream that the program leaves', async () => {
    const asked = await begin('endless')
    for await (const { choices } of asked) {
      stream.read.open()
      if (choices[0].delta.content === 'third') break
    }
    asked.controller.abort()
    return 'left'
  })
  await step('a stream that breaks', async () => {
    const asked = await begin('breaks')
    const texts = []
    const reading = (async () => {
      for await (const { choices } of asked) {
        texts.push(choices[0].delta.content)
        stream.read.open()
      }
    })()
    return { ...(await rejectionOf(reading, ['name'])), texts }
  })
}

async function retry({ step, client }) {
  const complete = (model) => client.chat.completions.create({ model, messages })
  await step('a rate limit, and the call again', () => complete('busy'))
  await step('a server that is unwell, until the tries are used up', () => rejectionOf(complete('unwell')))
  await step('a model that does not exist', () => rejectionOf(complete('unknown')))
}

export async function run({ at, load, folder, step, refused }) {
  const { default: OpenAI, toFile } = await load('openai')
  const options = {
    apiKey: at.openai.key,
    baseURL: `${at.openai.url}/v1`,
    organization: 'org-example',
    project: 'proj_example',
  }
  const client = new OpenAI(options)
  await step('models.list', async () => (await client.models.list()).data)
  await step('a completion, for an organization and a project', () =>
    client.chat.completions.create({ model: 'gpt-example', messages, temperature: 1e-7, seed: 9007199254740991 }),
  )
  await readStreams({ step, client })
  await retry({ step, client })
  await step('embeddings', () => client.embeddings.create({ model: 'm', input: ['a', 'b'] }))
  const path = join(folder, 'exämple.jsonl')
  writeFileSync(path, '{"a":1}\n'.repeat(5_000))
  await step('a file from disk, as a form', () =>
    client.files.create({ file: createReadStream(path), purpose: 'fine-tune' }),
  )
  await step('a file from memory', async () =>
    client.files.create({ file: await toFile(content, 'a"b.bin', { type: 'image/png' }), purpose: 'vision' }),
  )
  await step('the content of a file', async () => {
    const got = Buffer.from(await (await client.files.content('file-1')).arrayBuffer())
    assert(got.equals(content))
    return got.length
  })
  const stranger = () => new OpenAI({ ...options, apiKey: at.openai.wrongKey })
  await refused('a token of nobody', () => stranger().models.list(), /is not a token of this gateway/)
  await refused('a tool that was not granted', () => client.images.generate({ prompt: 'a' }), /create:openai:images/)
  await refused('what no tool covers', () => client.files.delete('file-1'), /no tool of openai covers DELETE/)
  const other = new OpenAI({ ...options, organization: 'org-of-another' })
  await refused('another organization', () => other.models.list(), /openai-organization has a value/)
}
