// An API of files, uploads and redirects, as object stores and package servers are.
import { createHash } from 'node:crypto'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { bodyOf, hasBearer, respond, respondJson } from '../harness/fake.mjs'

const MIB = 1_048_576
/** Text that compresses, with its place in every line. */
export const FILE = Buffer.from(
  Array.from({ length: MIB / 16 }, (_, line) => `line ${String(line).padStart(10, '0')}\n`).join(''),
)
export const MODIFIED = 'Wed, 21 Oct 2015 07:28:00 GMT'
const ETAG = `"${createHash('sha256').update(FILE).digest('hex').slice(0, 16)}"`
const NOTE = Buffer.from('a short note, stored as it is\n'.repeat(100))

const ZSTD = 0x28b52ffd
/** RFC 8878, 3.1.1: a frame that tells its size in two bytes, and one block as it is. Node 20 has no coder. */
const zstdFrame = (bytes) =>
  Buffer.concat([
    Buffer.from(Uint32Array.of(ZSTD).buffer).reverse(),
    Buffer.from([0x60]),
    Buffer.from(Uint16Array.of(bytes.length - 256).buffer),
    Buffer.from(Uint32Array.of((bytes.length << 3) | 1).buffer).subarray(0, 3),
    bytes,
  ])
/** What a frame of its own making holds; anything else as it is. */
export const readFrame = (body) => (body.length > 8 && body.readUInt32BE(0) === ZSTD ? body.subarray(10) : body)
const codings = {
  gzip: gzipSync,
  br: brotliCompressSync,
  deflate: deflateSync,
  zstd: zstdFrame,
  none: (bytes) => bytes,
}

const any = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'].flatMap((method) =>
  ['/{path...}', '/{path...}/'].map((path) => ({ method, path, capability: 'read' })),
)
/** For `upstreams`: anything may be asked for, by these methods. */
export const filesUpstream = {
  document: { allow_range: true, max_request_bytes: 20 * MIB },
  tools: { all: any },
  fake: filesApi,
}

function filesApi({ key, url: own }) {
  const state = { asked: new Set(), own }
  return async (request, response) => {
    const body = await bodyOf(request)
    if (!hasBearer(request, key)) return respondJson(response, 401, { message: 'Bad credentials' })
    const url = new URL(request.url, own)
    const route = routes[url.pathname.split('/')[1]]
    if (route === undefined) return respondJson(response, 404, { message: `no ${url.pathname}` })
    return route({ request, response, url, body, state })
  }
}

/** Of a form without its boundary, which is made up for each. */
function digestOf({ headers }, body) {
  const boundary = /boundary=([^;]+)/.exec(headers['content-type'] ?? '')?.[1]
  const text = boundary === undefined ? body : body.toString('latin1').replaceAll(boundary, '')
  return createHash('sha256').update(text, 'latin1').digest('hex')
}

const routes = {
  file: sendFile,
  upload: ({ request, response, body }) =>
    respondJson(response, request.method === 'PUT' ? 201 : 200, {
      bytes: body.length,
      digest: digestOf(request, body),
    }),
  echo: ({ request: { method }, response, url, body }) =>
    respondJson(response, 200, { method, target: url.pathname + url.search, body: body.toString('latin1') }),
  negotiated: ({ request, response }) => {
    const wanted = (request.headers['accept-encoding'] ?? '').split(',').map((name) => name.split(';')[0].trim())
    sendNote(response, ['zstd', 'br', 'gzip', 'deflate'].find((name) => wanted.includes(name)) ?? 'none')
  },
  /** Whatever was asked for. */
  stored: ({ response, url }) => sendNote(response, url.pathname.split('/')[2]),
  redirect: ({ response, url, state }) => {
    const to = url.searchParams.get('to').replace('OWN', state.own)
    const status = Number(url.searchParams.get('status') ?? 302)
    response.writeHead(status, { location: to, 'content-length': 0 }).end()
  },
  /** Once 503, as a service that is being moved. */
  retried: ({ response, url, state: { asked } }) => {
    if (asked.has(url.href)) return respondJson(response, 200, { tries: 2 })
    asked.add(url.href)
    respondJson(response, 503, { message: 'moving' }, { 'retry-after': '1' })
  },
}

function sendNote(response, coding) {
  respond(response, 200, codings[coding](NOTE), {
    'content-type': 'text/plain',
    vary: 'accept-encoding',
    ...(coding !== 'none' && { 'content-encoding': coding }),
  })
}

/** RFC 9110, 13 and 14: conditions, and one range. */
function sendFile({ request, response }) {
  const { range, 'if-none-match': tag, 'if-modified-since': since, 'if-range': only } = request.headers
  const headers = {
    etag: ETAG,
    'last-modified': MODIFIED,
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
  }
  if (tag === ETAG || (tag === undefined && since === MODIFIED)) return response.writeHead(304, headers).end()
  const wanted = only === undefined || only === ETAG ? /^bytes=(\d*)-(\d*)$/.exec(range ?? '') : null
  if (wanted === null) return respond(response, 200, FILE, headers)
  const [, first, last] = wanted
  const from = first === '' ? FILE.length - Number(last) : Number(first)
  const part = first === '' ? FILE.subarray(from) : FILE.subarray(from, last === '' ? FILE.length : Number(last) + 1)
  if (from >= FILE.length) return respond(response, 416, '', { ...headers, 'content-range': `bytes */${FILE.length}` })
  const contentRange = `bytes ${from}-${from + part.length - 1}/${FILE.length}`
  return respond(response, 206, part, { ...headers, 'content-range': contentRange })
}
