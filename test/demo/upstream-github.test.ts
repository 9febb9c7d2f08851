import { afterEach, beforeEach, expect, test } from 'vitest'
import { startGitHub } from '../../src/demo/upstream-github.ts'
import type { LocalUpstream } from '../../src/demo/upstream.ts'

let upstream: LocalUpstream
beforeEach(async () => {
  upstream = await startGitHub()
})
afterEach(() => upstream.close())

const send = (path: string, authorization = `Bearer ${upstream.key}`, method = 'GET') =>
  fetch(upstream.url + path, { method, headers: { authorization } })

test('a pull request leads to the status of its head', async () => {
  const pull = (await (await send('/repos/acme/billing/pulls/7')).json()) as { head: { sha: string } }
  const status = await (await send(`/repos/acme/billing/commits/${pull.head.sha}/status`)).json()
  expect(status).toMatchObject({ state: 'success', total_count: 2 })
})

test('one failed check fails the whole', async () => {
  const pull = (await (await send('/repos/acme/billing/pulls/8')).json()) as { head: { sha: string } }
  expect(await (await send(`/repos/acme/billing/commits/${pull.head.sha}/status`)).json()).toMatchObject({
    state: 'failure',
  })
})

test('the key is taken under both schemes', async () => {
  expect((await send('/user', `token ${upstream.key}`)).status).toBe(200)
  expect((await send('/user', `bearer ${upstream.key}`)).status).toBe(200)
  expect(upstream.calls()).toBe(2)
})

test.each([
  ['an empty credential', ''],
  ['another key', 'Bearer ghp_other'],
  ['basic', `Basic ${Buffer.from('ghp_other:').toString('base64')}`],
])('%s is refused', async (_, authorization) => {
  const response = await send('/user', authorization)
  expect(response.status).toBe(401)
  expect(await response.json()).toMatchObject({ message: 'Bad credentials' })
  expect(upstream.calls()).toBe(0)
})

test.each([
  ['/repos/acme/billing/pulls/9'],
  ['/repos/acme/billing/pulls/7/status'],
  ['/repos/acme/billing/commits/6dcb09b5b57875f334f61aebed695e2e4193db5e'],
  ['/repos/acme/billing/commits/0000000/status'],
  ['/repos/acme/pulls/7'],
])('%s is not found', async (path) => {
  expect((await send(path)).status).toBe(404)
})

test('nothing is written', async () => {
  expect((await send('/repos/acme/billing/pulls/7', undefined, 'PATCH')).status).toBe(404)
})
