import { describe, expect, it } from 'vitest'
import { TestEngine } from './engine.ts'

const invoices = 'read:stripe:invoices'
const events = 'read:stripe:events'

async function narrowed() {
  const engine = await TestEngine.start()
  await engine.declare('billing', [invoices, events])
  const issued = await engine.issue('billing')
  await engine.write('agents/billing/scopes', { scopes: [events] })
  return { engine, issued }
}

describe('every list of scopes is what the session may do at that moment', () => {
  it('in introspection, which tells beside it what was granted at issue', async () => {
    const { engine, issued } = await narrowed()
    expect(await engine.introspect({ token: issued.token })).toMatchObject({
      scope: events,
      scopes: [events],
      granted_scopes: [invoices, events],
    })
  })

  it('in the session as operators read it', async () => {
    const { engine, issued } = await narrowed()
    expect((await engine.read(`sessions/${issued.session_id}`))!.data).toMatchObject({
      scopes: [events],
      granted_scopes: [invoices, events],
    })
  })

  it('in the response to a refresh', async () => {
    const { engine, issued } = await narrowed()
    expect((await engine.write(`creds/billing/${issued.session_id}`))!.data!.scopes).toEqual([events])
  })

  it('in the response to an issue where policies take back what scopes declare', async () => {
    const engine = await TestEngine.start()
    await engine.write('policies/p', { policy: 'path "tools/stripe/invoices" { capabilities = ["deny"] }' })
    await engine.write('agents/billing', { owner: 'o', environment: 'production', policies: 'p' })
    await engine.write('agents/billing/scopes', { scopes: [invoices] })
    expect((await engine.issue('billing')).data.scopes).not.toContain(invoices)
  })

  it('in a child whose parent was narrowed', async () => {
    const engine = await TestEngine.start()
    await engine.declare('lead', [invoices, events])
    await engine.declare('helper', [invoices, events])
    const parent = await engine.issue('lead')
    const child = await engine.issue('helper', { parent_token: parent.token })
    await engine.write('agents/lead/scopes', { scopes: [events] })
    expect(await engine.introspect({ token: child.token })).toMatchObject({ scopes: [events] })
  })

  it('empty once the session is over', async () => {
    const { engine, issued } = await narrowed()
    await engine.delete(`sessions/${issued.session_id}`)
    expect((await engine.read(`sessions/${issued.session_id}`))!.data).toMatchObject({ state: 'revoked', scopes: [] })
  })
})
