/** The network between machines: slow, lossy, repeating, cut in two; and connections on it, which keep order until they break. */
import type { Machine, Process } from './machine.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

interface LinkState {
  readonly random: Random
  cutUntil: number
  slowUntil: number
  lossyUntil: number
}

/** Milliseconds for which an open connection may hear nothing before both ends give it up. */
const KEEPALIVE_MS = 28_000

export class Network {
  readonly #world: World
  readonly #random: Random
  readonly #links = new Map<string, LinkState>()
  /** Of a calm episode: nothing is lost, and every way takes a few milliseconds. */
  #isCalm: boolean

  constructor(world: World, random: Random, isCalm: boolean) {
    this.#world = world
    this.#random = random
    this.#isCalm = isCalm
  }

  cut(a: Machine, b: Machine, ms: number): void {
    for (const link of this.#both(a, b)) link.cutUntil = Math.max(link.cutUntil, this.#world.now + ms)
  }

  slow(a: Machine, b: Machine, ms: number): void {
    for (const link of this.#both(a, b)) link.slowUntil = Math.max(link.slowUntil, this.#world.now + ms)
  }

  lose(a: Machine, b: Machine, ms: number): void {
    for (const link of this.#both(a, b)) link.lossyUntil = Math.max(link.lossyUntil, this.#world.now + ms)
  }

  /** Everything is whole again from now on; what is lost stays lost. */
  heal(): void {
    this.#isCalm = true
    for (const link of this.#links.values()) link.cutUntil = link.slowUntil = link.lossyUntil = 0
  }

  isCut(from: Machine, to: Machine): boolean {
    return this.#link(from, to).cutUntil > this.#world.now
  }

  /** One message. It may be lost, and where `mayRepeat` it may arrive a second time, later. */
  send(from: Machine, to: Machine, arrive: () => void, mayRepeat = false): void {
    const link = this.#link(from, to)
    const { random } = link
    const isLost = this.isCut(from, to) || random.chance(this.#lossOf(link))
    const delayMs = this.#delay(link)
    if (!isLost) this.#world.after(delayMs, arrive)
    if (mayRepeat && !this.#isCalm && random.chance(0.02) && !this.isCut(from, to))
      this.#world.after(delayMs + random.between(1, 4_000), arrive)
  }

  connect(client: Process, server: Process): [Connection, Connection] {
    const [near, far] = [new Connection(this.#world, this, client), new Connection(this.#world, this, server)]
    near.peer = far
    far.peer = near
    const breakBoth = (dead: Connection) => {
      // The operating system of a dead process says so; that of a machine out of reach cannot.
      if (!this.isCut(dead.owner.machine, dead.peer!.owner.machine))
        this.send(dead.owner.machine, dead.peer!.owner.machine, () => {
          dead.peer!.break()
        })
      else
        this.#world.after(KEEPALIVE_MS, () => {
          dead.peer!.break()
        })
    }
    client.onKill(() => {
      breakBoth(near)
    })
    server.onKill(() => {
      breakBoth(far)
    })
    return [near, far]
  }

  /** How long the next message takes, loss aside. */
  delayOf(from: Machine, to: Machine): number {
    return this.#delay(this.#link(from, to))
  }

  /** When the cut between two machines ends, or now. */
  wholeAt(from: Machine, to: Machine): number {
    return Math.max(this.#link(from, to).cutUntil, this.#world.now)
  }

  #lossOf(link: LinkState): number {
    if (this.#isCalm) return 0
    return link.lossyUntil > this.#world.now ? 0.25 : 0.005
  }

  #delay(link: LinkState): number {
    const { random } = link
    const luck = random.next()
    if (this.#isCalm) return random.between(0.5, 8)
    if (link.slowUntil > this.#world.now && luck < 0.5) return random.between(300, 2_600)
    if (luck < 0.9) return random.between(0.2, 15)
    return random.between(15, luck < 0.98 ? 120 : 900)
  }

  #both(a: Machine, b: Machine): LinkState[] {
    return [this.#link(a, b), this.#link(b, a)]
  }

  #link(from: Machine, to: Machine): LinkState {
    const name = `${from.name} to ${to.name}`
    const known = this.#links.get(name)
    if (known) return known
    const link = { random: this.#random.fork(name), cutUntil: 0, slowUntil: 0, lossyUntil: 0 }
    this.#links.set(name, link)
    return link
  }
}

/** One end of a connection: what is sent arrives in order and once, late where the network was cut, or not at all once it broke. */
export class Connection {
  readonly owner: Process
  peer: Connection | undefined
  onMessage: (message: unknown) => void = () => undefined
  onBreak: () => void = () => undefined
  readonly #world: World
  readonly #network: Network
  #lastArrival = 0
  #isBroken = false

  constructor(world: World, network: Network, owner: Process) {
    this.#world = world
    this.#network = network
    this.owner = owner
  }

  send(message: unknown): void {
    const peer = this.peer!
    if (this.#isBroken) return
    const [from, to] = [this.owner.machine, peer.owner.machine]
    const arrivesAt = this.#network.wholeAt(from, to) + this.#network.delayOf(from, to)
    this.#lastArrival = Math.max(arrivesAt, this.#lastArrival)
    this.#world.at(this.#lastArrival, () => {
      peer.owner.deliver(() => {
        if (!peer.#isBroken) peer.onMessage(message)
      })
    })
  }

  /** This end hears that the connection is gone. */
  break(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    this.owner.deliver(() => {
      this.onBreak()
    })
  }

  /** This end goes; the other one hears of it behind what was sent before. */
  close(): void {
    if (this.#isBroken) return
    this.#isBroken = true
    const peer = this.peer!
    const [from, to] = [this.owner.machine, peer.owner.machine]
    this.#lastArrival = Math.max(this.#network.wholeAt(from, to) + this.#network.delayOf(from, to), this.#lastArrival)
    this.#world.at(this.#lastArrival, () => {
      peer.break()
    })
  }
}
