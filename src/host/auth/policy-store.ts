import { badRequest } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'
import { PolicyError, parsePolicy } from '../../policy/index.ts'
import type { PolicyDocument } from '../../policy/index.ts'
import { KeyedLock } from '../../logical/keyed-lock.ts'
import { defaultPolicy } from './default-policy.ts'
import { rootPolicy, wrappingPolicy } from './token-record.ts'

interface StoredPolicy {
  readonly text: string
  readonly document: PolicyDocument
}

const wrappingRules = 'path "sys/wrapping/unwrap" {\n  capabilities = ["update"]\n}\n'
const wrappingDocument = parsePolicy(wrappingRules)
const namePattern = /^[a-z0-9_.@:+-][a-z0-9_.@:+/-]{0,255}$/

/** The ACL policies, by lower-case name. `root` has no text and cannot be written; `default` cannot be deleted. */
export class PolicyStore {
  readonly #storage: Storage
  readonly #logger: Logger
  readonly #lock = new KeyedLock()
  readonly #policies = new Map<string, StoredPolicy>()
  #version = 0

  constructor(storage: Storage, logger: Logger) {
    this.#storage = storage
    this.#logger = logger
  }

  async start(): Promise<void> {
    for (const key of await this.#storage.list('')) {
      const text = await getJson<string>(this.#storage, key)
      if (text !== undefined) this.#policies.set(decodeURIComponent(key), { text, document: parsePolicy(text) })
    }
    if (!this.#policies.has('default')) await this.write('default', defaultPolicy)
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version
  }

  names(): string[] {
    return [...this.#policies.keys(), rootPolicy].sort()
  }

  text(given: string): string | undefined {
    const name = normalized(given)
    return name === rootPolicy ? '' : name === wrappingPolicy ? wrappingRules : this.#policies.get(name)?.text
  }

  /** The documents of those names that exist; a name without a policy grants nothing. */
  documents(names: readonly string[]): PolicyDocument[] {
    return names.flatMap((name) =>
      name === wrappingPolicy ? wrappingDocument : (this.#policies.get(name)?.document ?? []),
    )
  }

  /** Stores a policy; answers its warnings. */
  async write(given: string, text: string): Promise<readonly string[]> {
    const name = checkedName(given)
    if (name === rootPolicy || name === wrappingPolicy) throw badRequest(`cannot update ${JSON.stringify(name)} policy`)
    const document = parse(text)
    await this.#lock.run('', async () => {
      await putJson(this.#storage, encodeURIComponent(name), text)
      this.#policies.set(name, { text, document })
      this.#version++
    })
    return document.warnings
  }

  async delete(given: string): Promise<void> {
    const name = normalized(given)
    if (name === rootPolicy || name === wrappingPolicy || name === 'default')
      throw badRequest(`cannot delete ${JSON.stringify(name)} policy`)
    await this.#lock.run('', async () => {
      if (!this.#policies.has(name)) return
      await this.#storage.delete(encodeURIComponent(name))
      this.#policies.delete(name)
      this.#version++
      this.#logger.info({ policy: name }, 'policy deleted')
    })
  }
}

/** How Vault takes the name of a policy wherever one is given. */
const normalized = (given: string): string => given.trim().toLowerCase()

function checkedName(given: string): string {
  const name = normalized(given)
  if (!namePattern.test(name))
    throw badRequest(
      `policy name ${JSON.stringify(given)} may hold letters, digits and "_.@:+/-", for example mcp-gateway.`,
    )
  return name
}

function parse(text: string): PolicyDocument {
  try {
    return parsePolicy(text)
  } catch (problem) {
    if (problem instanceof PolicyError) throw badRequest(`failed to parse policy: ${problem.message}`)
    throw problem
  }
}
