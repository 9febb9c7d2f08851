// AWS's own client for S3. It signs with the phantom token as its access key id; the gateway signs again, and the fake checks that.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { fakeS3 } from './fakes/s3.mjs'
import { rejectionOf } from './harness/fake.mjs'

export const packages = [
  '@aws-sdk/client-s3@3.1175.0',
  '@aws-sdk/lib-storage@3.1175.0',
  '@aws-sdk/s3-request-presigner@3.1169.0',
]

const REGION = 'eu-central-1'
const MiB = 1 << 20

export const upstreams = {
  s3: {
    secret: () => ({
      access_key_id: `AKIAEXAMPLE${randomBytes(5).toString('hex').toUpperCase()}`,
      secret_access_key: `example${randomBytes(18).toString('hex')}`,
    }),
    keyField: 'access_key_id',
    preset: 'aws-s3',
    variables: { region: REGION },
    tools: {
      many: ['/{bucket}', '/{bucket}/'].map((path) => ({ method: 'POST', path, capability: 'delete' })),
    },
    fake: ({ secret }) => fakeS3(secret, REGION),
  },
}
export const scopes = ['read:s3:objects', 'update:s3:objects:write', 'create:s3:objects:write', 'delete:s3:many']
export const leftOut = {
  authorization: 'signed again by the gateway; the fake checks it, the key and the body',
  'x-amz-date': 'when it was signed',
  'x-amz-content-sha256': 'what the signature says of the body; the fake checks it',
  'amz-sdk-*': 'telemetry of the SDK',
  'x-amz-user-agent': 'telemetry of the SDK',
}
/** A presigned URL says in its query what other requests say in headers. */
export const comparable = {
  ':request': (request) => {
    const [method, target, version] = request.start.split(' ')
    const [path, query] = target.split('?')
    if (!query?.includes('X-Amz-Signature=')) return request
    const pairs = query.split('&').map((pair) => pair.split('='))
    const hoisted = pairs.filter(([name]) => name.startsWith('x-amz-'))
    const rest = pairs.filter(([name]) => !/^x-amz-/i.test(name)).map((pair) => pair.join('='))
    return {
      ...request,
      start: [method, [path, ...(rest.length > 0 ? [rest.join('&')] : [])].join('?'), version].join(' '),
      headers: [...request.headers, ...hoisted.map(([name, value]) => [name, decodeURIComponent(value)])],
    }
  },
}

const content = randomBytes(200_000)
const large = randomBytes(11 * MiB)
/** Longer than what is looked at before a response is begun. */
const zipped = gzipSync(randomBytes(150_000).toString('hex'))
const digest = (bytes) => createHash('sha256').update(bytes).digest('hex')
const told = ({ $metadata, ...rest }) => ({ status: $metadata.httpStatusCode, requestId: $metadata.requestId, ...rest })

async function bytesOf({ Body, ...rest }) {
  return { ...told(rest), body: digest(Buffer.from(await Body.transformToByteArray())) }
}

const names = ['a/plain.txt', 'a/ü +&=100% (1)~.txt', 'a/\u2028 <x>.xml', "a/it's!*.txt", 'b']

async function write({ step, client, aws, Upload }) {
  const put = (Key, Body, rest) => client.send(new aws.PutObjectCommand({ Bucket: 'box', Key, Body, ...rest }))
  for (const name of names)
    await step(`put ${JSON.stringify(name)}`, async () => told(await put(name, 'x'.repeat(100))))
  await step('put what tools show as a folder', async () => told(await put('c/', Buffer.alloc(0))))
  await step('put bytes, with metadata', async () =>
    told(
      await put('bytes', content, {
        ContentType: 'image/png',
        Metadata: { Owner: 'a b', ref: '1' },
        CacheControl: 'no-cache',
      }),
    ),
  )
  await step('put a stream of known length', async () =>
    told(
      await put('stream', Readable.from([content.subarray(0, 70_000), content.subarray(70_000)]), {
        ContentLength: content.length,
      }),
    ),
  )
  await step('put with a checksum of its own', async () =>
    told(await put('summed', content, { ChecksumAlgorithm: 'SHA256' })),
  )
  await step('put once, and not again', async () => {
    await put('once', 'a', { IfNoneMatch: '*' })
    return rejectionOf(put('once', 'b', { IfNoneMatch: '*' }), ['name', 'message'])
  })
  await step('put what is compressed', async () =>
    told(await put('zipped', zipped, { ContentEncoding: 'gzip', ContentType: 'application/json' })),
  )
  await step('upload in parts', async () => {
    const params = { Bucket: 'box', Key: 'large', Body: large }
    return told(await new Upload({ client, params, partSize: 5 * MiB, queueSize: 1 }).done())
  })
  await step('delete many', async () => {
    const Delete = { Objects: [{ Key: names[2] }, { Key: 'once' }] }
    return told(await client.send(new aws.DeleteObjectsCommand({ Bucket: 'box', Delete })))
  })
}

