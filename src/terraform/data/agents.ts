import { explain } from '../explain.ts'
import type { DataSource } from '../protocol/provider.ts'
import { CallFailure } from '../call-failure.ts'
import type { Server } from '../server.ts'

export function agentsSource(server: () => Server): DataSource {
  return {
    schema: {
      description: 'The agents registered in the mount.',
      attributes: { names: { type: ['list', 'string'], computed: true, description: 'Their names, in order.' } },
    },
    validate: () => [],
    async read() {
      const asked = server()
      try {
        const answer = await asked.request('LIST', `${asked.mount()}/agents`).catch(noneAreNone)
        const keys = answer?.data?.keys
        return { names: Array.isArray(keys) ? keys.map(String).sort() : [] }
      } catch (error) {
        return explain(error, asked, { attributeOf: () => undefined })
      }
    },
  }
}

/** An empty collection is a 404. */
function noneAreNone(error: unknown): undefined {
  if (error instanceof CallFailure && error.error.kind === 'not_found' && error.error.errors.length === 0)
    return undefined
  throw error
}
