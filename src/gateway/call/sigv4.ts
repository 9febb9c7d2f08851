/** AWS Signature Version 4 of an outgoing request. */
import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'

export interface SigningKey {
  readonly service: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** What is going to be sent; `headers` is a flat list of names, in lower case, and values. */
interface UnsignedRequest {
  readonly origin: string
  readonly method: string
  readonly path: string
  readonly headers: readonly string[]
}

/** Those that say what is asked for; others may be changed on the way, or are ours. */
const isSigned = (name: string): boolean =>
  name === 'host' || name === 'content-type' || name === 'content-md5' || name.startsWith('x-amz-')

const added = ['authorization', 'x-amz-date', 'x-amz-content-sha256'] as const

interface Hasher {
  update(bytes: Buffer): unknown
  digest(): Buffer
}

type HashSource = string | ArrayBuffer | ArrayBufferView

/** As the signer asks for it, by Node's own: its JavaScript one takes ten times as long, in one go. */
class NodeSha256 {
  readonly #secret: Buffer | undefined
  #hash: Hasher

  constructor(secret?: HashSource) {
    this.#secret = secret === undefined ? undefined : bytesOf(secret)
    this.#hash = this.#begin()
  }

  update(chunk: HashSource): void {
    this.#hash.update(bytesOf(chunk))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
  reset(): void {
    this.#hash = this.#begin()
  }

  #begin(): Hasher {
    return this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret)
  }
}

function bytesOf(source: HashSource): Buffer {
  if (typeof source === 'string') return Buffer.from(source, 'utf8')
  return ArrayBuffer.isView(source)
    ? Buffer.from(source.buffer, source.byteOffset, source.byteLength)
    : Buffer.from(source)
}

/** The headers that make the request one of the key's owner. `body`: undefined where `x-amz-content-sha256` says what it is, or there is none. */
export async function signatureOf(
  key: SigningKey,
  { origin, method, path, headers: list }: UnsignedRequest,
  body: Uint8Array | undefined,
  nowMs: number,
): Promise<readonly (readonly [name: string, value: string])[]> {
  const { protocol, hostname, host } = new URL(origin)
  const headers: Record<string, string> = { host }
  for (let at = 0; at + 1 < list.length; at += 2) headers[list[at]!] = list[at + 1]!
  const signer = new SignatureV4({
    credentials: { accessKeyId: key.accessKeyId, secretAccessKey: key.secretAccessKey },
    region: key.region,
    service: key.service,
    sha256: NodeSha256,
    // S3 alone takes a path as it is sent.
    uriEscapePath: key.service !== 's3',
    applyChecksum: true,
  })
  const [pathname = '', search = ''] = splitOnce(path, '?')
  const signed = await signer.sign(
    { method, protocol, hostname, path: pathname, query: queryBag(search), headers, body },
    {
      signingDate: new Date(nowMs),
      unsignableHeaders: new Set(Object.keys(headers).filter((name) => !isSigned(name))),
    },
  )
  return added.flatMap((name) => (signed.headers[name] === undefined ? [] : [[name, signed.headers[name]] as const]))
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + separator.length)]
}

function queryBag(search: string): Record<string, string[]> {
  const bag = new Map<string, string[]>()
  for (const pair of search === '' ? [] : search.split('&')) {
    const [name = '', value = ''] = splitOnce(pair, '=').map(decodeURIComponent)
    const values = bag.get(name)
    if (values) values.push(value)
    else bag.set(name, [value])
  }
  // Defines `__proto__` as any other name.
  return Object.fromEntries(bag)
}
