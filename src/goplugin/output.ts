/**
 * Owns stdout and stderr. The first line on stdout belongs to the handshake; anything else there breaks the launch or, later, blocks
 * the process for good once the host stops reading. On stderr an unstructured line is invisible and a wrong JSON object can take the
 * host down. So whatever the process prints becomes a log entry.
 */
import { writeSync } from 'node:fs'
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
  const writeError = process.stderr.write.bind(process.stderr)
  let unread = false
  process.stdout.on('error', () => undefined)
  // Nobody reads any more: there is nobody to tell of it either.
  process.stderr.on('error', ({ code }: NodeJS.ErrnoException) => { unread ||= code === 'EPIPE' })
  const write = (text: string) => {
    if (!unread) writeError(text)
  }
  const log = (level: Level, fields: object, message: unknown) => { write(logLine(level, systemClock.now(), fields, message)) }
  replaceWrite(process.stdout, (text) => { log('info', { stream: 'stdout' }, text) })
  replaceWrite(process.stderr, (text) => { log('warn', { stream: 'stderr' }, text) })
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
  return {
    logger,
    handshake: (line) => { writeSync(1, line) },
    tell: write,
  }
}

type Callback = (error?: Error | null) => void

function replaceWrite(stream: NodeJS.WriteStream, log: (text: string) => void): void {
  const write = (chunk: string | Uint8Array, encoding?: BufferEncoding | Callback, callback?: Callback): boolean => {
    const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()
    const line = text.replace(/\r?\n$/, '')
    if (line !== '') log(line)
    const done = typeof encoding === 'function' ? encoding : callback
    if (done) process.nextTick(done)
    return true
  }
  // The library's would write past the other, and the process has no further use for a stream that has ended.
  const end = (chunk?: string | Uint8Array | Callback | null, encoding?: BufferEncoding | Callback, callback?: Callback): NodeJS.WriteStream => {
    if (typeof chunk === 'function') process.nextTick(chunk)
    else write(chunk ?? '', encoding, callback)
    return stream
  }
  Object.assign(stream, { write, end })
}
