// The least that P5 asks for: lines that are on the disk before anything is told, written together where several wait. What a bare
// server takes longer with them is the disk's, and no gateway's to save.
import { constants, openSync, write } from 'node:fs'

const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC } = constants
const line = Buffer.alloc(600, 'x')

/** Returns what writes a line to `path` and calls `tell` when it is durable. */
export function durableLines(path) {
  const file = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_DSYNC, 0o600)
  let waiting = []
  let isBusy = false
  const flush = () => {
    const told = waiting
    isBusy = true
    waiting = []
    const lines = Buffer.concat(told.map(() => line))
    write(file, lines, 0, lines.length, null, (error) => {
      if (error) throw error
      isBusy = false
      for (const tell of told) tell()
      if (!isBusy && waiting.length > 0) flush()
    })
  }
  return (tell) => {
    waiting.push(tell)
    if (!isBusy) flush()
  }
}
