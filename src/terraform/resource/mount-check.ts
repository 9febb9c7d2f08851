/** What a mount's own settings have against a planned document: found out by asking the server, once it can be asked. */
import { storedLife } from '../../document/index.ts'
import type { DocumentProblem, MountRules } from '../../document/index.ts'
import type { VaultResponse } from '../../vault-client/index.ts'
import type { Server } from '../server.ts'
import type { ResourceSpec } from './document-spec.ts'

const strictest: MountRules = { allow_wildcards: false, ttl_ceiling: 0 }

/** `path` is the document's, mount included; undefined while it is not known. None where the server cannot be asked: the engine says so itself. */
export async function mountProblems(
  { problems, livesField }: Pick<ResourceSpec, 'problems' | 'livesField'>,
  values: Readonly<Record<string, unknown>>,
  path: string | undefined,
  server: Server,
): Promise<readonly DocumentProblem[]> {
  const mount = server.knownMount()
  // What is wrong whatever the mount was said when the configuration was validated.
  if (problems === undefined || mount === undefined || problems(values).length > 0) return []
  if (problems(values, strictest).length === 0) return []
  const config = await read(server, `${mount}/config`)
  const { allow_wildcards, ttl_ceiling } = config?.data ?? {}
  const rules = (ceiling: boolean): MountRules => ({
    // What is planned counts, not the setting of before.
    ...(allow_wildcards === false && !server.wildcardsPlanned && { allow_wildcards }),
    ...(ceiling && typeof ttl_ceiling === 'number' && { ttl_ceiling }),
  })
  const found = problems(values, rules(true))
  const life = livesField === undefined ? undefined : values[livesField]
  // A life that was stored before the ceiling fell is cut, and may be written again as it is.
  const isStored =
    found.some(({ field }) => field === livesField) &&
    path !== undefined &&
    life === (await stored(server, path, livesField!))
  return isStored ? problems(values, rules(false)) : found
}

async function stored(server: Server, path: string, field: string): Promise<unknown> {
  const document = await read(server, path)
  return storedLife(field, document?.warnings ?? []) ?? document?.data?.[field]
}

const read = (server: Server, path: string): Promise<VaultResponse | undefined> =>
  server.read(path).catch(() => undefined)
