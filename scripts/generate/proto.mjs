// src/proto/*.ts: proto/ compiled to protobufjs JSON. Bundles and installed packages never read a .proto file. For contracts with
// `types` also their messages, as TypeScript interfaces.
import { resolve } from 'node:path'
import protobuf from 'protobufjs'

const root = resolve(import.meta.dirname, '../..')
const contracts = [
  {
    proto: 'proto/mcp/gateway/v1/gateway.proto',
    target: 'src/proto/gateway-v1.ts',
    name: 'gatewayV1',
    types: { int64: 'number' },
  },
  { proto: 'proto/grpc/health/v1/health.proto', target: 'src/proto/health-v1.ts', name: 'healthV1' },
  { proto: 'proto/grpc/reflection/v1/reflection.proto', target: 'src/proto/reflection-v1.ts', name: 'reflectionV1' },
  { proto: 'proto/goplugin/plugin.proto', target: 'src/proto/goplugin.ts', name: 'goplugin' },
  {
    proto: 'proto/vault/backend.proto',
    target: 'src/proto/vault-backend.ts',
    name: 'vaultBackend',
    types: { int64: 'string | number', absent: ' | null' },
  },
  { proto: 'proto/vault/multiplexing.proto', target: 'src/proto/vault-multiplexing.ts', name: 'vaultMultiplexing' },
  { proto: 'proto/vault/plugin.proto', target: 'src/proto/vault-plugin.ts', name: 'vaultPlugin' },
  { proto: 'proto/terraform/tfplugin6.proto', target: 'src/proto/tfplugin6.ts', name: 'tfplugin6' },
]

function compile({ proto, name, types }) {
  const loaded = new protobuf.Root()
  loaded.loadSync(resolve(root, proto), { keepCase: true, alternateCommentMode: true })
  loaded.resolveAll()
  const json = JSON.stringify(loaded.toJSON(), null, 2)
  return `// Generated from ${proto} by scripts/generate.mjs. Do not edit.\nexport const ${name} = ${json}\n${types ? interfaces(loaded, types) : ''}`
}

/**
 * Messages as they are in memory when decoded with `keepCase`, `enums: String`, `defaults` and `oneofs`: everything is set, but for
 * the members of a oneof, of which at most one is, named by the oneof itself. `int64` is what the option `longs` makes of those, and
 * `absent` is added to the type of a message in a message where it may be missing.
 */
function interfaces(scope, types) {
  return scope.nestedArray
    .map((node) => {
      if (node instanceof protobuf.Enum)
        return `\nexport type ${typeName(node)} = ${Object.keys(node.values)
          .map((value) => `'${value}'`)
          .join(' | ')}\n`
      const own = node instanceof protobuf.Type ? messageInterface(node, types) : ''
      return own + (node.nestedArray ? interfaces(node, types) : '')
    })
    .join('')
}

function messageInterface(type, types) {
  const fields = type.fieldsArray.flatMap((field) => [
    ...comment(field, '  '),
    `  readonly ${field.name}${field.partOf ? '?' : ''}: ${fieldType(field, types)}`,
  ])
  const oneofs = type.oneofsArray.flatMap((oneof) => [
    ...comment(oneof, '  '),
    `  readonly ${oneof.name}?: ${oneof.fieldsArray.map(({ name }) => `'${name}'`).join(' | ')}`,
  ])
  return ['', ...comment(type, ''), `export interface ${typeName(type)} {`, ...fields, ...oneofs, '}', ''].join('\n')
}

/** `SessionEvent.Kind` → `SessionEventKind` */
const typeName = (node) => (node.parent instanceof protobuf.Type ? typeName(node.parent) : '') + node.name
const comment = ({ comment: text }, indent) => (text ? [`${indent}/** ${text.replaceAll('\n', ' ')} */`] : [])
const scalars = { string: 'string', bool: 'boolean', bytes: 'Uint8Array' }

function fieldType(field, types) {
  const message = field.resolvedType instanceof protobuf.Type
  const single = field.resolvedType
    ? typeName(field.resolvedType)
    : /64/.test(field.type)
      ? types.int64
      : (scalars[field.type] ?? 'number')
  if (field.map) return `Readonly<Record<string, ${single}>>`
  if (field.repeated) return `readonly ${single}[]`
  return message && !field.partOf ? single + (types.absent ?? '') : single
}

/** Every file with its text, by its path, and what it is compiled from. */
export const protoFiles = () =>
  contracts.map((contract) => ({ target: contract.target, source: contract.proto, text: compile(contract) }))
