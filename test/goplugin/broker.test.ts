import { EventEmitter } from 'node:events'
import type { Client } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { createBroker } from '../../src/goplugin/broker.ts'
import { FakeClock, settle } from '../fakes/clock.ts'

interface Announcement {
  readonly service_id: number
  readonly network?: string
  readonly address?: string
}

function opened() {
  const clock = new FakeClock()
  const told: string[] = []
  const broker = createBroker({
    clock,
    tls: undefined,
    opened: () => {
      told.push('opened')
    },
    closed: () => {
      told.push('closed')
    },
  })
  const stream = Object.assign(new EventEmitter(), {
    write: () => true,
    end: () => {
      told.push('ended')
    },
  })
  const start = broker.service.implementation.StartStream as unknown as (stream: EventEmitter) => void
  start(stream)
  const announce = (info: Announcement) =>
    stream.emit('data', { network: 'unix', address: '/nowhere', knock: null, ...info })
  const dialled = (id: number) => {
    const outcome: { client?: Client; error?: unknown } = {}
    broker.dial(id).then(
      (client) => {
        outcome.client = client
      },
      (error: unknown) => {
        outcome.error = error
      },
    )
    return outcome
  }
  return { clock, told, stream, announce, dialled }
}

const target = ({ client }: { client?: Client }) => client?.getChannel().getTarget()

test('waits five seconds for the announcement, not a moment less or more', async () => {
  const { clock, announce, dialled } = opened()
  const [late, lost] = [dialled(1), dialled(2)]
  await clock.advance(4_999)
  announce({ service_id: 1, address: '/one' })
  await settle()
  expect(target(late)).toBe('unix:/one')
  expect(lost).toEqual({})
  await clock.advance(1)
  expect(lost.error).toMatchObject({
    kind: 'unavailable',
    message: 'the host did not announce the listener 2 within 5 seconds',
  })
  expect(clock.waiting).toBe(0)
})

test('an announcement serves one dial, in the order they came', async () => {
  const { clock, announce, dialled } = opened()
  const [first, second] = [dialled(7), dialled(7)]
  announce({ service_id: 7, address: '/first' })
  await settle()
  expect(target(first)).toBe('unix:/first')
  expect(second).toEqual({})
  announce({ service_id: 7, address: '/second' })
  await settle()
  expect(target(second)).toBe('unix:/second')
  const third = dialled(7)
  await clock.advance(5_000)
  expect(third.error).toMatchObject({ kind: 'unavailable' })
})

test('an announcement nobody dialled is kept for anyone who comes, and a newer one of the same id replaces it', async () => {
  const { clock, announce, dialled } = opened()
  announce({ service_id: 3, address: '/old' })
  announce({ service_id: 3, address: '/new' })
  await clock.advance(3_600_000)
  const outcome = dialled(3)
  await settle()
  expect(target(outcome)).toBe('unix:/new')
})

test('a host that announces without end does not fill the memory: the oldest are forgotten', async () => {
  const { clock, announce, dialled } = opened()
  for (let id = 1; id <= 1025; id++) announce({ service_id: id })
  const [oldest, second, newest] = [dialled(1), dialled(2), dialled(1025)]
  await clock.advance(5_000)
  expect(oldest.error).toBeDefined()
  expect(second.client).toBeDefined()
  expect(newest.client).toBeDefined()
})

test('a response to a dial that gave up is not lost on the next', async () => {
  const { clock, announce, dialled } = opened()
  const early = dialled(4)
  await clock.advance(5_000)
  expect(early.error).toBeDefined()
  announce({ service_id: 4, address: '/four' })
  const again = dialled(4)
  await settle()
  expect(target(again)).toBe('unix:/four')
})

test('tcp listeners are dialled by the name in their certificate', async () => {
  const { announce, dialled } = opened()
  announce({ service_id: 5, network: 'tcp', address: '127.0.0.1:9' })
  const outcome = dialled(5)
  await settle()
  expect(target(outcome)).toBe('dns:127.0.0.1:9')
  outcome.client?.close()
})

test('the stream is answered with its end, and what becomes of it is reported', () => {
  const { told, stream } = opened()
  stream.emit('error', new Error('reset'))
  stream.emit('end')
  stream.emit('close')
  stream.emit('close')
  expect(told).toEqual(['opened', 'ended', 'closed'])
})
