// src/terraform/engine-schema.ts: the engine's documents as data, for the provider, which may not import the engine.

/** The paths Terraform works with, under the names src/terraform knows them by. */
const documents = {
  config: 'config',
  upstreams: 'upstreams/:name',
  tools: 'tools/:upstream/:name...',
  policies: 'policies/:name',
  agents: 'agents/:agent_id',
  'agents/scopes': 'agents/:agent_id/scopes/:environment',
  creds: 'creds/:agent',
}

/** `{ upstreams: { pattern, synopsis, description, fields }, … }` */
export function engineSchema(paths) {
  return Object.fromEntries(
    Object.entries(documents).map(([name, pattern]) => {
      const path = paths.find((candidate) => candidate.pattern === pattern)
      if (!path) throw new Error(`the engine has no path ${pattern}`)
      return [name, { pattern, synopsis: path.synopsis, description: path.description, fields: path.fields }]
    }),
  )
}

export function engineSchemaText(paths) {
  return `// Generated from the paths of src/mcp by scripts/generate.mjs. Do not edit.\nexport const engineSchema = ${JSON.stringify(engineSchema(paths), null, 2)} as const\n`
}
