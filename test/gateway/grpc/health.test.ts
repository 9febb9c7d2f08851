import { createRequire } from 'node:module'
import { status } from '@grpc/grpc-js'
import { describe, expect, it } from 'vitest'
import { startHarness } from '../harness.ts'
import { startGrpcHarness } from './harness.ts'

const noCaller = {}

describe('health', () => {
  it.each([
    '',
    'mcp.gateway.v1.Tokens',
    'mcp.gateway.v1.Sessions',
    'mcp.gateway.v1.Upstreams',
    'grpc.health.v1.Health',
  ])('"%s" serves while the feed is followed; nobody has to say who asks', async (service) => {
    const grpc = await startGrpcHarness()
    expect(await grpc.call('grpc.health.v1.Health.Check', { service }, noCaller)).toEqual({ status: 'SERVING' })
  })

  it('does not serve while Vault is out of contact', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    harness.vault.cutLine()
    await harness.clock.advance(6_000)
    expect(await grpc.call('grpc.health.v1.Health.Check', { service: '' }, noCaller)).toEqual({ status: 'NOT_SERVING' })
  })

  it('an unknown service is NOT_FOUND', async () => {
    const grpc = await startGrpcHarness()
    expect(
      await grpc.call('grpc.health.v1.Health.Check', { service: 'mcp.gateway.v2.Tokens' }, noCaller),
    ).toMatchObject({ code: status.NOT_FOUND })
  })

  it('a watcher hears of it at once and at every change', async () => {
    const harness = await startHarness()
    const grpc = await startGrpcHarness({}, harness)
    const watch = grpc.open('grpc.health.v1.Health.Watch', { service: '' }, noCaller)
    await watch.seen(1)
    harness.vault.cutLine()
    await harness.clock.advance(6_000)
    await watch.seen(2)
    harness.vault.mendLine()
    await harness.clock.advance(3_000)
    expect(await watch.seen(3)).toEqual([{ status: 'SERVING' }, { status: 'NOT_SERVING' }, { status: 'SERVING' }])
  })

  it('a watcher of an unknown service gets that status, and is not cut', async () => {
    const grpc = await startGrpcHarness()
    const watch = grpc.open('grpc.health.v1.Health.Watch', { service: 'nobody' }, noCaller)
    expect(await watch.seen(1)).toEqual([{ status: 'SERVICE_UNKNOWN' }])
  })
})

interface Described {
  name: string
  package: string
  service: { name: string; method: { name: string }[] }[]
  messageType: { name: string; field: { name: string; number: number; typeName: string }[] }[]
}
const { FileDescriptorProto } = createRequire(import.meta.url)('protobufjs/ext/descriptor') as {
  FileDescriptorProto: { decode(bytes: Uint8Array): Described }
}

describe('reflection', () => {
  async function check(request: object): Promise<Record<string, unknown>> {
    const grpc = await startGrpcHarness()
    const stream = grpc.open('grpc.reflection.v1.ServerReflection.ServerReflectionInfo', undefined, noCaller)
    stream.write({ host: 'here', ...request })
    const [response] = await stream.seen(1)
    stream.end()
    expect(await stream.ended).toBeUndefined()
    return response!
  }

  const fileOf = (response: Record<string, unknown>) =>
    FileDescriptorProto.decode(
      (response.file_descriptor_response as { file_descriptor_proto: Uint8Array[] }).file_descriptor_proto[0]!,
    )

  it('lists exactly the four services', async () => {
    expect(await check({ list_services: '*' })).toMatchObject({
      valid_host: 'here',
      original_request: { list_services: '*' },
      list_services_response: {
        service: [
          'grpc.health.v1.Health',
          'mcp.gateway.v1.Sessions',
          'mcp.gateway.v1.Tokens',
          'mcp.gateway.v1.Upstreams',
        ].map((name) => ({ name })),
      },
    })
  })

  it.each([
    'mcp.gateway.v1.Tokens',
    'mcp.gateway.v1.Tokens.Validate',
    'mcp.gateway.v1.ValidateRequest',
    'mcp.gateway.v1.SessionEvent.Kind',
  ])('describes %s', async (symbol) => {
    const file = fileOf(await check({ file_containing_symbol: symbol }))
    expect(file).toMatchObject({ name: 'mcp_gateway_v1.proto', package: 'mcp.gateway.v1' })
    expect(file.service.map(({ name, method }) => [name, method.length])).toEqual([
      ['Sessions', 5],
      ['Tokens', 3],
      ['Upstreams', 2],
    ])
  })

  it('hands the same file out by its name', async () => {
    expect(fileOf(await check({ file_by_filename: 'grpc_health_v1.proto' }))).toMatchObject({
      package: 'grpc.health.v1',
    })
  })

  it.each([
    ['a symbol that is not here', { file_containing_symbol: 'mcp.gateway.v1.Nobody' }, status.NOT_FOUND],
    ['a file of the disk', { file_by_filename: '/etc/passwd' }, status.NOT_FOUND],
    ['an extension', { file_containing_extension: { containing_type: 'x', extension_number: 1 } }, status.NOT_FOUND],
    ['nothing', {}, status.INVALID_ARGUMENT],
  ])('%s is refused in the response', async (_what, request, code) => {
    expect(await check(request)).toMatchObject({ error_response: { error_code: code } })
  })

  it('speaks v1alpha too', async () => {
    const grpc = await startGrpcHarness()
    const alpha = grpc.open(
      'grpc.reflection.v1.ServerReflection.ServerReflectionInfo|grpc.reflection.v1alpha.ServerReflection',
      undefined,
      noCaller,
    )
    alpha.write({ list_services: '' })
    expect((await alpha.seen(1))[0]).toHaveProperty('list_services_response')
  })
})
