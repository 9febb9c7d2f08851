/** What a process does before it holds keys. For the program that runs a gateway, not for those that embed one. */
import { setFlagsFromString } from 'node:v8'

interface ProcessLike {
  readonly env: Record<string, string | undefined>
  on(event: 'SIGUSR1', listener: () => void): unknown
}

const cleared = /^(?:DEBUG|NODE_DEBUG|VAULT_.*|BAO_.*|(?:https?|all|no|ftp)_proxy)$/i

/**
 * Takes over SIGUSR1, which would otherwise open Node's inspector to anyone who may signal the process, and clears variables that
 * would print bodies, reroute connections or lend the gateway somebody's Vault token. To be called after the configuration is read.
 */
export function hardenProcess(target: ProcessLike, onSignal: () => void = () => undefined): void {
  target.on('SIGUSR1', onSignal)
  for (const name of Object.keys(target.env)) if (cleared.test(name)) delete target.env[name]
}

/**
 * To be called before the first call is served. V8 notes where objects are made that survive, and makes later ones among the old at once.
 * Of calls there are some under way whenever it looks, so it takes all of them for long-lived: each then waits for a full collection,
 * with all that hangs on it, which costs a quarter of the CPU time of a call.
 */
export function tuneCollector(): void {
  setFlagsFromString('--no-allocation-site-pretenuring')
}
