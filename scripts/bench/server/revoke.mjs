// From a revocation to the last byte of streams that grew from the lease, each through a gateway of its own; the gateway that is last
// counts. The engine commits between the request and its answer, so that the time from the commit lies between the two columns of
// p99: from the answer (below 0: cut before it arrived), and from the request. The upstream writes every millisecond.
import { performance } from 'node:perf_hooks'
import { quantile } from '../loops.mjs'
import { follow } from '../revoke-to-cut.mjs'
import { issue } from '../stage.mjs'

const ways = [
  { name: 'sys/leases/revoke, sync', end: (vault, { lease_id }) => vault('POST', '/v1/sys/leases/revoke', { lease_id, sync: true }) },
  { name: 'DELETE sessions/:id', end: (vault, { data }) => vault('DELETE', `/v1/mcp/sessions/${data.session_id}`) },
]

async function round(vault, gatewayUrls, end) {
  const issued = await issue(vault)
  const streams = await Promise.all(gatewayUrls.map((url) => follow(url, issued.data.token)))
  const sent = performance.now()
  const revoked = end(vault, issued).then(() => performance.now())
  const [answered, ...ends] = await Promise.all([revoked, ...streams.map(({ ended }) => ended)])
  const last = Math.max(...ends.map(({ lastByte }) => lastByte))
  return { afterAnswer: last - answered, afterRequest: last - sent, request: answered - sent }
}

export async function measureRevoke(vault, gatewayUrls, rounds) {
  console.log('\nRevoke to last byte at the client, ms')
  console.log(['', 'gateways', 'answer p50', 'answer p99', 'request p50', 'request p99', 'request itself', 'rounds'].map((head, index) => (index === 0 ? head.padEnd(26) : head.padStart(15))).join(''))
  for (const { name, end } of ways) {
    for (const count of [1, gatewayUrls.length]) {
      const all = []
      while (all.length < rounds) all.push(await round(vault, gatewayUrls.slice(0, count), end))
      const at = (field, share) => quantile(all.map((each) => each[field]), share).toFixed(1)
      const cells = [count, at('afterAnswer', 0.5), at('afterAnswer', 0.99), at('afterRequest', 0.5), at('afterRequest', 0.99), at('request', 0.5), rounds]
      console.log(name.padEnd(26) + cells.map((cell) => String(cell).padStart(15)).join(''))
    }
  }
}
