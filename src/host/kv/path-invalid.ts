import { definePath } from '../../framework/path.ts'
import type { Handler, PathDef } from '../../framework/path.ts'
import { RequestError } from '../../logical/errors.ts'
import type { Operation } from '../../logical/request.ts'

const folders = ['data', 'metadata', 'subkeys', 'delete', 'undelete', 'destroy']
const cliVerbs: Partial<Record<Operation, string>> = {
  create: 'put',
  update: 'put',
  read: 'get',
  list: 'list',
  delete: 'delete',
  patch: 'patch',
}

/** Anyone who takes this mount for version 1 of the engine gets Vault's hint with the 404. Must be the last path. */
export function pathInvalid(): PathDef {
  const hint: Handler<{ anything: { type: 'string'; description: string; example: string } }> = ({ request }) => {
    const [folder = '', ...rest] = request.path.split('/').filter((segment) => segment !== '')
    if (folder === 'config' && rest.length === 0) throw new RequestError('unsupported_operation')
    if (!folders.includes(folder)) {
      return {
        status: 404,
        warnings: [
          `Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. If using the Vault CLI, use 'vault kv ${cliVerbs[request.operation] ?? 'get'}' for this operation.`,
        ],
      }
    }
    if (rest.length > 0) throw new RequestError('unsupported_operation')
    return { status: 404, warnings: ['Non-listing operations on the root path are not supported.'] }
  }
  return definePath({
    pattern: ':anything...',
    fields: { anything: { type: 'string', description: 'A path this engine does not have.', example: 'mcp/stripe' } },
    takes_arbitrary_input: true,
    synopsis: 'Explains that this engine is version 2.',
    description: 'Secrets lie under data/ and metadata/; the vault kv commands add that themselves.',
    operations: { read: hint, write: hint, patch: hint, delete: hint, list: hint },
  })
}
