import { badRequest } from '../../logical/errors.ts'
import { getJson, putJson } from '../../logical/storage.ts'
import type { Storage } from '../../logical/storage.ts'

/** A plugin file somebody registered. It is never started: the engine of this name is part of the server. */
export interface PluginEntry {
  readonly name: string
  /** A semantic version with its `v`; '' for one without. */
  readonly version: string
  readonly command: string
  /** Hexadecimal, as given. */
  readonly sha256: string
  readonly args: readonly string[]
}

const semver = /^v?((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?)$/

/**
 * Registrations of the engines that are built in, kept so that what provisions a real server provisions this one: a registered
 * version can be read, mounted by its number and taken away, and every mount runs the built-in engine.
 */
export class PluginCatalog {
  readonly #storage: Storage

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** Registering again replaces. Throws on an invalid version, and on what no real server would take. */
  async register({ name, version, command, sha256, args }: PluginEntry): Promise<void> {
    if (command === '') throw badRequest('missing command value')
    if (sha256 === '') throw badRequest('missing SHA-256 value')
    if (!/^(?:[0-9a-f]{2})+$/i.test(sha256)) throw badRequest('Could not decode SHA-256 value from Hex')
    const known = normalised(version)
    if (known === undefined)
      throw badRequest(`version ${JSON.stringify(version)} is not a valid semantic version, for example v0.1.0.`)
    await putJson(this.#storage, keyOf(name, known), {
      name,
      version: known,
      command,
      sha256,
      args,
    } satisfies PluginEntry)
  }

  async find(name: string, version: string): Promise<PluginEntry | undefined> {
    const known = normalised(version)
    return known === undefined ? undefined : getJson<PluginEntry>(this.#storage, keyOf(name, known))
  }

  /** Every version of a plugin, in no particular order. */
  async versions(name: string): Promise<PluginEntry[]> {
    const entries = await Promise.all(
      (await this.#storage.list(`${name}/`)).map((key) => getJson<PluginEntry>(this.#storage, `${name}/${key}`)),
    )
    return entries.filter((entry) => entry !== undefined)
  }

  /** Removing what is not there succeeds. */
  async remove(name: string, version: string): Promise<void> {
    const known = normalised(version)
    if (known !== undefined) await this.#storage.delete(keyOf(name, known))
  }

  /** The version a mount is to show: the registered one it asks for, or '' where it asks for none. Throws where there is none such. */
  async mountable(type: string, version: string): Promise<string> {
    if (version === '') return ''
    const entry = await this.find(type, version)
    if (!entry) throw badRequest(`plugin not found in the catalog: ${type}, version=${version}`)
    return entry.version
  }
}

/** With its `v`; '' stays. Undefined: no version. */
function normalised(version: string): string | undefined {
  if (version === '') return ''
  const [, plain] = semver.exec(version) ?? []
  return plain === undefined ? undefined : `v${plain}`
}

const keyOf = (name: string, version: string): string => `${name}/${version === '' ? 'unversioned' : version}`
