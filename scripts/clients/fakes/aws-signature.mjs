// AWS Signature Version 4 as a server checks it, written from the documents and with nothing but hashes: an oracle beside the signer
// that the gateway uses (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html).
import { createHash, createHmac } from 'node:crypto'
import { crc32 } from 'node:zlib'

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')
const hmac = (key, text) => createHmac('sha256', key).update(text).digest()

const splitOnce = (text, separator) => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** What stands in the `Authorization` header, or in the query of a presigned URL; undefined where there is no signature. */
function presented({ headers, url }) {
  const query = new Map(
    splitOnce(url, '?')[1]
      .split('&')
      .map((pair) => splitOnce(pair, '=').map(decodeURIComponent)),
  )
  const fields = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/
  const [, credential, signedHeaders, signature] = fields.exec(headers.authorization ?? '') ?? []
  if (credential !== undefined) return { credential, signedHeaders, signature, date: headers['x-amz-date'] }
  if (!query.has('X-Amz-Signature')) return undefined
  return {
    credential: query.get('X-Amz-Credential'),
    signedHeaders: query.get('X-Amz-SignedHeaders'),
    signature: query.get('X-Amz-Signature'),
    date: query.get('X-Amz-Date'),
    isPresigned: true,
  }
}

/** Sorted, as they are spelled: clients encode what has to be encoded. */
const canonicalQuery = (query) =>
  query
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&')

const canonicalHeaders = (headers, names) =>
  names.map((name) => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}\n`).join('')

/** Why a request is not signed by the key's owner; undefined when it is. */
export function signatureProblem(request, { access_key_id: id, secret_access_key: secret }, region) {
  const given = presented(request)
  if (given === undefined) return 'the request is not signed'
  const [keyId, day, ...rest] = given.credential.split('/')
  if (keyId !== id) return `the access key id ${keyId} is not known`
  if (rest.join('/') !== `${region}/s3/aws4_request`) return `the scope ${rest.join('/')} is not of this service`
  const names = given.signedHeaders.split(';')
  const needed = [
    'host',
    ...(given.isPresigned ? [] : Object.keys(request.headers).filter((name) => name.startsWith('x-amz-'))),
  ]
  const unsigned = needed.find((name) => !names.includes(name))
  if (unsigned !== undefined) return `header ${unsigned} is not signed`
  const [path, query] = splitOnce(request.url, '?')
  const stated = given.isPresigned ? 'UNSIGNED-PAYLOAD' : request.headers['x-amz-content-sha256']
  const canonical = [
    request.method,
    path,
    canonicalQuery(query),
    canonicalHeaders(request.headers, names),
    given.signedHeaders,
    stated,
  ]
  const scope = `${day}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', given.date, scope, sha256(canonical.join('\n'))].join('\n')
  const key = [day, region, 's3', 'aws4_request'].reduce(hmac, `AWS4${secret}`)
  return hmac(key, text).toString('hex') === given.signature ? undefined : 'the signature does not fit the request'
}

/** The bytes of a body in pieces (`aws-chunked`), and its trailer. */
function unchunked(body) {
  const pieces = []
  let at = 0
  for (;;) {
    const end = body.indexOf('\r\n', at)
    const size = parseInt(body.toString('latin1', at, end), 16)
    at = end + 2
    if (size === 0) break
    pieces.push(body.subarray(at, at + size))
    at += size + 2
  }
  const lines = body
    .toString('latin1', at)
    .split('\r\n')
    .filter((line) => line !== '')
  return { bytes: Buffer.concat(pieces), trailer: Object.fromEntries(lines.map((line) => splitOnce(line, ':'))) }
}

const checksums = {
  'x-amz-checksum-sha256': (bytes) => createHash('sha256').update(bytes).digest('base64'),
  'x-amz-checksum-crc32': (bytes) => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(bytes))
    return sum.toString('base64')
  },
}

const STREAMED = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER'

function* bodyProblems(headers, stated, { bytes, trailer }) {
  if (stated === STREAMED) {
    if (Number(headers['x-amz-decoded-content-length']) !== bytes.length) yield 'x-amz-decoded-content-length is wrong'
    if (trailer[headers['x-amz-trailer']] === undefined) yield 'the trailer is missing'
  } else if (stated !== 'UNSIGNED-PAYLOAD' && stated !== sha256(bytes)) yield 'x-amz-content-sha256 is wrong'
  for (const [name, value] of Object.entries({ ...headers, ...trailer }))
    if (checksums[name] && checksums[name](bytes) !== value) yield `${name} is wrong`
}

/** The object's bytes; throws where the request says something else of them than is true. */
export function objectOf({ headers }, body) {
  const stated = headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD'
  const read = stated === STREAMED ? unchunked(body) : { bytes: body, trailer: {} }
  for (const problem of bodyProblems(headers, stated, read)) throw new Error(problem)
  return read.bytes
}
