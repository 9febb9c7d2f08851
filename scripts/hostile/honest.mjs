// The caller nobody must disturb: a call with a session that is known, a new session, and a call with that.
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'

const PAUSE_MS = 20

/** Rounds until `stop.now`. Answers how long each took in milliseconds, and how many requests ended with which status. */
export async function honestRounds({ gatewayUrl, url, rootToken, honest }, stop) {
  const dispatcher = new Agent({ connections: 2, pipelining: 1 })
  const statuses = {}
  const roundsMs = []
  const send = async (address, options) => {
    const { statusCode, body } = await request(address, { dispatcher, ...options }).catch((error) => ({
      statusCode: error.code ?? 'failed',
      body: { text: () => '' },
    }))
    statuses[statusCode] = (statuses[statusCode] ?? 0) + 1
    return statusCode === 200 ? JSON.parse(await body.text()) : (await body.text(), undefined)
  }
  const call = (token) => send(`${gatewayUrl}/u/shop/things`, { headers: { authorization: `Bearer ${token}` } })
  const open = {
    method: 'POST',
    headers: { 'x-vault-token': rootToken, 'content-type': 'application/json' },
    body: '{"purpose":"hostile"}',
  }
  while (!stop.now) {
    const startedMs = performance.now()
    await call(honest.token)
    const opened = await send(`${url}/v1/mcp/creds/honest`, open)
    if (opened) await call(opened.data.token)
    roundsMs.push(performance.now() - startedMs)
    await pause(PAUSE_MS)
  }
  await dispatcher.close()
  return { roundsMs, statuses }
}

/** Answers the status of a call. */
export async function callOnce({ gatewayUrl }, { token }) {
  const response = await request(`${gatewayUrl}/u/shop/things`, { headers: { authorization: `Bearer ${token}` } })
  await response.body.dump()
  return response.statusCode
}

/** Median and worst, in milliseconds. */
export function delaysOf(roundsMs) {
  const sorted = [...roundsMs].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)], worst: sorted.at(-1) }
}
