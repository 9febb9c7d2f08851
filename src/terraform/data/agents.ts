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
      const session = server()
      try {
        const response = await session.request('LIST', `${session.mount()}/agents`).catch(noneAreNone)
        const keys = response?.data?.keys
        return { names: Array.isArray(keys) ? keys.map(String).sort() : [] }
      } catch (error) {
        return explain(error, session, { attributeOf: () => undefined })
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
