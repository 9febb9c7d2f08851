/** One exchange of a refresh token under its lock, and what the record holds after it. */
import type { Minting } from '../../scope/index.ts'
import { GatewayCallError } from '../call/call-error.ts'
import { tokenRequest } from '../call/token-request.ts'
import { readTokenResponse, TokenEndpointError } from '../call/token-response.ts'
import type { TokenResponse } from '../call/token-response.ts'
import type { RefreshRecord } from './refresh-record.ts'
import type { RecordPlace } from './refresh-store.ts'
import type { TokenExchange } from './token-endpoint.ts'

/** One use of one refresh token. */
export interface RefreshUse extends RecordPlace {
  readonly minting: Minting
  /** As `auth` spells it. */
  readonly placement: string
  /** Of the seed. */
  readonly fields: Readonly<Record<string, string>>
}

export interface Exchanged {
  readonly record: RefreshRecord
  /** Why it holds no new access token. */
  readonly error: Error | undefined
}

/** For so long no gateway asks again where the endpoint said no. */
const PAUSE_MS = 10_000

/** Never rejects. `locked` is the record that holds the lock. */
export async function exchangeToken(
  exchange: TokenExchange,
  use: RefreshUse,
  locked: RefreshRecord,
): Promise<Exchanged> {
  // It ages from when the lock was taken.
  const askedMs = locked.renewal!.begun_at
  const askedSeconds = Math.floor(askedMs / 1000)
  try {
    const fields = { ...use.fields, refresh_token: locked.refresh_token }
    const { status, text } = await exchange(use.upstream, await tokenRequest(use.minting, fields, askedSeconds))
    return { record: renewed(locked, readTokenResponse(status, text, askedSeconds), use.placement), error: undefined }
  } catch (thrown) {
    const error = thrown instanceof Error ? thrown : new Error('the exchange failed')
    return { record: failed(locked, error), error }
  }
}

function renewed(locked: RefreshRecord, response: TokenResponse, placement: string): RefreshRecord {
  const asked_at = locked.renewal!.begun_at
  const expires_at = asked_at + response.lifeSeconds * 1000
  const { refusal: _refusal, ...rest } = rotated(locked, response.refreshToken)
  return { ...rest, access: { token: response.token, placement, asked_at, expires_at } }
}

/** The record with the refresh token to be used from now on, free for the next exchange. */
function rotated(locked: RefreshRecord, next: string | undefined): RefreshRecord {
  const refresh_token = next ?? locked.refresh_token
  const rotates = refresh_token !== locked.refresh_token
  const previous = [...(rotates ? [locked.refresh_token] : []), ...(locked.access ? [locked.access.token] : [])]
  return { ...locked, state: 'ready', refresh_token, previous, rotates }
}

function failed(locked: RefreshRecord, error: Error): RefreshRecord {
  const ready: RefreshRecord = { ...locked, state: 'ready' }
  if (!(error instanceof TokenEndpointError)) {
    // It did not get as far as the endpoint, which other gateways may reach.
    return error instanceof GatewayCallError ? ready : lostRecord(locked, 'its exchange failed')
  }
  const { code, outcome, message } = error
  const refusal = { code, what: message, until: locked.renewal!.begun_at + PAUSE_MS }
  if (outcome === 'ended') return lostRecord(locked, message)
  if (outcome === 'rotated') return { ...rotated(locked, error.refreshToken), refusal }
  // What an issuer has not replaced before it is as good as before; of any other nobody knows.
  if (outcome === 'refused' || locked.rotates === false) return { ...ready, refusal }
  return lostRecord(locked, `${message}, and may have used it up`)
}

/** `what` happened to the refresh token, for the operator. */
export const lostRecord = (record: RefreshRecord, what: string): RefreshRecord => ({
  ...record,
  state: 'needs_reauthorization',
  refusal: { code: 'needs_reauthorization', what },
})
