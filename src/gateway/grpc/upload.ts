import type { GatewayFailure } from '../error.ts'
import { decoded } from './definitions.ts'
import type { Undecodable } from './definitions.ts'
import { wrongField } from './exchange.ts'
import type { Inbox } from './inbox.ts'
import type { CallRequest, StreamRequest } from './messages.ts'

type StreamInbox = Inbox<StreamRequest | Undecodable>

export interface Upload {
  readonly body: AsyncIterable<Uint8Array> | undefined
  readonly contentLength: number | undefined
}

export async function takeHead(inbox: StreamInbox): Promise<CallRequest> {
  const message = await inbox.next()
  if (message === undefined) throw wrongField('the stream ended without a head; the first message must be one')
  const { head } = decoded(message)
  if (!head) throw wrongField('the first message must be a head; body parts follow it')
  return head
}

async function takePart(inbox: StreamInbox): Promise<Uint8Array | undefined> {
  const message = await inbox.next()
  if (message === undefined) return undefined
  const { part, body } = decoded(message)
  if (part === 'head') throw wrongField('only the first message may be a head; send body parts after it')
  if (!body) throw wrongField('the message is empty; set body')
  return body
}

/**
 * The request's body. Whether there is one shows only with its first part, or the end of the caller's side, which is waited for;
 * GET and HEAD have none unless its length is declared, so nothing is waited for there, and a part that comes all the same is told to
 * `refuse`.
 */
export async function uploadOf(
  head: CallRequest,
  inbox: StreamInbox,
  refuse: (thrown: unknown) => void,
): Promise<Upload> {
  const declared = declaredLength(head)
  if ((head.method === 'GET' || head.method === 'HEAD') && (declared ?? 0) === 0) {
    takePart(inbox)
      .then((part) => {
        if (part)
          throw wrongField(
            `a ${head.method} request takes no body unless content-length announces it; end the stream after the head`,
          )
      })
      .catch(refuse)
    return { body: undefined, contentLength: undefined }
  }
  let first = await takePart(inbox)
  while (first?.length === 0) first = await takePart(inbox)
  if (first === undefined) {
    if (declared !== undefined && declared > 0) throw wrongLength(declared, 0)
    return { body: undefined, contentLength: undefined }
  }
  return { body: bodyParts(first, inbox, declared), contentLength: declared }
}

function declaredLength({ headers }: CallRequest): number | undefined {
  const value = headers.find(({ name }) => name.toLowerCase() === 'content-length')?.value
  if (value === undefined) return undefined
  if (!/^\d{1,15}$/.test(value)) throw wrongField('header content-length: is not a number of bytes, for example 42')
  return Number(value)
}

/** A body that is not as long as was declared is never completed upstream. */
async function* bodyParts(
  first: Uint8Array,
  inbox: StreamInbox,
  declared: number | undefined,
): AsyncGenerator<Uint8Array> {
  let bytes = 0
  for (let part: Uint8Array | undefined = first; part !== undefined; part = await takePart(inbox)) {
    bytes += part.length
    if (declared !== undefined && bytes > declared) throw wrongLength(declared, bytes)
    if (part.length > 0) yield part
  }
  if (declared !== undefined && bytes < declared) throw wrongLength(declared, bytes)
}

const wrongLength = (declared: number, bytes: number): GatewayFailure =>
  wrongField(
    `header content-length: says ${String(declared)} bytes, but the body has ${bytes > declared ? 'more' : String(bytes)}; send what was declared, or leave the header out`,
  )
