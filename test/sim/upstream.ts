/** The APIs behind the gateway, reached through what stands in for undici's pool. They see when the real key leaves. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Egress } from '../../src/gateway/proxy/egress.ts'
import type { Process } from './machine.ts'
import type { Random } from './random.ts'

/** How one call is to go: milliseconds before each part of the response, which then is as many parts long. */
export interface Script {
  readonly connectMs: number
  readonly partsMs: readonly number[]
}

interface Controller {
  aborted: boolean
  paused: boolean
  reason: Error | null
  abort(reason: Error): void
  pause(): void
  resume(): void
}

interface Handler {
  onRequestStart(controller: Controller, context: unknown): void
  onResponseStart(controller: Controller, status: number, headers: IncomingHttpHeaders, message: string): void
  onResponseData(controller: Controller, chunk: Buffer): void
  onResponseEnd(controller: Controller, trailers: object): void
  onResponseError(controller: Controller, error: Error): void
}

interface Dispatched {
  readonly path: string
}

/** `requestOf` reads the request's id from the path it was sent with. */
export function simulatedEgress(
  process: Process,
  scriptOf: (request: string) => Script,
  onKey: (request: string) => void,
): Egress {
  const dispatch = ({ path }: Dispatched, handler: Handler): boolean => {
    const request = new URL(path, 'https://upstream.example').searchParams.get('rid') ?? ''
    run(process, scriptOf(request), handler, () => {
      onKey(request)
    })
    return true
  }
  // The gateway asks a pool for nothing else.
  return { poolFor: () => ({ dispatch }) } as unknown as Egress
}

function run(process: Process, script: Script, handler: Handler, onKey: () => void): void {
  const controller: Controller = {
    aborted: false,
    paused: false,
    reason: null,
    abort(reason) {
      if (this.aborted) return
      this.aborted = true
      this.reason = reason
      handler.onResponseError(this, reason)
    },
    pause() {
      this.paused = true
    },
    resume() {
      this.paused = false
    },
  }
  const later = (ms: number, act: () => void) => {
    process.clock.after(ms, () => {
      if (!controller.aborted) act()
    })
  }
  const part = (index: number) => {
    const ms = script.partsMs[index]
    if (ms === undefined) handler.onResponseEnd(controller, {})
    else
      later(ms, () => {
        if (index === 0) handler.onResponseStart(controller, 200, { 'content-type': 'text/plain' }, 'OK')
        handler.onResponseData(controller, Buffer.from('a part of the response\n'))
        part(index + 1)
      })
  }
  later(script.connectMs, () => {
    handler.onRequestStart(controller, {})
    if (controller.aborted) return
    onKey()
    part(0)
  })
}

export function drawScript(random: Random, isStream: boolean): Script {
  const dependencies = isStream ? 2 + random.below(40) : 1
  return {
    connectMs: random.chance(0.9) ? random.between(1, 20) : random.between(20, 3_000),
    partsMs: Array.from({ length: dependencies }, () => random.between(20, isStream ? 700 : 200)),
  }
}
