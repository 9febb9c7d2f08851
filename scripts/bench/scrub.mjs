// What it costs to search responses for a key, in CPU time of this process: `npm run bench:scrub`. Needs a built checkout
// (`npm run build`) and nothing else. Each row stands beside a copy of the same bytes in the same run: compare ratios, not runs.
import { Buffer } from 'node:buffer'
import process from 'node:process'
import { performance } from 'node:perf_hooks'
import { keySearch } from '../../dist/gateway/call/key-search.js'
import { Scrubber } from '../../dist/gateway/call/scrub.js'

const KEY = 'sk_live_51HqLyjWDarjtT1zdp7dcABCDEFGhijk'
const CHUNK = 32 * 1024
const ROUNDS = 15

let seed = 1
function random() {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) / 2 ** 32
}
const id = () => Math.floor(random() * 2 ** 50).toString(36)

const invoice = () => ({
  id: `in_${id()}`,
  amount_due: Math.floor(random() * 1e6),
  currency: 'usd',
  customer: { id: `cus_${id()}`, email: 'jane.doe@example.com', name: 'Jane Doe' },
  description: 'Subscription creation for the premium plan',
  period: { start: 1700000000, end: 1702600000 },
  url: 'https://example.com/v1/invoices/1',
})
const json = Buffer.from(JSON.stringify(Array.from({ length: 6000 }, invoice))).subarray(0, 1 << 20)
const fill = (text) => Buffer.alloc(1 << 18, text)

const bodies = [
  ['JSON', json],
  ['JSON, 1 KB', json.subarray(0, 1024)],
  ['JSON, indented', Buffer.from(JSON.stringify(Array.from({ length: 3000 }, invoice), undefined, 2))],
  ['JSON in JSON', Buffer.from(JSON.stringify(json.toString()))],
  ['JSON in UTF-16', Buffer.from(json.toString('latin1', 0, 1 << 18), 'utf16le')],
  ['JSON of some escapes', fill('"caf\\u00e9 na\\u00efve \\u00fcber "')],
  ['JSON of escapes', fill('"\\u0430\\u043e\\u0432\\u0441\\u0443\\u0437 "')],
  ['HTML', fill('<a href="/x?y=1&amp;z=%20b">It&#39;s &lt;b&gt; text</a>\n')],
  ['a form', fill('q=hello%20world%2Ffoo%3Abar&redirect=https%3A%2F%2Fexample.com%2Fa%2Fb&')],
  ['binary', Buffer.from(Array.from({ length: 1 << 20 }, () => random() * 256))],
  ['base64', Buffer.from(Buffer.from(Array.from({ length: 1 << 19 }, () => random() * 256)).toString('base64'))],
  ['hostile: beginnings', fill(KEY.slice(8, 22))],
  ['hostile: escapes', fill('%35%31H')],
  ['hostile: the key', fill(KEY)],
  ['hostile: it in escapes', fill(KEY.replace(/./g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`))],
]

/** The best of some rounds, in bytes per nanosecond of CPU time: other load only ever takes away. */
function rate(bytes, once) {
  const times = Math.max(1, Math.ceil((1 << 19) / bytes.length))
  let best = 0
  const until = performance.now() + 1500
  for (let round = 0; round < ROUNDS && performance.now() < until; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) once(bytes)
    const { user, system } = process.cpuUsage(before)
    best = Math.max(best, (bytes.length * times) / Math.max(1, user + system) / 1000)
  }
  return best
}

const copied = Buffer.alloc(2 << 20)
const matcher = keySearch({ keys: [KEY], others: [] })
function search(bytes) {
  const scrubber = new Scrubber(matcher)
  for (let at = 0; at < bytes.length; at += CHUNK) scrubber.push(bytes.subarray(at, at + CHUNK))
  scrubber.flush()
}

// The engine compiles what is used a lot again, and better.
for (let i = 0; i < 50; i++) search(json)
console.log(`${'body'.padEnd(22)}${'GB/s'.padStart(8)}${'copy'.padStart(8)}${'ratio'.padStart(8)}`)
for (const [name, bytes] of bodies) {
  const copy = rate(bytes, (from) => from.copy(copied))
  const searched = rate(bytes, search)
  const columns = [searched.toFixed(2), copy.toFixed(1), (searched / copy).toFixed(3)].map((text) => text.padStart(8))
  console.log(name.padEnd(22) + columns.join(''))
}
