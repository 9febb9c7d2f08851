/**
 * A rehearsal of calls before the first real one: V8 reads, watches and compiles a call's code while the first thousands run, and each
 * costs several times what it will. So a second instance of the gateway makes some to itself before the real one listens, between servers
 * that stand in for Vault and an upstream, with secrets made up for it; then all of it is closed. Nothing but code is shared with the real
 * instance: it has another Vault client, core, listener, log and key, and asks a Vault that has never heard of these tokens.
 */
import { silentLogger } from '../logical/log.ts'
import { tokenDigest } from '../scope/index.ts'
import { createVaultClient } from '../vault-client/index.ts'
import type { GatewayConfig } from './config.ts'
import { coreOf } from './gateway.ts'
import { listenHttp } from './http/server.ts'
import { callsTo, makeCalls } from './rehearsal/calls.ts'
import { makeUpSecrets } from './rehearsal/made-up.ts'
import { logToNowhere } from './rehearsal/nowhere.ts'
import { MOUNT, StandInEngine } from './rehearsal/stand-in-engine.ts'
import { startStandInUpstream } from './rehearsal/stand-in-upstream.ts'
import { startStandInVault } from './rehearsal/stand-in-vault.ts'

export interface RehearsalOptions {
  /** Of the last instance. Default 2,500: beyond that little is gained. */
  readonly calls?: number
  /** From the beginning until everything is being closed. Default 1.5 s. */
  readonly limitMs?: number
  /** Ends it early. */
  readonly signal?: AbortSignal
}

const CALLS = 2_500
const LIMIT_MS = 1_500
/** What is compiled for one instance holds for that alone, and is thrown away with the next: V8 must have seen that there are several. */
const CALLS_BEFORE = [100]

/** Never rejects: a gateway that has not rehearsed only takes longer for its first calls. Resolves with how many were made. */
export async function rehearse(config: GatewayConfig, options: RehearsalOptions = {}): Promise<number> {
  const { clock, logger } = config
  const startedMs = clock.monotonic()
  const stop = new AbortController()
  const end = () => {
    stop.abort()
  }
  const cancelLimit = clock.after(options.limitMs ?? LIMIT_MS, end)
  options.signal?.addEventListener('abort', end, { once: true })
  if (options.signal?.aborted) end()
  let made = 0
  try {
    for (const calls of [...CALLS_BEFORE, options.calls ?? CALLS])
      if (!stop.signal.aborted) made += await rehearseOnce(config, calls, stop.signal)
    logger.debug({ calls: made, took_ms: Math.round(clock.monotonic() - startedMs) }, 'calls were rehearsed')
  } catch (error) {
    logger.debug({ error: error instanceof Error ? error.stack : 'unexpected' }, 'the rehearsal of calls failed')
  } finally {
    cancelLimit()
    options.signal?.removeEventListener('abort', end)
  }
  return made
}

/** One instance, from its start to its end. */
async function rehearseOnce(config: GatewayConfig, calls: number, signal: AbortSignal): Promise<number> {
  const closing: (() => Promise<unknown>)[] = []
  try {
    const { url, heard, callable } = await startInstance(config, closing)
    await Promise.race([heard, aborted(signal)])
    return await makeCalls(url, callable, calls, signal)
  } finally {
    for (const close of closing.toReversed()) await close()
  }
}

/** What has to be closed is added to `closing` as it opens. */
async function startInstance(config: GatewayConfig, closing: (() => Promise<unknown>)[]) {
  const { clock, random } = config
  const secrets = makeUpSecrets(random)
  const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
    closing.push(() => one.close())
    return one
  }
  const upstream = opened(await startStandInUpstream(secrets.upstreamKey))
  const engine = new StandInEngine({ clock, random }, secrets, upstream.url)
  const { url: address } = opened(await startStandInVault(engine, secrets.vaultToken))
  const audit = opened(logToNowhere(clock))
  const client = opened(createVaultClient({ address, token: secrets.vaultToken, clock }))
  const service = { name: 'rehearsal', sha256: tokenDigest(secrets.serviceToken), agents: ['*'] }
  // The settings are the real ones, so that what they lead to is rehearsed, but for where Vault is and what bounds callers.
  const settings = { ...config, vault: { address, mount: MOUNT }, limits: undefined, logger: silentLogger }
  const core = coreOf(settings, {
    identity: { client, replace: () => Promise.resolve() },
    health: { check: () => Promise.resolve('active') },
    audit,
    services: [{ ...service, vault: undefined, refusal: () => undefined }],
  })
  closing.push(async () => {
    await Promise.all([core.follower.stop(), core.egress.close()])
    core.ticker.stop()
    await core.records.flush()
  })
  const dependencies = { ...core, clock, random, logger: silentLogger, healthy: () => true }
  const listener = opened(await listenHttp(dependencies, { address: '127.0.0.1:0', allowedHosts: [] }))
  core.follower.start()
  return { url: listener.url, heard: core.follower.heardOnce, callable: callsTo(listener.url, secrets) }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve()
        },
        { once: true },
      )
  })
