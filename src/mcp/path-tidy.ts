import { definePath } from '../framework/path.ts'
import type { Fields } from '../framework/field.ts'
import type { Tidy } from './tidy.ts'

const BUDGET_MS = 30_000

const statusFields = {
  state: { type: 'string', computed: true, description: 'idle or running.', example: 'idle' },
  last_started: {
    type: 'int',
    computed: true,
    nullable: true,
    description: 'Unix seconds; null: never.',
    example: 1773590400,
  },
  last_finished: {
    type: 'int',
    computed: true,
    nullable: true,
    description: 'When everything was last swept, in Unix seconds; null: never.',
    example: 1773590401,
  },
  sessions_removed: { type: 'int', computed: true, description: 'Since this engine was started.', example: 120 },
  tokens_removed: { type: 'int', computed: true, description: 'Since this engine was started.', example: 340 },
  markers_removed: { type: 'int', computed: true, description: 'Since this engine was started.', example: 17 },
} as const satisfies Fields

export function pathTidy(tidy: Tidy) {
  return definePath({
    pattern: 'tidy',
    fields: {
      ...statusFields,
      done: { type: 'bool', computed: true, description: 'Everything was swept.', example: true },
    },
    sudo: true,
    active_node_only: true,
    synopsis: 'Removes dead records now.',
    description:
      'Sessions past their life and the reuse window are removed, with their tokens and end markers. The same runs by itself, a little every minute. done: false means that the time budget ended first, or that a run is under way; write again to go on.',
    operations: { write: async () => ({ data: { done: await tidy.run(BUDGET_MS), ...tidy.status } }) },
  })
}

export function pathTidyStatus(tidy: Tidy) {
  return definePath({
    pattern: 'tidy/status',
    fields: statusFields,
    synopsis: 'What tidy did last.',
    description: 'Of this node, since its engine was started.',
    operations: { read: () => ({ data: { ...tidy.status } }) },
  })
}
