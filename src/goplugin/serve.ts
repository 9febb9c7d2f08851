/** The life of a plugin process, from the cookie to the exit. */
import { randomBytes } from 'node:crypto'
import tls from 'node:tls'
import { Server, ServerCredentials, logVerbosity, setLogVerbosity } from '@grpc/grpc-js'
import { healthDefinition, healthService } from '../grpc/index.ts'
import { systemClock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { createBroker } from './broker.ts'
import type { MutualTls } from './broker.ts'
import { createCertificate } from './certificate.ts'
import { controllerService } from './controller.ts'
import { handleSignals, orderlyExit } from './exit.ts'
import { guarded } from './guard.ts'
import { LaunchError, handshakeLine, readLaunch } from './handshake.ts'
import { listen } from './listen.ts'
import { watchHost } from './host-watch.ts'
import { captureOutput } from './output.ts'
import type { Output } from './output.ts'
import type { GoPlugin, Service } from './plugin.ts'
import { stdioService } from './stdio.ts'

/** No keepalive and no connection age: the host opens its broker stream once, and losing it would end the plugin. */
const serverOptions = {
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_channelz': 0,
}

/** A plugin that answers at all is serving. Hosts ask for the service called `plugin`. */
const health: Service = {
  definition: healthDefinition,
  implementation: healthService({ services: ['plugin'], instead: '"plugin"', serving: () => true }),
}

/**
 * Turns this process into the plugin: takes over stdout, stderr and signals, tells the host where to connect, and serves until the
 * host asks for the exit or is gone. Resolves once serving. Started by hand, it prints `usage` and exits with 1, as it does with an
 * error line where host and plugin cannot work together.
 */
export async function servePlugin(plugin: GoPlugin): Promise<void> {
  const output = captureOutput()
  const { name, value } = plugin.cookie
  if (process.env[name] !== value) {
    output.tell(`${plugin.usage.trimEnd()}\n`)
    process.exit(1)
  }
  const exit = orderlyExit({ clock: systemClock, logger: output.logger, close: async () => plugin.close?.() })
  handleSignals(exit)
  try {
    await start(plugin, output, exit)
  } catch (error) {
    output.logger.error(
      error instanceof LaunchError ? {} : { error },
      error instanceof LaunchError ? error.message : 'the plugin cannot start',
    )
    process.exit(1)
  }
}

async function start(plugin: GoPlugin, output: Output, exit: (code: number) => void): Promise<void> {
  const clock = systemClock
  const { logger } = output
  const launch = readLaunch(process.env, plugin.versions)
  const mutual = launch.hostCertificate && {
    own: createCertificate(clock.now()),
    hostCertificate: launch.hostCertificate,
  }
  const watch = watchHost({
    clock,
    parent: () => process.ppid,
    gone: (why) => {
      logger.warn({}, `${why}; the plugin exits`)
      exit(0)
    },
  })
  const broker = createBroker({ clock, tls: mutual, opened: watch.streamOpened, closed: watch.streamClosed })
  // The library's own messages are the faults its callers get as errors.
  if (process.env.GRPC_VERBOSITY === undefined) setLogVerbosity(logVerbosity.NONE)
  const server = new Server(serverOptions)
  const services = [
    health,
    broker.service,
    controllerService(clock, () => {
      exit(0)
    }),
    stdioService(),
    ...plugin.services({ version: launch.version, logger, dial: broker.dial }),
  ]
  for (const service of services) addService(server, service, logger)
  const listening = await listen({
    server,
    credentials: serverCredentials(mutual),
    launch,
    platform: process.platform,
    random: randomBytes,
  })
  output.handshake(handshakeLine(launch, listening, mutual?.own.der))
}

function addService(server: Server, service: Service, logger: Logger): void {
  const { definition, implementation } = guarded(service, logger)
  server.addService(definition, implementation)
}

function serverCredentials(mutual: MutualTls | undefined): ServerCredentials {
  if (!mutual) return ServerCredentials.createInsecure()
  // The inherited NODE_OPTIONS may have lowered it.
  tls.DEFAULT_MIN_VERSION = 'TLSv1.2'
  const { own, hostCertificate } = mutual
  return ServerCredentials.createSsl(
    hostCertificate,
    [{ private_key: own.keyPem, cert_chain: own.certificatePem }],
    true,
  )
}
