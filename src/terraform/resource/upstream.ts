import { upstreamProblems } from '../../document/index.ts'
import { defaultKvPath } from '../../scope/index.ts'
import { engineSchema } from '../engine-schema.ts'
import { explain } from '../explain.ts'
import type { Subject } from '../explain.ts'
import { Refusal, fault } from '../protocol/diagnostic.ts'
import type { Diagnostic } from '../protocol/diagnostic.ts'
import { isUnknown, unknown } from '../protocol/value.ts'
import type { ValueObject } from '../protocol/value.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'
import type { VaultResponse } from '../../vault-client/index.ts'
import type { ResourceSpec, DocumentWrite } from './document-spec.ts'
import {
  giveConsent,
  keyPlace,
  removeKey,
  samePlace,
  sameUse,
  undoConsent,
  withdrawConsent,
  writeKey,
} from './kv-key.ts'
import type { KeyPlace } from './kv-key.ts'

/** Of all the writes of a key: what is asked for one after the other is said at once. */
const atKey: Subject = {
  attributeOf: () => undefined,
  otherwise: ['key_wo'],
  writeNeeds: ['create', 'patch', 'update'],
}

export const upstreamSpec: ResourceSpec = {
  document: engineSchema.upstreams,
  extra: {
    key_wo: {
      type: 'string',
      optional: true,
      sensitive: true,
      write_only: true,
      description:
        "The upstream's key. Written to `kv_field` of the secret `kv_path` in `kv_mount`, with the consent to its use by this upstream in that secret's custom metadata (`mcp_origins`, and `mcp_upstreams`, `mcp_auth`, `mcp_fields` where the defaults do not cover it); in neither plan nor state. Destroying the resource removes all of it, even if others use it, so give each upstream a `kv_path` of its own. Needs `key_wo_version`.",
    },
    key_wo_version: {
      type: 'number',
      optional: true,
      description: 'Change it whenever `key_wo` is another key: that is what writes it.',
    },
  },
  defaults: {
    kv_path: ({ name }) => (typeof name === 'string' ? defaultKvPath(name) : isUnknown(name) ? unknown : null),
  },
  problems: upstreamProblems,
  check: checkKey,
  writeWith: (write, put) => (write.prior === null ? createWithKey(write, put) : updateWithKey(write, put)),
  // An upstream that is gone is dropped from the state by the next refresh, and with it all that is known of a key left behind.
  async beforeDelete(prior, server) {
    if (prior.key_wo_version === null) return
    const place = keyPlace(prior, server.mount())
    await removeKey(server, place)
    await withdrawConsent(server, place)
  },
}

type Put = () => Promise<VaultResponse>

/** The document first: one that the engine refuses leaves neither key nor consent behind. Nobody calls an upstream that is just being made. */
async function createWithKey({ server, path, planned, config }: DocumentWrite, put: Put): Promise<VaultResponse> {
  if (planned.key_wo_version === null) return put()
  const key = givenKey(config)
  // Where that cannot be told, nothing that may be another's is deleted.
  const existed = await server.read(path).then(
    (document) => document !== undefined,
    () => true,
  )
  const response = await put()
  try {
    const place = keyPlace(planned, server.mount())
    await writeKey(server, place, key)
    await giveConsent(server, place)
  } catch (error) {
    // What the key's failure is about comes before that of cleaning up after it.
    if (!existed) await server.request('DELETE', path).catch(() => undefined)
    await explain(error, server, atKey)
  }
  return response
}

interface KeyChange {
  readonly place: KeyPlace
  /** Where the key lay until now; undefined where Terraform wrote none. */
  readonly before: KeyPlace | undefined
  readonly moved: boolean
  readonly rotated: boolean
  readonly consentMoved: boolean
}

function keyChange({ server, prior, planned }: DocumentWrite): KeyChange {
  const place = keyPlace(planned, server.mount())
  const before = prior === null || prior.key_wo_version === null ? undefined : keyPlace(prior, server.mount())
  const moved = before === undefined || !samePlace(before, place)
  return {
    place,
    before,
    moved,
    rotated: !moved && prior?.key_wo_version !== planned.key_wo_version,
    consentMoved: before === undefined || !sameUse(before, place),
  }
}

/**
 * A key or an origin that the document is going to name is there before it: the upstream is in use, and would be refused meanwhile.
 * What they replace goes last, for the same reason.
 */
async function updateWithKey(write: DocumentWrite, put: Put): Promise<VaultResponse> {
  const { server, planned, config } = write
  if (planned.key_wo_version === null) return put()
  const change = keyChange(write)
  const { place, before, moved, rotated, consentMoved } = change
  const key = moved || rotated ? givenKey(config) : ''
  const undo = await prepare(server, change, key)
  const response = await put().catch(async (error: unknown) => {
    if (isRefusal(error)) await undo()
    throw error
  })
  if (rotated) await explained(server, writeKey(server, place, key))
  if (before !== undefined && moved) await removeKey(server, before)
  if (before !== undefined && consentMoved) await withdrawConsent(server, before, place)
  return response
}

/** Writes what the changed document needs beside it, and answers how to take that back. */
async function prepare(
  server: Server,
  { place, moved, consentMoved }: KeyChange,
  key: string,
): Promise<() => Promise<void>> {
  if (moved) await explained(server, writeKey(server, place, key))
  const added = consentMoved ? await explained(server, giveConsent(server, place)) : []
  return async () => {
    await undoConsent(server, place, added)
    if (moved) await removeKey(server, place)
  }
}

/** The engine has looked at the document and stored nothing; after anything else it may have. */
const isRefusal = (error: unknown): boolean =>
  error instanceof CallFailure && error.error.status >= 400 && error.error.status < 500

async function explained<T>(server: Server, written: Promise<T>): Promise<T> {
  try {
    return await written
  } catch (error) {
    return explain(error, server, atKey)
  }
}

function givenKey({ key_wo: key }: ValueObject): string {
  if (typeof key === 'string' && key !== '') return key
  throw new Refusal(
    fault(
      'key_wo has no value',
      'key_wo_version or the place of the key has changed, so the key is to be written. Give it, for example by a variable with ephemeral = true.',
      ['key_wo'],
    ),
  )
}

function checkKey({ key_wo: key, key_wo_version: version, kv_path: path }: ValueObject): Diagnostic[] {
  const found: Diagnostic[] = []
  if (key === '')
    found.push(
      fault('key_wo is empty', "Give the upstream's key, or leave key_wo out and write the key with vault kv put.", [
        'key_wo',
      ]),
    )
  if (typeof key === 'string' && version === null)
    found.push(
      fault(
        'key_wo needs key_wo_version',
        'A write-only value is not kept, so a number says when it is another one. Write for example key_wo_version = 1.',
        ['key_wo'],
      ),
    )
  if (version !== null && version !== undefined && !isUnknown(version)) {
    if (!Number.isSafeInteger(version))
      found.push(
        fault('key_wo_version is not a whole number', 'Write for example key_wo_version = 1.', ['key_wo_version']),
      )
    if (typeof path === 'string' && path.includes('{{'))
      found.push(
        fault(
          'key_wo cannot be written to a kv_path with {{environment}}',
          'There is one key for each environment. Write them with vault kv put, or make one upstream for each.',
          ['kv_path'],
        ),
      )
  }
  return found
}
