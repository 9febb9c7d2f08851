import { definePath } from '../framework/path.ts'
import type { Tidy } from './tidy.ts'

const BUDGET_MS = 30_000

export function pathTidy(tidy: Tidy) {
  return definePath({
    pattern: 'tidy',
    fields: {},
    sudo: true,
    active_node_only: true,
    synopsis: 'Removes dead records now.',
    description: 'Sessions past their life and the reuse window are removed, with their tokens and end markers. The same runs by itself, a little every minute. done: false means the time budget ended first; write again to go on.',
    operations: { write: async () => ({ data: { done: await tidy.run(BUDGET_MS), ...tidy.status } }) },
  })
}

export function pathTidyStatus(tidy: Tidy) {
  return definePath({
    pattern: 'tidy/status',
    fields: {},
    synopsis: 'What tidy did last.',
    description: 'Counts are since this engine was started.',
    operations: { read: () => ({ data: { ...tidy.status } }) },
  })
}
