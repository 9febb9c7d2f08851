import { fromHelpDocument } from '../../framework/openapi.ts'
import type {
  OpenApiDocument,
  OpenApiInfo,
  OpenApiOperation,
  OpenApiParameter,
  OpenApiPathItem,
  OpenApiSchema,
} from '../../framework/openapi-document.ts'
import type { Request } from '../../logical/request.ts'
import { isAuthPath } from '../base/mount.ts'
import type { Mount } from '../base/mount.ts'

export interface DocumentRequest {
  readonly mounts: readonly Mount[]
  readonly info: OpenApiInfo
  /** Mounts as parameters of the path, for generators of clients. */
  readonly generic: boolean
  /** The request that asks; the engines are asked in its name. */
  readonly request: Request
}

/** The server's OpenAPI document: every engine's own, under its mount. What did not start is left out. */
export async function serverDocument({ mounts, info, generic, request }: DocumentRequest): Promise<OpenApiDocument> {
  const paths: Record<string, OpenApiPathItem> = {}
  const schemas: Record<string, OpenApiSchema> = {}
  const taken = new Set<string>()
  for (const mount of mounts) {
    const document = await documentOf(mount, request)
    if (!document) continue
    const parameter = generic ? mountParameter(mount) : undefined
    const prefix = parameter
      ? `${isAuthPath(mount.entry.path) ? 'auth/' : ''}{${parameter.name}}`
      : mount.entry.path.slice(0, -1)
    for (const [path, item] of Object.entries(document.paths)) {
      const named = withOwnNames(item, mount.entry.type === 'system' ? 'system' : undefined, taken)
      paths[`/${prefix}${path}`] = parameter
        ? { ...named, parameters: [...(named.parameters ?? []), parameter] }
        : named
    }
    Object.assign(schemas, document.components.schemas)
  }
  return { openapi: '3.0.2', info, paths, components: { schemas } }
}

async function documentOf(mount: Mount, request: Request): Promise<OpenApiDocument | undefined> {
  const response = await mount.backend?.handleRequest({
    ...request,
    operation: 'help',
    path: '',
    data: { requestResponsePrefix: mount.entry.type },
    storage: mount.storage,
    client_token: mount.salted(''),
    mount_point: mount.entry.path,
  })
  const document = response?.data?.openapi
  return document === undefined ? undefined : fromHelpDocument(document as OpenApiDocument)
}

/** What there is one of has its place; the rest can be mounted anywhere. */
function mountParameter({ entry }: Mount): OpenApiParameter | undefined {
  if (entry.type === 'system' || entry.type === 'token') return undefined
  const place = entry.path.replace(/^auth\//, '').slice(0, -1)
  return {
    name: `${place.replaceAll(/\W/g, '_')}_mount_path`,
    description: 'Path that the backend was mounted at',
    in: 'path',
    required: true,
    schema: { type: 'string', default: place },
  }
}

/** Two mounts of one type name their operations alike; in one document each has a name of its own. */
function withOwnNames(item: OpenApiPathItem, tag: string | undefined, taken: Set<string>): OpenApiPathItem {
  const named = (['get', 'post', 'patch', 'delete'] as const).flatMap((method) => {
    const operation = item[method]
    return operation
      ? [
          [
            method,
            {
              ...operation,
              operationId: ownName(operation.operationId, taken),
              ...(tag !== undefined && { tags: [tag] }),
            } satisfies OpenApiOperation,
          ],
        ]
      : []
  })
  return { ...item, ...(Object.fromEntries(named) as Partial<OpenApiPathItem>) }
}

function ownName(wanted: string, taken: Set<string>): string {
  let name = wanted
  for (let count = 2; taken.has(name); count++) name = `${wanted}-${count}`
  taken.add(name)
  return name
}
