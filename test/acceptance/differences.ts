/**
 * Where servers cannot be made to answer alike: what each answers, and why. Tests read the expected value from here; what is not
 * here is asserted alike on every target. Three things differ everywhere and need no value:
 * - Queue timing. The embedded host revokes a queued lease at once, servers when a worker comes to it: tests compare what has
 *   settled (`eventually`).
 * - Error wrapping: `sentences`, below.
 * - Rounding. Servers read a plugin's numbers as 64-bit floats, so whole numbers above 2^53 lose their last digits. No field of the
 *   engine is as large.
 */
import type { ApiResponse, Product, Server } from './target/server.ts'

interface Difference<V> extends Readonly<Record<Product, V>> {
  readonly reason: string
}

const difference = <V>(reason: string, values: Readonly<Record<Product, V>>): Difference<V> => ({ reason, ...values })

const envelope = ['auth', 'data', 'lease_duration', 'lease_id', 'renewable', 'request_id', 'warnings', 'wrap_info']
const leaseKeys = ['expire_time', 'id', 'issue_time', 'last_renewal', 'renewable', 'ttl']
const and = (keys: readonly string[], key: string): readonly string[] => [...keys, key].sort()

export const differences = {
  wrappedList: difference(
    "What wraps a list expects a Go slice of strings, and a plugin's list arrives as a list of anything: the server finds no keys in it.",
    { embedded: 200, openbao: 404, vault: 404 },
  ),
  envelope: difference(
    "Newer versions of Vault name the mount's type in every answer, and the embedded host as they do.",
    { embedded: and(envelope, 'mount_type'), openbao: envelope, vault: and(envelope, 'mount_type') },
  ),
  strangers: difference(
    'Vault tells a caller whose token is none that it is none; of a token that may not it says the first sentence only, as the others.',
    { embedded: ['permission denied'], openbao: ['permission denied'], vault: ['invalid token', 'permission denied'] },
  ),
  brokenJson: difference(
    'Vault first counts what a body holds, against the limits its listener has, and answers 500 where it cannot.',
    {
      embedded: { status: 400, says: /JSON/ },
      openbao: { status: 400, says: /JSON/ },
      vault: { status: 500, says: /JSON|invalid character/ },
    },
  ),
  leaseKeys: difference('OpenBao, and the embedded host as it does, also names the path a lease was issued at.', {
    embedded: and(leaseKeys, 'path'),
    openbao: and(leaseKeys, 'path'),
    vault: leaseKeys,
  }),
  // The embedded server refuses it before it is stored: a text is at most max_json_string_value_length, 1 MiB, as in Vault 1.21.
  largeRecord: difference('Raft takes about a megabyte in one entry. The engine says so, and goes on.', {
    embedded: { written: 400, read: 404 },
    openbao: { written: 413, read: 404 },
    vault: { written: 413, read: 404 },
  }),
} as const

export function expected<Id extends keyof typeof differences>(
  id: Id,
  server: Server,
): (typeof differences)[Id][Product] {
  return differences[id][server.product]
}

/**
 * The sentences of an error response. Servers wrap what a plugin fails with into a list of Go's multierror ("1 error occurred:\n\t* …");
 * what a plugin answers as an error response, and most of what the embedded host answers, comes bare.
 */
export function sentences({ body }: ApiResponse): string[] {
  const { errors } = body as { errors: string[] }
  return errors.flatMap((text) => {
    const wrapped = /^\d+ errors? occurred:\n((?:\t\* .*\n)+)\n$/.exec(text)
    return wrapped
      ? wrapped[1]!
          .trimEnd()
          .split('\n')
          .map((line) => line.slice('\t* '.length))
      : [text]
  })
}
