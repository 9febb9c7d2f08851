/**
 * What gateways keep in KV of a refresh token that its issuer replaces at each use, beside the seed, which they never write: the newest
 * refresh token, the access token it was exchanged for, and who is exchanging it. It is sealed with a key made of the seed, so that it can
 * be read, and made, only by those who can read that; a record that was put back, or written by somebody else, does not open.
 */
import { hash, hkdfSync } from 'node:crypto'
import { CompactEncrypt, compactDecrypt } from 'jose'
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

export async function sealRecord(
  record: RefreshRecord,
  context: SealingContext,
  changed: { readonly by: string; readonly at: string },
): Promise<Record<string, unknown>> {
  const sealed = await new CompactEncrypt(Buffer.from(JSON.stringify(record)))
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
    .encrypt(sealingKey(context))
  return { state: record.state, ...seedFields(context.seed), changed_by: changed.by, changed_at: changed.at, sealed }
}

export async function openRecord(data: unknown, context: SealingContext): Promise<OpenedRecord> {
  const stored = storedRecord.safeParse(data)
  if (!stored.success) return 'unreadable'
  const { seed_path, seed_version, seed_created_time, token_url, sealed } = stored.data
  const written = [seed_path, seed_version, seed_created_time, token_url]
  if (Object.values(seedFields(context.seed)).some((value, at) => value !== written[at])) return 'void'
  try {
    const { plaintext } = await compactDecrypt(sealed, sealingKey(context), {
      keyManagementAlgorithms: ['dir'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return refreshRecord.parse(JSON.parse(Buffer.from(plaintext).toString()))
  } catch {
    return 'unreadable'
  }
}

const seedFields = ({ path, version, createdTime, tokenUrl }: Seed) => ({
  seed_path: path,
  seed_version: version,
  seed_created_time: createdTime,
  token_url: tokenUrl,
})

/** RFC 5869. One for each version of the record, so that a nonce is never used twice with one. */
function sealingKey({ seed, path, version }: SealingContext): Uint8Array {
  const bound = JSON.stringify([path, version, ...Object.values(seedFields(seed)), seed.clientId])
  return new Uint8Array(hkdfSync('sha256', seed.refreshToken, '', `mcp-minted ${hash('sha256', bound)}`, 32))
}
