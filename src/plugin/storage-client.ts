/** `pb.Storage`: the mount's storage, kept by the server. */
import type { Client } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { Clock } from '../logical/clock.ts'
import { RequestError, errorTable } from '../logical/errors.ts'
import { pageOf } from '../logical/storage.ts'
import type { Storage, StorageEntry } from '../logical/storage.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import { UnimplementedError, reverseCalls } from './reverse-call.ts'
import type { ReverseCall } from './reverse-call.ts'

interface Failing { readonly err: string }
interface GetReply extends Failing { readonly entry: StorageEntry | null }
interface ListReply extends Failing { readonly keys: string[] }

export class StorageClient implements Storage {
  readonly #call: ReverseCall
  /** OpenBao pages; asked once. */
  #pages = true

  constructor(client: Client, clock: Clock) {
    this.#call = reverseCalls(client, serviceDefinition(vaultBackend, 'pb.Storage'), clock)
  }

  async get(key: string): Promise<StorageEntry | undefined> {
    const { entry } = await this.#ask<GetReply>('Get', { key })
    return entry ? { key, value: entry.value } : undefined
  }

  async put({ key, value }: StorageEntry): Promise<void> {
    await this.#ask('Put', { entry: { key, value } })
  }

  async delete(key: string): Promise<void> {
    await this.#ask('Delete', { key })
  }

  async list(prefix: string, page: { after?: string; limit?: number } = {}): Promise<string[]> {
    const { after = '', limit = 0 } = page
    if (this.#pages && (after !== '' || limit > 0)) {
      try {
        return (await this.#ask<ListReply>('ListPage', { prefix, after, limit: limit > 0 ? limit : -1 })).keys
      } catch (error) {
        if (!(error instanceof UnimplementedError)) throw error
        this.#pages = false
      }
    }
    return pageOf((await this.#ask<ListReply>('List', { prefix })).keys, page)
  }

  async #ask<Reply extends Failing>(method: string, argument: object): Promise<Reply> {
    const reply = await this.#call<Reply>(method, argument)
    if (reply.err !== '') throw storageFailure(reply.err)
    return reply
  }
}

/** Servers tell storage failures by their text. What is not known here is an outage: nothing the caller could mend. */
function storageFailure(text: string): RequestError {
  if (text.includes(errorTable.readonly.text)) return new RequestError('readonly')
  const cause = new Error(text)
  if (text.includes('too large')) return new RequestError('too_large', 'the server\'s storage takes no record this large', { cause })
  return new RequestError('unavailable', 'the server\'s storage failed', { cause })
}
