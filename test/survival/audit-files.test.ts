/** The audit files of running servers: rotated with SIGHUP, taken away while nobody asks anything. */
import { readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startSurvivalHarness } from './harness.ts'
import type { SurvivalHarness } from './harness.ts'
import { compileCli, freePorts } from './process.ts'
import type { Running } from './process.ts'

let compiled: { directory: string; script: string }
let harness: SurvivalHarness
beforeAll(async () => {
  compiled = await compileCli()
  // -dev writes the policies the package ships.
  await symlink(resolve(import.meta.dirname, '../../vault-config'), join(compiled.directory, 'vault-config'))
}, 60_000)
afterAll(() => rm(compiled.directory, { recursive: true }))
beforeEach(async () => {
  harness = await startSurvivalHarness(compiled.script)
})
afterEach(() => harness.close())

interface Audited {
  readonly server: Running
  /** The audit file. */
  readonly path: string
  /** Status of a request that is not served without a record of it. */
  request(): Promise<number>
  /** That status when all is well. */
  readonly served: number
  /** Stands in the record. */
  readonly mark: string
}

const servers: readonly (readonly [string, () => Promise<Audited>])[] = [
  [
    'server -dev',
    async () => {
      const [vault, grpc, http] = await freePorts(3)
      const path = harness.workshop.path('audit.jsonl')
      const server = await harness.workshop.start([
        'server',
        '-dev',
        `-dev-listen-address=127.0.0.1:${String(vault)}`,
        `-gateway-grpc-address=127.0.0.1:${String(grpc)}`,
        `-gateway-http-address=127.0.0.1:${String(http)}`,
        `-audit-path=${path}`,
      ])
      const serviceToken = /gst_\w+/.exec(server.banner)![0]
      const request = async (): Promise<number> => {
        const response = await fetch(`http://127.0.0.1:${String(http)}/validate`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${serviceToken}` },
          body: JSON.stringify({ token: 'svt_x', scope: 'read:stripe:invoices' }),
        })
        await response.arrayBuffer()
        return response.status
      }
      return { server, path, request, served: 401, mark: '"type":"decision"' }
    },
  ],
  [
    'server -config',
    async () => {
      const server = await harness.startServer()
      const token = (await readFile(harness.workshop.path('data/root-token'), 'utf8')).trim()
      const request = async (): Promise<number> => {
        const response = await fetch(`${harness.address}/v1/sys/auth`, { headers: { 'X-Vault-Token': token } })
        await response.arrayBuffer()
        return response.status
      }
      return {
        server,
        path: harness.workshop.path('data/audit.jsonl'),
        request,
        served: 200,
        mark: '"path":"sys/auth"',
      }
    },
  ],
]

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

describe.each(servers)('%s', (_name, start) => {
  it('reopens its audit file on SIGHUP and goes on', async () => {
    const { server, path, request, served, mark } = await start()
    expect(await request()).toBe(served)
    await rename(path, `${path}.1`)
    server.signal('SIGHUP')
    await expect.poll(() => isThere(path)).toBe(true)
    const rotated = await readFile(`${path}.1`, 'utf8')
    expect(await request()).toBe(served)
    expect(await readFile(path, 'utf8')).toContain(mark)
    expect(await readFile(`${path}.1`, 'utf8')).toBe(rotated)
    expect(await server.stop('SIGTERM')).toEqual([0, null])
  })

  it('takes a second SIGHUP, and one without a rotation', async () => {
    const { server, path, request, served, mark } = await start()
    server.signal('SIGHUP')
    server.signal('SIGHUP')
    expect(await request()).toBe(served)
    expect(await readFile(path, 'utf8')).toContain(mark)
    expect(await server.stop('SIGTERM')).toEqual([0, null])
  })

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['removed', (path) => rm(path)],
    ['replaced', async (path) => writeFile(`${path}.new`, '').then(() => rename(`${path}.new`, path))],
  ])('notices that its audit file was %s though nothing is asked of it, and recovers', async (fate, act) => {
    const { server, path, request, served, mark } = await start()
    expect(await request()).toBe(served)
    await act(path)
    await expect.poll(() => server.log(), { interval: 5, timeout: 10_000 }).toContain(`"fate":"${fate}"`)
    expect(server.log()).toContain(`the audit file was ${fate}`)
    expect(server.log()).toContain(path)
    await expect.poll(request).toBe(served)
    expect(await readFile(path, 'utf8')).toContain(mark)
  })
})
