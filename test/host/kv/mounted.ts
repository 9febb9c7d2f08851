import { randomBytes, randomUUID } from 'node:crypto'
import type { Backend, Factory, SystemView } from '../../../src/logical/backend.ts'
import { silentLogger } from '../../../src/logical/log.ts'
import type { Operation } from '../../../src/logical/request.ts'
import type { Data } from '../../../src/logical/data.ts'
import type { Response } from '../../../src/logical/response.ts'
import { MemoryStorage } from '../../../src/logical/storage.ts'
import type { Storage, StorageEntry } from '../../../src/logical/storage.ts'
import { FakeClock } from '../../fakes/clock.ts'

export const fakeSystem: SystemView = {
  defaultLeaseTtl: () => Promise.resolve(2_764_800),
  maxLeaseTtl: () => Promise.resolve(2_764_800),
  tainted: () => Promise.resolve(false),
  readOnly: () => Promise.resolve(false),
}

/** Storage that can be told to fail: `failOn` is asked before every change. */
export class FragileStorage extends MemoryStorage {
  failOn: (change: 'put' | 'delete', key: string) => boolean = () => false

  override put(entry: StorageEntry): Promise<void> {
    return this.failOn('put', entry.key) ? Promise.reject(new Error('disk full')) : super.put(entry)
  }

  override delete(key: string): Promise<void> {
    return this.failOn('delete', key) ? Promise.reject(new Error('disk full')) : super.delete(key)
  }
}

export interface Mounted {
  readonly backend: Backend
  readonly clock: FakeClock
  readonly storage: FragileStorage
  request(operation: Operation, path: string, data?: Data): Promise<Response | undefined>
  /** The data of a response that must have some. */
  data(operation: Operation, path: string, data?: Data): Promise<Data>
  exists(path: string): Promise<boolean | undefined>
}

/** An engine as a host drives it, on storage in memory and a clock cranked by hand. */
export async function mount(factory: Factory, options: Record<string, string> = {}): Promise<Mounted> {
  const clock = new FakeClock()
  const storage = new FragileStorage()
  const backend = await factory({
    storage,
    system: fakeSystem,
    logger: silentLogger,
    clock,
    random: randomBytes,
    config: options,
    backend_uuid: randomUUID(),
  })
  await backend.initialize()
  const request = (operation: Operation, path: string, data: Data, on: Storage) => ({
    id: randomUUID(),
    operation,
    path,
    data,
    storage: on,
    client_token: 'salted',
    client_token_accessor: 'accessor',
    display_name: 'token',
    entity_id: '',
    mount_point: 'secret/',
    remote_addr: '127.0.0.1',
    signal: new AbortController().signal,
  })
  const ask: Mounted['request'] = (operation, path, data = {}) =>
    backend.handleRequest(request(operation, path, data, storage))
  return {
    backend,
    clock,
    storage,
    request: ask,
    async data(operation, path, data) {
      const response = (await ask(operation, path, data))?.data
      if (!response) throw new Error(`${operation} ${path} answered no data`)
      return response
    },
    exists: (path) => backend.handleExistenceCheck(request('update', path, {}, storage)),
  }
}
