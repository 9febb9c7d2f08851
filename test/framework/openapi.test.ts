import { beforeAll, describe, expect, it } from 'vitest'
import { createBackend } from '../../src/framework/backend.ts'
import { fromHelpDocument } from '../../src/framework/openapi.ts'
import type { OpenApiDocument } from '../../src/framework/openapi-document.ts'
import { definePath } from '../../src/framework/path.ts'
import type { Data } from '../../src/logical/data.ts'
import { MemoryStorage } from '../../src/logical/storage.ts'
import { decodeAsHost, operationsOf, referencesOf } from './openapi-decoder.ts'
import type { DecodedDocument } from './openapi-decoder.ts'

const system = {
  defaultLeaseTtl: () => Promise.resolve(60),
  maxLeaseTtl: () => Promise.resolve(600),
  tainted: () => Promise.resolve(false),
  readOnly: () => Promise.resolve(false),
}
const nothing = () => undefined

const backend = createBackend({
  type: 'auth',
  help: 'A box of things.',
  system,
  unauthenticated: ['login', 'open/*'],
  paths: [
    definePath({
      pattern: 'things/:name',
      fields: {
        name: { type: 'string', description: 'Its name.', example: 'a' },
        size: { type: 'int', required: true, description: 'How large.', example: 3 },
        life: { type: 'duration', description: 'How long.', example: 60, default: 900 },
        tags: { type: 'list', description: 'What it is called too.', example: ['x'] },
        parts: { type: 'objects', description: 'What it is made of.', example: ['a', { b: 1 }], default: [] },
        more: { type: 'object', description: 'Anything by name.', example: { a: 'b' } },
        free: { type: 'any', description: 'Anything.', example: 1 },
        kind: { type: 'string', description: 'One of two.', example: 'small', allowed: ['small', 'large'] },
        key: { type: 'string', secret: true, description: 'Never told.', example: 'k' },
        version: { type: 'int', computed: true, description: 'Grows.', example: 1 },
      },
      synopsis: 'A thing.',
      description: 'It is kept.',
      exists: () => true,
      operations: { read: nothing, write: nothing, delete: nothing, patch: nothing },
    }),
    definePath({
      pattern: 'things/',
      fields: { after: { type: 'string', description: 'Go on behind this.', example: 'a', default: '' } },
      synopsis: 'All things.',
      description: 'Names.',
      operations: { list: nothing },
    }),
    definePath({
      pattern: 'both/',
      fields: { wait: { type: 'duration', required: true, description: 'Seconds.', example: 1 } },
      synopsis: 'Read and listed.',
      description: 'Two.',
      operations: { list: nothing, read: nothing },
    }),
    definePath({
      pattern: 'files/:path...',
      fields: { path: { type: 'string', description: 'Path.', example: 'a/b' } },
      synopsis: 'A file.',
      description: 'By its path.',
      sudo: true,
      operations: { list: nothing, delete: nothing },
    }),
    definePath({
      pattern: 'login',
      fields: {
        answer: { type: 'string', computed: true, nullable: true, description: 'Answered.', example: 'a' },
        role: { type: 'string', echoed: true, description: 'As what.', example: 'r' },
      },
      synopsis: 'Logs in.',
      description: 'For strangers.',
      operations: { write: nothing },
    }),
    definePath({
      pattern: 'open/:door',
      fields: { door: { type: 'string', description: 'Which.', example: 'front' } },
      synopsis: 'Opens.',
      description: 'For strangers.',
      operations: { write: nothing },
    }),
  ],
})

async function help(path: string, data: Data = { requestResponsePrefix: 'box-of-things' }): Promise<Data> {
  const response = await backend.handleRequest({
    id: '',
    operation: 'help',
    path,
    data,
    storage: new MemoryStorage(),
    client_token: '',
    client_token_accessor: '',
    display_name: '',
    entity_id: '',
    mount_point: 'x/',
    remote_addr: '',
    signal: new AbortController().signal,
  })
  return response!.data!
}

