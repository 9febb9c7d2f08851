import { parsePolicy } from '../../policy/index.ts'
import { checkName, parsed } from '../checks.ts'
import { engineSchema } from '../engine-schema.ts'
import type { DocumentSpec } from './document-spec.ts'

export const policySpec: DocumentSpec = {
  document: engineSchema.policies,
  check: ({ name, policy }) => [
    ...checkName(['name'], name, 'billing-read'),
    ...(typeof policy === 'string' && policy !== '' ? parsed(['policy'], () => parsePolicy(policy)) : []),
  ],
}
