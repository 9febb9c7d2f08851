import { describe, expect, it } from 'vitest'
import { createBackend } from '../../src/framework/backend.ts'
import { issueTtl, renewTtl } from '../../src/framework/lease.ts'
import { definePath } from '../../src/framework/path.ts'
import { RequestError } from '../../src/logical/errors.ts'
import type { Operation, Request } from '../../src/logical/request.ts'
import type { Data } from '../../src/logical/data.ts'
import { MemoryStorage, getJson, putJson } from '../../src/logical/storage.ts'

const storage = new MemoryStorage()
const system = {
  defaultLeaseTtl: () => Promise.resolve(60),
  maxLeaseTtl: () => Promise.resolve(600),
  tainted: () => Promise.resolve(false),
  readOnly: () => Promise.resolve(false),
}

function request(operation: Operation, path: string, data: Data = {}): Request {
  return {
    id: '',
    operation,
    path,
    data,
    storage,
    client_token: '',
    client_token_accessor: '',
    display_name: '',
    entity_id: '',
    mount_point: 'x/',
    remote_addr: '',
    signal: new AbortController().signal,
  }
}

const backend = createBackend({
  help: 'A box of things.',
  system,
  paths: [
    definePath({
      pattern: 'things/',
      fields: {},
      synopsis: 'All things.',
      description: 'd',
      operations: { list: () => ({ data: { keys: ['a'] } }) },
    }),
    definePath({
      pattern: 'boxes/',
      fields: {},
      synopsis: 'All boxes.',
      description: 'd',
      operations: { list: () => ({ data: { keys: ['b'] } }), read: () => ({ data: { boxes: 1 } }) },
    }),
    definePath({
      pattern: 'things/:name',
      fields: {
        name: { type: 'string', description: 'Name.', example: 'a' },
        size: { type: 'int', description: 'Size.', example: 3, default: 1 },
      },
      synopsis: 'A thing.',
      description: 'd',
      exists: async ({ fields }) => {
        if (fields.require('name') === 'bad') throw new RequestError('bad_request', 'name is bad.')
        if (fields.require('name') === 'broken') throw new RequestError('unavailable')
        return (await getJson(storage, fields.require('name'))) !== undefined
      },
      operations: {
        read: async ({ fields }) => {
          const size = await getJson(storage, fields.require('name'))
          return size === undefined ? undefined : { data: { size } }
        },
        write: async ({ fields }) => {
          await putJson(storage, fields.require('name'), fields.get('size'))
          return undefined
        },
      },
    }),
    definePath({
      pattern: 'files/:path...',
      fields: { path: { type: 'string', description: 'Path.', example: 'a/b' } },
      synopsis: 's',
      description: 'd',
      sudo: true,
      operations: { read: ({ fields }) => ({ data: { path: fields.get('path') } }) },
    }),
  ],
})

const refused = async (...args: Parameters<typeof request>) =>
  backend.handleRequest(request(...args)).then(
    () => 'answered',
    (error: unknown) => (error as RequestError).kind,
  )

