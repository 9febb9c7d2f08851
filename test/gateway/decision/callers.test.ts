import { beforeEach, describe, expect, it } from 'vitest'
import { Callers, requireAgent, vaultOf } from '../../../src/gateway/decision/callers.ts'
import { tokenDigest } from '../../../src/scope/index.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeVault } from '../../fakes/vault.ts'
import { outcomeOf } from '../harness.ts'

let clock: FakeClock
let vault: FakeVault
let callers: Callers
let unauthenticated: number
beforeEach(() => {
  clock = new FakeClock()
  vault = new FakeVault(clock)
  vault.tokens.set('hvs.checker', { paths: ['mcp/introspect'] })
  vault.tokens.set('hvs.agent', { paths: ['mcp/creds'] })
  unauthenticated = 0
  callers = new Callers({
    vault: vault.client(),
    mount: 'mcp',
    clock,
    services: [{ name: 'billing', sha256: tokenDigest('gst_good'), agents: ['a', 'b'], vault: undefined }],
    onUnauthenticated: () => {
      unauthenticated++
    },
  })
})

const identify = (bearer: string | undefined) => outcomeOf(Promise.resolve().then(() => callers.identify(bearer)))

describe('who a bearer value stands for', () => {
  it('is a service for a configured service token', () => {
    expect(callers.identify('gst_good')).toEqual({
      kind: 'service',
      name: 'billing',
      agents: ['a', 'b'],
      vault: undefined,
    })
  })

  it.each(['hvs.CAESIJ', 's.oldstyle', 'root', 'hvs.three.parts', 'hvb.AAAA'])('is a Vault token for %s', (bearer) => {
    expect(callers.identify(bearer).kind).toBe('vault')
  })

  it.each([
    ['nothing', undefined, 'invalid_token caller_missing'],
    ['an empty value', '', 'invalid_token caller_missing'],
    ['an unknown service token', 'gst_bad', 'invalid_token caller_unknown'],
    ['a service token cut short', 'gst_goo', 'invalid_token caller_unknown'],
    ['the hash of a service token', `gst_${tokenDigest('gst_good')}`, 'invalid_token caller_unknown'],
    [
      'a phantom token',
      'svt_prod_0000000000000000000000000000000000000000000000000',
      'invalid_token caller_phantom_token',
    ],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln', 'invalid_token caller_jwt_not_configured'],
    ['a value with control characters', 'hvs.\u0001', 'invalid_token caller_unknown'],
    ['a value of absurd length', 'h'.repeat(5_000), 'invalid_token caller_unknown'],
  ])('is nobody for %s', async (_case, bearer, refusal) => {
    expect(await identify(bearer)).toBe(refusal)
    expect(unauthenticated).toBe(1)
  })

  it('sends neither phantom nor service token to Vault', async () => {
    for (const bearer of ['gst_good', 'gst_bad', 'svt_prod_x']) await identify(bearer)
    expect(vault.requests).toEqual([])
  })
})

describe('checking tokens and calling upstreams', () => {
  const require = (bearer: string) => outcomeOf(callers.requireIntrospection(callers.identify(bearer)))

  it('is for service tokens, and for Vault tokens that may introspect themselves', async () => {
    expect(await require('gst_good')).toBe('allowed')
    expect(await require('hvs.checker')).toBe('allowed')
  })

  it("is not for an agent's own Vault token, nor for one Vault does not know", async () => {
    expect(await require('hvs.agent')).toBe('insufficient_scope caller_denied')
    expect(await require('hvs.unknown')).toBe('invalid_token caller_unknown')
  })

  it('is unavailable when Vault is', async () => {
    vault.cutLine()
    expect(await require('hvs.checker')).toBe('unavailable vault_unavailable')
  })

  it('asks Vault again after five seconds, so that a policy taken away counts', async () => {
    await require('hvs.checker')
    vault.tokens.set('hvs.checker', { paths: [] })
    await clock.advance(4_999)
    expect(await require('hvs.checker')).toBe('allowed')
    await clock.advance(1)
    expect(await require('hvs.checker')).toBe('insufficient_scope caller_denied')
  })

  it('asks as the caller, not as the gateway', async () => {
    await require('hvs.checker')
    expect(vault.requests).toMatchObject([{ path: 'sys/capabilities-self', token: 'hvs.checker' }])
  })
})

it('binds a service token to its agents', async () => {
  const caller = callers.identify('gst_good')
  expect(() => {
    requireAgent(caller, 'a')
  }).not.toThrow()
  expect(
    await outcomeOf(
      Promise.resolve().then(() => {
        requireAgent(caller, 'c')
      }),
    ),
  ).toBe('insufficient_scope caller_not_bound')
  expect(await outcomeOf(Promise.resolve().then(() => vaultOf(caller)))).toBe('insufficient_scope caller_without_vault')
  expect(() => {
    requireAgent(callers.identify('root'), 'c')
  }).not.toThrow()
})
