import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

const SALT_BYTES = 32
const DEEPEST = 32

/** A fresh salt for one audit device. A `KeyObject`, because HMAC with a raw key is many times slower on Node 24. */
export function newAuditSalt(random: (bytes: number) => Uint8Array): KeyObject {
  return createSecretKey(random(SALT_BYTES))
}

/** Vault's form of a sensitive string in an audit log, `hmac-sha256:<hex>`; what `sys/audit-hash` answers. */
export function auditHash(salt: KeyObject, text: string): string {
  return `hmac-sha256:${createHmac('sha256', salt).update(text, 'utf8').digest('hex')}`
}

/**
 * A copy of a request's or answer's data with every string value hashed, at any depth, as Vault's audit devices do; keys,
 * numbers, booleans and null stay. `plain` holds names whose values are left readable (`audit_non_hmac_request_keys`). As in Vault
 * the innermost name decides, wherever it stands: of `{"purpose": {"token": "…"}}` a readable `purpose` shows no token.
 */
export function auditHashValues(salt: KeyObject, value: unknown, plain: ReadonlySet<string> = new Set()): unknown {
  const text = (clear: string, readable: boolean): string => (readable ? clear : auditHash(salt, clear))
  const hash = (inner: unknown, depth: number, readable: boolean): unknown => {
    if (typeof inner === 'string') return text(inner, readable)
    if (typeof inner === 'bigint') return text(inner.toString(), readable)
    if (typeof inner !== 'object' || inner === null) return inner
    // Too deep to be anybody's request; hashed as nothing rather than written as it is.
    if (depth > DEEPEST) return auditHash(salt, '')
    if (inner instanceof Date) return text(inner.toISOString(), readable)
    if (Array.isArray(inner)) return inner.map((item) => hash(item, depth + 1, readable))
    return Object.fromEntries(
      Object.entries(inner).map(([key, member]) => [key, hash(member, depth + 1, plain.has(key))]),
    )
  }
  return hash(value, 0, false)
}
