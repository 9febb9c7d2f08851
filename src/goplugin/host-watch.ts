/** Notices that the host is gone: a host that is killed ends only its own process. */
import type { Clock } from '../logical/clock.ts'

/** As long as hosts wait for the handshake themselves. */
const FIRST_CONNECTION_MS = 60_000
const NEXT_CONNECTION_MS = 3_000
const PARENT_MS = 1_000

export interface HostWatchConfig {
  readonly clock: Clock
  /** Process id of the parent, now. */
  readonly parent: () => number
  /** Called once. */
  readonly gone: (why: string) => void
}

/** Hosts keep one broker stream open from connecting until they end. */
export interface HostWatch {
  readonly streamOpened: () => void
  readonly streamClosed: () => void
}

export function watchHost({ clock, parent, gone }: HostWatchConfig): HostWatch {
  const first = parent()
  let open = 0
  let over = false
  const end = (why: string) => {
    if (over) return
    over = true
    gone(why)
  }
  let cancel = clock.after(FIRST_CONNECTION_MS, () => {
    end('no host connected')
  })
  const look = () => {
    if (parent() !== first) end('the parent process is gone')
    else if (!over) clock.after(PARENT_MS, look)
  }
  clock.after(PARENT_MS, look)
  return {
    streamOpened: () => {
      open++
      cancel()
    },
    streamClosed: () => {
      open--
      if (open > 0) return
      cancel()
      cancel = clock.after(NEXT_CONNECTION_MS, () => {
        end('the host closed its connection')
      })
    },
  }
}
