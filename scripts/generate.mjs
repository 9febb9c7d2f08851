// Writes what is generated and committed, or with --check fails where the committed file differs.
//   src/proto/*.ts   proto/ compiled to protobufjs JSON: bundles and installed packages never read a .proto file.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import protobuf from 'protobufjs'

const root = resolve(import.meta.dirname, '..')
const check = process.argv.includes('--check')
const contracts = [
  { proto: 'proto/mcp/gateway/v1/gateway.proto', target: 'src/proto/gateway-v1.ts', name: 'gatewayV1' },
  { proto: 'proto/grpc/health/v1/health.proto', target: 'src/proto/health-v1.ts', name: 'healthV1' },
  { proto: 'proto/grpc/reflection/v1/reflection.proto', target: 'src/proto/reflection-v1.ts', name: 'reflectionV1' },
]

function compile({ proto, name }) {
  const loaded = new protobuf.Root()
  loaded.loadSync(resolve(root, proto), { keepCase: true })
  return `// Generated from ${proto} by scripts/generate.mjs. Do not edit.\nexport const ${name} = ${JSON.stringify(loaded.toJSON(), null, 2)}\n`
}

let stale = 0
for (const contract of contracts) {
  const target = resolve(root, contract.target)
  const text = compile(contract)
  const current = existsSync(target) ? readFileSync(target, 'utf8') : ''
  if (current === text) continue
  if (check) {
    stale++
    console.error(`${contract.target} is not what ${contract.proto} generates; run npm run generate`)
  } else {
    writeFileSync(target, text)
    console.log(`wrote ${contract.target}`)
  }
}
if (check && stale === 0) console.log('generated files: up to date')
process.exitCode = stale === 0 ? 0 : 1
