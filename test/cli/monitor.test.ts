/** `mcp-vault monitor`, before a server whose log is scripted. */
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { refusal } from './scripted-vault.ts'
import { once, shellAt } from './terminal.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serving(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const listening = (server = createServer(handler))
  await new Promise<void>((resolve) => {
    listening.listen(0, '127.0.0.1', resolve)
  })
  return `http://127.0.0.1:${String((listening.address() as AddressInfo).port)}`
}

describe('monitor', () => {
  it('prints what the server writes, and ends with it', async () => {
    let asked: (string | string[] | undefined)[] = []
    const address = await serving((request, response) => {
      asked = [request.url, request.headers['x-vault-token']]
      // A character in two pieces.
      response.write(Buffer.from('[INFO]  core: caf\u00e9\n').subarray(0, -2))
      setImmediate(() => {
        response.end(Buffer.from('caf\u00e9\n[INFO]  core: bye\n').subarray(4))
      })
    })
    const { mcpVault } = await shellAt(address)
    expect(await mcpVault('monitor', '-log-level=debug')).toEqual({
      code: 0,
      out: '[INFO]  core: caf\u00e9\n[INFO]  core: bye\n',
      err: '',
    })
    expect(asked).toEqual(['/v1/sys/monitor?log_level=debug&log_format=standard', 'test-token'])
  })

  it('is left with Ctrl-C, which the server notices', async () => {
    const stop = new AbortController()
    let noticed = (): void => undefined
    const gone = new Promise<void>((resolve) => {
      noticed = resolve
    })
    const address = await serving((_request, response) => {
      response.once('close', noticed)
      response.write('[INFO]  core: hello\n', () => {
        stop.abort()
      })
    })
    const { mcpVault } = await shellAt(address, { signal: stop.signal })
    const outcome = await mcpVault('monitor')
    await gone
    expect(outcome).toMatchObject({ code: 0, err: '' })
  })

  it.each([
    [400, 'unknown log level', 'Error starting monitor: Code: 400. Errors:\n* unknown log level\n'],
    [403, 'permission denied', 'Error starting monitor: Code: 403. Errors:\n* permission denied\n'],
  ])('says why it may not: %i', async (status, sentence, err) => {
    expect(await once([refusal(status, sentence)], ['monitor', '-log-level=loud'])).toMatchObject({
      code: 2,
      out: '',
      err,
    })
  })

  it('fails when the connection breaks', async () => {
    const address = await serving((_request, response) => {
      response.write('[INFO]  core: hello\n', () => {
        response.destroy()
      })
    })
    const { mcpVault } = await shellAt(address)
    expect(await mcpVault('monitor')).toMatchObject({ code: 2, err: expect.stringContaining('cannot be reached') })
  })
})
