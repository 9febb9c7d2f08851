/** Machines with clocks that drift, step and stand still in sleep, and the processes on them, which can be killed. */
import type { Clock } from '../../src/logical/clock.ts'
import { Random } from './random.ts'
import type { World } from './world.ts'

/** 2026-03-15T16:00:00Z */
export const START_UNIX_MS = 1_773_590_400_000

export class Machine {
  readonly name: string
  readonly world: World
  /** Monotonic milliseconds per true one: quartz is off by up to 100 ppm. */
  readonly #rate: number
  #monotonic: number
  #monotonicAt = 0
  #wallOffsetMs: number
  #wakesAt = 0
  #missed: (() => void)[] = []
  readonly #onWake: () => void

  constructor(world: World, name: string, random: Random, onWake: () => void) {
    this.world = world
    this.#onWake = onWake
    this.name = name
    const own = random.fork(`machine ${name}`)
    this.#rate = 1 + own.between(-0.0001, 0.0001)
    this.#monotonic = own.between(0, 1_000_000)
    this.#wallOffsetMs = own.between(-100, 100)
  }

  get isAsleep(): boolean {
    return this.#wakesAt > this.world.now
  }
  /** Milliseconds by which the wall clock is ahead of the true time. */
  get wallOffsetMs(): number {
    return this.#wallOffsetMs
  }

  /** Kept by the network all the time, asleep or not. */
  wall(): number {
    return START_UNIX_MS + this.world.now + this.#wallOffsetMs
  }

  monotonic(): number {
    return this.isAsleep ? this.#monotonic : this.#monotonic + (this.world.now - this.#monotonicAt) * this.#rate
  }

  /** True milliseconds until the monotonic clock has gone on by `ms`, provided that this machine stays awake. */
  trueSpan(ms: number): number {
    return Math.max(0, this.#wakesAt - this.world.now) + ms / this.#rate
  }

  /** Nothing runs for so long; then everything that came meanwhile does, in order. */
  sleep(ms: number): void {
    if (this.isAsleep) return
    this.#monotonic = this.monotonic()
    this.#wakesAt = this.world.now + ms
    this.#monotonicAt = this.#wakesAt
    const wakesAt = this.#wakesAt
    this.world.at(wakesAt, () => {
      if (this.#wakesAt === wakesAt) this.#catchUp()
    })
  }

  /** Somebody opens the lid. */
  wake(): void {
    if (!this.isAsleep) return
    this.#wakesAt = this.#monotonicAt = this.world.now
    this.#catchUp()
  }

  #catchUp(): void {
    this.#onWake()
    const missed = this.#missed
    this.#missed = []
    // One event each: what one of them sets off comes before the next, as it would on a machine that has just woken.
    for (const run of missed)
      this.world.after(0, () => {
        this.wakeFor(run)
      })
  }

  stepWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** Runs it now, or on waking. */
  wakeFor(run: () => void): void {
    if (this.isAsleep) this.#missed.push(run)
    else run()
  }
}

/** One run of one program on a machine. Once killed nothing of it happens any more: its promises simply stay open. */
export class Process {
  readonly machine: Machine
  readonly clock: Clock
  readonly random: (bytes: number) => Uint8Array
  #isAlive = true
  readonly #onKill: (() => void)[] = []

  constructor(machine: Machine, random: Random) {
    this.machine = machine
    this.random = (count) => random.bytes(count)
    this.clock = {
      now: () => Math.floor(machine.wall()),
      monotonic: () => machine.monotonic(),
      after: (ms, callback) => this.#after(ms, callback),
    }
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** Something has arrived for this process: dropped if it is dead, late if its machine sleeps. */
  deliver(run: () => void): void {
    this.machine.wakeFor(() => {
      if (this.#isAlive) run()
    })
  }

  /** SIGKILL: no clean-up, no goodbye. */
  kill(): void {
    if (!this.#isAlive) return
    this.#isAlive = false
    for (const run of this.#onKill) run()
  }

  /** What the machine it runs on does when it dies: connections break. */
  onKill(run: () => void): void {
    this.#onKill.push(run)
  }

  #after(ms: number, callback: () => void): () => void {
    const { machine } = this
    const due = machine.monotonic() + Math.max(ms, 0)
    let cancel: () => void = () => undefined
    const arm = () => {
      cancel = machine.world.after(machine.trueSpan(Math.max(0, due - machine.monotonic())), () => {
        this.deliver(() => {
          // It slept meanwhile, and its timers with it.
          if (machine.monotonic() < due - 0.001) arm()
          else callback()
        })
      })
    }
    let isCancelled = false
    const guarded = callback
    callback = () => {
      if (!isCancelled) guarded()
    }
    arm()
    return () => {
      isCancelled = true
      cancel()
    }
  }
}
