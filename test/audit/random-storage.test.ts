/** A log on storage that fails, hangs and falls short at random: what those who wait are told is always true, and told once. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createAuditLog } from '../../src/audit/index.ts'
import type { LineWaiter, RecordLog } from '../../src/audit/index.ts'
import { FakeClock, settle } from '../fakes/clock.ts'
import { failWith, FaultyFileSystem } from './faulty-file-system.ts'
import type { Step } from './faulty-file-system.ts'

type Action =
  | { readonly kind: 'decide' | 'note' | 'append' | 'reopen' | 'release' | 'recover' }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'fail' | 'hang'; readonly step: Step }
  | { readonly kind: 'short'; readonly missing: number }

const mayFail: readonly Step[] = ['open', 'append', 'sync', 'size', 'read', 'truncate']
const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constantFrom('decide' as const, 'note', 'append') }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(0, 1, 5, 250, 1_000, 5_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail' as const), step: fc.constantFrom(...mayFail) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('hang' as const), step: fc.constantFrom(...mayFail, 'close' as const) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('short' as const), missing: fc.integer({ min: 1, max: 90 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('reopen' as const, 'release', 'recover') }) },
)

class Trial {
  readonly disk = new FaultyFileSystem()
  readonly clock = new FakeClock()
  readonly log: RecordLog
  /** What each line's waiter was told, in order; more than one word would be one too many. */
  readonly told: string[][] = []
  readonly broken: string[] = []
  #release: (() => void)[] = []

  constructor(isSynchronous: boolean) {
    this.disk.isSynchronous = isSynchronous
    this.log = createAuditLog({ path: '/audit.jsonl', clock: this.clock, fileSystem: this.disk })
  }

  act(action: Action): Promise<void> | void {
    switch (action.kind) {
      case 'decide':
      case 'note':
        return this.#append((members, waiter) => {
          this.log.appendMembers(members, waiter, action.kind === 'note')
        })
      case 'append':
        return this.#append((members, { durable, notDurable }) => {
          this.log.append(JSON.parse(`{${members}}`) as object).then(durable, notDurable)
        })
      case 'reopen':
        this.log.reopen().catch(() => undefined)
        return
      case 'advance':
        return this.clock.advance(action.ms)
      case 'short':
        this.disk.take = (length) => Math.max(0, length - action.missing)
        return
      case 'fail':
        this.disk.onStep = (step) => {
          if (step === action.step) failWith('EIO')
        }
        return
      case 'hang':
        this.disk.onStep = (step) =>
          step === action.step ? new Promise((resolve) => this.#release.push(resolve)) : undefined
        return
      case 'release':
        return this.release()
      case 'recover':
        return this.recover()
    }
  }

  /** What hangs goes on; what is asked next may hang again. */
  release(): Promise<void> {
    for (const release of this.#release.splice(0)) release()
    return settle()
  }

  /** The storage is well from now on. */
  recover(): Promise<void> {
    this.disk.onStep = () => undefined
    this.disk.take = (length) => length
    return this.release()
  }

  /** Numbers of the lines that the file has, in its order; `torn` ones do not count. */
  get lines(): number[] {
    return this.disk.lines
      .map((line) => JSON.parse(line) as { readonly type?: string; readonly bytes?: number })
      .filter(({ type }) => type !== 'torn')
      .map(({ bytes }) => bytes!)
  }

  #append(hand: (members: string, waiter: LineWaiter) => void): void {
    const number = this.told.push([]) - 1
    let hasReturned = false
    hand(`"bytes":${String(number)}`, {
      durable: () => {
        this.told[number]!.push('durable')
        if (!hasReturned) this.broken.push(`${String(number)} was told before the call had returned`)
        if (!this.disk.durable.includes(`"bytes":${String(number)}}`))
          this.broken.push(`${String(number)} is not durable`)
      },
      notDurable: () => {
        this.told[number]!.push('not')
        if (!hasReturned) this.broken.push(`${String(number)} was told before the call had returned`)
      },
    })
    hasReturned = true
  }
}

it.each([[true], [false]])(
  'tells every line once, durable only what is, in order, and leaves whole lines (appends durable by themselves: %s)',
  async (isSynchronous) => {
    await fc.assert(
      fc.asyncProperty(fc.array(actions, { maxLength: 60 }), async (script) => {
        const trial = new Trial(isSynchronous)
        for (const action of script) await trial.act(action)
        await trial.recover()
        await trial.clock.advance(250)
        await trial.act({ kind: 'decide' })
        await trial.act({ kind: 'note' })
        await trial.log.close()
        expect(trial.broken).toEqual([])
        expect(trial.told.filter((words) => words.length !== 1)).toEqual([])
        // Well again, it writes again.
        expect(trial.told.slice(-2)).toEqual([['durable'], ['durable']])
        const { lines } = trial
        expect(lines).toEqual([...new Set(lines)].sort((a, b) => a - b))
        expect(trial.disk.opened).toBe(0)
        expect(trial.clock.waiting).toBe(0)
      }),
      { numRuns: 600 },
    )
  },
  60_000,
)
