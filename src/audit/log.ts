import type { Writable } from 'node:stream'
import type { Clock } from '../logical/clock.ts'
import { RequestError } from '../logical/errors.ts'
import { silentLogger } from '../logical/log.ts'
import type { Logger } from '../logical/log.ts'
import { BatchLog } from './batch-log.ts'
import { openFileSink } from './file-sink.ts'
import type { RecordLog } from './audit-log.ts'
import { auditLine } from './line.ts'
import type { Redact } from './line-writer.ts'
import { nodeFileSystem } from './node-file-system.ts'
import type { AuditFileSystem } from './sink.ts'
import { streamSink } from './stream-sink.ts'

export interface AuditLogOptions {
  /** One process per file. Created with mode 0600, its directory with 0700. */
  readonly path?: string
  /** Instead of a file; nothing is synced. */
  readonly stream?: Writable
  readonly clock: Clock
  /** False gives up durability over a loss of power, not over a crash of the process. Default true. */
  readonly fsync?: boolean
  /** Instead of `redactText` and `redactCredentials`, for every string; the host's audit device hashes before it appends. */
  readonly redact?: Redact
  /** Bytes of lines that may wait; beyond, `append` rejects at once. Default 8 MiB. */
  readonly maxQueuedBytes?: number
  /** How long a batch may take before those who wait are told that it failed. Default 5 s. */
  readonly timeoutMs?: number
  readonly fileSystem?: AuditFileSystem
  /** Is told when the file is moved, removed, replaced or truncated while it is in use. */
  readonly logger?: Logger
}

const MAX_QUEUED_BYTES = 8 * 1024 * 1024
const TIMEOUT_MS = 5000
export function createAuditLog(options: AuditLogOptions): RecordLog {
  const { path, stream, clock, fsync = true, fileSystem = nodeFileSystem, logger = silentLogger } = options
  if ((path === undefined) === (stream === undefined))
    throw new RequestError('bad_request', 'audit log: give either path or stream')
  const time = timesOf(clock)
  const sink = stream && streamSink(stream)
  return new BatchLog({
    clock,
    maxQueuedBytes: options.maxQueuedBytes ?? MAX_QUEUED_BYTES,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    open: sink ? () => Promise.resolve(sink) : () => openFileSink(fileSystem, path!, fsync, time(), logger),
    logger,
    lineOf: (record) => auditLine(record, time(), options.redact),
    lineOfMembers: (members) => `{"time":"${time()}",${members}}`,
  })
}

/** The time now as lines have it; worded once a millisecond. */
function timesOf(clock: Clock): () => string {
  let atMs = NaN
  let text = ''
  return () => {
    const nowMs = clock.now()
    if (nowMs !== atMs) {
      text = new Date(nowMs).toISOString()
      atMs = nowMs
    }
    return text
  }
}
