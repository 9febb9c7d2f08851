import { RequestError, badRequest, fromUnknown } from '../../logical/errors.ts'
import type { Logger } from '../../logical/log.ts'
import type { Core } from '../core/core.ts'
import { uuid } from '../base/ids.ts'
import type { Random } from '../base/ids.ts'
import { statusResponse } from '../sys/status.ts'
import type { StatusConfig } from '../sys/status.ts'
import { errorResponse, jsonResponse, outcomeResponse } from './response.ts'
import type { HostResponse, HostCall, Standing } from './call.ts'
import { apiPath, readCall, tokenOf } from './read-call.ts'

export interface ApiConfig {
  readonly core: Core
  readonly status: StatusConfig
  readonly random: Random
  readonly logger: Logger
}

/** Vault's HTTP API over the core: everything between a request that has been read and the answer to be written. Never rejects. */
export async function answerCall(config: ApiConfig, call: HostCall): Promise<HostResponse> {
  const id = uuid(config.random)
  try {
    return withNamespace(call, await respond(config, call, id))
  } catch (thrown) {
    const error = fromUnknown(thrown)
    if (error.kind === 'internal')
      config.logger.error(
        { cause: error.cause ?? error, path: call.path, request_id: id },
        'request failed inside the server',
      )
    return withNamespace(call, errorResponse(error))
  }
}

async function respond(config: ApiConfig, call: HostCall, id: string): Promise<HostResponse> {
  const path = apiPath(call.path)
  if (path === undefined)
    throw new RequestError('unsupported_path', 'no handler for this path; the API lies under /v1/')
  const bare = statusResponse(config.status, path.replace(/\/$/, ''), call.query)
  if (bare) {
    if (call.method === 'GET') return jsonResponse(bare.status, bare.body)
    if (call.method === 'HEAD') return { ...jsonResponse(bare.status, {}), body: '' }
    if (path === 'sys/init') throw badRequest('Vault is already initialized')
    throw new RequestError('unsupported_operation', undefined, { allow: ['GET', 'HEAD'] })
  }
  return outcomeResponse(await config.core.handle(await readCall(call, path, id)), id)
}

/** What the head of a request tells of its sender. */
export function standingOf({ core }: ApiConfig, { path, headers }: Pick<HostCall, 'path' | 'headers'>): Standing {
  try {
    return core.standing(tokenOf(headers), apiPath(path) ?? '')
  } catch {
    // Not a path at all.
    return { kind: 'refused' }
  }
}

/** Clients check that the namespace they named is the one that answered. */
function withNamespace(call: HostCall, response: HostResponse): HostResponse {
  const namespace = call.headers['x-vault-namespace']
  if (namespace === undefined || !/^[A-Za-z0-9/_-]*$/.test(namespace)) return response
  return { ...response, headers: { ...response.headers, 'x-vault-namespace': namespace } }
}
