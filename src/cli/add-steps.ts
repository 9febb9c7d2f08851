/**
 * What `mcp-vault add` writes, in its order. Consent comes last: until then the gateway uses the key for nothing new. Where a key is
 * written for a use that the consent there is does not fit any more (another origin, another place), that consent is taken back first,
 * because the gateway would send the new key where the old one went.
 */
import { isDeepStrictEqual } from 'node:util'
import type { PresetPlan } from '../preset/index.ts'
import { toolFields, upstreamFields } from '../document/index.ts'
import { missingConsent, withConsent, withheldConsent } from '../scope/index.ts'
import type { CustomMetadata, KeyUse } from '../scope/index.ts'
import type { GivenKey } from './add-key.ts'
import type { State } from './add-state.ts'
import type { Need } from './policy-lines.ts'

export interface FieldChange {
  readonly field: string
  /** Undefined where nothing stands yet. */
  readonly before: unknown
  readonly after: unknown
}

export interface Step {
  readonly kind: 'withdraw' | 'upstream' | 'tool' | 'key' | 'consent'
  /** API path. */
  readonly path: string
  /** What it is for; empty where the path says it. */
  readonly purpose: string
  readonly isNew: boolean
  /** Empty: all of it is there already, and nothing is written. */
  readonly changes: readonly FieldChange[]
  /** Fields that hold something beyond what the preset says, and keep it. */
  readonly kept: Readonly<Record<string, unknown>>
  readonly method: 'PUT' | 'PATCH'
  readonly body: object
  readonly needs: Need
}

type Values = Readonly<Record<string, unknown>>

/** `key` is null where the secret is left to its owner. */
export function stepsFor(plan: PresetPlan, state: State, key: GivenKey | null): readonly Step[] {
  const { mount } = plan.use
  const documents = [
    documentStep('upstream', `${mount}/upstreams/${plan.name}`, wantedUpstream(plan, state), state.upstream),
    ...plan.tools.map(({ name, description, document }) => ({
      ...documentStep('tool', `${mount}/tools/${plan.name}/${name}`, document, state.tools[name]),
      purpose: description,
    })),
  ]
  if (key === null) return documents
  const { custom } = state.secret
  const withheld = withheldFrom(plan, state)
  const consented = withConsent(plan.use, withheld ?? custom)
  const first = withheld !== undefined && Object.keys(key).length > 0
  return [
    ...(first ? [consentStep('withdraw', plan, custom, withheld)] : []),
    ...documents,
    keyStep(plan, state, key),
    consentStep('consent', plan, first ? withheld : custom, consented),
  ]
}

/** The field of the key is named where another one is in use. */
function wantedUpstream({ upstream, use }: PresetPlan, { upstream: there }: State): Values {
  const other = there !== undefined && there.kv_field !== use.kv_field
  return other ? { ...upstream, kv_field: use.kv_field } : upstream
}

function documentStep(kind: 'upstream' | 'tool', path: string, wanted: Values, there: Values | undefined): Step {
  const changes = Object.entries(wanted)
    .filter(([field, value]) => !there || !same(value, there[field]))
    .map(([field, after]) => ({ field, before: there?.[field] ?? undefined, after }))
  return {
    kind,
    path,
    purpose: '',
    isNew: there === undefined,
    changes,
    kept: Object.fromEntries(Object.entries(there ?? {}).filter(([field, value]) => isKept(field, value, wanted))),
    method: 'PUT',
    body: wanted,
    needs: { path, capabilities: [there ? 'update' : 'create'] },
  }
}

/** Names, versions and places are no settings, and what is unset or a default says nothing. */
const notSettings = new Set(['name', 'upstream', 'version', 'kv_mount', 'kv_path'])
const defaults = new Map(
  Object.entries({ ...upstreamFields, ...toolFields }).map(([name, field]) => [
    name,
    'default' in field ? field.default : undefined,
  ]),
)

function isKept(field: string, value: unknown, wanted: Values): boolean {
  if (Object.hasOwn(wanted, field) || notSettings.has(field) || value === null || value === undefined) return false
  return !same(value, defaults.get(field))
}

const same = (a: unknown, b: unknown): boolean => isDeepStrictEqual(a, b)

function keyStep({ secret, use }: PresetPlan, { secret: there }: State, key: GivenKey): Step {
  const path = `${secret.mount}/data/${use.kv_path}`
  const capability = there.exists ? 'patch' : there.version === 0 ? 'create' : 'update'
  return {
    kind: 'key',
    path,
    purpose: '',
    isNew: !there.exists,
    changes: Object.keys(key).map((field) => ({ field, before: there.exists ? '' : undefined, after: '' })),
    kept: {},
    // Other fields of a secret that is there stay.
    method: there.exists ? 'PATCH' : 'PUT',
    body: { data: key, options: { cas: there.version } },
    needs: { path, capabilities: [capability] },
  }
}

function consentStep(
  kind: 'withdraw' | 'consent',
  { secret, use }: PresetPlan,
  before: CustomMetadata,
  after: CustomMetadata,
): Step {
  const path = `${secret.mount}/metadata/${use.kv_path}`
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return {
    kind,
    path,
    purpose:
      kind === 'withdraw'
        ? "the owner's consent to what the key was used for so far, which ends"
        : "the owner's consent",
    isNew: Object.keys(before).length === 0,
    changes: names
      .filter((name) => before[name] !== after[name])
      .map((name) => ({ field: name, before: before[name], after: after[name] })),
    kept: {},
    method: 'PUT',
    body: { custom_metadata: after },
    needs: { path, capabilities: ['update'] },
  }
}

/** The metadata without the consent to what the upstream does today; undefined where that is what it goes on doing. */
function withheldFrom(plan: PresetPlan, { upstream, secret: { custom } }: State): CustomMetadata | undefined {
  const { url, auth, kv_field: field, kv_mount: mount, kv_path: path } = upstream ?? {}
  if (typeof url !== 'string' || typeof auth !== 'string' || !URL.canParse(url)) return undefined
  const elsewhere = mount !== plan.secret.mount || path !== (plan.upstream.kv_path ?? plan.use.kv_path)
  const today: KeyUse = { ...plan.use, origin: new URL(url).origin, auth, kv_field: String(field) }
  const goesOn = today.origin === plan.use.origin && today.auth === plan.use.auth
  if (elsewhere || goesOn || missingConsent(today, custom).length > 0) return undefined
  return withheldConsent(today, custom)
}
