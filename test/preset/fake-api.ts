/** What a fake of an API is made of: its answers, as its documentation has them, and the calls its clients make. Knows no preset. */
import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HttpResponse } from '../gateway/http/harness.ts'

export interface ApiRequest {
  readonly method: string
  /** As it stands in the request line. */
  readonly target: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface ApiResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** A text as it is, anything else as JSON; nothing where it is left out. */
  readonly body?: unknown
}

/** One call of a client, below its base URL. */
export interface ApiCall {
  readonly method?: string
  /** With its query. */
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A call that goes to the API itself, and is refused. */
export interface Refused {
  readonly what: string
  readonly call: ApiCall
  readonly status: number
  /** In the body. */
  readonly says?: string
}

/** What an API's fake knows of the server it runs on. */
export interface FakeState {
  readonly origin: string
  /** False once the vendor has revoked it. */
  readonly keyWorks: boolean
}

export interface FakeApi {
  /** Of the preset, too. */
  readonly name: string
  readonly variables?: Readonly<Record<string, string>>
  /** What its owner stores. */
  readonly secret: Readonly<Record<string, string>>
  respond(request: ApiRequest, state: FakeState): ApiResponse | Promise<ApiResponse>
  /** The call as a client of the API sends it to `base`, with `token` where it was given a key. */
  authorize(call: ApiCall, token: string, base: string): ApiCall | Promise<ApiCall>
  /** The same by a client that has the real key. */
  authorizeDirectly(call: ApiCall, base: string): ApiCall | Promise<ApiCall>
  /** Headers that differ from one call to the next although it is the same call: signatures and their dates. */
  readonly fleeting?: readonly string[]
  /** Two pages of a list. */
  readonly pages: {
    readonly scope: string
    readonly first: ApiCall
    /** As its clients find the call for the next page in a response; `base` is theirs. */
    next(response: HttpResponse, base: string): ApiCall
    /** What is on a page. */
    items(response: HttpResponse): unknown
    readonly expected: readonly [unknown, unknown]
  }
  /** A call with a body, that changes something where the preset has one. */
  readonly write: { readonly scope: string; readonly call: ApiCall; readonly status: number }
  /** What it says of something that is not there. */
  readonly missing: { readonly scope: string; readonly call: ApiCall; readonly status: number }
  /** What the API has and no tool of the preset covers. */
  readonly undeclared: ApiCall
  /** A tool that covers none of the calls above. */
  readonly otherScope: string
  /** What it says of a key it does not know. */
  readonly badKey: ApiResponse
  /** Direct calls that it refuses: its key in another place, a header left out. */
  readonly refused: readonly Refused[]
  /** What another operation is by its query alone, on a path that the scope of `pages` covers. */
  readonly byQuery?: readonly ApiCall[]
  /** What another operation is, or reads more than it may, by what follows its path or stands in its body: the scope covers less. */
  readonly beyond?: readonly { readonly scope: string; readonly call: ApiCall }[]
  /** Calls whose response holds what must not be handed on, and which succeed all the same. */
  readonly withheld?: readonly { readonly scope: string; readonly call: ApiCall; readonly secret: string }[]
  /** Headers that choose on whose behalf the key acts. */
  readonly onBehalf: readonly (readonly [name: string, value: string])[]
  /** What passes of a response's text where a tool names the fields that may; default all of it. */
  passes?(text: string): string
  /** Status of a refusal of the gateway, where its clients take another for a broken connection; default that of the refusal. */
  readonly refusalStatus?: number
  /** Where its own clients look for the sentence in an error; default the whole body. */
  sentence?(response: HttpResponse): unknown
}

export const json = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): ApiResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body,
})

export const textOf = (body: unknown): string => (typeof body === 'string' ? body : JSON.stringify(body))

/** Calls with these headers, and a body of this type. */
export const callsWith =
  (headers: Readonly<Record<string, string>>, contentType = 'application/json') =>
  (method: string, path: string, body?: unknown): ApiCall => ({
    method,
    path,
    headers: { Accept: 'application/json', ...headers, ...(body !== undefined && { 'Content-Type': contentType }) },
    ...(body !== undefined && { body: textOf(body) }),
  })

/** A call with more headers; one that is empty is left out. */
export const withHeaders = (call: ApiCall, headers: Readonly<Record<string, string>>): ApiCall => ({
  ...call,
  headers: Object.fromEntries(Object.entries({ ...call.headers, ...headers }).filter(([, value]) => value !== '')),
})

export const withQuery = (call: ApiCall, name: string, value: string): ApiCall => ({
  ...call,
  path: `${call.path}${call.path.includes('?') ? '&' : '?'}${name}=${encodeURIComponent(value)}`,
})

export const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

/** A key that nobody could mistake for a real one. */
export const madeUp = (prefix: string): string => `${prefix}made_up_${'0123456789'.repeat(2)}`

/** Two of a list. */
export const pageOf = <T>(items: readonly T[], from: number): readonly T[] => items.slice(from, from + 2)

/** The part of a URL below a client's base URL; throws where it is elsewhere. */
export function below(base: string, url: string): string {
  const { href } = new URL(url, base)
  if (!href.startsWith(`${base}/`)) throw new Error(`${href} is not below ${base}`)
  return href.slice(base.length)
}

/** The target of a link (RFC 8288) by its relation, below the client's base URL. */
export function linked(response: HttpResponse, base: string, relation: string): ApiCall {
  const found = String(response.headers.link)
    .split(/,\s*(?=<)/)
    .find((link) => new RegExp(`;\\s*rel="?${relation}"?`).test(link))
  const target = /^<([^>]*)>/.exec(found ?? '')?.[1]
  if (target === undefined) throw new Error(`no ${relation} in ${String(response.headers.link)}`)
  return { path: below(base, target) }
}

export interface RunningFake {
  readonly origin: string
  /** What arrived, newest last. */
  readonly received: ApiRequest[]
  revokeKey(): void
  restoreKey(): void
  close(): Promise<void>
}

export async function startFake(api: FakeApi): Promise<RunningFake> {
  const received: ApiRequest[] = []
  let keyWorks = true
  const server = createServer((incoming, outgoing) => {
    void readRequest(incoming).then(async (request) => {
      received.push(request)
      const { status, headers = {}, body } = await api.respond(request, { origin, keyWorks })
      outgoing.writeHead(status, headers)
      outgoing.end(body === undefined || incoming.method === 'HEAD' ? undefined : textOf(body))
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    origin,
    received,
    revokeKey() {
      keyWorks = false
    },
    restoreKey() {
      keyWorks = true
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => {
        server.close(resolve)
      })
    },
  }
}

async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming as AsyncIterable<Buffer>) chunks.push(chunk)
  const target = incoming.url!
  const { pathname, searchParams } = new URL(target, 'http://api.invalid')
  return {
    method: incoming.method!,
    target,
    path: pathname,
    query: searchParams,
    headers: incoming.headers,
    body: Buffer.concat(chunks).toString(),
  }
}
