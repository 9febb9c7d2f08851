/** A compressed response that goes to its caller as it came, because the caller decodes it: only searched here. */
import { GatewayCallError } from '../call/call-error.ts'
import { CodingSearch } from '../call/coding-search.ts'
import type { Coding } from '../call/decode.ts'
import type { Matcher } from '../call/matcher.ts'
import { READ_AHEAD } from './byte-queue.ts'

export interface SearchedBody {
  /** `undefined` = the key was found before anything had to be handed on: what is in `replayed` has to be decoded and scrubbed. */
  readonly pieces: AsyncIterable<Uint8Array> | undefined
  /** The whole body from its first byte on. */
  readonly replayed: AsyncIterable<Uint8Array>
  /** Places in which the key was found. */
  readonly matches: () => number
}

export interface SearchedBodyOptions {
  readonly upstreamName: string
  readonly coding: Coding
  readonly matcher: Matcher
  readonly received: AsyncIterable<Uint8Array>
  /** How much of it is seen before the head goes out: nothing of events, all of a body that is known to be short. */
  readonly beforeHead: 'nothing' | 'something' | 'short whole'
}

/** Resolves when the head may go out. Throws for a body that is damaged so early. */
export async function searchedBody(options: SearchedBodyOptions): Promise<SearchedBody> {
  const { upstreamName, coding, matcher, received, beforeHead } = options
  const search = new CodingSearch(upstreamName, coding, matcher)
  const source = received[Symbol.asyncIterator]()
  const ready: Uint8Array[] = []
  let seen = 0
  let isOver = false
  const wantsMore = () =>
    beforeHead !== 'nothing' &&
    !isOver &&
    seen < READ_AHEAD &&
    search.matches === 0 &&
    (beforeHead === 'short whole' || !search.hasDecoded)
  try {
    while (wantsMore()) {
      const read = await source.next()
      isOver = read.done === true
      if (read.done !== true) seen += read.value.length
      ready.push(...(await (read.done === true ? search.end() : search.push(read.value))))
    }
  } catch (error) {
    search.close()
    throw error
  }
  const found = search.matches > 0
  const rest = { [Symbol.asyncIterator]: () => source }
  return {
    pieces: found ? undefined : searchedPieces(upstreamName, search, ready, isOver ? [] : rest),
    replayed: found ? replay([...ready, ...search.held], rest) : received,
    matches: () => (found ? 0 : search.matches),
  }
}

async function* searchedPieces(
  upstreamName: string,
  search: CodingSearch,
  ready: readonly Uint8Array[],
  rest: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* ready
    for await (const chunk of rest) {
      yield* await search.push(chunk)
      requireClean(upstreamName, search)
    }
    yield* await search.end()
    requireClean(upstreamName, search)
    return undefined
  } finally {
    search.close()
  }
}

async function* replay(
  before: readonly Uint8Array[],
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, undefined> {
  yield* before
  yield* rest
  return undefined
}

function requireClean(upstreamName: string, search: CodingSearch): void {
  if (search.matches === 0) return
  throw new GatewayCallError(
    'upstream_invalid_response',
    `upstream ${upstreamName}: its compressed response holds its key, behind bytes that had been handed on already; ask the people who run the upstream to send it uncompressed, as the gateway asks for`,
  )
}
