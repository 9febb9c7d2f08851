/** The fake host with the echo plugin behind it, and what its tests say to it. */
import type { ServerUnaryCall, ServiceError, sendUnaryData } from '@grpc/grpc-js'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import type { Service } from '../../src/goplugin/index.ts'
import { launchPlugin } from '../fakes/go-plugin-host.ts'
import type { GoPluginHost, HostCallOptions, LaunchOptions } from '../fakes/go-plugin-host.ts'
import { bundleProgram } from './echo-bundle.ts'
import { cookie, echoContract } from './echo-contract.ts'
import type { Note } from './echo-contract.ts'

export const echo = serviceDefinition(echoContract, 'echo.Echo')
export const store = serviceDefinition(echoContract, 'echo.Store')

/** A `Store` of the host's that answers with what it was asked, and counts. */
export function storeService(): Service & { readonly requests: string[] } {
  const requests: string[] = []
  const Get = ({ request }: ServerUnaryCall<Note, Partial<Note>>, response: sendUnaryData<Partial<Note>>) => {
    requests.push(request.text)
    response(null, { ...request, text: `stored ${request.text}` })
  }
  return { definition: store, implementation: { Get }, requests }
}

export interface EchoHosts {
  readonly options: (more?: Partial<LaunchOptions>) => LaunchOptions
  readonly launch: (more?: Partial<LaunchOptions>) => Promise<GoPluginHost>
  /** Ends every plugin still running. */
  readonly end: () => Promise<void>
}

/** Bundles the plugin; `end` removes the bundle as well. */
export async function echoHosts(): Promise<EchoHosts> {
  const bundle = await bundleProgram('echo-plugin')
  const hosts: GoPluginHost[] = []
  const options = (more: Partial<LaunchOptions> = {}): LaunchOptions => ({
    command: process.execPath,
    args: [bundle.path],
    cookie,
    ...more,
  })
  return {
    options,
    launch: async (more) => {
      const host = await launchPlugin(options(more))
      hosts.push(host)
      return host
    },
    end: async () => {
      for (const host of hosts) {
        host.disconnect()
        host.process.child.kill('SIGKILL')
        await host.process.exited
      }
      bundle.remove()
    },
  }
}

/** Tells the plugin to do one of its deeds. */
export const tell = (host: GoPluginHost, deed: string, options?: HostCallOptions): Promise<Note> =>
  host.call<Note>(echo, 'Do', { text: deed }, options)

/** The error a call fails with; fails itself where the call succeeds. */
export async function failure(call: Promise<unknown>): Promise<ServiceError> {
  try {
    await call
  } catch (error) {
    return error as ServiceError
  }
  throw new Error('the call succeeded')
}
