import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

/** The mount's one and only: it is always there, and deleting it brings the defaults back. */
export const configSpec: ResourceSpec = {
  document: engineSchema.config,
  checkPlan(planned, server) {
    if (planned.allow_wildcards !== false) server.wildcardsPlanned = true
    return Promise.resolve([])
  },
}
