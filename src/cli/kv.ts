import type { Family } from './command.ts'
import { get, list, patch, put, rollback } from './kv-data.ts'
import { metadata } from './kv-metadata.ts'
import { destroy, remove, undelete } from './kv-versions.ts'

export const kv: Family = {
  summary: 'Key/value secrets, where the real API keys live',
  commands: { put, get, list, patch, delete: remove, undelete, destroy, rollback, metadata },
}
