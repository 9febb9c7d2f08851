// The built server and the built gateway as processes of their own, each listener of the gateway behind a tap.
import { startDurable, startGatewayWith } from '../../bench/stage.mjs'
import { openTap } from './tap.mjs'

/** `listeners`: upstreams that have a port of their own, because their clients know no path before the API's. */
export async function startStage(processes, listeners) {
  const exchanges = []
  const tap = await openTap(exchanges)
  const taps = { '': tap }
  for (const upstream of listeners) taps[upstream] = await openTap(exchanges)
  const server = await startDurable(processes)
  const gateway = await startGatewayWith(processes, server, 'gateway', {
    settings: {
      // Programs name the tap as their host.
      allowed_hosts: Object.values(taps).map(({ host }) => host),
      upstream_listener: Object.fromEntries(listeners.map((upstream) => [upstream, { address: '127.0.0.1:0' }])),
    },
  })
  tap.forward(gateway.url)
  for (const [, upstream, url] of gateway.banner.matchAll(/Upstream +(\S+) at (\S+)/g)) taps[upstream].forward(url)
  return {
    server,
    exchanges,
    faults: () => Object.values(taps).flatMap(({ faults }) => faults),
    /** The base URL of an upstream's API. */
    urlOf: (upstream) => taps[upstream]?.url ?? `${tap.url}/u/${upstream}`,
    close: () => {
      for (const one of Object.values(taps)) one.close()
    },
  }
}
