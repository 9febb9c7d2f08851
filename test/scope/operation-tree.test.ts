import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matchOperations, matchReadings, parseOperation } from '../../src/scope/index.ts'
import type { Tool } from '../../src/scope/index.ts'

/** What the tree must find, one operation at a time: templates as regular expressions. */
function plainLoop(
  tools: readonly Tool[],
  method: string,
  segments: readonly string[],
  slashIsData: boolean,
): string[] {
  const path = segments.map((segment) => `/${segment.replaceAll('/', slashIsData ? '\u0001' : '\u0002')}`).join('')
  return tools.flatMap(({ name, operations }) =>
    operations
      .filter((operation) => operation.method === method && pattern(operation.path).test(path === '' ? '/' : path))
      .map((operation) => `${name} ${operation.path}`),
  )
}

const pattern = (template: string): RegExp =>
  new RegExp(
    `^${template
      .split(/(\{[^}]*\})/)
      .map((part) =>
        part.endsWith('...}')
          ? '(?:[^/]+(?:/[^/]+)*)'
          : part.startsWith('{')
            ? '[^/\u0002]+'
            : part.replace(/[.]/g, '\\.'),
      )
      .join('')}$`,
    'u',
  )

const words = ['a', 'b', 'ab', 'a:b', 'a.b', 'x']
const part = fc.oneof(
  fc.constantFrom(...words),
  fc.constantFrom('{p}', '{p}', '{p}:b', 'a{p}', '{p}.{q}', '{p}...{q}', 'a{p}b{q}b'),
)
const template = fc
  .tuple(fc.array(part, { maxLength: 3 }), fc.boolean(), fc.array(part, { maxLength: 2 }), fc.boolean())
  .map(([before, hasRest, after, slash]) => {
    let names = 0
    const parts = [...before, ...(hasRest ? ['{r...}'] : []), ...after].map((text) =>
      text.replace(/\{[pq]\}/g, () => `{p${String(names++)}}`),
    )
    return `/${parts.join('/')}${slash && parts.length > 0 ? '/' : ''}`
  })
const tools = fc
  .array(fc.array(template, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 4 })
  .map((lists) =>
    lists.map((paths, at): Tool => ({
      upstream: 'u',
      name: `t${String(at)}`,
      operations: paths.map((path, index) => parseOperation(`${index % 4 === 3 ? 'POST' : 'GET'} ${path}`)),
    })),
  )
const segment = fc.oneof(
  fc.constantFrom(...words, 'ab.b', 'x:b', 'aab', 'a...b', 'axbxb', 'a/b', 'A', '\u00e4'),
  fc.array(fc.constantFrom('a', 'b', ':', '.', '/'), { minLength: 1, maxLength: 5 }).map((letters) => letters.join('')),
)
const segments = fc
  .tuple(fc.array(segment, { maxLength: 5 }), fc.boolean())
  .map(([given, slash]) => (slash && given.length > 0 ? [...given, ''] : given))
  .filter((given) => given.every((text) => text !== '.' && text !== '..'))

it('finds what a loop over all operations finds, in its order', () => {
  let found = 0
  fc.assert(
    fc.property(tools, segments, fc.boolean(), (given, path, slashIsData) => {
      const names = matchOperations(given, 'GET', path, slashIsData).map(
        ({ tool, operation }) => `${tool.name} ${operation.path}`,
      )
      found += names.length
      expect(names).toEqual(plainLoop(given, 'GET', path, slashIsData))
    }),
    { numRuns: 5_000 },
  )
  // The generator must have had something to find.
  expect(found).toBeGreaterThan(1_000)
})

it('every match is among the readings, and stays there in other spellings', () => {
  const respelled = fc.func(fc.integer({ min: 0, max: 6 }))
  const respell = (text: string, way: number): string =>
    [
      text,
      text.toUpperCase(),
      `${text}.`,
      `${text};x=1`,
      `\u200b${text}`,
      text.replaceAll('a', '%61'),
      text.replaceAll('b', '\uff42'),
    ][way]!
  let found = 0
  fc.assert(
    fc.property(tools, segments, respelled, fc.boolean(), (given, path, way, slash) => {
      const matches = matchOperations(given, 'GET', path, true)
      found += matches.length
      const other = path.map((text, at) => (text === '' ? text : respell(text, way(at))))
      if (slash && other.length > 0 && other.at(-1) !== '') other.push('')
      const readings = matchReadings(given, 'GET', other)
      expect(matches.filter((match) => !readings.includes(match))).toEqual([])
    }),
    { numRuns: 3_000 },
  )
  expect(found).toBeGreaterThan(500)
})

it('an encoded slash is a character and a separator, whichever the upstream takes it for', () => {
  const list = [
    { upstream: 'u', name: 'one', operations: [parseOperation('GET /p/{id}')] },
    { upstream: 'u', name: 'two', operations: [parseOperation('GET /p/{group}/{name}')] },
    { upstream: 'u', name: 'three', operations: [parseOperation('GET /p/{group}/{sub}/{name}')] },
  ]
  const names = (...path: string[]) => matchReadings(list, 'GET', path).map(({ tool }) => tool.name)
  expect(names('p', 'a/b')).toEqual(['one', 'two'])
  expect(names('p', 'a/b', 'c')).toEqual(['two', 'three'])
})

it('costs the same whether an upstream has ten operations or ten thousand', () => {
  const list = (count: number): Tool[] =>
    Array.from({ length: count }, (_, at) => ({
      upstream: 'u',
      name: `t${String(at)}`,
      operations: [
        parseOperation(`GET /repos/{owner}/{repo}/r${String(at)}`),
        parseOperation(`GET /repos/{owner}/{repo}/r${String(at)}/{id}`),
      ],
    }))
  const [few, many] = [list(10), list(10_000)]
  const path = ['repos', 'acme', 'app', 'r7', '42']
  const cpu = (tools: readonly Tool[]): number => {
    const round = (): number => {
      const started = process.cpuUsage()
      for (let run = 0; run < 3_000; run++) {
        matchOperations(tools, 'GET', path)
        matchReadings(tools, 'GET', path)
      }
      return process.cpuUsage(started).user
    }
    round()
    return Math.min(round(), round(), round())
  }
  expect(matchOperations(many, 'GET', path)).toHaveLength(1)
  const [small, large] = [cpu(few), cpu(many)]
  expect(large).toBeLessThan(small * 10 + 20_000)
})
