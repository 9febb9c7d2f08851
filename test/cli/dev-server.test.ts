/** `mcp-vault server -dev`, started and ended in this process on free ports. */
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { registrations } from '../../src/cli/main.ts'
import { run } from '../../src/cli/run.ts'
import { systemClock } from '../../src/logical/clock.ts'
import { shellAt } from './terminal.ts'
import type { Outcome } from './terminal.ts'

let taken: Server
let takenAddress: string
beforeEach(async () => {
  taken = createServer()
  takenAddress = `127.0.0.1:${String(await listen(taken))}`
})
afterEach(
  () =>
    new Promise((resolve) => {
      taken.close(resolve)
    }),
)

const listen = (server: Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port)
    })
  })

async function freeAddress(): Promise<string> {
  const server = createServer()
  const port = await listen(server)
  await new Promise((resolve) => {
    server.close(resolve)
  })
  return `127.0.0.1:${String(port)}`
}

const isOpen = (vaultAddress: string): Promise<boolean> =>
  fetch(`http://${vaultAddress}/v1/sys/health`).then(
    () => true,
    () => false,
  )

/** Starts the server, hands over its banner once it is printed, and ends it. */
async function serve(
  flags: Readonly<Record<string, string>>,
  meanwhile: (banner: string) => Promise<void> = () => Promise.resolve(),
): Promise<Outcome> {
  const { home } = await shellAt('http://127.0.0.1:9')
  const all = {
    'dev-listen-address': '127.0.0.1:0',
    'gateway-grpc-address': '127.0.0.1:0',
    'gateway-http-address': '127.0.0.1:0',
    'audit-path': join(home, 'audit.jsonl'),
    ...flags,
  }
  const said = { out: '', err: '' }
  const stop = new AbortController()
  let seen: Promise<void> = Promise.resolve()
  const code = await run(
    ['server', '-dev', ...Object.entries(all).map(([flag, value]) => `-${flag}=${value}`)],
    {
      env: {},
      home,
      clock: systemClock,
      signal: stop.signal,
      stdinIsTerminal: false,
      stdoutIsTerminal: false,
      stdout: (text) => {
        said.out += text
        seen = meanwhile(text).finally(() => {
          stop.abort()
        })
      },
      stderr: (text) => {
        said.err += text
      },
      readStdin: () => Promise.resolve(''),
      promptHidden: () => Promise.resolve(''),
      prompt: () => Promise.resolve(''),
      readFile: () => Promise.reject(new Error('no files here')),
      readChunks: () => Readable.from([]),
    },
    registrations,
  )
  await seen
  return { code, ...said }
}

describe('a dev server', () => {
  it('is healthy when it has printed where everything is, and gone when it is told to stop', async () => {
    const address = await freeAddress()
    const { code, out, err } = await serve(
      { 'dev-listen-address': address, 'dev-root-token-id': 'root', 'gateway-upstream-address': 'stripe=127.0.0.1:0' },
      async () => {
        expect((await fetch(`http://${address}/v1/sys/health`)).status).toBe(200)
      },
    )
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(`export VAULT_ADDR=http://${address} VAULT_TOKEN=root\n`)
    expect(out).toMatch(/ Upstream +stripe at http:\/\/127\.0\.0\.1:\d+ /)
    expect(out).toMatch(/ audit: \/.+\/audit\.jsonl\n/)
    expect(await isOpen(address)).toBe(false)
  })

  it('prints a document for scripts', async () => {
    const { out } = await serve({ format: 'json', 'dev-root-token-id': 'root' })
    expect(JSON.parse(out)).toMatchObject({
      vault_address: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      root_token: 'root',
      service_token: expect.stringMatching(/^gst_dev_/) as string,
      gateway_http_url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
      audit_path: expect.stringMatching(/audit\.jsonl$/) as string,
    })
  })

  it.each([
    ['dev-listen-address', (address: string) => ({ 'dev-listen-address': address })],
    ['gateway-grpc-address', (address: string) => ({ 'gateway-grpc-address': address })],
    ['gateway-http-address', (address: string) => ({ 'gateway-http-address': address })],
    ['gateway-upstream-address=<upstream>', (address: string) => ({ 'gateway-upstream-address': `stripe=${address}` })],
  ])('whose port is taken says which flag chooses another, and leaves nothing open: -%s', async (flag, flags) => {
    const address = await freeAddress()
    const { code, out, err } = await serve({ 'dev-listen-address': address, ...flags(takenAddress) })
    expect({ code, out }).toEqual({ code: 1, out: '' })
    const port = Number(takenAddress.split(':')[1])
    expect(err).toBe(
      `Error starting the server: listen EADDRINUSE: address already in use ${takenAddress}. Is another one running? To choose another address: -${flag}=127.0.0.1:${String(port + 10)}\n`,
    )
    expect(await isOpen(address)).toBe(false)
  })
})
