/**
 * Owns stdout and stderr. The first line on stdout belongs to the handshake; anything else there breaks the launch or, later, blocks
 * the process for good once the host stops reading. On stderr an unstructured line is invisible and a wrong JSON object can take the
 * host down. So whatever the process prints becomes a log entry.
 *
 * Node's own streams are replaced before they are opened: they would make the pipes non-blocking, and what is still queued at
 * `process.exit`, the reason for it above all, would be lost.
 */
import { writeSync } from 'node:fs'
import { Writable } from 'node:stream'
import { systemClock } from '../logical/clock.ts'
import type { Logger } from '../logical/log.ts'
import { handleFaults } from './exit.ts'
import { logLine } from './log-line.ts'
import type { Level } from './log-line.ts'

export interface Output {
  readonly logger: Logger
  /** The one line for the host. Throws where nobody can read it. */
  handshake(line: string): void
  /** Text for a person, as it is, on stderr. */
  tell(text: string): void
}

let captured: Output | undefined

/** Takes both streams over, at the first call; what is printed before it cannot be caught. */
export function captureOutput(): Output {
  captured ??= capture()
  return captured
}

function capture(): Output {
  const stdout = new Pipe(1)
  const stderr = new Pipe(2)
  const log = (level: Level, fields: object, message: unknown) => { stderr.tryWrite(logLine(level, systemClock.now(), fields, message)) }
  replaceStream('stdout', (text) => { log('info', { stream: 'stdout' }, text) })
  replaceStream('stderr', (text) => { log('warn', { stream: 'stderr' }, text) })
  // Node's own listener writes past process.stderr.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => { log('warn', { stack: warning.stack }, `${warning.name}: ${warning.message}`) })
  const logger: Logger = {
    debug: (fields, message) => { log('debug', fields, message) },
    info: (fields, message) => { log('info', fields, message) },
    warn: (fields, message) => { log('warn', fields, message) },
    error: (fields, message) => { log('error', fields, message) },
  }
  handleFaults(logger)
  return { logger, handshake: (line) => { stdout.write(line) }, tell: (text) => { stderr.tryWrite(text) } }
}

const PATIENCE_MS = 1_000
const pause = new Int32Array(new SharedArrayBuffer(4))

/** Writes at once and whole, waiting for the reader like any blocking write, even where a host made its pipe non-blocking. */
class Pipe {
  readonly #fd: number
  /** None is left for a reader that has let the last line wait in vain, until it reads again. */
  #patienceMs = PATIENCE_MS

  constructor(fd: number) { this.#fd = fd }

  /** Throws where nobody reads. */
  write(text: string): void {
    let rest = Buffer.from(text)
    while (rest.length > 0) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
        this.#patienceMs = PATIENCE_MS
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || this.#patienceMs === 0) throw error
        this.#patienceMs--
        Atomics.wait(pause, 0, 0, 1)
      }
    }
  }

  /** Where nobody reads there is nobody to tell of it either. */
  tryWrite(text: string): void {
    try {
      this.write(text)
    } catch {
      // EPIPE: the host is gone, which is noticed elsewhere.
    }
  }
}

function replaceStream(name: 'stdout' | 'stderr', log: (text: string) => void): void {
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Uint8Array, _encoding, done) => {
      const text = (typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()).replace(/\r?\n$/, '')
      if (text !== '') log(text)
      done()
    },
  })
  // As with Node's own, there is no end to them.
  stream.end = (chunk?: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) stream.write(chunk)
    return stream
  }
  stream.on('error', () => undefined)
  Object.defineProperty(process, name, { value: stream, configurable: true, enumerable: true, writable: true })
}
