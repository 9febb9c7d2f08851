import { VaultError } from '../vault-client/index.ts'
import type { VaultResponse } from '../vault-client/index.ts'
import { readData } from './data.ts'
import { Failure, UsageError } from './failure.ts'
import { integer, oneOf } from './flags.ts'
import { locate, locateV2, mountFlag } from './kv-place.ts'
import { listKeys } from './list.ts'
import { heading, section } from './table.ts'
import { fieldFlag, vaultCommand } from './vault-command.ts'
import type { VaultCall } from './vault-command.ts'

type Members = Readonly<Record<string, unknown>>

const casFlag = { cas: integer('version', 'Write only if this is the current version; 0 = only if there is none.') }
const casOption = (cas: number | undefined) => ({ options: cas === undefined ? {} : { cas } })

export const members = (value: unknown): Members | undefined =>
  typeof value === 'object' && value !== null ? (value as Members) : undefined

/** What a read of the data path holds: version 2 wraps the secret together with its metadata. */
const contentsOf = (
  response: VaultResponse,
  v2: boolean,
): { data?: Members | undefined; metadata?: Members | undefined } =>
  v2
    ? { data: members(response.data?.data), metadata: members(response.data?.metadata) }
    : { data: members(response.data) }

/** What stands above the responses of a version 2 engine. */
export const pathHeading = (title: string, path: string): string => `${heading(title, path.length)}\n${path}\n\n`

/** The response of a version 2 write: where, and the new version. */
function showWritten(call: VaultCall, response: VaultResponse, path: string, field: string | undefined): number {
  const metadata = members(response.data)
  if (field !== undefined || call.format !== 'table' || response.wrap_info || !metadata)
    return call.show(response, `Success! Data written to: ${path}`, field)
  call.warn(response)
  call.io.stdout(pathHeading('Secret Path', path) + section('Metadata', metadata))
  return 0
}

export const put = vaultCommand({
  summary: 'Write a secret, as a new version',
  usage: '[flags] <path> <name=value … | name=@file | name=- | @file.json | ->',
  examples: ['kv put -mount=secret mcp/stripe api_key=@stripe.key'],
  flags: { ...mountFlag, ...casFlag, ...fieldFlag },
  takes: [1, Infinity],
  async run(call) {
    const { args, flags, io, request } = call
    if (args.length < 2) throw new UsageError('Must supply data, for example api_key=@stripe.key')
    const data = await readData(args.slice(1), io)
    const place = await locate(call, args[0])
    if (!place.v2 && flags.cas !== undefined) throw new Failure(1, 'Check-and-set not supported on KV Version 1')
    const path = place.at('data')
    const body = place.v2 ? { data, ...casOption(flags.cas) } : data
    const response = await request(`Error writing data to ${path}`, (vault, options) =>
      vault.request('PUT', path, { ...options, body }),
    )
    return place.v2
      ? showWritten(call, response, path, flags.field)
      : call.show(response, `Success! Data written to: ${path}`)
  },
})

export const get = vaultCommand({
  summary: 'Read a secret',
  usage: '[flags] <path>',
  examples: [
    'kv get -mount=secret mcp/stripe',
    'kv get -field=api_key secret/mcp/stripe',
    'kv get -version=2 secret/mcp/stripe',
  ],
  flags: { ...mountFlag, ...fieldFlag, version: integer('number', 'Read this version; default the newest.') },
  takes: [1, 1],
  async run(call) {
    const { args, flags, io, request, show, format } = call
    const place = await locate(call, args[0])
    const path = place.at('data')
    const query = flags.version === undefined ? {} : { query: { version: flags.version } }
    const response = await request(`Error reading ${path}`, (vault, options) =>
      vault.read(path, { ...options, ...query }),
    )
    if (!response) throw new Failure(2, `No value found at ${path}`)
    const { data, metadata } = contentsOf(response, place.v2)
    if (flags.field !== undefined && !response.wrap_info) {
      if (!data) throw new Failure(2, `No data found at ${path}`)
      return show({ ...response, data }, undefined, flags.field)
    }
    if (format !== 'table' || response.wrap_info) return show(response, undefined, flags.field)
    call.warn(response)
    if (place.v2) io.stdout(pathHeading('Secret Path', path))
    if (metadata) io.stdout(`${section('Metadata', metadata)}${data ? '\n' : ''}`)
    if (data) io.stdout(section('Data', data))
    return 0
  },
})