async function read({ step, client, unchecked, aws, getSignedUrl }) {
  const get = (Key, rest) => client.send(new aws.GetObjectCommand({ Bucket: 'box', Key, ...rest }))
  for (const name of names.slice(0, 2)) await step(`get ${JSON.stringify(name)}`, async () => bytesOf(await get(name)))
  await step('get what was streamed', async () => {
    const got = await bytesOf(await get('stream'))
    assert.equal(got.body, digest(content))
    return got
  })
  await step('get what came in parts', async () =>
    assert.equal((await bytesOf(await get('large'))).body, digest(large)),
  )
  await step('get what is compressed, as it is', async () => {
    const got = await bytesOf(await get('zipped'))
    assert.deepEqual([got.body, got.ContentEncoding, got.ContentLength], [digest(zipped), 'gzip', zipped.length])
    assert.match(got.ETag, /^"/)
    return got
  })
  await step('head of what is compressed', async () =>
    told(await client.send(new aws.HeadObjectCommand({ Bucket: 'box', Key: 'zipped' }))),
  )
  await step('get a part', async () => bytesOf(await get('bytes', { Range: 'bytes=65536-131071' })))
  await step('get the rest', async () => bytesOf(await get('bytes', { Range: 'bytes=199000-' })))
  await step('head', async () => told(await client.send(new aws.HeadObjectCommand({ Bucket: 'box', Key: 'bytes' }))))
  await step('get what is not there', () => rejectionOf(get('nothing'), ['name', 'message', 'Code']))
  await step('list all pages', async () => {
    const keys = []
    const pages = aws.paginateListObjectsV2({ client, pageSize: 2 }, { Bucket: 'box', Prefix: 'a/' })
    for await (const { Contents } of pages) keys.push(...Contents.map(({ Key, Size }) => [Key, Size]))
    assert.equal(keys.length, 3, keys.join())
    return keys
  })
  await step('a presigned URL', async () => {
    const url = await getSignedUrl(client, new aws.GetObjectCommand({ Bucket: 'box', Key: names[1] }), {
      expiresIn: 60,
    })
    const response = await fetch(url)
    return { status: response.status, text: await response.text() }
  })
  await step('a presigned URL to put, with metadata', async () => {
    const put = new aws.PutObjectCommand({ Bucket: 'box', Key: 'signed', Metadata: { owner: 'a b' } })
    const { status } = await fetch(await getSignedUrl(unchecked, put, { expiresIn: 60 }), {
      method: 'PUT',
      body: 'later',
    })
    const { Metadata } = await client.send(new aws.HeadObjectCommand({ Bucket: 'box', Key: 'signed' }))
    assert.deepEqual(Metadata, { owner: 'a b' })
    return status
  })
}

export async function run({ at, load, step, refused }) {
  const aws = await load('@aws-sdk/client-s3')
  const { Upload } = await load('@aws-sdk/lib-storage')
  const { getSignedUrl } = await load('@aws-sdk/s3-request-presigner')
  const credentials = { accessKeyId: at.s3.key, secretAccessKey: at.s3.secret?.secret_access_key ?? 'anything at all' }
  const settings = { region: REGION, endpoint: at.s3.url, forcePathStyle: true, credentials }
  const client = new aws.S3Client(settings)
  // Otherwise a URL that is signed before its body is known says that there is none.
  const unchecked = new aws.S3Client({ ...settings, requestChecksumCalculation: 'WHEN_REQUIRED' })
  await write({ step, client, aws, Upload })
  await read({ step, client, unchecked, aws, getSignedUrl })
  const named = { Bucket: 'box', Key: 'b' }
  const stranger = () => new aws.S3Client({ ...settings, credentials: { ...credentials, accessKeyId: at.s3.wrongKey } })
  await refused(
    'a token of nobody',
    () => stranger().send(new aws.GetObjectCommand(named)),
    /is not a token of this gateway/,
  )
  await refused(
    'a tool that was not granted',
    () => client.send(new aws.DeleteObjectCommand(named)),
    /delete:s3:objects:delete/,
  )
  await refused(
    'what no tool covers',
    () => client.send(new aws.CreateBucketCommand({ Bucket: 'other' })),
    /no tool of s3 covers PUT/,
  )
  const copy = new aws.CopyObjectCommand({ ...named, CopySource: 'another/secret' })
  await refused('a copy from somewhere else', () => client.send(copy), /header x-amz-copy-source is not passed on/)
  const part = () => client.send(new aws.GetObjectCommand({ ...named, Key: 'bytes', Range: 'bytes=0-9' }))
  await refused('a part of a few bytes', part, /range/i)
  const piece = () => client.send(new aws.GetObjectCommand({ ...named, Key: 'zipped', Range: 'bytes=0-99999' }))
  await refused('a part of what is compressed', piece, /part of a compressed body/, 1)
}
