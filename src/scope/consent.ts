/**
 * The key owner's consent, in the custom metadata of the key's own KV v2 secret. Anyone who may write `upstreams/` but not this
 * metadata must not be able to have a key delivered: not for an upstream of their own, not to another origin, and, at an
 * origin that many share, not into a place of the request that others can read back.
 *
 * `mcp_origins`: where the key, or what is exchanged for another, may be sent; required. `mcp_upstreams`: `<mount>/<upstream>`,
 * who may use it; without it, only the upstream that has this secret by default (`mcp/<upstream>`), on the mount named in
 * `mcp_mount`, else `mcp`. `mcp_auth`: how it may be sent, every entry of the upstream's `auth`; without it, in conventional
 * credential places and one field of the secret only. `mcp_fields`: which fields of the secret may be used; without it, the
 * upstream's one `kv_field`. Each is a comma-separated list that may continue in `<name>_2`, `<name>_3` …, because KV takes at
 * most 512 bytes a value.
 */

import { fieldsOf, isPlainTemplate, placementsIn, tokenOrigins } from './placement.ts'
import type { Placement } from './placement.ts'

/** One use of one secret that needs its owner's consent. */
export interface KeyUse {
  /** Where the engine is mounted, without slashes at the ends. */
  readonly mount: string
  readonly upstream: string
  /** Scheme, host and port. */
  readonly origin: string
  /** All placements, as the upstream's document lists them. */
  readonly auth: string
  /** Of the secret in its KV mount, `{{environment}}` filled in. */
  readonly kv_path: string
  readonly kv_field: string
}

export type ConsentList = 'mcp_origins' | 'mcp_upstreams' | 'mcp_auth' | 'mcp_fields'

/** One entry that is missing in one list. */
export interface MissingConsent {
  readonly list: ConsentList
  readonly entry: string
}

export type CustomMetadata = Readonly<Record<string, unknown>>

const LONGEST_VALUE = 512
const MOST_VALUES = 64
const DEFAULT_MOUNT = 'mcp'

/** What the owner has not agreed to; empty when the use is allowed. */
export function missingConsent(use: KeyUse, custom: CustomMetadata): readonly MissingConsent[] {
  const origins = listed(custom, 'mcp_origins') ?? []
  const upstreams = listed(custom, 'mcp_upstreams')
  const { origins: needed, upstream, places, fields } = entriesOf(use)
  return [
    ...needed.filter(({ entry }) => !origins.some((text) => originOf(text) === entry)),
    ...((upstreams ? upstreams.includes(upstream.entry) : isDefaultUse(use, custom)) ? [] : [upstream]),
    ...lacking(places, listed(custom, 'mcp_auth'), sameAuth, isDefaultAuth(use)),
    ...lacking(
      fields,
      listed(custom, 'mcp_fields'),
      (a, b) => a === b,
      fields.every(({ entry }) => entry === use.kv_field),
    ),
  ]
}

/** A list that is there replaces the default, so where the default does not do, every entry is needed. */
function lacking(
  entries: readonly MissingConsent[],
  list: readonly string[] | undefined,
  same: (a: string, b: string) => boolean,
  byDefault: boolean,
): readonly MissingConsent[] {
  if (list === undefined) return byDefault ? [] : entries
  return entries.filter(({ entry }) => !list.some((text) => same(text, entry)))
}

function entriesOf(use: KeyUse) {
  const entry =
    (list: ConsentList) =>
    (text: string): MissingConsent => ({ list, entry: text })
  return {
    origins: [...new Set([use.origin, ...tokenOrigins(use.auth)])].map(entry('mcp_origins')),
    upstream: entry('mcp_upstreams')(`${use.mount}/${use.upstream}`),
    places: placementsIn(use.auth)
      .map(({ text }) => text)
      .map(entry('mcp_auth')),
    fields: fieldsOf(use.auth, use.kv_field).map(entry('mcp_fields')),
  }
}

