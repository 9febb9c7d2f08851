import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { createDurably, makeDirectoryDurably } from '../../logical/durable-file.ts'
import { RequestError } from '../../logical/errors.ts'

/** The environment variable that may hold the store key. */
export const STORE_KEY_VARIABLE = 'MCP_VAULT_STORE_KEY'

const KEY_BYTES = 32

export interface StoreKeyConfig {
  /** Read first; the variable is removed from it, so that child processes and crash dumps do not inherit the key. */
  readonly environment: Record<string, string | undefined>
  /** Used when the variable is not set. Holds the key as base64 or hex, one line. */
  readonly file?: string
  /** Make the file, and its directory, when it does not exist. */
  readonly create?: boolean
  /** Cryptographic randomness, for a new key. */
  readonly random: (bytes: number) => Uint8Array
}

/**
 * The 32-byte key that seals the store: from the environment, else from a file only its owner can read, else new. Rejects with a
 * sentence that says what to do; never with any part of the key.
 */
export async function loadStoreKey({ environment, file, create, random }: StoreKeyConfig): Promise<Uint8Array> {
  const fromEnvironment = environment[STORE_KEY_VARIABLE]
  delete environment[STORE_KEY_VARIABLE]
  if (fromEnvironment !== undefined) return parseKey(fromEnvironment, STORE_KEY_VARIABLE)
  if (file === undefined)
    throw refused(
      `no store key: set ${STORE_KEY_VARIABLE} to 32 random bytes in base64 (openssl rand -base64 32), or name a key file`,
    )
  const existing = await readKeyFile(file)
  if (existing) return existing
  if (!create) throw refused(`the store key file ${file} does not exist`)
  return createKeyFile(file, random)
}

async function readKeyFile(file: string): Promise<Uint8Array | undefined> {
  let handle: FileHandle
  try {
    handle = await open(file, 'r')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw refused(`the store key file ${file} cannot be read: ${reasonOf(cause)}`, cause)
  }
  try {
    await refuseLoose(handle, file)
    return parseKey(await handle.readFile('utf8'), `the store key file ${file}`)
  } finally {
    await handle.close()
  }
}

/** Judged on the open file, not on its name: what was checked is what is read. */
async function refuseLoose(handle: FileHandle, file: string): Promise<void> {
  const facts = await handle.stat()
  if (!facts.isFile()) throw refused(`the store key file ${file} is not a regular file`)
  // Windows has neither owners nor modes in this sense.
  const self = process.geteuid?.()
  if (self === undefined) return
  if (facts.uid !== self)
    throw refused(
      `the store key file ${file} belongs to user ${facts.uid}, not to this process (user ${self}): chown it to that user, then chmod 600 ${file}`,
    )
  if ((facts.mode & 0o077) !== 0)
    throw refused(
      `the store key file ${file} is open to other users (mode ${(facts.mode & 0o777).toString(8)}): chmod 600 ${file}`,
    )
}

async function createKeyFile(file: string, random: (bytes: number) => Uint8Array): Promise<Uint8Array> {
  const key = random(KEY_BYTES)
  try {
    await makeDirectoryDurably(dirname(file))
    // Of two processes started at once only one makes the key; the other fails here instead of sealing under a lost one. Not
    // durable, a power cut could keep the sealed data and lose the key.
    await createDurably(file, `${Buffer.from(key).toString('base64')}\n`, 0o600)
  } catch (cause) {
    throw refused(`the store key file ${file} cannot be created: ${reasonOf(cause)}`, cause)
  }
  return key
}

function parseKey(text: string, where: string): Uint8Array {
  const trimmed = text.trim()
  if (/^[0-9a-fA-F]{64}$/.test(trimmed)) return Buffer.from(trimmed, 'hex')
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(trimmed)) return Buffer.from(trimmed, 'base64')
  throw refused(
    `${where} must hold 32 bytes as base64 (44 characters) or hex (64 characters), for example the output of: openssl rand -base64 32`,
  )
}

const refused = (message: string, cause?: unknown): RequestError => new RequestError('bad_request', message, { cause })
const codeOf = (cause: unknown): unknown => (cause instanceof Error && 'code' in cause ? cause.code : undefined)
const reasonOf = (cause: unknown): string => (cause instanceof Error ? cause.message : 'unknown reason')