describe('a backend routes', () => {
  it('create and update to the same write, and reads back', async () => {
    await backend.handleRequest(request('create', 'things/a', { size: '7' }))
    expect(await backend.handleRequest(request('read', 'things/a'))).toEqual({ data: { size: 7 } })
    expect(await backend.handleExistenceCheck(request('update', 'things/a'))).toBe(true)
    expect(await backend.handleExistenceCheck(request('update', 'things/b'))).toBe(false)
  })

  it('an existence check that finds the name bad to the write, and says so where it cannot tell', async () => {
    expect(await backend.handleExistenceCheck(request('update', 'things/bad'))).toBe(false)
    await expect(backend.handleExistenceCheck(request('update', 'things/broken'))).rejects.toMatchObject({
      kind: 'unavailable',
    })
  })

  it('collections with and without their slash, and the rest of a path as one capture', async () => {
    expect(await backend.handleRequest(request('list', 'things'))).toEqual(
      await backend.handleRequest(request('list', 'things/')),
    )
    expect(await backend.handleRequest(request('read', 'boxes'))).toEqual({ data: { boxes: 1 } })
    expect(await backend.handleRequest(request('read', 'files/a/b/c'))).toEqual({ data: { path: 'a/b/c' } })
  })

  it('captures over body fields and warns of that and of unknown fields', async () => {
    const response = await backend.handleRequest(request('update', 'things/a', { name: 'b', colour: 'red', smell: 1 }))
    expect(response?.warnings).toEqual([
      'Endpoint ignored these unrecognized parameters: [colour smell]',
      "Endpoint replaced the value of these parameters with the values captured from the endpoint's path: [name]",
    ])
    expect(await getJson(storage, 'b')).toBeUndefined()
  })

  it.each<[Operation, string, string]>([
    ['read', 'nowhere', 'unsupported_path'],
    ['read', '', 'unsupported_path'],
    ['read', 'things//a', 'unsupported_path'],
    ['read', 'things/a/b', 'unsupported_path'],
    ['read', 'files', 'unsupported_path'],
    ['delete', 'things/a', 'unsupported_operation'],
    ['patch', 'things/a', 'unsupported_operation'],
    ['read', 'things/', 'unsupported_operation'],
    ['read', 'boxes/', 'unsupported_operation'],
    ['list', 'files/a', 'unsupported_operation'],
    ['read', 'things/a/', 'unsupported_path'],
    ['delete', 'things/a/', 'unsupported_path'],
    ['update', 'things/a/', 'unsupported_path'],
    ['read', 'files/a/b/', 'unsupported_path'],
    ['help', 'nowhere', 'unsupported_path'],
    ['renew', 'things/a', 'unrecoverable'],
    ['revoke', 'things/a', 'unrecoverable'],
  ])('not %s of "%s": %s', async (operation, path, kind) => {
    expect(await refused(operation, path)).toBe(kind)
  })

  it('names what needs sudo', () => {
    expect(backend.specialPaths.root).toEqual(['files/*'])
  })

  it("does not take a prototype's property for a field", async () => {
    const response = await backend.handleRequest(
      request('update', 'things/a', JSON.parse('{"__proto__":1,"constructor":2,"toString":3}') as Data),
    )
    expect(response?.warnings).toEqual([
      'Endpoint ignored these unrecognized parameters: [__proto__ constructor toString]',
    ])
  })
})

describe('lease arithmetic', () => {
  const limits = { default_ttl: 60, max_ttl: 600 }
  it.each([
    ['nothing asked is the default', {}, 60, 600, 0],
    ['what is asked', { ttl: 120 }, 120, 600, 0],
    ['more than the mount allows is capped with a warning', { ttl: 900 }, 600, 600, 1],
    ["the engine's lower ceiling wins", { ttl: 300, max_ttl: 100 }, 100, 100, 1],
    ["the engine's higher ceiling does not", { ttl: 900, max_ttl: 1200 }, 600, 600, 1],
    ['a default over the ceiling is cut without a warning', { max_ttl: 30 }, 30, 30, 0],
  ])('issue: %s', (_case, requested, ttl, max_ttl, warnings) => {
    const granted = issueTtl(requested, limits)
    expect([granted.ttl, granted.max_ttl, granted.warnings.length]).toEqual([ttl, max_ttl, warnings])
  })

  it.each([
    ["the increment beats the engine's ttl", { increment: 100, ttl: 50 }, 0, 100],
    ["without an increment the engine's ttl", { ttl: 50 }, 0, 50],
    ['without either the default', {}, 0, 60],
    ['the ceiling counts from the issue', { increment: 500 }, 400, 200],
  ])('renew: %s', (_case, requested, age, ttl) => {
    expect(renewTtl({ ...requested, issue_time_unix: 1000, now_unix: 1000 + age }, limits).ttl).toBe(ttl)
  })

  it('renew: past the ceiling is refused', () => {
    expect(() => renewTtl({ increment: 1, issue_time_unix: 0, now_unix: 600 }, limits)).toThrow(
      'past the max TTL, cannot renew',
    )
  })
})
