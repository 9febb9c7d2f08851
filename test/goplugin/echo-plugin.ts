/** A plugin that does what the tests ask of it, bad manners included. Bundled by `echo-bundle.ts` and run as a process. */
import '../../src/goplugin/silence.ts'
import './echo-noise.ts'
import type {
  Client,
  ServerUnaryCall,
  ServerWritableStream,
  UntypedServiceImplementation,
  sendUnaryData,
} from '@grpc/grpc-js'
import { servePlugin, serviceDefinition } from '../../src/goplugin/index.ts'
import type { PluginHost } from '../../src/goplugin/index.ts'
import { cookie, echoContract } from './echo-contract.ts'
import type { Note } from './echo-contract.ts'
import { hostileFields } from './hostile-fields.ts'

type Call = ServerUnaryCall<Note, Partial<Note>>
type Respond = sendUnaryData<Partial<Note>>

const store = serviceDefinition(echoContract, 'echo.Store')
let cancelled = 0

/** What `Do` can be told by `text`. */
const deeds: Record<string, (host: PluginHost) => unknown> = {
  'console.log': () => {
    console.log('printed %d times', 1)
  },
  'stdout of 1 MB': () => process.stdout.write('x'.repeat(1 << 20)),
  'stdout.end': () => {
    process.stdout.end('ended')
  },
  'log 2 MB, then throw': ({ logger }) =>
    setImmediate(() => {
      for (let line = 0; line < 400; line++) logger.info({ text: 'x'.repeat(5_000) }, `line ${String(line)}`)
      throw new Error('thrown by nobody')
    }),
  'console.error': () => {
    console.error('first\nsecond')
  },
  'hostile stderr': () => process.stderr.write('{"@level":30,"@message":null,"@timestamp":5}\n'),
  'hostile fields': ({ logger }) => {
    for (const fields of hostileFields()) logger.info(fields, 'hostile')
  },
  levels: ({ logger }) => {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) logger[level]({ key: level }, `at ${level}`)
  },
  warning: () => {
    process.emitWarning('mind the step')
  },
  throw: () => {
    throw new Error('thrown by the handler')
  },
  reject: () => Promise.reject(new Error('rejected by the handler')),
  'throw later': () =>
    setImmediate(() => {
      throw new Error('thrown by nobody')
    }),
  'reject later': () => {
    void Promise.reject(new Error('rejected by nobody'))
  },
  interrupt: () => process.kill(process.pid, 'SIGINT'),
}

function services(host: PluginHost): UntypedServiceImplementation {
  const clients = new Map<number, Promise<Client>>()
  const handle = async ({ request }: Call): Promise<Partial<Note>> => {
    const known = clients.get(request.broker_id) ?? host.dial(request.broker_id)
    clients.set(request.broker_id, known)
    known.catch(() => clients.delete(request.broker_id))
    const client = await known
    const { path, requestSerialize, responseDeserialize } = store.Get!
    return new Promise((resolve, reject) => {
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        (error, reply: Note | undefined) => {
          if (reply) resolve(reply)
          else reject(error ?? new Error('no reply'))
        },
      )
    })
  }
  return {
    Say: ({ request }: Call, response: Respond) => {
      response(null, request)
    },
    Ask: (call: Call, response: Respond) => {
      handle(call).then(
        (reply) => {
          response(null, reply)
        },
        (error: unknown) => {
          response({ code: 9, details: error instanceof Error ? error.message : String(error) })
        },
      )
    },
    Do: async ({ request }: Call, response: Respond) => {
      await deeds[request.text]!(host)
      response(null, request)
    },
    Hang: (call: Call) => {
      call.once('cancelled', () => {
        cancelled++
      })
    },
    Count: (_call: Call, response: Respond) => {
      response(null, { number: String(cancelled), text: String(host.version) })
    },
    Fail: async (stream: ServerWritableStream<Note, Partial<Note>>) => {
      stream.write({ text: 'one' })
      await Promise.reject(new Error('rejected by the stream'))
    },
  }
}

void servePlugin({
  cookie,
  versions: [4, 5],
  usage: 'This is a plugin, started by its host and by nobody else.',
  services: (host) => {
    if (process.env.ECHO_NOISE) console.log('from services()')
    if (process.env.ECHO_BROKEN) throw new Error('no services today')
    return [{ definition: serviceDefinition(echoContract, 'echo.Echo'), implementation: services(host) }]
  },
  close: async () => {
    console.log('closing')
    if (process.env.ECHO_CLOSE === 'never') await new Promise(() => undefined)
    if (process.env.ECHO_CLOSE === 'fails') throw new Error('cannot close')
    await new Promise(setImmediate)
    console.log('closed')
  },
})
