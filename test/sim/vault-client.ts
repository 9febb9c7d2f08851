import type { RequestOptions, VaultResponse, VaultClient, VaultMethod } from '../../src/vault-client/index.ts'
import { VaultError } from '../../src/vault-client/index.ts'
import { kindOfResponse, noResponse } from '../../src/vault-client/errors.ts'
import type { Cluster, WireResponse } from './cluster.ts'
import type { Process } from './machine.ts'
import type { Network } from './network.ts'

export interface ClientDependencies {
  readonly cluster: Cluster
  readonly network: Network
  readonly process: Process
  readonly token: string
}

const DEFAULT_TIMEOUT_MS = 10_000

/** Vault's API over the simulated network, from one process. What is sent may be lost, late or, where it does no harm, repeated. */
export function vaultClient(dependencies: ClientDependencies): VaultClient {
  const request = (method: VaultMethod, path: string, options: RequestOptions = {}) =>
    send(dependencies, method, path, options)
  return {
    request,
    read: (path, options) => orNothing(request('GET', path, options)),
    list: (path, options) => orNothing(request('LIST', path, options)),
    write: (path, body = {}, options = {}) => request('POST', path, { ...options, body }),
    delete: (path, options) => request('DELETE', path, options),
    withToken: (token) => vaultClient({ ...dependencies, token }),
    close: () => Promise.resolve(),
  }
}

/** Proxies and load balancers repeat what changes nothing. */
const isRepeatable = (method: VaultMethod, path: string): boolean => method === 'GET' || path === 'mcp/introspect'

function send(
  dependencies: ClientDependencies,
  method: VaultMethod,
  path: string,
  options: RequestOptions,
): Promise<VaultResponse> {
  const { cluster, network, process, token } = dependencies
  const { signal, timeoutMs = DEFAULT_TIMEOUT_MS, query, body } = options
  const target = cluster.front
  return new Promise((resolve, reject) => {
    const gone = new AbortController()
    let isOver = false
    const finish = (act: () => void) => {
      if (isOver) return
      isOver = true
      cancelTimer()
      signal?.removeEventListener('abort', onAbort)
      act()
    }
    const giveUp = (error: VaultError) => {
      finish(() => {
        network.send(process.machine, target, () => {
          gone.abort()
        })
        reject(error)
      })
    }
    const onAbort = () => {
      giveUp(noResponse('the request to Vault was cancelled'))
    }
    const cancelTimer = process.clock.after(timeoutMs, () => {
      giveUp(noResponse(`Vault did not respond within ${String(timeoutMs)} ms`))
    })
    if (signal?.aborted) {
      onAbort()
      return
    }
    signal?.addEventListener('abort', onAbort, { once: true })
    const wire = {
      id: Buffer.from(process.random(8)).toString('hex'),
      method,
      path,
      data: JSON.parse(JSON.stringify(body ?? query ?? {})) as Record<string, unknown>,
      token,
      signal: gone.signal,
    }
    const respond = (response: WireResponse) => {
      network.send(target, process.machine, () => {
        process.deliver(() => {
          finish(() => {
            settle(response, resolve, reject)
          })
        })
      })
    }
    network.send(
      process.machine,
      target,
      () => {
        cluster.receive(wire, respond)
      },
      isRepeatable(method, path),
    )
  })
}

function settle(
  { status, data, errors, lease_id }: WireResponse,
  resolve: (response: VaultResponse) => void,
  reject: (error: VaultError) => void,
): void {
  if (status === 0) reject(noResponse('the connection to Vault broke'))
  else if (status >= 400) {
    const texts = errors ?? []
    reject(new VaultError(kindOfResponse(status, texts), status, texts[0] ?? `Vault answered ${String(status)}`, texts))
  } else {
    resolve({
      status,
      raw: data,
      ...(data === undefined ? {} : { data }),
      ...(lease_id === undefined ? {} : { lease_id }),
    })
  }
}

async function orNothing(request: Promise<VaultResponse>): Promise<VaultResponse | undefined> {
  try {
    return await request
  } catch (error) {
    if (error instanceof VaultError && error.kind === 'not_found' && error.errors.length === 0) return undefined
    throw error
  }
}
