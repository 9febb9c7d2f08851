/** An MCP server that guards its tools with the SDK, on a machine of its own. */
import { delay } from '../../src/logical/clock.ts'
import { ERROR_META, guardTool } from '../../src/client/guard.ts'
import type { GuardedTool } from '../../src/client/guard.ts'
import type { ToolExtra } from '../../src/client/session-token.ts'
import { createWatcher } from '../../src/client/watcher.ts'
import { methods } from '../../src/client/wire.ts'
import { PATHS, limitOf } from './gateway.ts'
import type { GatewayNode, HeldToken } from './gateway.ts'
import { simulatedChannel } from './grpc.ts'
import type { History } from './history.ts'
import { Process } from './machine.ts'
import type { Machine } from './machine.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'

export interface McpServerDependencies {
  readonly machine: Machine
  readonly network: Network
  readonly history: History
  readonly random: Random
  readonly gateway: GatewayNode
}

interface Work {
  readonly held: HeldToken
  readonly request: string
  /** Milliseconds between its steps. */
  readonly stepsMs: readonly number[]
}

export class McpServer {
  readonly #dependencies: McpServerDependencies
  readonly #process: Process
  readonly #tools = new Map<string, GuardedTool<Work, ToolExtra>>()
  #requests = 0

  constructor(dependencies: McpServerDependencies) {
    this.#dependencies = dependencies
    this.#process = new Process(dependencies.machine, dependencies.random.fork('process'))
    const { clock } = this.#process
    const channel = simulatedChannel(this.#process, dependencies.network, dependencies.gateway)
    const guard: Parameters<typeof guardTool>[0] = {
      channel,
      clock,
      watcher: createWatcher(channel, clock),
      validate: (token, required_scope, options) =>
        channel.request(methods.validate, { token, required_scope }, options),
      sessionToken: () => undefined,
    }
    for (const scope of Object.keys(PATHS))
      this.#tools.set(
        scope,
        guardTool<Work, ToolExtra>(guard, scope, async (work, { signal }) => {
          for (const stepMs of work.stepsMs) {
            await delay(clock, stepMs, signal)
            if (signal.aborted) throw signal.reason
            this.#accept('work', work)
          }
          return { content: [] }
        }),
      )
  }

  /** Tool calls, one after the other and beside each other, until `isOver`. */
  start(choose: (random: Random) => HeldToken | undefined, isOver: () => boolean): void {
    const { random } = this.#dependencies
    const next = () => {
      this.#process.clock.after(random.between(300, 2_500), () => {
        if (isOver()) return
        const held = choose(random)
        if (held) void this.#call(held)
        next()
      })
    }
    next()
  }

  async #call(held: HeldToken): Promise<void> {
    const { random, machine } = this.#dependencies
    const steps = random.chance(0.5) ? 1 + random.below(4) : 10 + random.below(50)
    const work: Work = {
      held,
      request: `${machine.name}-${String(++this.#requests)}`,
      stepsMs: Array.from({ length: steps }, () => random.between(20, 600)),
    }
    const headers = { authorization: `Bearer ${held.text}`, 'x-request-id': work.request }
    const result = await this.#tools.get(held.scope)!(work, { requestInfo: { headers } })
    const error = result._meta?.[ERROR_META] as { readonly type: string; readonly code: string } | undefined
    if (!error) this.#accept('result', work)
    else
      this.#dependencies.history.add({
        kind: 'refuse',
        at: machine.name,
        token: held.name,
        scope: held.scope,
        type: error.type,
        code: error.code,
      })
  }

  #accept(how: 'work' | 'result', { held, request }: Work): void {
    this.#dependencies.history.add({
      kind: 'accept',
      how,
      at: this.#dependencies.machine.name,
      request,
      token: held.name,
      scope: held.scope,
      limitMs: limitOf(held.scope),
    })
  }
}