export const list = vaultCommand({
  summary: 'List secrets',
  usage: '[flags] [path]',
  examples: ['kv list -mount=secret mcp', 'kv list secret/'],
  flags: mountFlag,
  takes: [0, 1],
  async run(call) {
    return listKeys(call, (await locate(call, call.args[0], true)).at('metadata'))
  },
})

/** Servers without PATCH, and policies without the `patch` capability: then it is read and written. */
const patchRefused = (thrown: unknown): boolean =>
  thrown instanceof VaultError && (thrown.status === 405 || thrown.status === 403)
const nothingThere = (thrown: unknown): boolean => thrown instanceof VaultError && thrown.status === 404

export const patch = vaultCommand({
  summary: 'Change some fields of a secret',
  usage: '[flags] <path> <name=value …>',
  examples: ['kv patch -mount=secret mcp/stripe account=acct_1'],
  flags: {
    ...mountFlag,
    ...casFlag,
    ...fieldFlag,
    method: oneOf(
      ['patch', 'rw'],
      'One PATCH request, or read and write; default PATCH, and the other where the server refuses it.',
    ),
  },
  takes: [1, Infinity],
  async run(call) {
    const { args, flags, io, request } = call
    if (args.length < 2) throw new UsageError('Must supply data, for example account=acct_1')
    const data = await readData(args.slice(1), io)
    const path = (await locateV2(call, args[0]!, 'Patch')).at('data')
    const patched =
      flags.method === 'rw'
        ? undefined
        : await request(`Error writing data to ${path}`, async (vault, options) => {
            try {
              return await vault.request('PATCH', path, { ...options, body: { data, ...casOption(flags.cas) } })
            } catch (thrown) {
              if (nothingThere(thrown)) throw new Failure(2, `No value found at ${path}`)
              if (flags.method === undefined && patchRefused(thrown)) return undefined
              throw thrown
            }
          })
    const response = patched ?? (await readAndWrite(call, path, data, flags.cas))
    return showWritten(call, response, path, flags.field)
  },
})

/** Writes the newest version with `changes` over it, unless someone else wrote meanwhile. */
async function readAndWrite(
  { request }: VaultCall,
  path: string,
  changes: Members,
  cas: number | undefined,
): Promise<VaultResponse> {
  const current = await request(`Error doing pre-read at ${path}`, (vault, { signal }) =>
    vault.read(path, signal ? { signal } : {}),
  )
  const data = members(current?.data?.data)
  if (!data) throw new Failure(2, `No value found at ${path}`)
  const version = Number(members(current?.data?.metadata)?.version)
  const body = { data: { ...data, ...changes }, ...casOption(cas ?? version) }
  return request(`Error writing data to ${path}`, (vault, options) => vault.request('PUT', path, { ...options, body }))
}

export const rollback = vaultCommand({
  summary: 'Make an older version the newest again',
  usage: '[flags] -version=<number> <path>',
  examples: ['kv rollback -mount=secret -version=1 mcp/stripe'],
  flags: { ...mountFlag, version: integer('number', 'The version to write again; required.') },
  takes: [1, 1],
  async run(call) {
    const { args, flags, request } = call
    const { version } = flags
    if (version === undefined || version < 1)
      throw new UsageError('-version must name the version to go back to, for example -version=1')
    const path = (await locateV2(call, args[0]!, 'Rollback')).at('data')
    const newest = await request(`Error doing pre-read at ${path}`, (vault, { signal }) =>
      vault.read(path, signal ? { signal } : {}),
    )
    if (!newest) throw new Failure(2, `No value found at ${path}`)
    const old = await request(`Error reading version ${String(version)} at ${path}`, (vault, { signal }) =>
      vault.read(path, { query: { version }, ...(signal ? { signal } : {}) }),
    )
    const data = members(old?.data?.data)
    if (!data)
      throw new Failure(
        2,
        `Version ${String(version)} at ${path} does not exist, or is deleted or destroyed; kv metadata get lists the versions`,
      )
    const body = { data, ...casOption(Number(members(newest.data?.metadata)?.version)) }
    const response = await request(`Error writing data to ${path}`, (vault, options) =>
      vault.request('PUT', path, { ...options, body }),
    )
    return showWritten(call, response, path, undefined)
  },
})
