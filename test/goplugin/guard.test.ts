import { EventEmitter } from 'node:events'
import type { sendUnaryData } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { guarded } from '../../src/goplugin/guard.ts'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { silentLogger } from '../../src/logical/log.ts'
import { settle } from '../fakes/clock.ts'
import { echoContract } from './echo-contract.ts'

const definition = serviceDefinition(echoContract, 'echo.Echo')
const internal = { code: 13, details: 'internal error' }

/** What a caller of `handler` is answered, and what is logged of it. */
async function answersOf(handler: (call: object, callback: sendUnaryData<unknown>) => unknown) {
  const logged: object[] = []
  const responses: unknown[] = []
  const { implementation } = guarded(
    { definition, implementation: { Say: handler } },
    {
      ...silentLogger,
      error: (fields) => {
        logged.push(fields)
      },
    },
  )
  const say = implementation.Say as unknown as typeof handler
  say({}, (error, reply) => {
    responses.push(error ?? reply)
  })
  await settle()
  return { answers: responses, logged }
}

test('a handler that answers is left alone', async () => {
  expect(
    await answersOf((_call, response) => {
      response(null, 'fine')
    }),
  ).toEqual({ answers: ['fine'], logged: [] })
})

test.each([
  [
    'throws',
    () => {
      throw new Error('no')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no'))],
])('a handler that %s answers INTERNAL, and the reason is logged with the method', async (_name, handler) => {
  expect(await answersOf(handler)).toEqual({
    answers: [internal],
    logged: [{ method: '/echo.Echo/Say', error: new Error('no') }],
  })
})

test('what fails after the response is logged, and the caller is not answered again', async () => {
  expect(
    await answersOf(async (_call, response) => {
      response(null, 'first')
      await Promise.resolve()
      throw new Error('late')
    }),
  ).toEqual({ answers: ['first'], logged: [{ method: '/echo.Echo/Say', error: new Error('late') }] })
})

test('of two responses the first is sent', async () => {
  expect(
    await answersOf((_call, response) => {
      response(null, 'first')
      response(null, 'second')
    }),
  ).toEqual({ answers: ['first'], logged: [] })
})

test('a streaming handler that fails ends its stream with INTERNAL', async () => {
  const errors: unknown[] = []
  const { implementation } = guarded(
    { definition, implementation: { Fail: () => Promise.reject(new Error('no')) } },
    silentLogger,
  )
  const fail = implementation.Fail as unknown as (stream: EventEmitter) => void
  fail(
    new EventEmitter().on('error', (error) => {
      errors.push(error)
    }),
  )
  await settle()
  expect(errors).toEqual([internal])
})

test('a handler keeps the object it is a method of', async () => {
  class Echo {
    readonly text = 'mine'
    Say(_call: object, response: sendUnaryData<unknown>): void {
      response(null, this.text)
    }
  }
  const responses: unknown[] = []
  const { implementation } = guarded({ definition, implementation: new Echo() as never }, silentLogger)
  const say = implementation.Say as unknown as Echo['Say']
  say({}, (_error, reply) => {
    responses.push(reply)
  })
  await settle()
  expect(responses).toEqual(['mine'])
})

test('a method without a handler stays without one, so that the server calls it unimplemented', () => {
  expect(guarded({ definition, implementation: {} }, silentLogger).implementation).toEqual({})
})
