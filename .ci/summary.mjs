// What CI prints last. Often only the end of a long log is kept, so the end has to say which step failed, and how.
import { stripVTControlCharacters as plain } from 'node:util'

const FAILURES_SHOWN = 20
const LINES_SHOWN = 15
const LINE_LENGTH = 240
/** How the steps' own programs begin the line of a failure. */
const FAILURE = /^\s*(?:FAIL|FAILED|BAD|--- FAIL|✖|×|seed \d+, episode \d+)(?=[\s:]|$)/

const cut = (line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line)

/** The last `N passed, N failed, N skipped` of a step's output; undefined where there is none. */
export function countsIn(output) {
  const last = [...plain(output).matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1)
  if (last === undefined) return undefined
  const [passed, failed, skipped] = last.slice(1).map(Number)
  return { passed, failed, skipped }
}

/** Up to 15 lines of a failed step: those that name failures where there are any, the last ones otherwise. */
function reasons({ failures = [], output = '' }) {
  const lines = plain(output).split('\n')
  const named = failures.length > 0 ? failures : lines.filter((line) => FAILURE.test(line))
  if (named.length === 0) return lines.filter((line) => line.trim() !== '').slice(-LINES_SHOWN)
  const more = named.length - FAILURES_SHOWN
  return more > 0 ? [...named.slice(0, FAILURES_SHOWN), `and ${more} more`] : named
}

/**
 * The end of the log: the reasons of each failed step, a line for each step, and alone in the last line the total.
 * `steps`: { name, passed, failed, skipped, seconds, why?, failures?, output? }; `why` says why a step was skipped.
 */
export function summarize(steps) {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const step of steps) for (const result of Object.keys(total)) total[result] += step[result]
  const failures = steps
    .filter(({ failed }) => failed > 0)
    .flatMap((step) => ['', `FAILED ${step.name}`, ...reasons(step).map((line) => `  ${cut(line.trimEnd())}`)])
  const rows = steps.map(({ name, passed, failed, skipped, seconds, why }) => {
    const counts = `${passed} passed, ${failed} failed, ${skipped} skipped`
    return `  ${failed > 0 ? 'FAILED' : why === undefined ? 'ok    ' : 'skip  '} ${name}: ${why ?? `${counts} (${seconds} s)`}`
  })
  const lines = [...failures, '', 'Steps:', ...rows, '']
  return {
    ...total,
    text: [...lines, `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`].join('\n'),
  }
}
