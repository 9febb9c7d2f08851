import { afterAll, beforeAll, describe, it } from 'vitest'
import { startTarget } from '../target/index.ts'
import type { Server } from '../target/index.ts'
import { server as itself } from './server.ts'
import { identity } from './identity.ts'
import { mounts } from './mounts.ts'
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
