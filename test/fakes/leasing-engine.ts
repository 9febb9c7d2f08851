import { createBackend } from '../../src/framework/backend.ts'
import { definePath } from '../../src/framework/path.ts'
import { leased } from '../../src/framework/secret-type.ts'
import type { Factory } from '../../src/logical/backend.ts'
import { badRequest } from '../../src/logical/errors.ts'
import type { Request } from '../../src/logical/request.ts'
import { listResponse } from '../../src/logical/response.ts'
import { getJson, putJson } from '../../src/logical/storage.ts'

/** What a test sees of the lending engine, and how it makes it misbehave. */
export interface LeasingEngine {
  readonly factory: Factory
  readonly revoked: { loan: unknown; issue_time: number | null | undefined }[]
  readonly renewed: { loan: unknown; increment: number | undefined }[]
  readonly requests: Request[]
  revokeAttempts: number
  rollbacks: number
  cleanups: number
  /** Thrown by revoke while set. */
  revokeFailure: Error | undefined
  /** Thrown by the next requests to `items/` while set. */
  itemFailure: Error | undefined
  /** Awaited before a loan is answered, e.g. to let something else happen first. */
  beforeLease: (request: Request) => Promise<void>
}

const name = { type: 'string', description: 'Name of the item.', example: 'ladder' } as const

/** The smallest engine with everything a host has to serve: stored items, leased loans, a sudo path and a slow one. */
export function leasingEngine(): LeasingEngine {
  let loans = 0
  const engine: LeasingEngine = {
    revoked: [],
    renewed: [],
    requests: [],
    revokeAttempts: 0,
    rollbacks: 0,
    cleanups: 0,
    revokeFailure: undefined,
    itemFailure: undefined,
    beforeLease: () => Promise.resolve(),
    factory: (config) =>
      Promise.resolve(
        createBackend({
          help: 'Lends things.',
          system: config.system,
          cleanup: () => {
            engine.cleanups++
            return Promise.resolve()
          },
          rollback: () => {
            engine.rollbacks++
            return Promise.resolve()
          },
          secrets: [
            {
              type: 'loan',
              renew(request, secret) {
                engine.renewed.push({ loan: secret.internal_data.loan, increment: secret.lease_options.increment })
                const { ttl, max_ttl } = secret.lease_options
                return Promise.resolve({ secret: { ...secret, lease_options: { ttl, max_ttl, renewable: true } } })
              },
              revoke(request, secret) {
                engine.revokeAttempts++
                if (engine.revokeFailure) return Promise.reject(engine.revokeFailure)
                engine.revoked.push({ loan: secret.internal_data.loan, issue_time: secret.lease_options.issue_time })
                return Promise.resolve(undefined)
              },
            },
          ],
          paths: [
            definePath({
              pattern: 'items/',
              fields: {},
              synopsis: 'Items.',
              description: 'All items.',
              operations: { list: async ({ request }) => listResponse(await request.storage.list('item/')) },
            }),
            definePath({
              pattern: 'items/:name',
              synopsis: 'An item.',
              description: 'What is lent.',
              fields: {
                name,
                colour: { type: 'string', description: 'Its colour.', example: 'red' },
                weight: { type: 'int', description: 'Grams.', example: 900 },
              },
              exists: async ({ request, fields }) =>
                (await request.storage.get(`item/${fields.require('name')}`)) !== undefined,
              operations: {
                read: async ({ request, fields }) => {
                  engine.requests.push(request)
                  if (engine.itemFailure) throw engine.itemFailure
                  const data = await getJson<Record<string, unknown>>(request.storage, `item/${fields.require('name')}`)
                  return data && { data }
                },
                write: async ({ request, fields }) => {
                  engine.requests.push(request)
                  if (fields.get('colour') === 'plaid')
                    throw badRequest('colour may not be plaid, for example colour=red.')
                  await putJson(request.storage, `item/${fields.require('name')}`, {
                    colour: fields.get('colour') ?? null,
                    weight: fields.get('weight') ?? 0,
                  })
                  return undefined
                },
                delete: async ({ request, fields }) => {
                  await request.storage.delete(`item/${fields.require('name')}`)
                  return undefined
                },
              },
            }),
            definePath({
              pattern: 'loans/:name',
              synopsis: 'Borrow an item.',
              description: 'Leased.',
              fields: {
                name,
                ttl: { type: 'duration', description: 'How long.', example: 60 },
                max_ttl: { type: 'duration', description: 'Ceiling.', example: 60 },
                renewable: { type: 'bool', description: 'Renewable.', example: true, default: true },
              },
              operations: {
                write: async ({ request, fields }) => {
                  engine.requests.push(request)
                  await engine.beforeLease(request)
                  const loan = `${fields.require('name')}-${++loans}`
                  return {
                    data: { ticket: `ticket-${loan}` },
                    secret: leased(
                      'loan',
                      { loan },
                      {
                        ttl: fields.get('ttl') ?? 0,
                        max_ttl: fields.get('max_ttl') ?? 0,
                        renewable: fields.get('renewable') ?? true,
                      },
                    ),
                  }
                },
              },
            }),
            definePath({
              pattern: 'audit-all',
              fields: {},
              sudo: true,
              synopsis: 'Needs sudo.',
              description: 'Needs sudo.',
              operations: { write: () => undefined },
            }),
            definePath({
              pattern: 'wait',
              fields: {},
              synopsis: 'Waits for the client to go.',
              description: 'Long poll.',
              operations: {
                read: ({ request }) =>
                  new Promise((resolve) => {
                    engine.requests.push(request)
                    request.signal.addEventListener(
                      'abort',
                      () => {
                        resolve({ data: { aborted: true } })
                      },
                      { once: true },
                    )
                  }),
              },
            }),
          ],
        }),
      ),
  }
  return engine
}
