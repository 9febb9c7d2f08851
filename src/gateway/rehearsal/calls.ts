import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { messageOf, onMessages } from './messages.ts'
import type { MadeUpSecrets } from './made-up.ts'
import { UPSTREAM } from './stand-in-engine.ts'

/** A request, and the status it is to be answered with. */
interface RehearsedCall {
  readonly request: Buffer
  readonly status: number
}

/** Calls as they usually come, one after the other, each kind for every token before the next; as many denied ones as no limit minds. */
export interface RehearsedCalls {
  readonly usual: readonly RehearsedCall[]
  readonly denied: readonly RehearsedCall[]
}

/** Of so many calls, one is denied. */
const DENIED_ONE_IN = 50
/** At once, as many as a busy start has: then V8 sees calls overlap, and records share their writes. */
const CONNECTIONS = 16

/** As different programs write them: Node's `fetch`, curl, an SDK. */
export function callsTo(url: string, { tokens, serviceToken }: MadeUpSecrets): RehearsedCalls {
  const { host } = new URL(url)
  const call = (status: number, line: string, bearer: string, fields: readonly string[], body = ''): RehearsedCall => {
    const length = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${String(body.length)}`]
    const head = [`${line} HTTP/1.1`, `Host: ${host}`, `Authorization: Bearer ${bearer}`, ...fields, ...length]
    return { request: messageOf(head, body), status }
  }
  const below = `/u/${UPSTREAM}/v1`
  const fetched = ['connection: keep-alive', 'accept: */*', 'accept-language: *', 'sec-fetch-mode: cors']
  const byFetch = [...fetched, 'user-agent: node', 'accept-encoding: gzip, deflate']
  const plain = (token: string) => call(200, `GET ${below}/things`, token, byFetch)
  const kinds: readonly ((token: string) => RehearsedCall)[] = [
    plain,
    (token) => call(200, `GET ${below}/things/th_12?limit=3`, token, ['User-Agent: curl/8.5.0', 'Accept: */*']),
    plain,
    (token) => call(200, `GET ${below}/ids`, token, byFetch),
    plain,
    (token) =>
      call(200, 'POST /validate', serviceToken, [], JSON.stringify({ token, required_scope: 'read:rehearsal:things' })),
    plain,
    (token) => call(200, `POST ${below}/things`, token, ['Accept: application/json'], '{"name":"thing","amount":12}'),
  ]
  return {
    usual: kinds.flatMap((kind) => tokens.map(kind)),
    denied: tokens.map((token) => call(403, `DELETE ${below}/things`, token, byFetch)),
  }
}

/**
 * Makes so many calls, or fewer until the signal aborts, on connections that stay open; resolves with how many were answered. Rejects when
 * one is answered with another status: what was rehearsed then is not what it should have been.
 */
export async function makeCalls(
  url: string,
  calls: RehearsedCalls,
  count: number,
  signal: AbortSignal,
): Promise<number> {
  let begun = 0
  let answered = 0
  const next = (): RehearsedCall | undefined => {
    if (begun >= count || signal.aborted) return undefined
    begun++
    const kind = begun % DENIED_ONE_IN === 0 ? calls.denied : calls.usual
    return kind[begun % kind.length]
  }
  const { hostname, port } = new URL(url)
  const open = Array.from({ length: CONNECTIONS }, () => connect({ host: hostname, port: Number(port), noDelay: true }))
  const hangUp = () => {
    for (const socket of open) socket.destroy()
  }
  signal.addEventListener('abort', hangUp, { once: true })
  try {
    const conversations = open.map((socket) =>
      converse(socket, next, () => {
        answered++
      }),
    )
    await Promise.all(conversations).catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
    return answered
  } finally {
    signal.removeEventListener('abort', hangUp)
    hangUp()
  }
}

/** On one connection, until there is no next call. */
function converse(socket: Socket, next: () => RehearsedCall | undefined, answered: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let call = next()
    socket.on('error', reject).on('close', () => {
      reject(new Error('the gateway hung up'))
    })
    onMessages(socket, (response) => {
      const status = Number(response.toString('latin1', 'HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
      if (status !== call?.status) {
        reject(new Error(`a call was answered with ${String(status)} instead of ${String(call?.status)}`))
        return
      }
      answered()
      call = next()
      if (call) socket.write(call.request)
      else resolve()
    })
    if (call) socket.write(call.request)
    else resolve()
  })
}
