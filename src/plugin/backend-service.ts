/** `pb.Backend`: the calls by which a server drives its mounts. */
import type { ServerUnaryCall, ServiceError, sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { Service } from '../goplugin/index.ts'
import { RequestError, fromUnknown } from '../logical/errors.ts'
import type { Logger } from '../logical/log.ts'
import type { Request } from '../logical/request.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import { requestFromProto } from './from-proto.ts'
import type { Instance, Instances } from './instances.ts'
import { errorToProto, failureToProto, responseToProto } from './to-proto.ts'
import type { HandleExistenceCheckReply, HandleRequestReply, PbRequest, SetupArgs } from './wire.ts'

type Call<Arguments> = ServerUnaryCall<Arguments, unknown>
interface RequestArgs { readonly request: PbRequest | null }

const backendTypes = { secret: 1, auth: 2 } as const

export function backendService(instances: Instances, logger: Logger): Service {
  const of = (call: Call<unknown>) => instances.get(call.metadata)
  return {
    definition: serviceDefinition(vaultBackend, 'pb.Backend'),
    implementation: {
      Setup: unary<SetupArgs>((call) => setUp(instances, call, logger)),
      Initialize: unary<object>((call) => initialize(of(call))),
      Type: unary<object>((call) => ({ type: backendTypes[of(call).backend.type] })),
      SpecialPaths: unary<object>((call) => ({ paths: of(call).backend.specialPaths })),
      HandleRequest: unary<RequestArgs>((call) => handleRequest(of(call), call)),
      HandleExistenceCheck: unary<RequestArgs>((call) => checkExistence(of(call), call)),
      InvalidateKey: unary<{ key: string }>((call) => {
        of(call).backend.invalidateKey(call.request.key)
        return {}
      }),
      Cleanup: unary<object>(async (call) => {
        await instances.cleanUp(call.metadata)
        return {}
      }),
    },
  }
}

/** A handler of one answer. What it throws with a gRPC status is answered as that; the rest is a fault and left to the server of it. */
function unary<Arguments>(answer: (call: Call<Arguments>) => object | Promise<object>) {
  return async (call: Call<Arguments>, callback: sendUnaryData<object>): Promise<void> => {
    let reply: object
    try {
      reply = await answer(call)
    } catch (error) {
      if (typeof (error as Partial<ServiceError>).code !== 'number') throw error
      callback(error as ServiceError)
      return
    }
    callback(null, reply)
  }
}

async function setUp(instances: Instances, call: Call<SetupArgs>, logger: Logger): Promise<{ err: string }> {
  try {
    await instances.setUp(call.metadata, call.request)
    return { err: '' }
  } catch (thrown) {
    const error = fromUnknown(thrown)
    logger.error({ error: thrown }, 'a mount cannot be set up')
    return { err: error.message }
  }
}

async function initialize({ backend, logger }: Instance): Promise<object> {
  try {
    await backend.initialize()
    return { err: null }
  } catch (thrown) {
    logger.error({ error: thrown }, 'a mount cannot be initialized')
    return { err: errorToProto(fromUnknown(thrown)) }
  }
}

async function handleRequest(instance: Instance, call: Call<RequestArgs>): Promise<HandleRequestReply> {
  try {
    return { response: responseToProto(await instance.backend.handleRequest(requestOf(instance, call))), err: null }
  } catch (thrown) {
    report(instance, thrown, call.request.request?.operation)
    return failureToProto(thrown)
  }
}

async function checkExistence(instance: Instance, call: Call<RequestArgs>): Promise<HandleExistenceCheckReply> {
  try {
    const exists = await instance.backend.handleExistenceCheck(requestOf(instance, call))
    return { check_found: exists !== undefined, exists: exists ?? false, err: null }
  } catch (thrown) {
    report(instance, thrown, 'existence check')
    return { check_found: false, exists: false, err: errorToProto(fromUnknown(thrown)) }
  }
}

/** The caller is told nothing of faults and outages; the server's log is. */
function report({ logger }: Instance, thrown: unknown, operation: string | undefined): void {
  const error = fromUnknown(thrown)
  if (error.kind === 'internal') logger.error({ operation, error: error.cause ?? error }, 'a request failed')
  else if (error.kind === 'unavailable' && error.cause !== undefined) logger.warn({ operation, error: error.cause }, error.message)
}

function requestOf({ storage }: Instance, call: Call<RequestArgs>): Request {
  const asked = call.request.request
  if (!asked) throw new RequestError('invalid_request')
  const gone = new AbortController()
  call.once('cancelled', () => { gone.abort() })
  return requestFromProto(asked, { storage, signal: gone.signal })
}
