import type { LineWaiter } from './line-batch.ts'

/**
 * Lines of JSON that are durable before their `append` resolves. After a failure everything that waits is rejected, and
 * so is what comes within the next quarter of a second; then an append tries again, on the file opened again.
 */
export interface AuditLog {
  /** Opens the file now instead of at the first append, so that a path that cannot be written shows at the start. */
  open(): Promise<void>
  /** Resolves when the line is on the disk. Rejects with `RequestError` `unavailable`: then nothing may rest on it. */
  append(record: object): Promise<void>
  /** For SIGHUP after a rotation: what waits goes to the old file, what comes after to a new one at `path`. */
  reopen(): Promise<void>
  /** Writes what waits, then closes. Later appends are rejected. */
  close(): Promise<void>
}

/** A log that also takes lines from those who have rendered what many of them share in advance, and who need no promise for each. */
export interface RecordLog extends AuditLog {
  /**
   * Like `append` of a record whose line has the members `members`: what `auditMembers` makes of them, joined with commas, in the order of
   * `auditLine`. A line that `mayWait` is written with the next that may not, after 5 ms at the latest, and before the log is closed.
   */
  appendMembers(members: string, waiter: LineWaiter, mayWait: boolean): void
}
