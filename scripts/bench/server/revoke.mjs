// From a revocation to the last byte of streams that grew from the lease, each through a gateway of its own; the gateway that is last
// counts. When the engine committed, its feed says, by the clock of this machine and to a millisecond: what waits on the feed is
// answered at once after the commit. Beside it: from the response of the revocation (below 0: cut before it arrived), and from the
// request. The upstream writes every millisecond.
import { performance } from 'node:perf_hooks'
import { quantile } from '../loops.mjs'
import { follow } from '../revoke-to-cut.mjs'
import { issue } from '../stage.mjs'

const ways = [
  {
    name: 'sys/leases/revoke, sync',
    end: (vault, { lease_id }) => vault('POST', '/v1/sys/leases/revoke', { lease_id, sync: true }),
  },
  { name: 'DELETE sessions/:id', end: (vault, { data }) => vault('DELETE', `/v1/mcp/sessions/${data.session_id}`) },
]

/** Waits on the feed, one poll at a time. `endOf(session_id)` resolves to when the engine told of its end. */
function followFeed(vault) {
  const told = new Map()
  const waiting = new Map()
  let stopped = false
  const run = async () => {
    for (let position = ''; !stopped;) {
      const { data } = await vault('GET', `/v1/mcp/feed?wait=1s${position}`)
      position = `&epoch=${data.epoch}&after=${data.sequence}`
      // By the clock that `performance.now` counts on.
      const at = data.server_time_unix_ms - performance.timeOrigin
      for (const { type, session_id } of data.events)
        if (type === 'session_ended') {
          told.set(session_id, at)
          waiting.get(session_id)?.(at)
        }
    }
  }
  const running = run()
  return {
    endOf: (sessionId) =>
      new Promise((resolve) => {
        if (told.has(sessionId)) resolve(told.get(sessionId))
        else waiting.set(sessionId, resolve)
      }),
    async stop() {
      stopped = true
      await running
    },
  }
}

async function round(vault, feed, gatewayUrls, end) {
  const issued = await issue(vault)
  const streams = await Promise.all(gatewayUrls.map((url) => follow(url, issued.data.token)))
  const sent = performance.now()
  const revoked = end(vault, issued).then(() => performance.now())
  const [committed, answered, ...ends] = await Promise.all([
    feed.endOf(issued.data.session_id),
    revoked,
    ...streams.map(({ ended }) => ended),
  ])
  const last = Math.max(...ends.map(({ lastByte }) => lastByte))
  return {
    afterCommit: last - committed,
    afterAnswer: last - answered,
    afterRequest: last - sent,
    request: answered - sent,
  }
}

export async function measureRevoke(vault, gatewayUrls, rounds) {
  console.log('\nRevoke to last byte at the client, ms')
  console.log(
    [
      '',
      'gateways',
      'commit p50',
      'commit p99',
      'answer p50',
      'answer p99',
      'request p50',
      'request p99',
      'request itself',
      'rounds',
    ]
      .map((head, index) => (index === 0 ? head.padEnd(26) : head.padStart(15)))
      .join(''),
  )
  const feed = followFeed(vault)
  for (const { name, end } of ways) {
    for (const count of [1, gatewayUrls.length]) {
      const all = []
      while (all.length < rounds) all.push(await round(vault, feed, gatewayUrls.slice(0, count), end))
      const at = (field, share) =>
        quantile(
          all.map((each) => each[field]),
          share,
        ).toFixed(1)
      const cells = [
        count,
        ...['afterCommit', 'afterAnswer', 'afterRequest'].flatMap((field) => [at(field, 0.5), at(field, 0.99)]),
        at('request', 0.5),
        rounds,
      ]
      console.log(name.padEnd(26) + cells.map((cell) => String(cell).padStart(15)).join(''))
    }
  }
  await feed.stop()
}
