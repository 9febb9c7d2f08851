/** A gateway's core over a fake Vault, with a hand-cranked clock: what the tests of this folder stand on. */
import { randomBytes } from 'node:crypto'
import type { ConsentMode } from '../../src/gateway/proxy/consent.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { createCore } from '../../src/gateway/core.ts'
import type { GatewayCore } from '../../src/gateway/core.ts'
import type { Caller } from '../../src/gateway/decision/callers.ts'
import type { LimitSettings } from '../../src/gateway/limits/index.ts'
import { defaultStaleness } from '../../src/gateway/knowledge/freshness.ts'
import { toGatewayFailure } from '../../src/gateway/error.ts'
import { tokenDigest } from '../../src/scope/index.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import type { FakeEngine, FakeSession } from '../fakes/engine.ts'
import { FakeVault } from '../fakes/vault.ts'

export const SERVICE_TOKEN = 'gst_test_service'
export const BOUND_TOKEN = 'gst_test_bound'
/** Bound to `other-agent` too, with a Vault login that may open sessions. */
export const BOUND_OPENER_TOKEN = 'gst_test_bound_opener'

/** Records in the order they came; writing fails while `broken`. */
export class FakeSink {
  readonly records: Record<string, unknown>[] = []
  broken = false
  /** While set, appends wait for it. */
  gate: Promise<void> | undefined

  async append(record: object): Promise<void> {
    if (this.broken) throw new Error('disk full')
    await this.gate
    this.records.push(record as Record<string, unknown>)
  }

  get decisions(): Record<string, unknown>[] {
    return this.records.filter(({ type }) => type === 'decision')
  }
  get outcomes(): Record<string, unknown>[] {
    return this.records.filter(({ type }) => type === 'outcome')
  }
  get last(): Record<string, unknown> | undefined {
    return this.decisions.at(-1)
  }
}

export interface GatewayHarness {
  readonly clock: FakeClock
  readonly vault: FakeVault
  readonly engine: FakeEngine
  readonly core: GatewayCore
  readonly sink: FakeSink
  /** Lets a delivered event reach the caches. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** With one upstream, two tools, and an agent that declares scopes for both; the feed is followed. */
export async function startHarness(
  settings: { keyConsent?: ConsentMode; idle?: boolean; inNamespace?: boolean; limits?: Partial<LimitSettings> } = {},
): Promise<GatewayHarness> {
  const clock = new FakeClock()
  const vault = new FakeVault(clock)
  const sink = new FakeSink()
  seed(vault)
  const core = createCore({
    vault: vault.client(),
    mount: 'mcp',
    services: [
      { name: 'test', sha256: tokenDigest(SERVICE_TOKEN), agents: ['*'], vault: vault.client('hvs.opener-service') },
      { name: 'bound', sha256: tokenDigest(BOUND_TOKEN), agents: ['other-agent'], vault: undefined },
      {
        name: 'bound-opener',
        sha256: tokenDigest(BOUND_OPENER_TOKEN),
        agents: ['other-agent'],
        vault: vault.client('hvs.opener-service'),
      },
    ],
    sink,
    staleness: defaultStaleness,
    keyConsent: settings.keyConsent ?? 'enforce',
    limits: settings.limits,
    ...(settings.inNamespace === undefined ? {} : { inNamespace: settings.inNamespace }),
    // Most tests tell the engine something and expect the gateway to hear of it, whether anybody uses it or not.
    ...(settings.idle === true ? {} : { inUse: () => true }),
    clock,
    random: (bytes) => randomBytes(bytes),
    logger: silentLogger,
  })
  core.follower.start()
  await settle()
  return {
    clock,
    vault,
    engine: vault.engine,
    core,
    sink,
    flush: settle,
    async stop() {
      await core.follower.stop()
      await core.egress.close()
    },
  }
}

function seed(vault: FakeVault): void {
  const { engine } = vault
  engine.upstream('stripe')
  engine.tool('stripe', 'invoices', ['GET /v1/invoices', 'GET /v1/invoices/{id}'], { risk: 'low' })
  engine.tool('stripe', 'customers/id-only', ['GET /v1/customers'], { fields: ['data[].id', 'has_more'] })
  engine.tool('stripe', 'refunds', ['POST /v1/refunds'], { risk: 'high' })
  engine.agent('claude-billing-agent', { scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'] })
  vault.putKey('mcp/stripe', { api_key: 'sk_live_secret' }, 'https://api.stripe.com')
  vault.tokens.set('hvs.opener-service', { paths: ['mcp/creds', 'mcp/agents'] })
}

export const service: Caller = { kind: 'service', name: 'test', agents: ['*'], vault: undefined }
export const itself: Caller = { kind: 'session' }

export function openSession(harness: GatewayHarness, settings: Parameters<FakeEngine['open']>[1] = {}): FakeSession {
  return harness.engine.open('claude-billing-agent', {
    scopes: ['read:stripe:invoices', 'read:stripe:customers:id-only'],
    ...settings,
  })
}

export const tokenOf = (session: FakeSession): string => session.tokens.at(-1)!.token

export function validate(
  harness: GatewayHarness,
  token: string,
  requiredScope: string | undefined = 'read:stripe:invoices',
  caller: Caller = service,
) {
  return harness.core.decisions.validate({ token, requiredScope, requestId: 'req-1', caller })
}

export function authorize(
  harness: GatewayHarness,
  token: string,
  call: Partial<Parameters<GatewayCore['decisions']['authorizeCall']>[0]> = {},
) {
  return harness.core.decisions.authorizeCall({
    headers: [],
    token,
    upstream: 'stripe',
    method: 'GET',
    segments: ['v1', 'invoices'],
    query: [],
    hasBody: false,
    contentLength: undefined,
    readBody: () => Promise.resolve({ kind: 'opaque' }),
    checkBody: () => Promise.resolve(),
    requestId: 'req-1',
    caller: itself,
    signal: new AbortController().signal,
    ...call,
  })
}

/** `type code` of the refusal; `allowed` where there is none. */
export async function outcomeOf(pending: Promise<unknown>): Promise<string> {
  try {
    await pending
    return 'allowed'
  } catch (error) {
    const { type, code, kind } = toGatewayFailure(error)
    if (kind === 'internal') throw error
    return `${type} ${code}`
  }
}
