/** `pb.Backend`: the calls by which a server drives its mounts. */
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../goplugin/index.ts'
import type { Service } from '../goplugin/index.ts'
import { RequestError, fromUnknown } from '../logical/errors.ts'
import type { Logger } from '../logical/log.ts'
import type { Request } from '../logical/request.ts'
import { vaultBackend } from '../proto/vault-backend.ts'
import type {
  HandleExistenceCheckReply,
  HandleRequestArgs,
  HandleRequestReply,
  InitializeReply,
  InvalidateKeyArgs,
  SetupArgs,
  SetupReply,
  SpecialPathsReply,
  TypeReply,
} from '../proto/vault-backend.ts'
import { failedCheck, failedRequest, protoError } from './error-to-proto.ts'
import { requestFromProto } from './from-proto.ts'
import { CallError } from './instances.ts'
import type { Instance, Instances } from './instances.ts'
import { responseToProto } from './to-proto.ts'

type Call<Arguments> = ServerUnaryCall<Arguments, unknown>

const backendTypes = { secret: 1, auth: 2 } as const

export function backendService(instances: Instances, logger: Logger): Service {
  const of = ({ metadata }: Call<unknown>) => instances.get(metadata)
  return {
    definition: serviceDefinition(vaultBackend, 'pb.Backend'),
    implementation: {
      Setup: unary<SetupArgs>((call) => setUp(instances, call, logger)),
      Initialize: unary<object>((call) => initialize(of(call))),
      Type: unary<object>((call): TypeReply => ({ type: backendTypes[of(call).backend.type] })),
      SpecialPaths: unary<object>((call): SpecialPathsReply => ({ paths: of(call).backend.specialPaths })),
      HandleRequest: unary<HandleRequestArgs>((call) => handleRequest(of(call), call)),
      HandleExistenceCheck: unary<HandleRequestArgs>((call) => checkExistence(of(call), call)),
      InvalidateKey: unary<InvalidateKeyArgs>((call) => {
        of(call).backend.invalidateKey(call.request.key)
        return {}
      }),
      Cleanup: unary<object>(async ({ metadata }) => {
        await instances.cleanUp(metadata)
        return {}
      }),
    },
  }
}

/** A handler of one response. A `CallError` is answered as the status it is; anything else it throws is a fault and left to the server of it. */
function unary<Arguments>(handle: (call: Call<Arguments>) => object | Promise<object>) {
  return async (call: Call<Arguments>, callback: sendUnaryData<object>): Promise<void> => {
    let reply: object
    try {
      reply = await handle(call)
    } catch (error) {
      if (!(error instanceof CallError)) throw error
      callback({ code: error.code, details: error.details })
      return
    }
    callback(null, reply)
  }
}

async function setUp(instances: Instances, call: Call<SetupArgs>, logger: Logger): Promise<SetupReply> {
  try {
    await instances.setUp(call.metadata, call.request)
    return { err: '' }
  } catch (error) {
    if (error instanceof CallError) throw error
    logger.error({ mount_uuid: call.request.backend_uuid, error }, 'a mount cannot be set up')
    return { err: fromUnknown(error).message }
  }
}

async function initialize({ backend, logger }: Instance): Promise<InitializeReply> {
  try {
    await backend.initialize()
    return { err: null }
  } catch (error) {
    logger.error({ error }, 'a mount cannot be initialized')
    return { err: protoError(fromUnknown(error)) }
  }
}

async function handleRequest(instance: Instance, call: Call<HandleRequestArgs>): Promise<HandleRequestReply> {
  try {
    return { response: responseToProto(await instance.backend.handleRequest(requestOf(instance, call))), err: null }
  } catch (error) {
    const operation = call.request.request?.operation
    report(instance, error, operation)
    return failedRequest(error, operation)
  }
}

async function checkExistence(instance: Instance, call: Call<HandleRequestArgs>): Promise<HandleExistenceCheckReply> {
  try {
    // Without its data: the server asks for callers too who will not be let write, and reading what they sent may take long.
    const exists = await instance.backend.handleExistenceCheck(requestOf(instance, call, 'null'))
    return { check_found: exists !== undefined, exists: exists ?? false, err: null }
  } catch (error) {
    report(instance, error, 'existence check')
    return { check_found: false, exists: false, err: failedCheck(error) }
  }
}

/** Callers are told nothing of what went wrong within; the server's log is. */
function report({ logger }: Instance, thrown: unknown, operation: string | undefined): void {
  const { kind, message, cause } = fromUnknown(thrown)
  if (kind === 'internal') logger.error({ operation, error: cause ?? thrown }, `a request failed: ${message}`)
  else if (cause !== undefined) logger.warn({ operation, error: cause }, message)
}

function requestOf(
  { storage }: Instance,
  call: Call<HandleRequestArgs>,
  data = call.request.request?.data ?? '',
): Request {
  const requested = call.request.request
  if (!requested) throw new RequestError('invalid_request')
  let signal: AbortSignal | undefined
  return requestFromProto({ ...requested, data }, { storage, signal: () => (signal ??= signalOf(call)) })
}

/** For those who look at it: it costs more than a request that never waits. */
function signalOf(call: Call<HandleRequestArgs>): AbortSignal {
  const gone = new AbortController()
  if (call.cancelled) gone.abort()
  // Emitted after a response as well, when nobody looks any more.
  call.once('cancelled', () => {
    gone.abort()
  })
  return gone.signal
}
