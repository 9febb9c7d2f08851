import { consentCommand, fieldsOf, missingConsent } from '../../scope/index.ts'
import type { CustomMetadata, KeyUse } from '../../scope/index.ts'
import type { UpstreamDocument } from '../../document/index.ts'

/**
 * `enforce`: all of the owner's consent is needed. `warn_upstreams`: a missing entry in `mcp_upstreams` is allowed and
 * recorded, for the upgrade from a release without that list. `not_required`: keys are used for whatever an upstream names.
 */
export type ConsentMode = 'enforce' | 'warn_upstreams' | 'not_required'

export interface ConsentJudgement {
  /** What is missing, for the operator; undefined when the use is allowed. */
  readonly refused: string | undefined
  /** The same where it is only warned of. */
  readonly warned: string | undefined
  /** What the key's owner runs to agree; empty when nothing is missing. */
  readonly command: string
}

/** Judges one use of a key by the custom metadata that came with it. */
export function judgeConsent(
  mode: ConsentMode,
  use: KeyUse,
  kvMount: string,
  custom: CustomMetadata,
): ConsentJudgement {
  const missing = mode === 'not_required' ? [] : missingConsent(use, custom)
  if (missing.length === 0) return { refused: undefined, warned: undefined, command: '' }
  const lists = missing.map(({ list, entry }) => `${JSON.stringify(entry)} in ${list}`).join(', ')
  const warn = mode === 'warn_upstreams' && missing.every(({ list }) => list === 'mcp_upstreams')
  const what = `the owner of ${kvMount}/${use.kv_path} has not agreed to its use by upstream ${use.upstream} of ${use.mount}/: missing is ${lists}`
  return {
    refused: warn ? undefined : `${what}.`,
    warned: warn ? `${what}. Allowed while consent_upstreams is "warn".` : undefined,
    command: consentCommand(use, kvMount, custom),
  }
}

/** What the operator does about a secret that is not there. */
export function tellMissingSecret({ kv_mount: mount, kv_field: field, auth }: UpstreamDocument, path: string): string {
  const values = fieldsOf(auth, field).map((name) => `${shownField(name)}=-`)
  return `there is no secret at ${mount}/${path}, or its latest version is deleted: vault kv put -mount=${mount} ${path} ${values.join(' ')}`
}

/** What the operator does about a field that is not there, or holds no text. */
export const tellMissingField = ({ kv_mount: mount }: UpstreamDocument, path: string, field: string): string =>
  `the secret ${mount}/${path} has no text in the field ${JSON.stringify(field)}: vault kv patch -mount=${mount} ${path} ${shownField(field)}=-`

const shownField = (name: string): string => (/^[\w.-]+$/.test(name) ? name : '<field>')
