/** Amazon S3 with path-style URLs. It works out each signature by itself. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html */
import { createHash, createHmac } from 'node:crypto'
import { Sha256 } from '@aws-crypto/sha256-js'
import { SignatureV4 } from '@smithy/signature-v4'
import { callsWith, pageOf, withHeaders, withQuery } from '../fake-api.ts'
import type { ApiCall, ApiRequest, ApiResponse, FakeApi, FakeState } from '../fake-api.ts'

const ID = 'AKIAMADEUP0123456789'
const SECRET = 'made/up/0123456789012345678901234567'
const REGION = 'eu-central-1'
const keys = [1, 2, 3, 4, 5].map((number) => `logs/${String(number)}.txt`)
const xml = (status: number, body: string): ApiResponse => ({
  status,
  headers: { 'content-type': 'application/xml', 'x-amz-request-id': 'MADEUP', 'x-amz-id-2': 'made/up' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
})
const error = (status: number, code: string, message: string): ApiResponse =>
  xml(status, `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>MADEUP</RequestId></Error>`)
const badKey = error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')

function respond(request: ApiRequest, { keyWorks }: FakeState): ApiResponse {
  const fault = faultOf(request, keyWorks)
  if (fault !== undefined) return fault
  const { method, path, query, headers, body } = request
  if (path === '/') return xml(200, '<ListAllMyBucketsResult><Buckets></Buckets></ListAllMyBucketsResult>')
  if (method === 'GET' && path === '/bucket/') {
    const after = Number(query.get('continuation-token') ?? '0')
    const contents = pageOf(keys, after).map((key) => `<Contents><Key>${key}</Key></Contents>`)
    const next = `<NextContinuationToken>${String(after + 2)}</NextContinuationToken>`
    return xml(200, `<ListBucketResult><IsTruncated>true</IsTruncated>${next}${contents.join('')}</ListBucketResult>`)
  }
  if (method === 'PUT' && path === '/bucket/logs/6%20%26%20more.txt')
    return {
      status: 200,
      headers: {
        etag: `"${createHash('md5').update(body).digest('hex')}"`,
        'x-amz-request-id': 'MADEUP',
        'x-amz-server-side-encryption': String(headers['x-amz-server-side-encryption']),
      },
    }
  return error(404, 'NoSuchKey', 'The specified key does not exist.')
}

const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

function faultOf({ method, target, headers, body }: ApiRequest, keyWorks: boolean): ApiResponse | undefined {
  const [, id, day = '', region = '', signed = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=(.*)$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (id === undefined) return error(403, 'AccessDenied', 'Access Denied')
  if (!keyWorks || id !== ID) return badKey
  if (region !== REGION) return error(400, 'AuthorizationHeaderMalformed', 'the region is wrong')
  const time = String(headers['x-amz-date'])
  const { 0: year, 1: month, 2: date, 3: hour, 4: minute } = time.match(/^\d{4}|\d{2}/g) ?? []
  const sent = Date.parse(`${year!}-${month!}-${date!}T${hour!}:${minute!}:00Z`)
  if (Math.abs(sent - Date.now()) > 15 * 60_000)
    return error(403, 'RequestTimeTooSkewed', 'The difference is too large.')
  const hash = String(headers['x-amz-content-sha256'])
  if (hash !== 'UNSIGNED-PAYLOAD' && hash !== sha256(body)) return error(400, 'XAmzContentSHA256Mismatch', 'Mismatch')
  if (Object.keys(headers).some((name) => name.startsWith('x-amz-') && !signed.split(';').includes(name)))
    return error(403, 'AccessDenied', 'There were headers present in the request which were not signed')
  const [path = '', query = ''] = target.split('?')
  const pairs = query.split('&').filter((pair) => pair !== '')
  const canonical = [
    method,
    path,
    pairs
      .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
      .sort()
      .join('&'),
    ...signed.split(';').map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signed,
    hash,
  ].join('\n')
  const key = hmac(hmac(hmac(hmac(`AWS4${SECRET}`, day), region), 's3'), 'aws4_request')
  const text = ['AWS4-HMAC-SHA256', time, `${day}/${region}/s3/aws4_request`, sha256(canonical)].join('\n')
  return hmac(key, text).toString('hex') === signature
    ? undefined
    : error(
        403,
        'SignatureDoesNotMatch',
        'The request signature we calculated does not match the signature you provided.',
      )
}

/** As an SDK of AWS does, with `base` as its endpoint. */
async function sign({ method = 'GET', path, headers = {}, body }: ApiCall, id: string, base: string): Promise<ApiCall> {
  const { host, hostname, pathname } = new URL(base)
  const [own = '', query = ''] = path.split('?')
  const signer = new SignatureV4({
    credentials: { accessKeyId: id, secretAccessKey: id === ID ? SECRET : 'none' },
    region: REGION,
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  })
  const signed = await signer.sign({
    method,
    protocol: 'http:',
    hostname,
    path: `${pathname === '/' ? '' : pathname}${own}`,
    query: Object.fromEntries(new URLSearchParams(query)),
    headers: { host, ...headers },
    body,
  })
  const { host: _host, ...rest } = signed.headers
  return { method, path, headers: rest, ...(body !== undefined && { body }) }
}

const call = callsWith({ Accept: '*/*', 'User-Agent': 'aws-sdk-js/3.1175.0' }, 'text/plain')
const list = call('GET', '/bucket/?list-type=2&max-keys=2&prefix=logs%2F')
const element = (text: string, name: string) => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1]

export const awsS3: FakeApi = {
  name: 'aws-s3',
  variables: { region: REGION },
  secret: { access_key_id: ID, secret_access_key: SECRET },
  respond,
  authorize: sign,
  authorizeDirectly: (sent, base) => sign(sent, ID, base),
  fleeting: ['authorization', 'x-amz-date'],
  pages: {
    scope: 'read:aws-s3:objects',
    first: list,
    next: ({ text }) => withQuery(list, 'continuation-token', element(text, 'NextContinuationToken')!),
    items: ({ text }) => [...text.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key),
    expected: [
      ['logs/1.txt', 'logs/2.txt'],
      ['logs/3.txt', 'logs/4.txt'],
    ],
  },
  write: {
    scope: 'update:aws-s3:objects:write',
    call: withHeaders(call('PUT', '/bucket/logs/6%20%26%20more.txt?x-id=PutObject', 'six'), {
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-meta-color': 'blue',
    }),
    status: 200,
  },
  missing: { scope: 'read:aws-s3:objects', call: call('GET', '/bucket/logs/404.txt?x-id=GetObject'), status: 404 },
  undeclared: call('DELETE', '/bucket'),
  otherScope: 'read:aws-s3:buckets',
  badKey,
  refused: [
    { what: 'without a signature', call: list, status: 403, says: 'AccessDenied' },
    {
      what: 'with its secret as a bearer token',
      call: withHeaders(list, { Authorization: `Bearer ${SECRET}` }),
      status: 403,
      says: 'AccessDenied',
    },
    {
      what: 'with a signature that is made up',
      call: withHeaders(list, {
        Authorization: `AWS4-HMAC-SHA256 Credential=${ID}/20261201/${REGION}/s3/aws4_request, SignedHeaders=host, Signature=00`,
        'x-amz-date': '20261201T000000Z',
      }),
      status: 403,
    },
  ],
  byQuery: [
    call('GET', '/bucket/?policy'),
    call('GET', '/bucket?versions'),
    call('GET', '/bucket/logs/1.txt?acl'),
    call('HEAD', '/bucket/logs/1.txt?torrent'),
  ],
  onBehalf: [
    ['x-amz-request-payer', 'requester'],
    ['x-amz-copy-source', '/bucket/logs/1.txt'],
    ['x-amz-acl', 'public-read'],
  ],
  sentence: ({ text }) => element(text, 'Message'),
}
