/** Where batches of whole lines go. Operations are never called concurrently. */
export interface AuditSink {
  /** Resolves when all bytes are accepted; throws when any is not. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when what was written survives a loss of power. */
  sync(): Promise<void>
  /** Where others can take away what was written: throws when they have. `sync` looks too. */
  check?(): Promise<void>
  close(): Promise<void>
}

/** A file as the log needs it. Written for `node:fs`, replaced in tests by storage that fails on demand. */
export interface AuditFile {
  /** Appends with one system call and says how many bytes were taken. */
  append(bytes: Uint8Array): Promise<number>
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
  /** Opens for reading and appending; creates file (0600) and directory (0700) when missing, durably. Regular files only. */
  open(path: string): Promise<AuditFile>
}
