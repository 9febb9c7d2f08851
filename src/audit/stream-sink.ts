import type { Writable } from 'node:stream'
import type { AuditSink } from './sink.ts'

/** Lines to a stream, such as standard output for a collector. Durable as far as the stream's own callback says; closing leaves the stream open, it belongs to its creator. */
export function streamSink(stream: Writable): AuditSink {
  // A stream reports a failed write to the callback and as an event; unheard, the event would end the process.
  stream.on('error', () => undefined)
  return {
    write(bytes, done) {
      // A stream may hand the chunk on as it is and keep it beyond its callback.
      stream.write(Buffer.from(bytes), (error) => {
        done(error ?? undefined)
      })
    },
    close: () => Promise.resolve(),
  }
}
