// As much of S3 as a client needs to put, get, list and delete, with the checks of a server that trusts nobody.
import { createHash } from 'node:crypto'
import { bodyOf, respond } from '../harness/fake.mjs'
import { objectOf, signatureProblem } from './aws-signature.mjs'

const always = { 'x-amz-request-id': 'TX0000001', 'x-amz-id-2': 'aWQ=', server: 'AmazonS3' }
const xml = (response, status, text, headers) =>
  respond(response, status, `<?xml version="1.0" encoding="UTF-8"?>\n${text}`, {
    ...always,
    'content-type': 'application/xml',
    ...headers,
  })
const problem = (response, status, code, message) =>
  xml(
    response,
    status,
    `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>TX0000001</RequestId></Error>`,
  )

const named = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }
const unescaped = (text) =>
  text.replaceAll(/&(?:#x([0-9a-f]+)|(\w+));/gi, (_, hex, name) =>
    hex ? String.fromCodePoint(parseInt(hex, 16)) : named[name],
  )
const escaped = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const tagOf = (bytes) => `"${createHash('md5').update(bytes).digest('hex')}"`
const DATE = 'Mon, 30 Nov 2026 12:00:00 GMT'

/** Headers that a stored object is told with again. */
const kept = /^(?:x-amz-meta-.*|x-amz-checksum-.*|content-type|content-disposition|cache-control|content-language)$/

/** A presigned URL says in its query what other requests say in headers. */
const saidBy = ({ headers }, query) => ({
  ...headers,
  ...(query.has('X-Amz-Signature') && Object.fromEntries([...query].filter(([name]) => name.startsWith('x-amz-')))),
})

function store(state, { request, response, query, key, body }) {
  const bytes = objectOf(request, body)
  if (request.headers['if-none-match'] === '*' && state.objects.has(key))
    return problem(response, 412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold')
  const headers = Object.fromEntries(Object.entries(saidBy(request, query)).filter(([name]) => kept.test(name)))
  state.objects.set(key, { bytes, headers, coding: request.headers['content-encoding'] })
  const { 'x-amz-checksum-crc32': checksum } = headers
  const told = {
    ...always,
    etag: tagOf(bytes),
    'x-amz-version-id': 'v1',
    ...(checksum && { 'x-amz-checksum-crc32': checksum }),
  }
  respond(response, 200, '', told)
}

function tell(state, { request, response, key }) {
  const object = state.objects.get(key)
  if (object === undefined) return problem(response, 404, 'NoSuchKey', 'The specified key does not exist.')
  const { bytes, headers, coding = '' } = object
  const stored = coding.replace(/^aws-chunked,?/, '')
  const told = {
    ...always,
    'content-type': 'binary/octet-stream',
    ...headers,
    ...(stored && { 'content-encoding': stored }),
    etag: tagOf(bytes),
    'last-modified': DATE,
    'accept-ranges': 'bytes',
  }
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? []
  if (first === undefined) {
    response.writeHead(200, { ...told, 'content-length': bytes.length })
    return response.end(request.method === 'HEAD' ? undefined : bytes)
  }
  delete told['x-amz-checksum-crc32']
  const piece = bytes.subarray(Number(first), last === '' ? undefined : Number(last) + 1)
  const range = `bytes ${first}-${Number(first) + piece.length - 1}/${bytes.length}`
  response.writeHead(206, { ...told, 'content-range': range, 'content-length': piece.length })
  response.end(piece)
}

function list(state, { response, query, bucket }) {
  const prefix = query.get('prefix') ?? ''
  const after = query.get('continuation-token') ?? ''
  const keys = [...state.objects.keys()].sort().filter((key) => key.startsWith(prefix) && key > after)
  const most = Number(query.get('max-keys') ?? 1000)
  const page = keys.slice(0, most)
  const next = keys.length > most ? `<NextContinuationToken>${escaped(page.at(-1))}</NextContinuationToken>` : ''
  const contents = page.map(
    (key) => `<Contents><Key>${escaped(key)}</Key><Size>${state.objects.get(key).bytes.length}</Size></Contents>`,
  )
  xml(
    response,
    200,
    `<ListBucketResult><Name>${bucket}</Name><Prefix>${escaped(prefix)}</Prefix><IsTruncated>${next !== ''}</IsTruncated>${next}${contents.join('')}</ListBucketResult>`,
  )
}

function upload(state, { request, response, query, key, bucket, body }) {
  const id = 'VXBsb2FkIElE'
  if (query.has('uploads')) {
    state.parts = new Map()
    return xml(
      response,
      200,
      `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
    )
  }
  if (query.get('uploadId') !== id) return problem(response, 404, 'NoSuchUpload', 'The upload does not exist.')
  if (request.method === 'PUT') {
    const bytes = objectOf(request, body)
    state.parts.set(Number(query.get('partNumber')), bytes)
    return respond(response, 200, '', { ...always, etag: tagOf(bytes) })
  }
  const numbers = [...body.toString('utf8').matchAll(/<PartNumber>(\d+)<\/PartNumber>/g)].map(([, number]) =>
    Number(number),
  )
  const bytes = Buffer.concat(numbers.map((number) => state.parts.get(number)))
  state.objects.set(key, { bytes, headers: {} })
  xml(
    response,
    200,
    `<CompleteMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escaped(key)}</Key><ETag>"${numbers.length}-parts"</ETag></CompleteMultipartUploadResult>`,
  )
}

function removeMany(state, { response, body, request }) {
  objectOf(request, body)
  const keys = [...body.toString('utf8').matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key)
  for (const key of keys) state.objects.delete(unescaped(key))
  xml(
    response,
    200,
    `<DeleteResult>${keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`).join('')}</DeleteResult>`,
  )
}

function serve(state, call) {
  const { request, response, query, key } = call
  if (query.has('uploads') || query.has('uploadId')) return upload(state, call)
  if (query.has('delete')) return removeMany(state, call)
  if (key === '') return list(state, call)
  if (request.method === 'PUT') return store(state, call)
  if (request.method !== 'DELETE') return tell(state, call)
  state.objects.delete(key)
  response.writeHead(204, always).end()
}

/** `secret` is the key's; `region` what it must sign for. */
export function fakeS3(secret, region) {
  const state = { objects: new Map(), parts: new Map() }
  return async (request, response) => {
    const body = await bodyOf(request)
    const fault = signatureProblem(request, secret, region)
    if (fault !== undefined) return problem(response, 403, 'SignatureDoesNotMatch', fault)
    const url = new URL(request.url, 'http://fake')
    const [, bucket, key] = /^\/([^/]+)\/?(.*)$/.exec(url.pathname)
    try {
      serve(state, { request, response, query: url.searchParams, bucket, key: decodeURIComponent(key), body })
    } catch (error) {
      problem(response, 400, 'BadDigest', error.message)
    }
  }
}
