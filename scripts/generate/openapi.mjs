// vault-config/openapi.json: the engine's API. Paths are relative to its mount.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const { name, version, license } = JSON.parse(readFileSync(resolve(import.meta.dirname, '../../package.json'), 'utf8'))

export function openApiText(paths, openApiDocument) {
  const info = {
    title: name,
    description:
      'API of the engine, relative to its mount: behind /v1/mcp where it is mounted at mcp/. Schemas of answers are of what lies in `data`. A server has the same under sys/internal/specs/openapi, beside its other engines.',
    version,
    license: { name: license, url: 'https://www.mozilla.org/en-US/MPL/2.0/' },
  }
  return `${JSON.stringify(openApiDocument(paths, { info, prefix: 'mcp' }), null, 2)}\n`
}
