// Issuing a token through the Vault API, beside a plain KV v2 write of the same host: both authorise, store and answer; issuing
// also mints, makes a lease and an event of the feed.
import { compare, printTable } from './loops.mjs'
import { issue } from './stage.mjs'

const subjects = (vault) => {
  let written = 0
  return [
    {
      name: 'KV v2 write',
      once: () => vault('POST', `/v1/secret/data/bench/${written++ % 1000}`, { data: { value: 'x'.repeat(100) } }),
    },
    { name: 'issue (mcp/creds/<agent>)', once: () => issue(vault) },
  ]
}

export async function measureIssue({ vault }) {
  const rows = []
  for (const concurrency of [1, 16]) rows.push(...(await compare(subjects(vault), { concurrency })))
  printTable('Issue, store in memory', rows)
}

export async function measureDurableIssue({ vault }) {
  printTable(
    'Issue, encrypted store on disk, audited, every answer after its write is synced',
    await compare(subjects(vault), { concurrency: 20 }),
  )
}
