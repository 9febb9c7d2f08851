import { policyProblems } from '../../document/index.ts'
import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

export const policySpec: ResourceSpec = { document: engineSchema.policies, problems: policyProblems }
