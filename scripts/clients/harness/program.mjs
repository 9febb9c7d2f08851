// One program against its fakes, first directly and then through the gateway, and what was different.
import { randomBytes } from 'node:crypto'
import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as pause } from 'node:timers/promises'
import { differences } from './comparison.mjs'
import { openFake } from './fake.mjs'
import { provision } from './operator.mjs'
import { fieldOf } from './wire.mjs'

const STEP_MS = 60_000
const SETTLED_MS = 10_000

/** Rejects when it takes too long, so that a program that waits for ever is a failure. */
async function within(ms, promise) {
  let timer
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`not done after ${ms / 1000} s`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Waits for the last byte of what goes on: the program may be done before its connections are. */
async function settled(...lists) {
  const isOpen = () => lists.some((exchanges) => exchanges.some(({ end }) => end === undefined))
  for (let waited = 0; waited < SETTLED_MS && isOpen(); waited += 5) await pause(5)
}

/** The sentence of the gateway's own refusal, whatever the upstream's `error_format`. */
export function sentenceOf({ response }) {
  const text = Buffer.concat(response.body).toString('utf8')
  if (text.startsWith('<')) {
    const escaped = /<Message>([\s\S]*)<\/Message>/.exec(text)?.[1] ?? ''
    return escaped.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
  }
  if (fieldOf(response, 'content-type').startsWith('text/plain')) return text.trimEnd()
  const { error, message } = JSON.parse(text)
  return message ?? error.message ?? error.reason ?? error
}

/** Everything that a program may show of an error. */
const textOf = (error) => [error.message, error.stderr, String(error)].filter((text) => text !== undefined).join('\n')

/** Runs the steps one way. `seen`: exchanges at the fakes; `received`: at the gateway's door, where there is one. */
function recorder(seen, received) {
  const steps = []
  const since = async (from) => {
    await settled(seen, received)
    const exchanges = seen.slice(from[0])
    const outside = exchanges.filter(({ isOutside }) => isOutside)
    return {
      exchanges,
      received: [...received.slice(from[1]), ...outside].sort((one, other) => one.order - other.order),
    }
  }
  const step = async (name, call) => {
    const from = [seen.length, received.length]
    let result
    let thrown
    try {
      result = JSON.stringify(await within(STEP_MS, call()))
    } catch (error) {
      thrown = (error.stack ?? String(error)).split('\n').slice(0, 4).join('\n')
    }
    steps.push({ name, result, thrown, ...(await since(from)) })
  }
  /** `sent`: how many requests the upstream gets before the gateway refuses, which is usually none. */
  const refused = async (name, call, sentence, sent = 0) => {
    const from = [seen.length, received.length]
    const error = await within(STEP_MS, call()).then(
      () => undefined,
      (rejected) => rejected,
    )
    steps.push({ name, refusal: { error, sentence, sent }, ...(await since(from)) })
  }
  return { steps, step, refused }
}

function refusalProblems({ refusal: { error, sentence, sent }, exchanges, received }) {
  if (error === undefined) return ['it was not refused']
  if (exchanges.length !== sent) return [`the upstream was asked ${exchanges.length} times`]
  const last = received.at(-1)
  if (last?.response === undefined) return [`the gateway did not respond; the program says ${textOf(error)}`]
  const told = sentenceOf(last)
  return [
    ...(sentence.test(told) ? [] : [`the gateway says ${JSON.stringify(told)}, which is not ${sentence}`]),
    ...(textOf(error).includes(told)
      ? []
      : [`the program says ${JSON.stringify(textOf(error))}, not ${JSON.stringify(told)}`]),
  ]
}

const bytesOf = (message) =>
  message === undefined
    ? ''
    : [
        message.start,
        ...message.headers.flat(),
        ...message.trailers.flat(),
        Buffer.concat(message.body).toString('latin1'),
      ].join('\n')

/** What must hold of a whole run: a key where it belongs, and nowhere else. */
function leaks(seen, received, { keys, token }) {
  const held = (exchanges, member, secret) => exchanges.some((exchange) => bytesOf(exchange[member]).includes(secret))
  return [
    ...(held(
      seen.filter(({ isOutside }) => !isOutside),
      'request',
      token,
    )
      ? ['the phantom token went to an upstream']
      : []),
    ...(keys.some((key) => held(received, 'request', key) || held(received, 'response', key))
      ? ["an upstream's key came out of the gateway"]
      : []),
  ]
}

/** The upstreams of a program with a running fake and a key each. Those with `isOutside` are no upstreams of the gateway. */
async function openUpstreams(program, seen) {
  const entries = Object.entries(program.upstreams).map(async ([name, given]) => {
    const secret = given.secret?.() ?? { api_key: `example_${randomBytes(16).toString('hex')}` }
    const server = await openFake(seen, { isOutside: given.isOutside === true })
    return [name, { ...given, secret, server, url: server.url, key: secret[given.keyField ?? 'api_key'] }]
  })
  return Object.fromEntries(await Promise.all(entries))
}

/** `report(name, problems)` is called for each step. */
export async function runProgram(name, program, { stage, load, folder, report }) {
  const seen = []
  const upstreams = await openUpstreams(program, seen)
  const run = async (own, received, refused) => {
    const at = {}
    for (const [upstream, { server, fake, key, secret, isOutside }] of Object.entries(upstreams)) {
      server.serve(fake({ key, url: server.url, secret, urls: urlsOf(upstreams), folder }))
      at[upstream] = isOutside ? { url: server.url } : own(upstream)
    }
    const recorded = recorder(seen, received)
    await program.run({ at, load, folder, step: recorded.step, refused: refused ?? recorded.refused })
    return recorded.steps
  }
  try {
    const itself = (one) => ({ url: upstreams[one].url, key: upstreams[one].key, secret: upstreams[one].secret })
    const directly = await run(itself, [], async () => {})
    const inside = Object.entries(upstreams).filter(([, { isOutside }]) => !isOutside)
    const { token, keyOf } = await provision(stage.server, name, Object.fromEntries(inside), program, folder)
    const itsPlace = (one) => ({ url: stage.urlOf(one), key: keyOf(one), wrongKey: misspelled(keyOf(one)) })
    const [seenBefore, receivedBefore] = [seen.length, stage.exchanges.length]
    const through = await run(itsPlace, stage.exchanges)
    compareSteps(directly, through, { ...program, ownUrls: ownUrls(upstreams, stage) }, report)
    const secrets = { token, keys: Object.values(upstreams).flatMap(({ secret }) => Object.values(secret)) }
    report('keys stay where they belong', [
      ...leaks(seen.slice(seenBefore), stage.exchanges.slice(receivedBefore), secrets),
      ...stage.faults(),
      ...Object.values(upstreams).flatMap(({ server }) => server.faults),
    ])
  } finally {
    for (const { server } of Object.values(upstreams)) server.close()
  }
}

/** A token with another last character: nobody's. */
const misspelled = (token) => token.slice(0, -1) + (token.endsWith('0') ? '1' : '0')

const urlsOf = (upstreams) => Object.fromEntries(Object.entries(upstreams).map(([name, { url }]) => [name, url]))

/** The gateway shows an upstream's URLs as its own; told back, they must be the upstream's. */
const ownUrls = (upstreams, stage) => (text) =>
  Object.entries(upstreams).reduce((told, [name, { url }]) => told?.replaceAll(stage.urlOf(name), url), text)

function compareSteps(directly, through, program, report) {
  const used = new Set()
  const plain = through.filter(({ refusal }) => refusal === undefined)
  for (const [at, one] of directly.entries()) {
    const other = plain[at]
    if (one.thrown !== undefined) report(one.name, [`directly: ${one.thrown}`])
    else if (other === undefined) report(one.name, ['was not run through the gateway'])
    else if (other.thrown !== undefined) report(one.name, [`through the gateway: ${other.thrown}`])
    else report(one.name, differences(one, other, program, used))
  }
  for (const step of through) if (step.refusal !== undefined) report(step.name, refusalProblems(step))
  const unused = [program.leftOut, program.responsesLeftOut].flatMap((list) =>
    Object.keys(list ?? {}).filter((entry) => !used.has(entry)),
  )
  report(
    'every exception is needed',
    unused.map((entry) => `${entry} makes no difference: take it off the list`),
  )
}
