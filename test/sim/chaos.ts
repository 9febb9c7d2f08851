/** What goes wrong in an episode, and when. */
import type { Cluster } from './cluster.ts'
import type { Disk } from './disk.ts'
import type { GatewayNode } from './gateway.ts'
import type { History } from './history.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

export interface ChaosParts {
  readonly world: World
  readonly random: Random
  readonly history: History
  readonly network: Network
  readonly disk: Disk
  readonly cluster: Cluster
  readonly vaults: readonly Machine[]
  readonly gateways: readonly GatewayNode[]
  /** Machines that only use the product: MCP servers, brokers. */
  readonly others: readonly Machine[]
  readonly restartGateway: (gateway: GatewayNode) => void
}

type Fault = (parts: ChaosParts, random: Random) => string

const machinesOf = ({ vaults, gateways, others }: ChaosParts): Machine[] => [
  ...vaults,
  ...gateways.map(({ parts }) => parts.machine),
  ...others,
]

const between = (
  { network }: ChaosParts,
  a: Machine,
  b: Machine,
  what: 'cut' | 'slow' | 'lose',
  ms: number,
): string => {
  network[what](a, b, ms)
  return `${what} ${a.name} and ${b.name} for ${ms.toFixed(0)} ms`
}

/** Long sleeps are noticed by comparing two clocks; short ones are not. */
const sleepMs = (random: Random): number =>
  random.chance(0.4) ? random.between(100, 990) : random.between(1_000, 15_000)

function sleep(machine: Machine, random: Random): string {
  const ms = sleepMs(random)
  machine.sleep(ms)
  return `${machine.name} sleeps for ${ms.toFixed(0)} ms`
}

const ordinary: readonly Fault[] = [
  (parts, random) => {
    const gateway = random.pick(parts.gateways).parts.machine
    const what = random.pick(['cut', 'slow', 'lose'] as const)
    return between(parts, gateway, parts.cluster.front, what, random.between(500, 14_000))
  },
  (parts, random) => {
    const [a, b] = [random.pick(machinesOf(parts)), random.pick(machinesOf(parts))]
    return between(parts, a, b, random.pick(['cut', 'slow', 'lose'] as const), random.between(500, 8_000))
  },
  (parts, random) => sleep(random.pick(parts.gateways).parts.machine, random),
  (parts, random) => sleep(random.pick(parts.others), random),
  (parts) => {
    parts.cluster.crashPlugin()
    return ''
  },
  (parts, random) => {
    parts.cluster.changeLeader(
      random.between(50, 4_000),
      random.chance(0.5) ? 'crash' : 'step-down',
      random.chance(0.3),
    )
    return ''
  },
  (parts, random) => {
    const ms = random.between(500, 5_000)
    parts.disk.failingUntil = parts.world.now + ms
    return `the disk fails for ${ms.toFixed(0)} ms`
  },
  (parts, random) => {
    const ms = random.between(1_000, 10_000)
    parts.disk.slowUntil = parts.world.now + ms
    return `the disk is slow for ${ms.toFixed(0)} ms`
  },
  (parts, random) => {
    const gateway = random.pick(parts.gateways)
    parts.restartGateway(gateway)
    return `${gateway.name} is killed and starts again`
  },
  (parts, random) => {
    const gateway = random.pick(parts.gateways)
    gateway.auditFailsUntil = parts.world.now + random.between(200, 3_000)
    return `${gateway.name} cannot write its audit log`
  },
  (parts, random) => {
    const machine = random.pick([...parts.gateways.map(({ parts: own }) => own.machine), ...parts.others])
    const ms = random.between(-1, 1) * random.pick([300, 3_000, 3_600_000])
    machine.stepWall(ms)
    return `${machine.name} sets its clock by ${ms.toFixed(0)} ms`
  },
  (parts, random) => {
    const machine = random.pick(parts.vaults)
    const ms = random.between(-2_000, 3_000)
    machine.stepWall(ms)
    return `${machine.name} sets its clock by ${ms.toFixed(0)} ms`
  },
  (parts, random) => {
    const ms = sleepMs(random)
    parts.cluster.sleep(ms)
    return `the leading node sleeps for ${ms.toFixed(0)} ms`
  },
]

/** Draws the faults of the episode before it begins, each from a stream of its own. */
export function planChaos(parts: ChaosParts, endMs: number): void {
  const { world, random, history } = parts
  const count = 3 + random.below(10)
  // Most episodes have a theme: what happens once happens again.
  const theme = random.pick(ordinary)
  for (let index = 0; index < count; index++) {
    const own = random.fork(`fault ${String(index)}`)
    const fault = own.chance(0.4) ? theme : own.pick(ordinary)
    world.at(own.between(3_000, endMs), () => {
      const what = fault(parts, own)
      if (what !== '') history.add({ kind: 'fault', what })
    })
  }
}
