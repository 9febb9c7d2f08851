// What an operator writes for an upstream: by a preset of the product, as `mcp-vault add` does, and what a program adds to it.
const dist = '../../../dist'

/** `preset`: the name of one, with its `variables`. `document`, `consent` and `tools` are added to what it says. */
export async function documentsOf(name, { preset, variables, document = {}, consent = {}, tools = {} }, url) {
  const own = {
    document: { url, allow_private_addresses: true, ...document },
    consent: { mcp_origins: url, ...consent },
    tools,
  }
  if (preset === undefined) return own
  const [{ planPreset, presets }, { withConsent }] = await Promise.all([
    import(`${dist}/preset/index.js`),
    import(`${dist}/scope/index.js`),
  ])
  const plan = planPreset(
    presets.find((one) => one.name === preset),
    { mount: 'mcp', name, url, allow_private_addresses: true, variables },
  )
  return {
    document: { ...plan.upstream, ...own.document },
    consent: { ...withConsent(plan.use, {}), ...consent },
    tools: { ...Object.fromEntries(plan.tools.map((tool) => [tool.name, tool.document])), ...tools },
  }
}
