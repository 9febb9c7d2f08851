/**
 * What gateways keep in KV of a refresh token that its issuer replaces at each use, beside the seed, which they never write: the newest
 * refresh token, the access token it was exchanged for, and who is exchanging it. It is sealed with a key made of the seed, so that it can
 * be read, and made, only by those who can read that; a record that was put back, or written by somebody else, does not open.
 */
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import { z } from 'zod'

/** The refresh token as its owner stored it: one version of one secret, for one token endpoint. */
export interface Seed {
  readonly path: string
  readonly version: number
  /** As KV says it. Versions of a secret that was deleted and made again start from 1. */
  readonly createdTime: string
  readonly tokenUrl: string
  readonly clientId: string
  readonly refreshToken: string
}

const CIPHER = 'aes-256-gcm'
export const NONCE_BYTES = 12
const TAG_BYTES = 16

const texts = z.string().min(1)

const accessToken = z.strictObject({
  token: texts,
  /** The placement it was asked for with: another scope needs another token. */
  placement: texts,
  /** Unix milliseconds, on the engine's clock. */
  asked_at: z.number(),
  expires_at: z.number(),
})

const renewal = z.strictObject({
  id: texts,
  gateway: z.string(),
  /** Unix milliseconds, on the engine's clock. */
  begun_at: z.number(),
})

const refreshRecord = z.strictObject({
  /** `renewing`: a gateway has taken the refresh token to exchange it. */
  state: z.enum(['ready', 'renewing', 'needs_reauthorization']),
  /** With `renewing`, the one that is being exchanged. */
  refresh_token: texts,
  access: accessToken.optional(),
  /** Looked for in responses beside the current ones. */
  previous: z.array(texts),
  /** Whether the last exchange yielded another refresh token; undefined before the first. */
  rotates: z.boolean().optional(),
  /** The exchange under way, or the last one. */
  renewal: renewal.optional(),
  /** Why there is no token, and until when nobody asks again: Unix milliseconds. */
  refusal: z
    .strictObject({
      code: z.enum(['key_unavailable', 'token_endpoint_unavailable', 'needs_reauthorization']),
      what: texts,
      until: z.number().optional(),
    })
    .optional(),
})

export type RefreshRecord = z.infer<typeof refreshRecord>
export type AccessToken = z.infer<typeof accessToken>

/** As it lies in KV. Everything but `sealed` is for the eyes of operators, and to see whether it belongs to the seed. */
const storedRecord = z.object({
  state: z.string(),
  seed_path: z.string(),
  seed_version: z.number(),
  seed_created_time: z.string(),
  token_url: z.string(),
  changed_by: z.string(),
  changed_at: z.string(),
  sealed: z.string(),
})

export interface SealingContext {
  readonly seed: Seed
  /** Of the record, with its mount. */
  readonly path: string
  /** Of the record: one that is put back has another. */
  readonly version: number
}

/** `void`: made for another seed, so it says nothing about this one. `unreadable`: made by nobody who could read the seed. */
export type OpenedRecord = RefreshRecord | 'void' | 'unreadable'

export function sealRecord(
  record: RefreshRecord,
  context: SealingContext,
  changed: { readonly by: string; readonly at: string; readonly nonce: Uint8Array },
): Record<string, unknown> {
  const cipher = createCipheriv(CIPHER, sealingKey(context), changed.nonce).setAAD(boundTo(context))
  const encrypted = [cipher.update(JSON.stringify(record)), cipher.final()]
  const sealed = Buffer.concat([changed.nonce, ...encrypted, cipher.getAuthTag()]).toString('base64')
  return { state: record.state, ...seedFields(context.seed), changed_by: changed.by, changed_at: changed.at, sealed }
}

export function openRecord(data: unknown, context: SealingContext): OpenedRecord {
  const stored = storedRecord.safeParse(data)
  if (!stored.success) return 'unreadable'
  const { seed_path, seed_version, seed_created_time, token_url, sealed } = stored.data
  const written = [seed_path, seed_version, seed_created_time, token_url]
  if (Object.values(seedFields(context.seed)).some((value, at) => value !== written[at])) return 'void'
  try {
    return refreshRecord.parse(JSON.parse(unsealed(Buffer.from(sealed, 'base64'), context)))
  } catch {
    return 'unreadable'
  }
}

/** Throws where it was not sealed so. */
function unsealed(sealed: Buffer, context: SealingContext): string {
  const decipher = createDecipheriv(CIPHER, sealingKey(context), sealed.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(boundTo(context)).setAuthTag(sealed.subarray(-TAG_BYTES))
  return decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
}

const seedFields = ({ path, version, createdTime, tokenUrl }: Seed) => ({
  seed_path: path,
  seed_version: version,
  seed_created_time: createdTime,
  token_url: tokenUrl,
})

/** RFC 5869. */
const sealingKey = ({ seed }: SealingContext): Uint8Array =>
  new Uint8Array(hkdfSync('sha256', seed.refreshToken, '', 'mcp-minted', 32))

const boundTo = ({ seed, path, version }: SealingContext): Buffer =>
  Buffer.from(JSON.stringify([path, version, ...Object.values(seedFields(seed)), seed.clientId]))