const allEntriesOf = (use: KeyUse): readonly MissingConsent[] => {
  const { origins, upstream, places, fields } = entriesOf(use)
  return [...origins, upstream, ...places, ...fields]
}

/** The metadata with everything the use lacks added; other entries and other metadata stay. */
export function withConsent(use: KeyUse, custom: CustomMetadata): Record<string, unknown> {
  let result: Record<string, unknown> = { ...custom }
  for (const { list, entry } of missingConsent(use, custom)) {
    // A list of upstreams replaces the default, which must go on holding where the secret was in use by it.
    const byDefault = list === 'mcp_upstreams' && listed(custom, 'mcp_origins') ? defaultUpstream(use, custom) : []
    const kept = listed(result, list) ?? byDefault
    result = withList(result, list, [...kept, entry])
  }
  return result
}

/** The metadata without what `use` is listed by, unless `kept`, another use of the same secret, is listed by it too. */
export function withoutConsent(use: KeyUse, custom: CustomMetadata, kept?: KeyUse): Record<string, unknown> {
  const needed = kept ? allEntriesOf(kept) : []
  const given = allEntriesOf(use).filter((one) => !needed.some((other) => sameEntry(one, other)))
  return withoutEntries(use, custom, given)
}

const sameEntry = (a: MissingConsent, b: MissingConsent): boolean => a.list === b.list && a.entry === b.entry

/** The metadata without these entries of the use: takes back exactly what `withConsent` added. */
export function withoutEntries(
  use: KeyUse,
  custom: CustomMetadata,
  given: readonly MissingConsent[],
): Record<string, unknown> {
  let result: Record<string, unknown> = { ...custom }
  for (const { list, entry } of given) {
    const entries = listed(result, list)
    if (!entries?.includes(entry)) continue
    const left = entries.filter((other) => other !== entry)
    const byDefault = list === 'mcp_upstreams' && left.join() === defaultUpstream(use, custom).join()
    result = withList(result, list, byDefault ? [] : left)
  }
  return result
}

/**
 * The metadata under which the key is not used for `use` any more, until its owner consents again; others who are listed go on. For a
 * key that is replaced by one meant for another use.
 */
export function withheldConsent(use: KeyUse, custom: CustomMetadata): Record<string, unknown> {
  const { upstream } = entriesOf(use)
  const others = listed(custom, 'mcp_upstreams')?.filter((entry) => entry !== upstream.entry) ?? []
  return others.length > 0 ? withoutEntries(use, custom, [upstream]) : withoutConsent(use, custom)
}

/** Whether an entry can stand in a list: printable and without a comma. What cannot is never consented to. */
export const isListable = (entry: string): boolean => /^[\x21-\x2b\x2d-\x7e]+(?: [\x21-\x2b\x2d-\x7e]+)*$/.test(entry)

/** The entries of a list with its continuations; undefined where there is none. */
function listed(custom: CustomMetadata, list: ConsentList): string[] | undefined {
  const names = [list, ...Array.from({ length: MOST_VALUES }, (_, at) => `${list}_${String(at + 2)}`)]
  const values = names.map((name) => custom[name]).filter((value) => typeof value === 'string')
  return values.length === 0 ? undefined : values.flatMap((value) => value.split(',').map((text) => text.trim()))
}

function withList(custom: CustomMetadata, list: ConsentList, entries: readonly string[]): Record<string, unknown> {
  const others = Object.fromEntries(
    Object.entries(custom).filter(([name]) => name !== list && !new RegExp(`^${list}_\\d+$`).test(name)),
  )
  const values: string[] = []
  for (const entry of entries.filter((text) => text !== '')) {
    const longer = values.length > 0 ? `${values.at(-1)!},${entry}` : entry
    if (values.length > 0 && longer.length <= LONGEST_VALUE) values[values.length - 1] = longer
    else values.push(entry)
  }
  const names = values.map((value, at) => [at === 0 ? list : `${list}_${String(at + 1)}`, value] as const)
  return { ...others, ...Object.fromEntries(names) }
}

