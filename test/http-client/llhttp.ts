import { createRequire } from 'node:module'

/** What Node's own parser, llhttp, makes of the same bytes. */
export interface Llhttp {
  /** The final response came to its end. */
  over: boolean
  status: number
  fields: string[]
  body: string
  trailers: string[]
  /** llhttp would keep the connection, and nothing came behind the response. */
  reusable: boolean
}

interface Parser {
  initialize(type: number, resource: object, maxHeaderSize: number, lenient: number): void
  execute(bytes: Buffer): number | Error
  finish(): Error | undefined
  free(): void
  [callback: number]: (...parts: never[]) => unknown
}

interface ParserClass {
  new (): Parser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnMessageBegin: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}

const { HTTPParser, methods } = createRequire(import.meta.url)('_http_common') as {
  HTTPParser: ParserClass
  methods: readonly string[]
}

const lowerNames = (fields: readonly string[]): string[] =>
  fields.map((part, index) => (index % 2 === 0 ? part.toLowerCase() : part))

/** As Node's client uses it: interim responses and those to HEAD have no body, whatever they say; nothing lenient. */
export function llhttp(
  pieces: readonly Buffer[],
  { headOnly, closed }: { headOnly: boolean; closed: boolean },
): Llhttp {
  const result: Llhttp = { over: false, status: 0, fields: [], body: '', trailers: [], reusable: false }
  let collected: string[] = []
  let status = 0
  let inBody = false
  let keep = false
  let more = false
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.RESPONSE, {}, 65_536, 0)
  const on = (callback: number, listener: (...parts: never[]) => unknown) => {
    parser[callback] = listener
  }
  on(HTTPParser.kOnMessageBegin, () => {
    if (result.over) more = true
    collected = []
    inBody = false
  })
  on(HTTPParser.kOnHeaders, (fields: string[]) => {
    if (!result.over && inBody) result.trailers.push(...lowerNames(fields))
    else collected.push(...fields)
  })
  on(
    HTTPParser.kOnHeadersComplete,
    (
      _major: number,
      _minor: number,
      fields: string[] | undefined,
      _m: unknown,
      _u: unknown,
      code: number,
      _r: unknown,
      _up: boolean,
      shouldKeep: boolean,
    ) => {
      if (result.over) return 1
      status = code
      if (code < 200) return 1
      inBody = true
      keep = shouldKeep
      result.status = code
      result.fields = lowerNames([...collected, ...(fields ?? [])])
      return headOnly ? 1 : 0
    },
  )
  on(HTTPParser.kOnBody, (chunk: Buffer) => {
    if (!result.over) result.body += chunk.toString('latin1')
  })
  on(HTTPParser.kOnMessageComplete, () => {
    if (status >= 200) result.over = true
  })
  let broken = false
  for (const piece of pieces) {
    if (result.over) more = true
    if (broken) break
    // Its return value is an Error, or the number of bytes it took.
    if (parser.execute(piece) !== piece.length) broken = true
  }
  if (!broken && closed && !result.over) parser.finish()
  result.reusable = result.over && keep && !more && !broken
  parser.free()
  return result
}

/** A request as Node's server reads it. */
export interface LlhttpRequest {
  method: string
  path: string
  headers: string[]
  body: string
}

/** The requests that a server finds in `bytes`; undefined where they are not exactly whole requests. */
export function llhttpRequests(bytes: Buffer): LlhttpRequest[] | undefined {
  const requests: LlhttpRequest[] = []
  let complete = 0
  let headers: string[] = []
  let path = ''
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.REQUEST, {}, 65_536, 0)
  const on = (callback: number, listener: (...parts: never[]) => unknown) => {
    parser[callback] = listener
  }
  on(HTTPParser.kOnMessageBegin, () => {
    headers = []
    path = ''
  })
  on(HTTPParser.kOnHeaders, (fields: string[], url: string) => {
    headers.push(...fields)
    path += url
  })
  on(
    HTTPParser.kOnHeadersComplete,
    (_major: number, _minor: number, fields: string[] | undefined, method: number, url: string | undefined) => {
      requests.push({
        method: methods[method]!,
        path: path + (url ?? ''),
        headers: [...headers, ...(fields ?? [])],
        body: '',
      })
    },
  )
  on(HTTPParser.kOnBody, (chunk: Buffer) => {
    requests.at(-1)!.body += chunk.toString('latin1')
  })
  on(HTTPParser.kOnMessageComplete, () => {
    complete++
  })
  const taken = parser.execute(bytes)
  parser.free()
  return taken === bytes.length && complete === requests.length ? requests : undefined
}
