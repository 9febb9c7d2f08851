import { expect, test } from 'vitest'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { echoContract } from './echo-contract.ts'

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

test.each(['echo.Nothing', 'echo.Note', 'echo', 'Echo', 'toString'])('%j is no service and is refused', (name) => {
  expect(() => serviceDefinition(echoContract, name)).toThrow(`the contract has no service ${name}`)
})
