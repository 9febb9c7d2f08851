import type { Family } from './command.ts'
import { importTools } from './tools-import.ts'
import { suggestTools } from './tools-suggest.ts'

export const tools: Family = {
  summary: "Tools of upstreams: from an API's own description, or from what was used",
  commands: { import: importTools, suggest: suggestTools },
}
