import { parsePolicy } from '../../policy/index.ts'
import { checkName, parsed } from '../checks.ts'
import { engineSchema } from '../engine-schema.ts'
import type { ResourceSpec } from './document-spec.ts'

export const policySpec: ResourceSpec = {
  document: engineSchema.policies,
  check: ({ name, policy }) => [
    ...checkName(['name'], name, 'billing-read'),
    ...(typeof policy === 'string' && policy !== '' ? parsed(['policy'], () => parsePolicy(policy)) : []),
  ],
}