const mountOf = ({ mcp_mount: mount }: CustomMetadata): string =>
  typeof mount === 'string' ? mount.trim().replace(/^\/+|\/+$/g, '') : DEFAULT_MOUNT

/** Where an upstream's secret lies, in its KV mount, unless its document says otherwise. */
export const defaultKvPath = (upstream: string): string => `mcp/${upstream}`

const isDefaultUse = (use: KeyUse, custom: CustomMetadata): boolean =>
  use.mount === mountOf(custom) && use.kv_path === defaultKvPath(use.upstream)

/** The upstream that may use this secret where no list says otherwise, as an entry of one; empty where there is none. */
function defaultUpstream({ kv_path: path }: KeyUse, custom: CustomMetadata): string[] {
  const name = /^mcp\/([a-z0-9][a-z0-9_-]*)$/.exec(path)?.[1]
  return name === undefined ? [] : [`${mountOf(custom)}/${name}`]
}

/** An entry counts only as a bare origin: one with a path looks like a narrower consent than could be kept. */
function originOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined
  const url = new URL(text)
  return url.href === `${url.origin}/` ? url.origin : undefined
}

/** Header names are the same in any case; query names and templates are not. */
function sameAuth(a: string, b: string): boolean {
  const normal = (auth: string) =>
    auth.replace(/^(header:)([^=]*)/, (_whole, kind: string, name: string) => kind + name.toLowerCase())
  return normal(a) === normal(b)
}

/** One field of the secret, in conventional places. */
const isDefaultAuth = ({ auth, kv_field: kvField }: KeyUse): boolean =>
  placementsIn(auth).every(isCredentialPlace) && fieldsOf(auth, kvField).length <= 1

/**
 * Places that servers read a credential from by convention need no further consent, with at most one scheme word before the
 * key (`header:Authorization=Bot {api_key}`).
 */
function isCredentialPlace({ kind, name, template }: Placement): boolean {
  if (kind === 'bearer' || kind === 'none') return true
  if (kind === 'basic') return template === undefined
  if (!isPlainTemplate(template)) return false
  if (kind === 'header')
    return /^(?:[a-z0-9]+-)*(?:api-?key|key|token|auth|authorization)$/i.test(name) && !noCredential.test(name)
  return (
    kind === 'query' &&
    /^(?:key|token|api[-_]?key|access[-_]?(?:key|token)|auth[-_]?(?:key|token)|app[-_]?id)$/i.test(name)
  )
}

/**
 * Headers named like a credential that are none: servers store them, compare them, hand them to caches or show them to
 * readers. Object metadata (`x-amz-meta-token`), idempotency, caches and their tags (`Surrogate-Key`), CSRF, paging, sharding,
 * client-made request tokens, keys for encryption and handshakes.
 */
const noCredential =
  /meta|idempot|dedup|cache|csrf|xsrf|forgery|encryption|websocket|(?:^|-)(?:surrogate|tag|verification|page|next|continuation|cursor|sync|partition|sort|shard|routing|customer|public|device|push|request|client|trace|correlation|object)(?:-|$)/i

/** The command by which the owner of a secret agrees to what a use lacks; a sentence where no command can do it. */
export function consentCommand(use: KeyUse, kvMount: string, custom: CustomMetadata): string {
  const unlistable = missingConsent(use, custom).find(({ entry }) => !isListable(entry))
  if (unlistable)
    return `No list can name ${JSON.stringify(unlistable.entry)}: use printable characters without a comma in the upstream's document.`
  const changed = Object.entries(withConsent(use, custom)).filter(([name, value]) => custom[name] !== value)
  const flags = changed.map(([name, value]) => `-custom-metadata=${shellQuote(`${name}=${String(value)}`)}`)
  return `Run, if you own the key and agree: vault kv metadata patch -mount=${shellQuote(kvMount)} ${flags.join(' ')} ${shellQuote(use.kv_path)}`
}

/** The lists hold what others wrote into documents, and the command is meant to be pasted. */
const shellQuote = (text: string): string => (/^[\w./:=,@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
