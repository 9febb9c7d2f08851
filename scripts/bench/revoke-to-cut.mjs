// From the response of a synchronous revocation to the last byte and the end of a stream that grew from the lease, at the gateway
// that is last. The upstream writes every millisecond, so a cut is seen no sooner. Below 0: cut before the response had arrived.
import { request } from 'undici'
import { performance } from 'node:perf_hooks'
import { printTable, quantile } from './loops.mjs'
import { issue } from './stage.mjs'

const ROUNDS = 50

/** Resolves once the first byte is there; `ended` does when the stream is over, with the times of its last byte and of its end. */
export async function follow(gatewayUrl, token) {
  const { statusCode, body } = await request(`${gatewayUrl}/u/bench/stream`, {
    headers: { authorization: `Bearer ${token}` },
  })
  if (statusCode !== 200) throw new Error(`the stream was refused: ${statusCode} ${await body.text()}`)
  let lastByte = 0
  let begun
  const first = new Promise((resolve) => {
    begun = resolve
  })
  const ended = new Promise((resolve) => {
    body.on('data', () => {
      lastByte = performance.now()
      begun()
    })
    body.on('close', () => resolve({ lastByte, end: performance.now() }))
    // A cut is a broken stream: what is waited for.
    body.on('error', () => undefined)
  })
  await first
  // In an object: an async function would wait for a promise it returns.
  return { ended }
}

async function round(vault, gatewayUrls) {
  const issued = await issue(vault)
  const streams = await Promise.all(gatewayUrls.map((url) => follow(url, issued.data.token)))
  const revoked = vault('POST', '/v1/sys/leases/revoke', { lease_id: issued.lease_id, sync: true }).then(() =>
    performance.now(),
  )
  const [answered, ...ends] = await Promise.all([revoked, ...streams.map(({ ended }) => ended)])
  return {
    lastByte: Math.max(...ends.map(({ lastByte }) => lastByte)) - answered,
    end: Math.max(...ends.map(({ end }) => end)) - answered,
  }
}

export async function measureRevokeToCut({ vault }, gatewayUrls) {
  const rows = []
  for (const count of [1, gatewayUrls.length]) {
    const rounds = []
    while (rounds.length < ROUNDS) rounds.push(await round(vault, gatewayUrls.slice(0, count)))
    for (const [name, field] of [
      ['last byte', 'lastByte'],
      ['end of the stream', 'end'],
    ]) {
      const values = rounds.map((each) => each[field])
      rows.push({
        name: `${name}, ${count} gateway${count === 1 ? '' : 's'} with one stream each`,
        p50: quantile(values, 0.5),
        p99: quantile(values, 0.99),
        samples: ROUNDS,
      })
    }
  }
  printTable('Revoke to cut, after the revocation has answered', rows)
}
