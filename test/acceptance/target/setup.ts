/** Initialising, unsealing and registering the plugin through the API: the same for a process and for a container. */
import { eventually } from '../eventually.ts'
import { apiOf, must } from './server.ts'
import type { Api, Server } from './server.ts'

export interface Unsealed {
  readonly rootToken: string
  readonly api: Api
  readonly seal: NonNullable<Server['seal']>
}

/** Resolves when a server with empty storage answers at `address`. Rejects as soon as `hasEnded`. */
export async function untilListening(address: string, hasEnded: () => boolean = () => false): Promise<void> {
  const unauthenticated = apiOf(address, '')
  await eventually(
    'the server listens',
    async () => {
      if (hasEnded()) throw new Error('the server ended before it listened')
      return (await unauthenticated('GET', 'sys/health').catch(() => undefined))?.status ?? 'not yet'
    },
    501,
  )
}

/** A server that has just been started with empty storage. Resolves when it serves. */
export async function initialise(address: string): Promise<Unsealed> {
  const unauthenticated = apiOf(address, '')
  const { body } = await must(
    unauthenticated('PUT', 'sys/init', { body: { secret_shares: 1, secret_threshold: 1 } }),
    'initialising',
  )
  const {
    root_token: rootToken,
    keys_base64: [key],
  } = body as { root_token: string; keys_base64: [string] }
  const api = apiOf(address, rootToken)
  const health = async () => (await unauthenticated('GET', 'sys/health').catch(() => undefined))?.status
  const open = async () => {
    await must(unauthenticated('PUT', 'sys/unseal', { body: { key } }), 'unsealing')
    await eventually('an unsealed server serves', health, 200)
  }
  await open()
  return {
    rootToken,
    api,
    seal: {
      open,
      async close() {
        await must(api('PUT', 'sys/seal'), 'sealing')
        await eventually('a sealed server says so', health, 503)
      },
    },
  }
}

/** Puts one more version of the plugin into the catalogue. */
export async function register(api: Api, entry: { version: string; command: string; sha256: string }): Promise<void> {
  await must(api('PUT', 'sys/plugins/catalog/secret/mcp', { body: entry }), `registering ${entry.command}`)
}

export async function reload(api: Api, mount: string): Promise<void> {
  await must(api('PUT', 'sys/plugins/reload/backend', { body: { mounts: [`${mount}/`] } }), `reloading ${mount}`)
}

export async function useVersion(api: Api, mount: string, version: string): Promise<void> {
  await must(api('POST', `sys/mounts/${mount}/tune`, { body: { plugin_version: version } }), `tuning ${mount}`)
  await reload(api, mount)
}

export async function runningVersion(api: Api, mount: string): Promise<string> {
  const { body } = await must(api('GET', `sys/mounts/${mount}`), `reading ${mount}`)
  return (body as { data: { running_plugin_version: string } }).data.running_plugin_version
}
