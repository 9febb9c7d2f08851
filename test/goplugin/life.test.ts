import { afterAll, beforeAll, expect, test } from 'vitest'
import { serviceDefinition } from '../../src/goplugin/index.ts'
import { launchPlugin } from '../fakes/go-plugin-host.ts'
import { bundleEchoPlugin } from './echo-bundle.ts'
import type { Bundle } from './echo-bundle.ts'
import { cookie, echoContract } from './echo-contract.ts'
import type { Note } from './echo-contract.ts'

let bundle: Bundle
beforeAll(async () => { bundle = await bundleEchoPlugin() })
afterAll(() => { bundle.remove() })

const echo = serviceDefinition(echoContract, 'echo.Echo')
const store = serviceDefinition(echoContract, 'echo.Store')

test('a call and a call back', async () => {
  const host = await launchPlugin({ command: process.execPath, args: [bundle.path], cookie })
  await host.ping()
  expect(await host.call<Note>(echo, 'Say', { text: 'hello', number: '9007199254740993' })).toMatchObject({ text: 'hello', number: '9007199254740993' })
  const served = await host.serveBroker([{ definition: store, implementation: { Get: (call: { request: Note }, answer: (error: null, reply: Partial<Note>) => void) => { answer(null, { text: `got ${call.request.text}` }) } } }])
  expect(await host.call<Note>(echo, 'Ask', { text: 'x', broker_id: served.id })).toMatchObject({ text: 'got x' })
  expect(await host.kill()).toBe(true)
  expect(await host.process.exited).toEqual({ code: 0, signal: null })
  console.log(host.logs)
})
