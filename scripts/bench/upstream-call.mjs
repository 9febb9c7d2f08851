// What the gateway adds to one upstream call: the same request of the same upstream, directly and through /u/.
import { compare, printTable } from './loops.mjs'
import { issue } from './stage.mjs'

export async function measureUpstreamCall({ client }, { vault, gatewayUrl }, bare) {
  const {
    data: { token },
  } = await issue(vault)
  const direct = client(bare.url, { authorization: 'Bearer not-a-real-key-of-any-upstream' })
  const brokered = client(gatewayUrl, { authorization: `Bearer ${token}` })
  const rows = []
  for (const concurrency of [1, 16]) {
    const [directRow, brokeredRow] = await compare(
      [
        { name: 'GET /things, the upstream itself', once: () => direct('GET', '/things') },
        { name: 'GET /u/bench/things, through the gateway', once: () => brokered('GET', '/u/bench/things') },
      ],
      { concurrency },
    )
    rows.push(directRow, brokeredRow, {
      name: '  added',
      concurrency,
      p50: brokeredRow.p50 - directRow.p50,
      p99: brokeredRow.p99 - directRow.p99,
    })
  }
  printTable('Upstream call', rows)
}
