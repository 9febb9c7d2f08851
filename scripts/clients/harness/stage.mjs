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
    vault: server.vault,
    exchanges,
    faults: () => Object.values(taps).flatMap(({ faults }) => faults),
    /** The base URL of an upstream's API. */
    urlOf: (upstream) => taps[upstream]?.url ?? `${tap.url}/u/${upstream}`,
    close: () => {
      for (const one of Object.values(taps)) one.close()
    },
  }
}

/** Key, consent, document and tools of each upstream, and an agent with all of `scopes`, cut by `policy`. Returns its phantom token. */
export async function provision(vault, agent, upstreams, { scopes, policy }) {
  for (const [name, { secret, document, consent, tools }] of Object.entries(upstreams)) {
    await vault('POST', `/v1/secret/data/mcp/${name}`, { data: secret })
    await vault('POST', `/v1/secret/metadata/mcp/${name}`, { custom_metadata: consent })
    await vault('POST', `/v1/mcp/upstreams/${name}`, document)
    for (const [tool, given] of Object.entries(tools))
      await vault('POST', `/v1/mcp/tools/${name}/${tool}`, Array.isArray(given) ? { operations: given } : given)
  }
  if (policy !== undefined) await vault('POST', `/v1/mcp/policies/${agent}`, { policy })
  const policies = policy === undefined ? {} : { policies: [agent] }
  await vault('POST', `/v1/mcp/agents/${agent}`, { owner: 'clients', environment: 'test', ...policies })
  await vault('POST', `/v1/mcp/agents/${agent}/scopes`, { scopes })
  return (await vault('POST', `/v1/mcp/creds/${agent}`, { purpose: 'clients' })).data.token
}
