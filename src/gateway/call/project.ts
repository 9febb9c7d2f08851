import { isUtf8 } from 'node:buffer'
import type { Projection } from '../../scope/index.ts'
import { GatewayCallError } from './call-error.ts'
import { loopBudget } from '../loop-budget.ts'
import type { DocumentBuffer } from './document-buffer.ts'
import { FieldPicker } from './field-picker.ts'
import { JsonScanner, JsonSyntaxError } from './json-scanner.ts'

/** Media types whose whole is one JSON text. */
export const isJsonType = (contentType: string | undefined): boolean =>
  /^\s*application\/(?:json|[a-z0-9!#$&^_.+-]+\+json)\s*(?:;|$)/i.test(contentType ?? '')

export interface ProjectionOptions {
  readonly upstreamName: string
  readonly status: number
  readonly contentType: string | undefined
  readonly body: AsyncIterable<Uint8Array>
  readonly maxBytes: number
  readonly projection: Projection
  /** Asked before that many more bytes are held for this call; throws to refuse them. Fewer than 0: as many are held no more. */
  readonly reserve?: ((bytes: number) => void) | undefined
}

/**
 * The projected body, freshly serialised: names and strings are written again, numbers as the upstream wrote them, members in its
 * order, of a name given twice the last. The document is read as it comes and never held; what passes of it is held until its
 * end, because a document that turns out malformed must not have been handed on in part. Responses other than 2xx have bodies
 * of their own shape, which no field list covers, and are replaced. Undefined = the upstream sent no body.
 */
export async function projectBody(options: ProjectionOptions): Promise<Uint8Array | undefined> {
  const { upstreamName, status, contentType } = options
  if (status < 200 || status > 299) return neutralBody(upstreamName, status)
  const document = new ProjectedDocument(options)
  try {
    for await (const chunk of limited(options)) {
      requireJson(upstreamName, contentType)
      for (let start = 0; start < chunk.length; start += loopBudget.step) {
        const step = chunk.subarray(start, start + loopBudget.step)
        await loopBudget.take(step.length)
        document.write(step)
      }
    }
    if (document.isEmpty) return undefined
    const projected = document.end()
    if (!projected) return Buffer.from('null')
    return await stepwise(projected)
  } catch (error) {
    throw explained(upstreamName, error)
  }
}

/** The same of a whole body of a 2xx response that is short enough to be read in one turn of the event loop. */
export function projectShortBody(
  options: Omit<ProjectionOptions, 'body' | 'maxBytes' | 'status'>,
  body: Uint8Array,
): Uint8Array | undefined {
  const { upstreamName, contentType } = options
  if (body.length === 0) return undefined
  requireJson(upstreamName, contentType)
  const document = new ProjectedDocument(options)
  try {
    document.write(body)
    const work = document.end()?.whole(Infinity)
    if (!work) return Buffer.from('null')
    for (let next = work.next(); ; next = work.next()) if (next.done === true) return next.value
  } catch (error) {
    throw explained(upstreamName, error)
  }
}

function requireJson(upstreamName: string, contentType: string | undefined): void {
  if (!isJsonType(contentType)) throw invalid(upstreamName, 'is not JSON')
}

const explained = (upstreamName: string, error: unknown): unknown =>
  error instanceof JsonSyntaxError ? invalid(upstreamName, 'is not JSON in UTF-8, or is nested too deeply') : error

const invalid = (upstreamName: string, what: string) =>
  new GatewayCallError(
    'upstream_invalid_response',
    `upstream ${upstreamName}: its response ${what}, so the granted fields cannot be selected from it`,
  )

async function stepwise(document: DocumentBuffer): Promise<Uint8Array> {
  const work = document.whole(loopBudget.step)
  for (let next = work.next(); ; next = work.next()) {
    if (next.done === true) return next.value
    await loopBudget.take(loopBudget.step)
  }
}

function neutralBody(upstreamName: string, status: number): Uint8Array {
  const message = `upstream ${upstreamName} responded with ${String(status)}; its body is withheld because the granted scopes cover selected fields only`
  return Buffer.from(JSON.stringify({ error: { type: 'upstream_status', code: 'upstream_status', message, status } }))
}

async function* limited({ upstreamName, body, maxBytes }: ProjectionOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > maxBytes)
      throw new GatewayCallError(
        'upstream_response_too_large',
        `upstream ${upstreamName}: its response is longer than max_response_bytes (${String(maxBytes)})`,
      )
    if (chunk.length > 0) yield chunk
  }
}

/** Bytes to the fields that pass. Throws `JsonSyntaxError` for what is not JSON in UTF-8. */
class ProjectedDocument {
  readonly #picker: FieldPicker
  readonly #scanner: JsonScanner
  readonly #utf8 = new Utf8Check()
  /** The first bytes, until it is known whether they are a byte order mark. */
  #head: Uint8Array | undefined = new Uint8Array(0)
  #begun = false

  constructor({ projection, reserve = () => undefined }: Pick<ProjectionOptions, 'projection' | 'reserve'>) {
    this.#picker = new FieldPicker(projection.filter, reserve)
    this.#scanner = new JsonScanner(this.#picker)
  }

  get isEmpty(): boolean {
    return !this.#begun
  }

  write(bytes: Uint8Array): void {
    this.#begun = true
    if (!this.#head) {
      this.#scan(bytes)
      return
    }
    this.#head = Buffer.concat([this.#head, bytes])
    if (this.#head.length >= 3) this.#passHead()
  }

  /** `undefined` = nothing passes. */
  end(): DocumentBuffer | undefined {
    this.#passHead()
    this.#utf8.end()
    this.#scanner.end()
    return this.#picker.finish()
  }

  #passHead(): void {
    const head = this.#head
    this.#head = undefined
    // RFC 8259, 8.1: a parser may ignore a byte order mark; upstreams that send one are read.
    if (head) this.#scan(head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head)
  }

  #scan(bytes: Uint8Array): void {
    this.#utf8.write(bytes)
    this.#scanner.write(bytes)
  }
}

/** Checks that bytes are UTF-8, however characters are cut. Throws `JsonSyntaxError`. */
class Utf8Check {
  #rest: Uint8Array = new Uint8Array(0)

  write(bytes: Uint8Array): void {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const whole = all.length - openTail(all)
    if (!isUtf8(all.subarray(0, whole))) throw new JsonSyntaxError()
    this.#rest = Uint8Array.from(all.subarray(whole))
  }

  end(): void {
    if (this.#rest.length > 0) throw new JsonSyntaxError()
  }
}

/** How many bytes at the end begin a character (RFC 3629, 3) that is not whole yet. */
function openTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if (byte < 0x80) return 0
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0
  }
  return 0
}
