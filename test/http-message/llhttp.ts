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

export const lowerNames = (fields: readonly string[]): string[] =>
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
  trailers: string[]
  /** Its last byte has come. */
  over: boolean
  /** The connection may carry another one behind it. */
  persistent: boolean
}

/** The methods of RTSP stand between the others and this one, which came later. */
const QUERY = 46
const methodOf = (number: number): string => (number === QUERY ? 'QUERY' : methods[number]!)

/** The requests that Node's server finds in `pieces`, with nothing lenient; `broken`: it refuses what comes behind them. */
export function llhttpStream(pieces: readonly Buffer[]): { requests: LlhttpRequest[]; broken: boolean } {
  const requests: LlhttpRequest[] = []
  let headers: string[] = []
  let path = ''
  let inBody = false
  let isUpgrade = false
  const parser = new HTTPParser()
  parser.initialize(HTTPParser.REQUEST, {}, 65_536, 0)
  const on = (callback: number, listener: (...parts: never[]) => unknown) => {
    parser[callback] = listener
  }
  on(HTTPParser.kOnMessageBegin, () => {
    headers = []
    path = ''
    inBody = false
  })
  on(HTTPParser.kOnHeaders, (fields: string[], url: string) => {
    if (inBody) requests.at(-1)!.trailers.push(...fields)
    else headers.push(...fields)
    path += url
  })
  on(
    HTTPParser.kOnHeadersComplete,
    (
      _major: number,
      _minor: number,
      fields: string[] | undefined,
      method: number,
      url: string | undefined,
      _code: number,
      _reason: unknown,
      upgrade: boolean,
      persistent: boolean,
    ) => {
      inBody = true
      isUpgrade = upgrade
      requests.push({
        method: methodOf(method),
        path: path + (url ?? ''),
        headers: [...headers, ...(fields ?? [])],
        body: '',
        trailers: [],
        over: false,
        persistent,
      })
      return 0
    },
  )
  on(HTTPParser.kOnBody, (chunk: Buffer) => {
    requests.at(-1)!.body += chunk.toString('latin1')
  })
  on(HTTPParser.kOnMessageComplete, () => {
    requests.at(-1)!.over = true
  })
  /** Whether all of `piece` was taken. It stops behind what asks for another protocol, which a server need not change to. */
  const takes = (piece: Buffer): boolean => {
    const taken = parser.execute(piece)
    if (taken === piece.length) return true
    if (typeof taken !== 'number' || !isUpgrade || !requests.at(-1)!.over) return false
    isUpgrade = false
    return takes(piece.subarray(taken))
  }
  const broken = !pieces.every(takes)
  parser.free()
  return { requests, broken }
}

/** The requests in `bytes`; undefined where they are not exactly whole requests. */
export function llhttpRequests(
  bytes: Buffer,
): Pick<LlhttpRequest, 'method' | 'path' | 'headers' | 'body'>[] | undefined {
  const { requests, broken } = llhttpStream([bytes])
  if (broken || requests.some(({ over }) => !over)) return undefined
  return requests.map(({ method, path, headers, body }) => ({ method, path, headers, body }))
}
