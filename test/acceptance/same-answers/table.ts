/**
 * Requests and what Vault's API answers, as rows: the same ones go to the embedded host in every run and to a real server with
 * `npm run test:vault`. Rows of one table follow each other on one server.
 */
import { expect } from 'vitest'
import { stringifyJsonExactly } from '../../../src/logical/json.ts'
import { eventually } from '../eventually.ts'
import { sentences } from '../differences.ts'
import type { ApiResponse, Server } from '../target/index.ts'

/** `$name` in a path, a body or a token stands for what an earlier row remembered under that name. */
export interface Row {
  readonly name: string
  readonly method: 'GET' | 'LIST' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  /** The root token unless given; '' sends none. */
  readonly token?: string
  readonly wrapTtl?: string
  readonly status: number | readonly number[]
  /** A server may not be ready for it at once: the request is repeated until it has the status. */
  readonly settles?: true
  /** Of the body, as `toMatchObject` compares. */
  readonly has?: object
  /** Keys of `data`, of which none may be missing or more. */
  readonly dataKeys?: readonly string[]
  /** The sentences of a refusal. */
  readonly says?: readonly string[]
  /** Name to a dotted path into the body. */
  readonly remember?: Readonly<Record<string, string>>
}

export type Memory = Map<string, string>

export async function answersAs(row: Row, server: Server, memory: Memory): Promise<void> {
  const wanted = [row.status].flat()
  const request = () =>
    server.api(row.method, filled(row.path, memory), {
      ...(row.body !== undefined && { body: deeplyFilled(row.body, memory) }),
      ...(row.token !== undefined && { token: filled(row.token, memory) }),
      ...(row.wrapTtl !== undefined && { wrapTtl: row.wrapTtl }),
    })
  let response = await request()
  if (row.settles)
    await eventually(
      row.name,
      async () => {
        if (!wanted.includes(response.status)) response = await request()
        return wanted.includes(response.status)
      },
      true,
    )
  for (const [name, path] of Object.entries(row.remember ?? {})) memory.set(name, String(at(response, path)))
  expect(wanted, stringifyJsonExactly(response.body)).toContain(response.status)
  expect(response.body ?? {}).toMatchObject(deeplyFilled(row.has ?? {}, memory) as object)
  expect(row.says ?? []).toEqual(row.says ? sentences(response).map((text) => text.trim()) : [])
  expect(row.dataKeys ?? []).toEqual(row.dataKeys ? Object.keys(response.body.data as object).sort() : [])
}

function at(response: ApiResponse, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], response.body)
}

function filled(text: string, memory: Memory): string {
  return text.replace(/\$(\w+)/g, (_whole, name: string) => {
    const value = memory.get(name)
    if (value === undefined) throw new Error(`no row before this one remembered $${name}`)
    return value
  })
}

/** Only texts hold names; matchers of the test runner pass as they are. */
function deeplyFilled(value: unknown, memory: Memory): unknown {
  if (typeof value === 'string') return filled(value, memory)
  if (Array.isArray(value)) return value.map((item) => deeplyFilled(item, memory))
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, deeplyFilled(member, memory)]))
}
