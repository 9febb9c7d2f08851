/**
 * The mount's check keys: by them gateways tell made-up tokens from possible ones without asking. A gateway learns them with a reset of
 * the feed, so a new key is published by a new epoch, and used first when every gateway has had time to hear of it. Keys leave the
 * engine in the feed only.
 */
import { badRequest } from '../logical/errors.ts'
import { passesKeyedCheck } from '../scope/index.ts'
import type { CheckKey, Engine, StoredCheck, StoredConfig } from './engine.ts'

/** What gateways hear of it. Values of `check_keys` are base64. */
export interface PublishedCheck {
  readonly check_keys: readonly string[]
  readonly check_enforced_from_unix: number
}

const KEY_BYTES = 32
/** Longer than any gateway may go without contact and still refuse by what it knows. */
const PUBLISHED_SECONDS = 120
/** Clocks of two nodes of a cluster may differ by this much. */
const MARGIN_SECONDS = 60

/** The mount's check, made now if there is none. Only where storage can be written. */
export async function ensureCheck(engine: Engine): Promise<StoredCheck> {
  return (
    (await engine.storedConfig()).check ??
    engine.records.exclusive('cfg', async () => {
      const stored = await engine.storedConfig()
      if (stored.check) return stored.check
      const key = Buffer.from(engine.random(KEY_BYTES)).toString('base64')
      const check: StoredCheck = {
        keys: [{ key, mint_from_unix: engine.nowUnix(), valid_until_unix: null }],
        enforced_from_unix: engine.nowUnix() + (await longestEarlierLife(engine)),
      }
      await publish(engine, { ...stored, check })
      return check
    })
  )
}

/** A second key beside the one in use, which takes its place once all gateways have it. Returns when that is, in Unix seconds. */
export async function rotateCheck(engine: Engine): Promise<number> {
  const { keys } = await ensureCheck(engine)
  return engine.records.exclusive('cfg', async () => {
    const stored = await engine.storedConfig()
    const check = stored.check ?? { keys, enforced_from_unix: 0 }
    const nowUnix = engine.nowUnix()
    const inForce = check.keys.filter((key) => isInForce(key, nowUnix))
    if (inForce.length > 1)
      throw badRequest(
        `the key before this one is in force until ${new Date(Number(inForce[0]!.valid_until_unix) * 1000).toISOString()}, because tokens minted under it may live so long; rotate after that.`,
      )
    const mintFrom = nowUnix + PUBLISHED_SECONDS
    const validUntil = mintFrom + (await engine.system.maxLeaseTtl()) + MARGIN_SECONDS
    const key = Buffer.from(engine.random(KEY_BYTES)).toString('base64')
    await publish(engine, {
      ...stored,
      check: {
        ...check,
        keys: [
          ...inForce.map((old) => ({ ...old, valid_until_unix: validUntil })),
          { key, mint_from_unix: mintFrom, valid_until_unix: null },
        ],
      },
    })
    return mintFrom
  })
}

/** The key that a token is minted under now. */
export function mintingKey({ keys }: StoredCheck, nowUnix: number): Uint8Array {
  const current = keys.findLast((key) => key.mint_from_unix <= nowUnix) ?? keys[0]!
  return Buffer.from(current.key, 'base64')
}

/** Certainly no token of this mount: not worth a read. */
export async function isMadeUp(engine: Engine, token: string): Promise<boolean> {
  const { check } = await engine.storedConfig()
  if (!check || engine.nowUnix() < check.enforced_from_unix) return false
  return !passesKeyedCheck(
    token,
    check.keys.map(({ key }) => Buffer.from(key, 'base64')),
  )
}

/** For a gateway that begins afresh; undefined while the mount has no key. */
export async function publishedCheck(engine: Engine): Promise<PublishedCheck | undefined> {
  const { check } = await engine.storedConfig()
  return (
    check && {
      check_keys: check.keys.filter((key) => isInForce(key, engine.nowUnix())).map(({ key }) => key),
      check_enforced_from_unix: check.enforced_from_unix,
    }
  )
}

const isInForce = ({ valid_until_unix }: CheckKey, nowUnix: number): boolean =>
  valid_until_unix === null || nowUnix < valid_until_unix

async function publish(engine: Engine, config: StoredConfig): Promise<void> {
  await engine.records.put('cfg', config)
  engine.feed.newEpoch()
}

/** Seconds that a token minted without a key may still live: none on a mount that never had a session. */
async function longestEarlierLife(engine: Engine): Promise<number> {
  if ((await engine.records.storage.list('s/')).length === 0) return 0
  return (await engine.system.maxLeaseTtl()) + MARGIN_SECONDS
}
