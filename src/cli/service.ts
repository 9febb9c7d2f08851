import { readFile } from 'node:fs/promises'
import { createAuditLog } from '../audit/index.ts'
import type { AuditLogOptions, RecordLog } from '../audit/index.ts'
import { RequestError } from '../logical/errors.ts'
import type { Logger } from '../logical/log.ts'
import { Failure } from './failure.ts'
import type { Io } from './io.ts'
import { readPrivateFile } from './private-file.ts'

/** What the commands that keep running have in common: certificates, audit files that can be rotated, start and stop. */

export interface CertificateFiles {
  readonly tls_cert_file?: string | undefined
  readonly tls_key_file?: string | undefined
}

/** PEM texts of a listener; undefined for one without TLS. */
export async function readTls({
  tls_cert_file: certFile,
  tls_key_file: keyFile,
}: CertificateFiles): Promise<{ cert: string; key: string } | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined
  const cert = await readFile(certFile, 'utf8').catch(startFailure(`The certificate ${certFile} cannot be read`))
  return { cert, key: await readPrivateFile(keyFile, 'The TLS key') }
}

/** Turns what the system says about a start into one sentence; everything else passes. */
export const startFailure =
  (what: string) =>
  (thrown: unknown): never => {
    if (thrown instanceof Failure || !(thrown instanceof Error) || !('code' in thrown)) throw thrown
    const { code, address, port } = thrown as NodeJS.ErrnoException & { address?: string; port?: number }
    const at = address === undefined ? '' : ` (${address}${port === undefined ? '' : `:${String(port)}`})`
    throw new Failure(1, `${what}: ${reasons[code ?? ''] ?? code ?? 'failed'}${at}`)
  }

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use; is another server running?',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOENT: 'there is no such file',
}

/** The audit files of a process; a SIGHUP, as log rotation sends it, has all of them opened again. */
export class AuditFiles {
  readonly #logger: Logger
  readonly #open = new Map<string, RecordLog>()
  readonly #onHangup = (): void => {
    void this.#reopen()
  }

  constructor(logger: Logger) {
    this.#logger = logger
    process.on('SIGHUP', this.#onHangup)
  }

  get paths(): string[] {
    return [...this.#open.keys()]
  }

  /** A log that stays known here until it is closed. */
  log(options: AuditLogOptions & { readonly path: string }): RecordLog {
    const { path } = options
    const log = createAuditLog({ logger: this.#logger, ...options })
    const known: RecordLog = {
      open: () =>
        log.open().catch((cause: unknown) => {
          throw new RequestError('unavailable', `the audit log ${path} cannot be written${reasonOf(cause)}`, { cause })
        }),
      append: (record) => log.append(record),
      appendMembers: (members, waiter, mayWait) => {
        log.appendMembers(members, waiter, mayWait)
      },
      reopen: () => log.reopen(),
      close: () => {
        if (this.#open.get(path) === known) this.#open.delete(path)
        return log.close()
      },
    }
    this.#open.set(path, known)
    return known
  }

  stop(): void {
    process.off('SIGHUP', this.#onHangup)
  }

  async #reopen(): Promise<void> {
    for (const [path, log] of this.#open) {
      await log.reopen().then(
        () => {
          this.#logger.info({ path }, 'audit log reopened')
        },
        (cause: unknown) => {
          this.#logger.error(
            { cause, path },
            'audit log could not be reopened; requests it must record are refused until it can be',
          )
        },
      )
    }
  }
}

/** What the system said, beneath what was made of it. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  return cause instanceof Error
    ? `: ${'code' in cause ? (reasons[String(cause.code)] ?? String(cause.code)) : cause.message}`
    : ''
}

/** Resolves at the first Ctrl-C or SIGTERM. */
export const untilAborted = ({ signal }: Io): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    signal.addEventListener(
      'abort',
      () => {
        resolve()
      },
      { once: true },
    )
  })
