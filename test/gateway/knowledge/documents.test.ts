import { beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/logical/log.ts'
import { Documents } from '../../../src/gateway/knowledge/documents.ts'
import { FakeClock } from '../../fakes/clock.ts'
import { FakeVault } from '../../fakes/vault.ts'

const AGENT = 'claude-billing-agent'
let vault: FakeVault
let documents: Documents

beforeEach(() => {
  const clock = new FakeClock()
  vault = new FakeVault(clock)
  vault.engine.agent(AGENT, { scopes: ['read:stripe:invoices'] })
  documents = new Documents({ vault: vault.client(), mount: 'mcp', clock, logger: silentLogger })
})

const reads = () => vault.count(`mcp/agents/${AGENT}`)
/** So many documents that nobody here reads are written and deleted. */
const churn = (count: number) => {
  for (let number = 1; number <= count; number++)
    documents.changed([
      { type: 'document', path: `agents/job-${String(number)}`, version: 2, deleted: true, sequence: number },
    ])
}

describe('documents that come and go', () => {
  it('cost those that are kept nothing', async () => {
    await documents.agent(AGENT)
    churn(1_000)
    await documents.agent(AGENT)
    expect(reads()).toBe(1)
  })

  it('are not remembered without end: past the bound all is read anew', async () => {
    await documents.agent(AGENT)
    churn(100_001)
    await documents.agent(AGENT)
    expect(reads()).toBe(2)
  })
})
