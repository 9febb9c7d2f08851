/** The APIs behind the gateway, reached through what stands in for their connections. They see when the real key leaves. */
import type { Egress } from '../../src/gateway/proxy/egress.ts'
import type { ClientExchange, ClientPool, ResponseHandler } from '../../src/http-client/index.ts'
import { Deadlines } from '../../src/logical/deadlines.ts'
import type { WithDeadline } from '../../src/logical/deadlines.ts'
import type { Process } from './machine.ts'
import type { Random } from './random.ts'

/** How one call is to go: milliseconds before each part of the response, which then is as many parts long. */
export interface Script {
  readonly connectMs: number
  readonly partsMs: readonly number[]
}

/** `requestOf` reads the request's id from the path it was sent with. */
export function simulatedEgress(
  process: Process,
  scriptOf: (request: string) => Script,
  onKey: (request: string) => void,
): Egress {
  const pool: Pick<ClientPool, 'send'> = {
    send: ({ path }, handler) => {
      const request = new URL(path, 'https://upstream.example').searchParams.get('rid') ?? ''
      return run(process, scriptOf(request), handler, () => {
        onKey(request)
      })
    },
  }
  const deadlines = new Deadlines<WithDeadline>(process.clock)
  // A call asks the way out for nothing else.
  return { deadlines, poolFor: () => pool } as unknown as Egress
}

function run(process: Process, script: Script, handler: ResponseHandler, onKey: () => void): ClientExchange {
  let over = false
  const abort = (error: Error) => {
    if (over) return
    over = true
    handler.onError(error)
  }
  const later = (ms: number, act: () => void) => {
    process.clock.after(ms, () => {
      if (!over) act()
    })
  }
  const part = (index: number) => {
    const ms = script.partsMs[index]
    if (ms === undefined) {
      over = true
      handler.onEnd([])
    } else
      later(ms, () => {
        if (index === 0) handler.onHead(200, ['content-type', 'text/plain'])
        handler.onData(Buffer.from('a part of the response\n'))
        part(index + 1)
      })
  }
  later(script.connectMs, () => {
    const reason = handler.whyNotSend()
    if (reason) {
      abort(reason)
      return
    }
    onKey()
    part(0)
  })
  const nothing = () => undefined
  return { write: () => true, end: nothing, pause: nothing, resume: nothing, abort }
}

export function drawScript(random: Random, isStream: boolean): Script {
  const dependencies = isStream ? 2 + random.below(40) : 1
  return {
    connectMs: random.chance(0.9) ? random.between(1, 20) : random.between(20, 3_000),
    partsMs: Array.from({ length: dependencies }, () => random.between(20, isStream ? 700 : 200)),
  }
}
