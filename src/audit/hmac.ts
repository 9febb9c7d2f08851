import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { importantFirst } from './order.ts'

const SALT_BYTES = 32
const DEEPEST = 32
/** Values of one request or response that get a hash each. */
const MOST_VALUES = 1024
/** Characters of names and of readable values, one by one and together: what is longer is hashed or left out. */
const LONGEST_READABLE = 4096
const MOST_READABLE = 128 * 1024

/** A fresh salt for one audit device. A `KeyObject`, because HMAC with a raw key is many times slower on Node 24. */
export function newAuditSalt(random: (bytes: number) => Uint8Array): KeyObject {
  return createSecretKey(random(SALT_BYTES))
}

/** Vault's form of a sensitive string in an audit log, `hmac-sha256:<hex>`; what `sys/audit-hash` answers. */
export function auditHash(salt: KeyObject, text: string): string {
  return `hmac-sha256:${createHmac('sha256', salt).update(text, 'utf8').digest('hex')}`
}

const hashed = /^hmac-sha256:[0-9a-f]{64}$/

/** Whether a text is such a hash, which tells nothing of what it was made of. */
export const isAuditHash = (text: string): boolean => text.length === 76 && hashed.test(text)

export interface AuditHashOptions {
  /** Names whose values are left readable (`audit_non_hmac_request_keys`). */
  readonly plain?: ReadonlySet<string>
  /** Values that are hashed one by one; by default 1024. */
  readonly most?: number
}

/** What stands in no hash of its own. */
export interface AuditLeftOut {
  /** Texts, numbers, booleans and nulls. */
  readonly values: number
  /** Under the salt, of the JSON of each cut, joined by a newline: the rest of a list, or of an object as `[name, value]`. */
  readonly hmac: string
}

/**
 * A copy of a request's or response's data with every string value hashed, at any depth, as Vault's audit devices do; keys,
 * numbers, booleans and null stay. As in Vault the innermost name decides what is readable, wherever it stands: of
 * `{"purpose": {"token": "…"}}` a readable `purpose` shows no token. The work is bounded: what goes beyond it is counted
 * and hashed at once, outside of the data, where no field of the caller's can be taken for it.
 */
export function auditHashValues(
  salt: KeyObject,
  value: unknown,
  options: AuditHashOptions = {},
): { readonly data: unknown; readonly left_out?: AuditLeftOut } {
  const hasher = new Hasher(salt, options)
  const data = hasher.hash(value, 0, false)
  const left = hasher.leftOut()
  return { data, ...(left && { left_out: left }) }
}

class Hasher {
  readonly #salt: KeyObject
  readonly #plain: ReadonlySet<string>
  /** What stands in one line many times (an agent, an environment) is hashed once. */
  readonly #hashes = new Map<string, string>()
  #values: number
  #readable = MOST_READABLE
  #rest: ReturnType<typeof createHmac> | undefined
  #count = 0

  constructor(salt: KeyObject, { plain = new Set(), most = MOST_VALUES }: AuditHashOptions) {
    this.#salt = salt
    this.#plain = plain
    // And one for what holds them all.
    this.#values = most + 1
  }

  leftOut(): AuditLeftOut | undefined {
    return this.#rest && { values: this.#count, hmac: `hmac-sha256:${this.#rest.digest('hex')}` }
  }

  hash(value: unknown, depth: number, readable: boolean): unknown {
    // Containers count too: a list of empty lists is not free.
    this.#values -= 1
    if (typeof value === 'string') return this.#text(value, readable)
    if (typeof value === 'bigint') return this.#text(value.toString(), readable)
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Date) return this.#text(value.toISOString(), readable)
    if (depth > DEEPEST) {
      this.#leaveOut(value)
      return '…'
    }
    return Array.isArray(value) ? this.#list(value, depth, readable) : this.#members(value, depth)
  }

  #list(items: readonly unknown[], depth: number, readable: boolean): unknown[] {
    const hashed: unknown[] = []
    for (const item of items) {
      if (this.#isFull()) {
        this.#leaveOut(items.slice(hashed.length))
        break
      }
      hashed.push(this.hash(item, depth + 1, readable))
    }
    return hashed
  }

  #members(value: object, depth: number): Record<string, unknown> {
    const members = value as Record<string, unknown>
    const names = importantFirst(Object.keys(members))
    const hashed: [string, unknown][] = []
    for (const name of names) {
      if (this.#isFull()) {
        this.#leaveOut(names.slice(hashed.length).map((left) => [left, members[left]]))
        break
      }
      hashed.push([this.#text(name, true), this.hash(members[name], depth + 1, this.#plain.has(name))])
    }
    // fromEntries defines members, so that one called __proto__ is hashed like any other.
    return Object.fromEntries(hashed)
  }

  #text(text: string, readable: boolean): string {
    if (!readable || text.length > LONGEST_READABLE) return this.#hashOf(text)
    this.#readable -= text.length
    return text
  }

  #hashOf(text: string): string {
    const known = this.#hashes.get(text)
    if (known !== undefined) return known
    const made = auditHash(this.#salt, text)
    this.#hashes.set(text, made)
    return made
  }

  #isFull(): boolean {
    return this.#values <= 0 || this.#readable <= 0
  }

  #leaveOut(rest: object): void {
    if (this.#rest) this.#rest.update('\n')
    this.#rest ??= createHmac('sha256', this.#salt)
    const { values, odd } = census(rest)
    this.#count += values
    // A replacer makes the engine's writer several times slower; JSON bodies need none.
    this.#rest.update(odd ? JSON.stringify(rest, withoutBigints) : JSON.stringify(rest), 'utf8')
  }
}

const withoutBigints = (_name: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

/** How many values, and whether one is of a kind JSON has no word for. */
function census(rest: object): { values: number; odd: boolean } {
  let values = 0
  let odd = false
  const waiting: unknown[] = [rest]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null || value instanceof Date) {
      values += 1
      odd ||= typeof value === 'bigint'
    } else for (const inner of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) waiting.push(inner)
  }
  return { values, odd }
}
