/** What the engine answers, as the server reads it. */
import type { Data } from '../logical/data.ts'
import { stringifyJsonExactly } from '../logical/json.ts'
import type { Response } from '../logical/response.ts'
import type { Secret } from '../logical/secret.ts'
import type { Response as PbResponse, Secret as PbSecret, Timestamp } from '../proto/vault-backend.ts'
import { nanosecondsOf } from './duration.ts'

/** Go's zero time. The server demands a time and sets its own. */
const zeroTime: Timestamp = { seconds: -62_135_596_800, nanos: 0 }

/** No response stays none: 404 for read and list, 204 for writes. Throws for responses that would bring the server down or are read as something else there. */
export function responseToProto(response: Response | undefined): PbResponse | null {
  if (!response) return null
  const { data, secret, auth, warnings = [], status } = response
  if (auth || status !== undefined) throw new Error('a secrets engine returns neither a login nor a status of its own')
  if (data && readsAsError(data)) throw new Error('the response would be read as an error')
  return { secret: secret ? secretToProto(secret) : null, data: stringifyJsonExactly(data ?? null), warnings }
}

/** A response whose text reaches the caller as it is; alone it is status 400. */
export const errorResponse = (message: string): PbResponse => ({
  secret: null,
  data: JSON.stringify({ error: message }),
  warnings: [],
})

/** By the server's rule: `error` alone, or beside nothing but `data`. It panics where that `error` is not a text. */
function readsAsError(data: Data): boolean {
  if ((data.error ?? null) === null) return false
  return Object.keys(data).every((key) => key === 'error' || key === 'data')
}

function secretToProto({ lease_options, internal_data }: Secret): PbSecret {
  return {
    internal_data: stringifyJsonExactly(internal_data),
    lease_id: '',
    lease_options: {
      TTL: nanosecondsOf(lease_options.ttl),
      MaxTTL: nanosecondsOf(lease_options.max_ttl),
      renewable: lease_options.renewable,
      increment: 0,
      issue_time: zeroTime,
    },
  }
}
