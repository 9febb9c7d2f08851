// src/preset/presets.ts and vault-config/presets/README.md, out of the files in vault-config/presets.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocks, code, generated, prose, table } from './markdown.mjs'

/** Every preset, by name, as `readPreset` of src/preset/read.ts reads it; throws with file and field of what is wrong. */
export function readPresets(folder, readPreset) {
  const read = (file) => readPreset(`vault-config/presets/${file}`, readFileSync(join(folder, file), 'utf8'))
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.sort().map(read)
}

export function presetsText(presets) {
  return `// Generated from vault-config/presets by scripts/generate.mjs. Do not edit.\nimport type { Preset } from './schema.ts'\n\nexport const presets: readonly Preset[] = ${JSON.stringify(presets, null, 2)}\n`
}

export const presetsPage = (presets) =>
  blocks(
    '# Presets',
    generated('the files in this folder'),
    `One reviewed file for each API: where it is, how it takes its key, which headers it needs, and tools to start with. ${code('mcp-vault add <name>')} shows what it would write and writes it; Terraform has it as ${code('data "mcp_preset"')}. The fields of ${code('upstream')} and ${code('tools')} are those of [the engine](../cli-reference.md).`,
    table(
      ['preset', 'API', 'key', 'variables', 'tools'],
      presets.map(({ name, version, title, secret, variables, tools }) => [
        `[${code(name)}](${name}.json) ${version}`,
        prose(title),
        Object.entries(secret)
          .map(([field, { description }]) => `${code(field)}: ${prose(description)}`)
          .join('; '),
        Object.entries(variables)
          .map(([variable, { example }]) => code(`${variable}=${example}`))
          .join(' '),
        tools.map((tool) => code(tool.name)).join(' '),
      ]),
    ),
    ...presets.filter(({ notes }) => notes !== undefined).map(notesOf),
  )

const notesOf = ({ name, title, notes }) => [
  `## ${title}`,
  `${code(`mcp-vault add ${name}`)}. ${notes.map(prose).join(' ')}`,
]
