import type { Clock } from '../../logical/clock.ts'
import { mintToken } from '../../scope/index.ts'

/** What a rehearsal presents and demands: random, known to nobody else, and forgotten with it. No Vault and no other gateway knows any of it. */
export interface MadeUpSecrets {
  /** Phantom tokens of one session each. */
  readonly tokens: readonly string[]
  /** By which they are checked before they are looked up. */
  readonly checkKey: Uint8Array
  readonly serviceToken: string
  /** The gateway's own, at the Vault that stands in. */
  readonly vaultToken: string
  /** Of the upstream that stands in. */
  readonly upstreamKey: string
}

export interface RehearsalSource {
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
}

/** Enough that sessions are looked up at the same moment, as at a real start. */
const TOKENS = 8
const SECRET_BYTES = 32

export function makeUpSecrets(random: RehearsalSource['random']): MadeUpSecrets {
  const secret = () => Buffer.from(random(SECRET_BYTES)).toString('hex')
  const checkKey = random(SECRET_BYTES)
  return {
    tokens: Array.from({ length: TOKENS }, () => mintToken({ prefix: 'svt', label: 'rehearsal', random, checkKey })),
    checkKey,
    serviceToken: `gst_${secret()}`,
    vaultToken: `hvs.${secret()}`,
    upstreamKey: secret(),
  }
}
