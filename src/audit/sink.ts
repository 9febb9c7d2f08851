/** Where batches of whole lines go. Operations are never called concurrently. */
export interface AuditSink {
  /**
   * Calls `done` once: with undefined when all bytes have been taken and survive a loss of power, else with what went wrong. `bytes` are
   * the caller's own again from then on.
   */
  write(bytes: Uint8Array, done: (error: unknown) => void): void
  /** Where others can take away what was written: throws when they have. */
  check?(): Promise<void>
  close(): Promise<void>
}

/** A file as the log needs it. Written for `node:fs`, replaced in tests by storage that fails on demand. */
export interface AuditFile {
  /** What `append` has taken survives a loss of power; where false, only after a `sync`. */
  readonly isSynchronous: boolean
  /** Appends with one system call and says how many bytes were taken; `error` is undefined or null where nothing went wrong. */
  append(bytes: Uint8Array, done: (error: unknown, taken: number) => void): void
  /** `fdatasync`. */
  sync(): Promise<void>
  size(): Promise<number>
  read(position: number, length: number): Promise<Uint8Array>
  truncate(length: number): Promise<void>
  /**
   * What has become of the file behind this process's back. `moved`: another name leads to it; `removed`, `replaced`: none does, and
   * its lines are gone; `truncated`: it is shorter than `size`, which it had.
   */
  fate(size: number): Promise<'here' | 'moved' | 'removed' | 'replaced' | 'truncated'>
  close(): Promise<void>
}

export interface AuditFileSystem {
  /**
   * Opens for reading and appending; creates file (0600) and directory (0700) when missing, durably. Regular files only. With
   * `synchronous`, each append is to be durable by itself, where the file system can do that.
   */
  open(path: string, synchronous: boolean): Promise<AuditFile>
}
