import { createCipheriv, createDecipheriv, createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { RequestError } from '../../logical/errors.ts'
import { prefixStorage } from '../../logical/storage.ts'
import type { Storage, StorageEntry } from '../../logical/storage.ts'

/**
 * Encryption at rest: every value is sealed with AES-256-GCM before it reaches the storage below.
 *
 * Sealed value: version (1 byte, 1) | nonce (12 bytes, random) | tag (16 bytes) | ciphertext.
 *
 * Each storage key has a sealing key of its own, HMAC-SHA-256 of the store key, and is the additional data too: a value copied
 * under another name does not open. It also keeps NIST SP 800-38D's bound for random nonces, 2^32 values under one AES key, per
 * name instead of for the life of the store.
 *
 * Not hidden: the names themselves, the sizes, and when something was written. Not noticed: an entry put back to an older value of
 * its own, or removed, by somebody who can write the files.
 */
const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + NONCE_BYTES + TAG_BYTES

const CHECK_KEY = 'store-key-check'
const DATA_PREFIX = 'data/'
const CHECK_TEXT = 'vault-plugin-secrets-mcp store key check'

export interface EncryptedStorageConfig {
  /** Where sealed values go. This layer must be its only user. */
  readonly inner: Storage
  /** The store key: 32 bytes. */
  readonly key: Uint8Array
  /** Cryptographic randomness. */
  readonly random: (bytes: number) => Uint8Array
}

/** Opens `inner` under `key`. Rejects at once, with a sentence, when the store was written under another key. */
export async function openEncryptedStorage({ inner, key, random }: EncryptedStorageConfig): Promise<Storage> {
  const sealer = new Sealer(key, random)
  await checkKey(inner, sealer)
  const data = prefixStorage(inner, DATA_PREFIX)
  return {
    async get(name): Promise<StorageEntry | undefined> {
      const entry = await data.get(name)
      return entry && { key: name, value: sealer.open(name, entry.value) }
    },
    async put(entry) {
      await data.put({ key: entry.key, value: sealer.seal(entry.key, entry.value) })
    },
    delete: (name) => data.delete(name),
    list: (prefix, page) => data.list(prefix, page),
  }
}

async function checkKey(inner: Storage, sealer: Sealer): Promise<void> {
  const check = await inner.get(CHECK_KEY)
  if (!check) {
    if ((await inner.list('', { limit: 1 })).length > 0) {
      throw new RequestError(
        'internal',
        'the store holds data but not the entry that proves its key; it is damaged or was not written by this program',
      )
    }
    await inner.put({ key: CHECK_KEY, value: sealer.seal(CHECK_KEY, Buffer.from(CHECK_TEXT)) })
    return
  }
  try {
    sealer.open(CHECK_KEY, check.value)
  } catch (cause) {
    throw new RequestError('internal', 'the store key does not fit this store: it was written under another key', {
      cause,
    })
  }
}

class Sealer {
  readonly #key: KeyObject
  readonly #random: (bytes: number) => Uint8Array

  constructor(key: Uint8Array, random: (bytes: number) => Uint8Array) {
    if (key.length !== 32) throw new RequestError('internal', `the store key must be 32 bytes long, not ${key.length}`)
    this.#key = createSecretKey(key)
    this.#random = random
  }

  seal(name: string, value: Uint8Array): Uint8Array {
    const nonce = this.#random(NONCE_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(name), nonce)
    cipher.setAAD(additionalData(name))
    const ciphertext = cipher.update(value)
    cipher.final()
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), ciphertext])
  }

  open(name: string, sealed: Uint8Array): Uint8Array {
    if (sealed.length < HEAD_BYTES || sealed[0] !== VERSION)
      throw unreadable(name, 'it is not a sealed value of this version')
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(name), sealed.subarray(1, 1 + NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    })
    decipher.setAAD(additionalData(name))
    decipher.setAuthTag(sealed.subarray(1 + NONCE_BYTES, HEAD_BYTES))
    const value = decipher.update(sealed.subarray(HEAD_BYTES))
    try {
      decipher.final()
    } catch {
      throw unreadable(name, 'it was changed, moved or written under another key')
    }
    return value
  }

  #keyOf(name: string): Buffer {
    return createHmac('sha256', this.#key).update(additionalData(name)).digest()
  }
}

const additionalData = (name: string): Buffer => Buffer.concat([Buffer.of(VERSION), Buffer.from(name, 'utf8')])

function unreadable(name: string, why: string): RequestError {
  return new RequestError('internal', `stored value at ${name} cannot be decrypted: ${why}`)
}
