import type { Family } from './command.ts'
import { importTools } from './tools-import.ts'

export const tools: Family = {
  summary: "Tools of upstreams: from an API's own description",
  commands: { import: importTools },
}
