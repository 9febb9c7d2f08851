import { configProblems } from '../../document/index.ts'
import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

/** The mount's one and only: it is always there, and deleting it brings the defaults back. */
export const configSpec: ResourceSpec = {
  document: engineSchema.config,
  problems: configProblems,
  livesField: 'max_ttl',
  planned({ allow_wildcards: allowed }, server) {
    if (allowed !== false) server.wildcardsPlanned = true
  },
}
