import { must } from '../target/server.ts'
import type { Server } from '../target/index.ts'

interface Watched {
  readonly status: number
  readonly type: string | null
  readonly caching: string | null
  readonly coding: string | null
  /** The line that tells of the mount. */
  readonly line: string
}

/** Watches the server's log with a token of its own while an engine is mounted, and leaves when the log tells of it. */
export async function lineOfMount(server: Server, format: string, capability: string): Promise<Watched> {
  const policy = `path "sys/monitor" { capabilities = ["read", "${capability}"] }`
  await must(server.api('PUT', 'sys/policies/acl/watcher', { body: { policy } }), 'writing a policy')
  const { body } = await must(
    server.api('POST', 'auth/token/create', { body: { policies: ['watcher'], ttl: '5m' } }),
    'making a token',
  )
  const leave = new AbortController()
  const response = await fetch(`${server.address}/v1/sys/monitor?log_level=INFO&log_format=${format}`, {
    headers: { 'X-Vault-Token': (body as { auth: { client_token: string } }).auth.client_token },
    signal: leave.signal,
  })
  try {
    await must(server.api('POST', 'sys/mounts/watched', { body: { type: 'kv' } }), 'mounting')
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      caching: response.headers.get('cache-control'),
      coding: response.headers.get('transfer-encoding'),
      line: await lineWith('watched/', response),
    }
  } finally {
    leave.abort()
    await must(server.api('DELETE', 'sys/mounts/watched'), 'unmounting')
  }
}

async function lineWith(word: string, response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of response.body!) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    const line = text
      .split('\n')
      .slice(0, -1)
      .find((whole) => whole.includes(word))
    if (line !== undefined) return line
  }
  throw new Error(`the log ended without a line of ${word}: ${text}`)
}
