import { createRequire } from 'node:module'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { KEY_REMOVED } from '../../../src/gateway/call/marker.ts'
import { Matcher } from '../../../src/gateway/call/matcher.ts'
import { patternsOf } from '../../../src/gateway/call/patterns.ts'
import { Scrubber } from '../../../src/gateway/call/scrub.ts'

/** Some come without types, so all are told here what of them is used. */
const require = createRequire(import.meta.url)
type Write = (value: unknown) => string
const mustache = require('mustache') as { render: (template: string, view: object) => string }
const handlebars = require('handlebars') as { compile: (template: string) => (view: object) => string }
const ejs = require('ejs') as { render: (template: string, view: object) => string }
const he = require('he') as { encode: (text: string, options?: object) => string; escape: (text: string) => string }
const entities = require('entities') as Record<'encodeHTML' | 'encodeXML' | 'escapeUTF8', (text: string) => string>
const json5 = require('json5') as { stringify: (value: unknown, options?: object) => string }
const serialize = require('serialize-javascript') as Write

const inAscii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
const template = '<p title="{{key}}">{{key}}</p>'

/** What servers write responses with. */
const writers: readonly (readonly [name: string, write: (key: string) => string])[] = [
  ['mustache', (key) => mustache.render(template, { key })],
  ['Handlebars', (key) => handlebars.compile(template)({ key })],
  ['EJS', (key) => ejs.render('<p title="<%= key %>"><%= key %></p>', { key })],
  ['he, names of characters', (key) => he.encode(key, { useNamedReferences: true })],
  ['he, decimal numbers of all characters', (key) => he.encode(key, { encodeEverything: true, decimal: true })],
  ['he, hexadecimal numbers of all characters', (key) => he.encode(key, { encodeEverything: true })],
  ['he, what must be escaped', (key) => he.escape(key)],
  ['entities, HTML', (key) => entities.encodeHTML(key)],
  ['entities, XML', (key) => entities.encodeXML(key)],
  ['entities, UTF-8', (key) => entities.escapeUTF8(key)],
  ['JSON', (key) => JSON.stringify({ error: `bad key ${key}` })],
  ['JSON in ASCII', (key) => inAscii(JSON.stringify({ key }))],
  ['JSON within JSON within JSON', (key) => JSON.stringify({ a: JSON.stringify({ b: JSON.stringify(key) }) })],
  [
    'JSON within HTML, by Handlebars',
    (key) => handlebars.compile('<p>{{json}}</p>')({ json: JSON.stringify({ key }) }),
  ],
  ['HTML within JSON', (key) => JSON.stringify({ html: he.encode(key) })],
  ['JSON5', (key) => json5.stringify({ key }, { space: 2 })],
  ['serialize-javascript', (key) => serialize({ key })],
  ['YAML', (key) => stringify({ key })],
  ['YAML, in double quotes', (key) => stringify({ key }, { defaultStringType: 'QUOTE_DOUBLE' })],
  ['YAML, folded', (key) => stringify({ key: `bad key ${key}` }, { lineWidth: 20 })],
  ['util.inspect', (key) => inspect({ key })],
  ['a form', (key) => new URLSearchParams({ key }).toString()],
  [
    'a form within a URL within JSON',
    (key) => JSON.stringify({ next: `/?to=${encodeURIComponent(`/?key=${encodeURIComponent(key)}`)}` }),
  ],
  ['a URL within HTML', (key) => he.encode(`/?a=1&key=${encodeURIComponent(key)}`)],
]

const scrubbed = (key: string, body: string): string => {
  const scrubber = new Scrubber(new Matcher(patternsOf(key, true)))
  const bytes = Buffer.from(body)
  const out = [scrubber.push(bytes.subarray(0, bytes.length >> 1)), scrubber.push(bytes.subarray(bytes.length >> 1))]
  return Buffer.concat([...out, scrubber.flush()]).toString()
}

const LENGTH = 32
const letters = fc.constantFrom(...'abcdefXYZ0189_-./+=')
const any = fc.constantFrom(...'abcdefXYZ0189_-./+=<>&\'"`$:;,~!@#%^*(){}[]|?éß€')
const keys = fc.oneof(
  fc.string({ unit: letters, minLength: LENGTH, maxLength: LENGTH }),
  fc.string({ unit: any, minLength: LENGTH, maxLength: LENGTH }),
)

describe('a key is removed from what is written by', () => {
  it.each(writers)('%s', (_name, write) => {
    fc.assert(
      fc.property(
        keys.map((key) => `k${key.replace(/(["'])\1+/g, '$1')}9`),
        fc.constantFrom('', '{"id":1,"name":"x"}\n'.repeat(20)),
        (key, around) => {
          const body = around + write(key) + around
          const out = scrubbed(key, body)
          expect(out).toContain(KEY_REMOVED)
          expect(Buffer.byteLength(out)).toBe(Buffer.byteLength(body))
          expect(out.startsWith(around) && out.endsWith(around)).toBe(true)
        },
      ),
      { numRuns: 60 },
    )
  })
})
