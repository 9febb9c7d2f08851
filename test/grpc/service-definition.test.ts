import { expect, test } from 'vitest'
import { serviceDefinition } from '../../src/grpc/index.ts'
import { healthV1 } from '../../src/proto/health-v1.ts'
import { echoContract } from '../goplugin/echo-contract.ts'

const say = serviceDefinition(echoContract, 'echo.Echo').Say!

test('has the methods of the service, with their paths and kinds', () => {
  const service = serviceDefinition(echoContract, 'echo.Echo')
  expect(Object.values(service).map(({ path }) => path)).toContain('/echo.Echo/Fail')
  expect([service.Fail?.responseStream, service.Say?.responseStream, service.Say?.requestStream]).toEqual([
    true,
    false,
    false,
  ])
})

test('64-bit integers are decimal strings, bytes are buffers, names stay, and what was not sent has its default', () => {
  expect(say.requestDeserialize(say.requestSerialize({ number: '-9223372036854775808', broker_id: 7 }))).toEqual({
    text: '',
    data: Buffer.alloc(0),
    broker_id: 7,
    number: '-9223372036854775808',
  })
})

test.each(['echo.Nothing', 'echo.Note', 'echo', 'Echo', 'toString'])('%j is not a service and is refused', (name) => {
  expect(() => serviceDefinition(echoContract, name)).toThrow(`the contract has no service ${name}`)
})

test('named: 64-bit integers are numbers and enums are names, and both representations are the same bytes', () => {
  const named = serviceDefinition(echoContract, 'echo.Echo', 'named').Say!
  expect(named.requestDeserialize(say.requestSerialize({ number: '1893456000' }))).toMatchObject({ number: 1893456000 })
  expect(say.requestDeserialize(named.requestSerialize({ number: 1893456000 }))).toMatchObject({ number: '1893456000' })

  const check = (representation: 'named' | 'exact') =>
    serviceDefinition(healthV1, 'grpc.health.v1.Health', representation).Check!
  const sent = check('named').responseSerialize({ status: 'NOT_SERVING' })
  expect(check('named').responseDeserialize(sent)).toEqual({ status: 'NOT_SERVING' })
  expect(check('exact').responseDeserialize(sent)).toEqual({ status: 2 })
  expect(check('exact').responseSerialize({ status: 2 })).toEqual(sent)
})

test('named: an enum value of a newer peer is kept, as its number', () => {
  const { responseSerialize, responseDeserialize } = serviceDefinition(
    healthV1,
    'grpc.health.v1.Health',
    'named',
  ).Check!
  expect(responseDeserialize(responseSerialize({ status: 9 }))).toEqual({ status: 9 })
})