describe('the OpenAPI document of an engine', () => {
  let document: DecodedDocument
  let schemas: DecodedDocument['components']['schemas']
  beforeAll(async () => {
    document = decodeAsHost((await help('')).openapi)
    schemas = document.components.schemas
  })

  it('has every path, relative to the mount, lists apart from reads', () => {
    expect(
      operationsOf(document)
        .map(({ at }) => at)
        .sort(),
    ).toEqual([
      'delete /files/{path}',
      'delete /things/{name}',
      'get /both',
      'get /both/',
      'get /files/{path}/',
      'get /things/',
      'get /things/{name}',
      'patch /things/{name}',
      'post /login',
      'post /open/{door}',
      'post /things/{name}',
    ])
  })

  it('declares what is in the URL, and each thing once', () => {
    for (const { path, parameters } of operationsOf(document)) {
      expect(parameters.filter((one) => one.in === 'path').map((one) => `{${one.name}}`)).toEqual(
        path.match(/\{\w+\}/g) ?? [],
      )
    }
    const ids = operationsOf(document).map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toContain('box-of-things-list-files-path')
  })

  it('refers to schemas that are there and to nothing else, in the words a host keeps', () => {
    expect([...new Set(referencesOf(document.paths))].sort()).toEqual(Object.keys(schemas).sort())
    expect(Object.keys(schemas).sort()).toEqual([
      'BoxOfThingsPatchThingsNameRequest',
      'BoxOfThingsReadThingsNameResponse',
      'BoxOfThingsWriteLoginRequest',
      'BoxOfThingsWriteLoginResponse',
      'BoxOfThingsWriteThingsNameRequest',
      'StandardListResponse',
    ])
  })

  it('asks for the fields that can be given, typed, with default, example and what is required', () => {
    expect(schemas.BoxOfThingsWriteThingsNameRequest).toMatchObject({
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', format: 'int64', description: 'How large.', example: 3 },
        life: { type: 'integer', format: 'seconds', default: 900 },
        tags: { type: 'array', items: { type: 'string' } },
        parts: { type: 'array', items: {}, default: [], example: ['a', { b: 1 }] },
        more: { type: 'object' },
        free: { description: 'Anything.' },
        kind: { type: 'string', enum: ['small', 'large'] },
        key: { type: 'string', 'x-vault-displayAttrs': { sensitive: true } },
      },
    })
    expect(Object.keys(schemas.BoxOfThingsWriteThingsNameRequest!.properties!)).toEqual([
      'size',
      'life',
      'tags',
      'parts',
      'more',
      'free',
      'kind',
      'key',
    ])
  })

  it('answers a document with all that is not a secret, another write with what is computed or echoed, a delete with nothing', () => {
    expect(Object.keys(schemas.BoxOfThingsReadThingsNameResponse!.properties!)).toEqual([
      'name',
      'size',
      'life',
      'tags',
      'parts',
      'more',
      'free',
      'kind',
      'version',
    ])
    expect(Object.keys(schemas.BoxOfThingsWriteLoginResponse!.properties!)).toEqual(['answer', 'role'])
    expect(Object.keys(document.paths['/things/{name}']!.post!.responses)).toEqual(['200', '204'])
    expect(Object.keys(document.paths['/open/{door}']!.post!.responses)).toEqual(['204'])
    expect(Object.keys(document.paths['/files/{path}']!.delete!.responses)).toEqual(['204'])
  })

  it('asks for reads and lists in the query', () => {
    expect(document.paths['/things/']!.get!.parameters).toMatchObject([
      { name: 'after', in: 'query', schema: { type: 'string' } },
      { name: 'list', in: 'query', required: true, schema: { type: 'string', enum: ['true'] } },
    ])
    expect(document.paths['/both']!.get!.parameters).toMatchObject([{ name: 'wait', in: 'query', required: true }])
    expect(document.paths['/things/{name}']!.get!.parameters).toBeUndefined()
  })

  it('says what needs sudo, what needs no token and what is created', () => {
    const marked = (mark: 'x-vault-sudo' | 'x-vault-unauthenticated' | 'x-vault-createSupported') =>
      Object.keys(document.paths).filter((path) => document.paths[path]![mark])
    expect(marked('x-vault-sudo')).toEqual(['/files/{path}', '/files/{path}/'])
    expect(marked('x-vault-unauthenticated')).toEqual(['/login', '/open/{door}'])
    expect(marked('x-vault-createSupported')).toEqual(['/things/{name}'])
  })

  it('of one path is that part of the whole, and without a prefix names begin with the operation', async () => {
    const one = decodeAsHost((await help('things/a')).openapi)
    expect(one.paths).toEqual({ '/things/{name}': document.paths['/things/{name}'] })
    expect(decodeAsHost((await help('things', {})).openapi).paths['/things/']!.get!.operationId).toBe('list-things')
    expect(
      decodeAsHost((await help('things', { requestResponsePrefix: ['x'] })).openapi).paths['/things/']!.get!
        .operationId,
    ).toBe('list-things')
  })

  it('is plain OpenAPI again once what only hosts need is taken back', async () => {
    const plain = fromHelpDocument((await help('')).openapi as OpenApiDocument)
    expect(plain.paths['/login']!.post!.requestBody!.content['application/json'].schema).toEqual({
      $ref: '#/components/schemas/BoxOfThingsWriteLoginRequest',
    })
    expect(plain.components.schemas.BoxOfThingsWriteLoginResponse!.properties!.answer!.nullable).toBe(true)
    expect(referencesOf(plain)).toEqual([])
  })
})
