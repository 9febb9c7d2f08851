/** `pb.Storage`: the mount's storage, kept by the server. */
import type { Client } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { Clock } from '../logical/clock.ts'
import { RequestError, errorTable } from '../logical/errors.ts'
import { pageOf } from '../logical/storage.ts'
import type { Storage, StorageEntry } from '../logical/storage.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import type { StorageGetReply, StorageListReply, StorageReply } from '../proto/vault-backend.ts'
import { UnimplementedError, reverseCalls } from './reverse-call.ts'
import type { ReverseCall } from './reverse-call.ts'

/** OpenBao takes it for no limit. */
const ALL = -1

export class StorageClient implements Storage {
  readonly #call: ReverseCall
  /** Only OpenBao has pages; found out at the first one asked for. */
  #pages = true

  constructor(client: Client, clock: Clock) {
    this.#call = reverseCalls(client, serviceDefinition(vaultBackend, 'pb.Storage'), clock)
  }

  async get(key: string): Promise<StorageEntry | undefined> {
    checkKey(key)
    const { entry } = await this.#send<StorageGetReply>('Get', { key })
    return entry ? { key, value: entry.value } : undefined
  }

  async put({ key, value }: StorageEntry): Promise<void> {
    checkKey(key)
    await this.#send<StorageReply>('Put', { entry: { key, value } })
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    await this.#send<StorageReply>('Delete', { key })
  }

  async list(prefix: string, page: { after?: string; limit?: number } = {}): Promise<string[]> {
    checkPath(prefix)
    if (prefix !== '' && !prefix.endsWith('/')) throw fault(prefix)
    const { after = '', limit = ALL } = page
    if (this.#pages && (after !== '' || limit > 0)) {
      try {
        const { keys } = await this.#send<StorageListReply>('ListPage', {
          prefix,
          after,
          limit: limit > 0 ? limit : ALL,
        })
        return [...keys]
      } catch (error) {
        if (!(error instanceof UnimplementedError)) throw error
        this.#pages = false
      }
    }
    const { keys } = await this.#send<StorageListReply>('List', { prefix })
    return pageOf([...keys], page)
  }

  async #send<Reply extends { readonly err: string }>(method: string, argument: object): Promise<Reply> {
    const reply = await this.#call<Reply>(method, argument)
    if (reply.err !== '') throw storageFailure(reply.err)
    return reply
  }
}

function checkKey(key: string): void {
  checkPath(key)
  if (key === '' || key.endsWith('/')) throw fault(key)
}

/** What the server would refuse, or another mount's storage could be reached by if it did not. */
function checkPath(path: string): void {
  if (path.startsWith('/') || path.includes('..') || path.includes('//') || path.includes('\0')) throw fault(path)
}

const fault = (key: string) =>
  new RequestError('internal', undefined, { cause: new Error(`${JSON.stringify(key)} is not a storage key`) })

/** Servers tell storage failures by their text. What is not known here is an outage: nothing the caller could fix. */
function storageFailure(text: string): RequestError {
  if (text.includes(errorTable.readonly.text)) return new RequestError('readonly')
  const cause = new Error(text)
  if (text.includes('too large'))
    return new RequestError('too_large', "the server's storage does not accept a record this large", { cause })
  return new RequestError('unavailable', "the server's storage failed", { cause })
}
