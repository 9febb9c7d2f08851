/** Compressed request bodies through the front door: passed as they are, and seen through where a rule must see them. */
import { request as httpRequest } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openSession, tokenOf } from '../harness.ts'
import { startHttpHarness } from './harness.ts'
import type { HttpHarness } from './harness.ts'

let harness: HttpHarness
let token: string
let bodies: Buffer[]
beforeEach(async () => {
  harness = await startHttpHarness()
  harness.engine.agent('claude-billing-agent', { scopes: ['create:stripe:refunds'] })
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
  bodies = []
  harness.respond((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      bodies.push(Buffer.concat(chunks))
      response.end('{}')
    })
  })
})
afterEach(() => harness.stop())

const denyAmount = async () => {
  harness.engine.put('policies/p', {
    name: 'p',
    policy: 'path "tools/stripe/refunds" { capabilities = ["create"]\n denied_parameters = { "amount" = [] } }',
  })
  harness.engine.agent('claude-billing-agent', { policies: ['p'], scopes: ['create:stripe:refunds'] })
  await harness.flush()
  token = tokenOf(openSession(harness, { scopes: ['create:stripe:refunds'] }))
}

const post = (body: Buffer, encoding: string, type = 'application/json'): Promise<string> =>
  new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type, 'content-encoding': encoding }
    const request = httpRequest(`${harness.url}/u/stripe/v1/refunds`, { method: 'POST', headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => {
        const code = (JSON.parse(text) as { error?: { code: string } }).error?.code ?? ''
        resolve(`${String(response.statusCode)} ${code}`.trim())
      })
    })
    request.on('error', reject)
    request.end(body)
  })

it('a gzip body arrives byte for byte, with its label', async () => {
  const body = gzipSync('{"charge":"ch_1"}')
  expect(await post(body, 'gzip')).toBe('200')
  expect(bodies).toEqual([body])
  expect(harness.received).toMatchObject([{ headers: { 'content-encoding': 'gzip' } }])
})

it('one of a type that nobody looks into may be in any coding', async () => {
  expect(await post(Buffer.from('28b52ffd00', 'hex'), 'zstd', 'application/octet-stream')).toBe('200')
})

it('one that has to be looked into, in a coding that cannot be read, is a 415', async () => {
  expect(await post(Buffer.from('28b52ffd00', 'hex'), 'zstd')).toBe('415 unsupported_content_encoding')
  expect(bodies).toEqual([])
})

it.each([
  ['gzip', gzipSync('{"_method":"DELETE"}')],
  ['br', brotliCompressSync('{"_method":"DELETE"}')],
])('one that names another method inside is refused: %s', async (encoding, body) => {
  expect(await post(body, encoding)).toBe('400 bad_request')
  expect(bodies).toEqual([])
})

it('a policy judges what is inside, and not the bytes', async () => {
  await denyAmount()
  expect(await post(gzipSync('{"charge":"ch_1"}'), 'gzip')).toBe('200')
  expect(await post(gzipSync('{"amount":5}'), 'gzip')).toBe('403 parameter_refused')
  expect(bodies).toHaveLength(1)
})

it('two members, of which servers read one or both, are refused', async () => {
  await denyAmount()
  const body = Buffer.concat([gzipSync('{"charge":"ch_1"}'), gzipSync('   ')])
  expect(await post(body, 'gzip')).toBe('400 bad_request')
})

it('one that unpacks to more than the upstream takes is a 413', async () => {
  expect(await post(gzipSync(Buffer.alloc(5_000_000, 0x20)), 'gzip')).toBe('413 too_large')
  expect(bodies).toEqual([])
})
