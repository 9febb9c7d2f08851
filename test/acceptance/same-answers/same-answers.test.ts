import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'
import { lineOfMount } from './monitor.ts'
import { server as itself } from './server.ts'
import { identity } from './identity.ts'
import { mounts } from './mounts.ts'
import { numbers } from './numbers.ts'
import { answersAs } from './table.ts'
import type { Memory } from './table.ts'
import { batchTokens, tokenRoles } from './token-roles.ts'
import { wrapping } from './wrapping.ts'
import { policyNames, tokens } from './tokens.ts'

let server: Server
const memory: Memory = new Map()

beforeAll(async () => {
  server = await startTarget()
})
afterAll(() => server.stop())

describe.each([
  ['policies', policyNames],
  ['tokens', tokens],
  ['mounts', mounts],
  ['numbers', numbers],
  ['wrapping', wrapping],
  ['server', itself],
  ['identity', identity],
  ['token roles', tokenRoles],
  ['batch tokens', batchTokens],
])('%s', (_table, rows) => {
  it.each(rows.map((row) => [row.name, row] as const))('%s', async (_name, row) => {
    await answersAs(row, server, memory)
  })
})

describe('the log', () => {
  it.each([
    [
      'standard',
      'sudo',
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[INFO\] {2}core: successful mount: .*path=watched\/ type=kv/,
    ],
    [
      'json',
      'read',
      /^\{"@level":"info","@message":"successful mount","@module":"core","@timestamp":"[\d-]{10}T[\d:]{8}\.\d{6}Z",.*"path":"watched\/","type":"kv"/,
    ],
  ])('streams what happens, in the %s format, to a token with %s', async (format, capability, line) => {
    const opened = await lineOfMount(server, format, capability)
    expect(opened).toMatchObject({ status: 200, type: null, caching: 'no-store', coding: 'chunked' })
    expect(opened.line).toMatch(line)
  })
})
