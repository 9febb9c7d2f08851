#!/usr/bin/env node
import { realpathSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { processIo } from './io.ts'
import { run } from './run.ts'
import type { Registration } from './run.ts'

/** Every command, in the order help shows them: one line each. */
export const registrations: readonly Registration[] = [
  { group: 'Data', name: 'read', summary: 'Read data, or get credentials', load: async () => (await import('./read.ts')).read },
  { group: 'Data', name: 'write', summary: 'Write data, or issue a phantom token', load: async () => (await import('./write.ts')).write },
  { group: 'Data', name: 'list', summary: 'List what lies below a path', load: async () => (await import('./list.ts')).list },
  { group: 'Data', name: 'delete', summary: 'Delete what is at a path', load: async () => (await import('./delete.ts')).remove },
]

// npx starts a link to this file. Imported, as tests do, it runs nothing.
if (process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = await run(process.argv.slice(2), processIo(), registrations)
}
