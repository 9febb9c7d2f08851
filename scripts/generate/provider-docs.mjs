// vault-config/terraform/docs: the provider in the registry's layout, out of its own schemas, with the examples that lie beside.
import { blocks, code, fence, generated, prose } from './markdown.mjs'

const source = generated('the schemas of src/terraform and vault-config/terraform/examples')
const provider = 'mcp'

/**
 * The pages by their path below docs/. `declared` is a provider of src/terraform; `example(path)` reads a file below
 * vault-config/terraform/examples and throws where there is none: everything has an example.
 */
export function providerDocs(declared, example) {
  return {
    'index.md': indexPage(declared, example),
    ...pagesOf(declared.resources, 'resources', resourcePage, example),
    ...pagesOf(declared.dataSources, 'data-sources', dataSourcePage, example),
    ...pagesOf(declared.ephemeralTypes, 'ephemeral-resources', ephemeralPage, example),
    ...pagesOf(declared.functions, 'functions', functionPage, example),
  }
}

const pagesOf = (all, folder, page, example) =>
  Object.fromEntries(
    Object.entries(all).map(([name, one]) => [
      `${folder}/${name.replace(`${provider}_`, '')}.md`,
      page(name, one, example),
    ]),
  )

function indexPage({ schema, resources, dataSources, ephemeralTypes, functions }, example) {
  const list = (all, folder) =>
    Object.entries(all)
      .map(
        ([name, one]) =>
          `- [${code(name)}](${folder}/${name.replace(`${provider}_`, '')}.md): ${prose(firstSentence(one.signature?.summary ?? one.schema.description))}`,
      )
      .join('\n')
  return blocks(
    frontMatter('mcp Provider', schema.description),
    source,
    '# mcp Provider',
    prose(schema.description),
    'The same configuration works on Vault, OpenBao and the embedded server. The provider makes a child token of the token it is given, short-lived, and revokes it when Terraform ends; what was leased under it ends with it.',
    '## Example Usage',
    fence('terraform', example('provider/provider.tf')),
    'Write-only arguments and ephemeral resources need Terraform 1.11, or OpenTofu 1.11. Guides: [no secret in state](guides/no-secret-in-state.md), [ephemeral credentials](guides/ephemeral-credentials.md).',
    '## What there is',
    `### Resources\n\n${list(resources, 'resources')}`,
    `### Data sources\n\n${list(dataSources, 'data-sources')}`,
    `### Ephemeral resources\n\n${list(ephemeralTypes, 'ephemeral-resources')}`,
    `### Functions\n\n${list(functions, 'functions')}`,
    schemaPart(schema),
  )
}

function resourcePage(name, { schema }, example) {
  return blocks(
    page(name, 'Resource', schema.description),
    '## Example Usage',
    fence('terraform', example(`resources/${name}/resource.tf`)),
    schemaPart(schema),
    '## Import',
    'By the id, or by its short form where there is one. In a configuration:',
    fence('terraform', example(`resources/${name}/import.tf`)),
    'On the command line:',
    fence('shell', example(`resources/${name}/import.sh`)),
  )
}

const dataSourcePage = (name, { schema }, example) =>
  blocks(
    page(name, 'Data Source', schema.description),
    '## Example Usage',
    fence('terraform', example(`data-sources/${name}/data-source.tf`)),
    schemaPart(schema),
  )

const ephemeralPage = (name, { schema }, example) =>
  blocks(
    page(name, 'Ephemeral Resource', schema.description),
    '## Example Usage',
    fence('terraform', example(`ephemeral-resources/${name}/ephemeral-resource.tf`)),
    schemaPart(schema),
  )

function functionPage(name, { signature }, example) {
  const { summary, description, parameters, returns } = signature
  return blocks(
    frontMatter(`${name} function - ${provider}`, summary),
    source,
    `# function: ${name}`,
    prose(description),
    'Needs no server, and no provider block.',
    '## Example Usage',
    fence('terraform', example(`functions/${name}/function.tf`)),
    '## Signature',
    fence(
      'text',
      `${name}(${parameters.map((parameter) => `${parameter.name} ${typeText(parameter.type).toLowerCase()}`).join(', ')}) ${typeText(returns).toLowerCase()}`,
    ),
    '## Arguments',
    parameters
      .map(
        (parameter, index) =>
          `${index + 1}. ${code(parameter.name)} (${typeText(parameter.type)}) ${prose(parameter.description)}`,
      )
      .join('\n'),
  )
}

const page = (name, kind, description) =>
  `${frontMatter(`${name} ${kind} - ${provider}`, description)}\n\n${source}\n\n# ${name} (${kind})\n\n${prose(description)}`

function frontMatter(title, description) {
  return `---\npage_title: ${JSON.stringify(title)}\nsubcategory: ""\ndescription: |-\n  ${firstSentence(description)}\n---`
}

const firstSentence = (text) => /^.*?[.?!](?=\s|$)/.exec(text)?.[0] ?? text

function schemaPart({ attributes, blocks: nested = {} }) {
  const below = [
    ...Object.entries(attributes)
      .filter(([, { type }]) => type.listOf)
      .map(([name, { type }]) => nestedPart('nestedatt', name, { attributes: type.listOf })),
    ...Object.entries(nested).map(([name, block]) => nestedPart('nestedblock', name, block)),
  ]
  const once = Object.entries(nested).map(
    ([name, { description }]) =>
      `- ${code(name)} (Block, once) ${prose(description)} (see [below for nested schema](#nestedblock--${name}))`,
  )
  return blocks('## Schema', attributeLists('###', attributes, once), below).trimEnd()
}

function nestedPart(kind, name, { attributes }) {
  return blocks(
    `<a id="${kind}--${name}"></a>\n### Nested Schema for ${code(name)}`,
    attributeLists(null, attributes),
  ).trimEnd()
}

/** Required, optional, read-only: in that order, by name. `more` are lines for what is optional. */
function attributeLists(heading, attributes, more = []) {
  const of = (wanted) =>
    Object.entries(attributes)
      .filter(([, attribute]) => wanted(attribute))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(attributeLine)
  const groups = [
    ['Required', of(({ required }) => required)],
    ['Optional', [...of(({ optional }) => optional), ...more]],
    ['Read-Only', of(({ required, optional }) => !required && !optional)],
  ]
  return groups
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${heading ? `${heading} ${title}` : `${title}:`}\n\n${lines.join('\n')}`)
}

function attributeLine([name, { type, description, sensitive, write_only: writeOnly }]) {
  const marks = [
    typeText(type),
    sensitive && 'Sensitive',
    writeOnly &&
      '[Write-only](https://developer.hashicorp.com/terraform/language/resources/ephemeral#write-only-arguments)',
  ].filter(Boolean)
  return `- ${code(name)} (${marks.join(', ')}) ${prose(description)}${type.listOf ? ` (see [below for nested schema](#nestedatt--${name}))` : ''}`
}

function typeText(type) {
  if (type.listOf) return 'Attributes List'
  if (type === 'bool') return 'Boolean'
  if (typeof type === 'string') return type[0].toUpperCase() + type.slice(1)
  const [kind, of] = type
  if (kind === 'object')
    return `Object({ ${Object.entries(of)
      .map(([name, member]) => `${name} = ${typeText(member)}`)
      .join(', ')} })`
  return `${kind[0].toUpperCase()}${kind.slice(1)} of ${typeText(of)}`
}
