import type { PolicyDocument } from '../../policy/index.ts'
import { effectiveScopes, scopeMatch } from '../../scope/index.ts'
import type { GrantLink } from '../../scope/index.ts'
import { unavailable } from '../error.ts'
import type { Documents } from '../knowledge/documents.ts'
import type { LinkTerms, SessionEntry } from '../knowledge/session-entry.ts'

/** What a session may do as documents stand at `revision`; `paths` are the documents it was judged from. */
export interface LiveGrant {
  readonly revision: number
  readonly chain: readonly GrantLink[]
  readonly paths: ReadonlySet<string>
}

const ATTEMPTS = 8

/** Of each grant, what was asked about: the same few scopes again and again. */
const matches = new WeakMap<LiveGrant, Map<string, boolean>>()
const MATCHES_KEPT = 64

/** Whether a grant covers a scope; false where none is asked about. Throws `ScopeError` for what is no scope. */
export function hasScope(grant: LiveGrant, scope: string | undefined): boolean {
  if (scope === undefined) return false
  let known = matches.get(grant)
  if (!known) matches.set(grant, (known = new Map<string, boolean>()))
  const found = known.get(scope)
  if (found !== undefined) return found
  const matched = scopeMatch(grant.chain, scope)
  if (known.size >= MATCHES_KEPT) known.clear()
  known.set(scope, matched)
  return matched
}

/** Spelled out once per grant, and only where somebody is told: most calls are judged without the list. */
const spelledOut = new WeakMap<LiveGrant, readonly string[]>()

/** The scopes a grant amounts to, for verifiers that compare them literally. */
export function scopesOf(grant: LiveGrant): readonly string[] {
  const known = spelledOut.get(grant)
  if (known) return known
  const scopes = effectiveScopes(grant.chain)
  spelledOut.set(grant, scopes)
  return scopes
}

/**
 * Joins what was granted at issue with what agents declare now. Derived once per revision of the documents, for all sessions that were
 * granted the same.
 */
export class Grants {
  readonly #documents: Documents
  readonly #derived = new WeakMap<readonly LinkTerms[], LiveGrant>()
  /** Versions that the documents have been told of since they last forgot any. */
  #told: { readonly resets: number; readonly versions: WeakSet<SessionEntry['documents']> } = {
    resets: -1,
    versions: new WeakSet(),
  }
  /** Lists of policies by their names: compiled forms are remembered by the list's identity. */
  #policyLists: { readonly revision: number; readonly lists: Map<string, readonly PolicyDocument[]> } = {
    revision: -1,
    lists: new Map(),
  }

  constructor(documents: Documents) {
    this.#documents = documents
  }

  /** The grant as it is now, where it was derived before; `undefined` = it has to be asked for. */
  known(entry: SessionEntry): LiveGrant | undefined {
    this.#tell(entry.documents)
    const known = this.#derived.get(entry.terms)
    return known?.revision === this.#documents.revision ? known : undefined
  }

  async of(entry: SessionEntry): Promise<LiveGrant> {
    const known = this.known(entry)
    if (known) return known
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const { revision } = this.#documents
      const paths = new Set<string>()
      const chain = await Promise.all(entry.terms.map((link) => this.#link(link, paths)))
      // Something was loaded or changed meanwhile: only a chain whose parts all stood at the same time counts.
      if (revision !== this.#documents.revision) continue
      const grant: LiveGrant = { revision, chain, paths }
      this.#derived.set(entry.terms, grant)
      return grant
    }
    throw unavailable('vault_behind', 'scopes and policies are changing faster than they can be read; try again')
  }

  /** Sessions of one agent rest on one object of versions until a document changes, so this is little more than a look. */
  #tell(versions: SessionEntry['documents']): void {
    const { resets } = this.#documents
    if (this.#told.resets !== resets) this.#told = { resets, versions: new WeakSet() }
    if (this.#told.versions.has(versions)) return
    this.#documents.atLeast(versions)
    // Being told too many at once makes them forget.
    if (this.#documents.resets === resets) this.#told.versions.add(versions)
  }

  async #link(link: LinkTerms, paths: Set<string>): Promise<GrantLink> {
    const { agent_id, environment, scopes: granted } = link
    paths.add(`agents/${agent_id}`)
    const agent = await this.#documents.agent(agent_id)
    // A deleted or disabled agent's sessions are over by their generation; until that event is here they may do nothing.
    if (!agent || agent.disabled) return { agent_id, granted, declared_scopes: [], policies: [], own_environment: true }
    const own = agent.environment === environment
    paths.add(own ? `agents/${agent_id}/scopes` : `agents/${agent_id}/scopes/${environment}`)
    const declared = await this.#documents.scopes(agent_id, own ? undefined : environment)
    const names = policiesInForce(agent.policies, link.policies)
    return {
      agent_id,
      granted,
      declared_scopes: declared?.scopes ?? null,
      policies: names && (await this.#policies(names, paths)),
      own_environment: own,
    }
  }

  async #policies(names: readonly string[], paths: Set<string>): Promise<readonly PolicyDocument[]> {
    for (const name of names) paths.add(`policies/${name}`)
    const { revision } = this.#documents
    const text = names.join(',')
    const known = this.#policyLists.revision === revision ? this.#policyLists.lists.get(text) : undefined
    if (known) return known
    // A policy that does not exist grants nothing.
    const list = (await Promise.all(names.map((name) => this.#documents.policy(name)))).filter(
      (document) => document !== undefined,
    )
    if (this.#policyLists.revision !== this.#documents.revision)
      this.#policyLists = { revision: this.#documents.revision, lists: new Map() }
    this.#policyLists.lists.set(text, list)
    return list
  }
}

/** The agent's policies as they are now, cut to those asked for at issue (`chosen` null = none were named). */
function policiesInForce(now: readonly string[] | null, chosen: readonly string[] | null): readonly string[] | null {
  if (chosen === null) return now
  return chosen.filter((name) => now?.includes(name) === true)
}
