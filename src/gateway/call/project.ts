import { GatewayCallError } from './call-error.ts'

/** From `compileProjection`: keeps the listed members of a JSON value; never throws. */
export type Projection = (json: unknown) => unknown

/** Media types whose whole is one JSON text. */
export const isJsonType = (contentType: string | undefined): boolean =>
  /^\s*application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)\s*(?:;|$)/i.test(contentType ?? '')

export interface ProjectInput {
  readonly upstreamName: string
  readonly status: number
  readonly contentType: string | undefined
  readonly body: AsyncIterable<Uint8Array>
  readonly maxBytes: number
  readonly projection: Projection
  /** Cryptographic randomness: `bytes` of it. */
  readonly random: (bytes: number) => Uint8Array
}

/**
 * The projected body, freshly serialised: no byte of the upstream's answer is copied. Answers other than 2xx have bodies of
 * their own shape, which no field list covers, and are replaced. Undefined = the upstream sent no body.
 */
export async function projectBody(input: ProjectInput): Promise<Uint8Array | undefined> {
  const { upstreamName, status } = input
  if (status < 200 || status > 299) return neutralBody(upstreamName, status)
  const bytes = await collect(input)
  if (bytes.length === 0) return undefined
  const invalid = (what: string) =>
    new GatewayCallError(
      'upstream_invalid_response',
      `upstream ${upstreamName}: its answer ${what}, so the granted fields cannot be picked from it`,
    )
  if (!isJsonType(input.contentType)) throw invalid('is not JSON')
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const mark = `number ${Buffer.from(input.random(16)).toString('hex')} `
    const projected = JSON.stringify(input.projection(JSON.parse(shieldNumbers(text, mark)))) as string | undefined
    return Buffer.from((projected ?? 'null').replaceAll(new RegExp(`"${mark}([^"]*)"`, 'g'), '$1'))
  } catch {
    // The parser's own message quotes the body.
    throw invalid('is not JSON in UTF-8, or is nested too deeply')
  }
}

function neutralBody(upstreamName: string, status: number): Uint8Array {
  const message = `upstream ${upstreamName} answered ${String(status)}; its body is withheld because the granted scopes cover selected fields only`
  return Buffer.from(JSON.stringify({ error: { type: 'upstream_status', code: 'upstream_status', message, status } }))
}

async function collect({ upstreamName, body, maxBytes }: ProjectInput): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new GatewayCallError(
        'upstream_response_too_large',
        `upstream ${upstreamName}: its answer is longer than max_response_bytes (${String(maxBytes)})`,
      )
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Wraps every number that a double would not give back as it was written (2^53 + 1, 1.10, 1e400) into a string led by
 * `mark`, an unguessable text that is taken off again after serialising: 64-bit ids pass unharmed. Text that is not JSON
 * stays not JSON.
 */
function shieldNumbers(text: string, mark: string): string {
  const pieces: string[] = []
  let copied = 0
  for (let i = 0; i < text.length;) {
    const code = text.charCodeAt(i)
    if (code === 0x22) {
      i = endOfString(text, i)
      continue
    }
    if (code !== 0x2d && (code < 0x30 || code > 0x39)) {
      i++
      continue
    }
    NUMBER.lastIndex = i
    const token = NUMBER.exec(text)?.[0]
    if (token === undefined) {
      i++
      continue
    }
    if (String(Number(token)) !== token) {
      pieces.push(text.slice(copied, i), `"${mark}${token}"`)
      copied = i + token.length
    }
    i += token.length
  }
  pieces.push(text.slice(copied))
  return pieces.join('')
}

/** The index after the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x5c) i++
    else if (code === 0x22) return i + 1
  }
  return text.length
}
