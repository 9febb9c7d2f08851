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

const STDOUT = 1
const STDERR = 2

let captured: Output | undefined

/** Takes both streams over, at the first call; what is printed before it cannot be caught. */
export function captureOutput(): Output {
  captured ??= capture()
  return captured
}

function capture(): Output {
  const log = (level: Level, fields: object, message: unknown) => {
    tryWrite(STDERR, logLine(level, systemClock.now(), fields, message))
  }
  replaceStream('stdout', (text) => {
    log('info', { stream: 'stdout' }, text)
  })
  replaceStream('stderr', (text) => {
    log('warn', { stream: 'stderr' }, text)
  })
  // Node's own listener writes past process.stderr.
  process.removeAllListeners('warning')
  process.on('warning', (warning) => {
    log('warn', { stack: warning.stack }, `${warning.name}: ${warning.message}`)
  })
  const logger: Logger = {
    debug: (fields, message) => {
      log('debug', fields, message)
    },
    info: (fields, message) => {
      log('info', fields, message)
    },
    warn: (fields, message) => {
      log('warn', fields, message)
    },
    error: (fields, message) => {
      log('error', fields, message)
    },
  }
  handleFaults(logger)
  return {
    logger,
    handshake: (line) => {
      writeAll(STDOUT, line)
    },
    tell: (text) => {
      tryWrite(STDERR, text)
    },
  }
}

/** Blocks until all of it is written. Throws where nobody reads. */
function writeAll(fd: number, text: string): void {
  for (let rest = Buffer.from(text); rest.length > 0;) rest = rest.subarray(writeSync(fd, rest))
}

/** Where nobody reads, the failure cannot be reported either; that the host is gone is noticed elsewhere. */
function tryWrite(fd: number, text: string): void {
  try {
    writeAll(fd, text)
  } catch {
    // EPIPE
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
