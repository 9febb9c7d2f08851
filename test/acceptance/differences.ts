/**
 * Where servers cannot be made to answer alike: what each answers, and why. Tests read the expected value from here; what is not
 * here is asserted alike on every target.
 */
import type { Answer, Product, Server } from './target/server.ts'

interface Difference<V> extends Readonly<Record<Product, V>> { readonly reason: string }

const difference = <V>(reason: string, values: Readonly<Record<Product, V>>): Difference<V> => ({ reason, ...values })
const onServers = <V, W>(reason: string, embedded: V, servers: W) => difference<V | W>(reason, { embedded, openbao: servers, vault: servers })

export const differences = {
  wrapping: onServers('The embedded host does not wrap. It refuses, because what was to be wrapped must not be answered in the clear.', 400, 200),
  wrappedList: onServers('What wraps a list expects Go\'s slice of strings, and a plugin\'s list arrives as a list of anything: the server finds no keys in it.', 400, 404),
} as const

export function expected<Id extends keyof typeof differences>(id: Id, server: Server): (typeof differences)[Id][Product] {
  return differences[id][server.product]
}

/**
 * The sentences of an error answer. Servers wrap what a plugin fails with into a list of Go's multierror ("1 error occurred:\n\t* …");
 * what a plugin answers as an error response, and everything of the embedded host, comes bare.
 */
export function sentences({ body }: Answer): string[] {
  const { errors } = body as { errors: string[] }
  return errors.flatMap((text) => {
    const wrapped = /^\d+ errors? occurred:\n((?:\t\* .*\n)+)\n$/.exec(text)
    return wrapped ? wrapped[1]!.trimEnd().split('\n').map((line) => line.slice('\t* '.length)) : [text]
  })
}
