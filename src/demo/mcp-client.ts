/** One tool call through the real MCP client: what an agent's framework does. */

export interface ToolCall {
  /** Of the MCP endpoint. */
  readonly url: string
  /** The phantom token. */
  readonly token: string
  readonly tool: string
  readonly args?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
  /** Each progress message, as it comes. */
  readonly onProgress?: (message: string) => void
}

export interface ToolCallResult {
  /** All text of the response; a refusal or failure of the server's bearer check is worded as one by the tool. */
  readonly text: string
  readonly isError: boolean
  /** `_meta` of the response. */
  readonly meta: Readonly<Record<string, unknown>>
}

/** 500 is what the MCP SDK's own check says to everything but a refusal, an outage included. */
const bearerCheckStatuses: ReadonlySet<number> = new Set([401, 403, 500, 503])

/** A tool may follow a stream for long; the caller's signal ends it. */
const LONGEST_CALL_MS = 2 ** 31 - 1

/** Refusals are results with `isError`. Rejects when there is no MCP server at the URL, or when the signal aborts. */
export async function callTool({ url, token, tool, args = {}, signal, onProgress }: ToolCall): Promise<ToolCallResult> {
  const [{ Client }, { StreamableHTTPClientTransport }] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
  ])
  const refused: { result?: ToolCallResult | undefined } = {}
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${token}` } },
    fetch: async (input, init) => {
      const response = await fetch(input, init)
      if (bearerCheckStatuses.has(response.status)) refused.result = await refusalOf(response.clone())
      return response
    },
  })
  const client = new Client({ name: 'mcp-vault', version: '1.0.0' })
  try {
    const options = { timeout: LONGEST_CALL_MS, ...(signal && { signal }) }
    await client.connect(transport, options)
    const result = await client.callTool({ name: tool, arguments: { ...args } }, undefined, {
      ...options,
      ...(onProgress && {
        onprogress: ({ message }: { message?: string | undefined }) => {
          onProgress(message ?? '')
        },
      }),
    })
    const content = result.content as { type: string; text?: string }[]
    return {
      text: content.flatMap((part) => part.text ?? []).join('\n'),
      isError: result.isError === true,
      meta: result._meta ?? {},
    }
  } catch (thrown) {
    if (refused.result) return refused.result
    throw thrown
  } finally {
    await client.close()
  }
}

async function refusalOf(response: Response): Promise<ToolCallResult | undefined> {
  const { error, error_description: description } = (await response.json().catch(() => ({}))) as {
    error?: string
    error_description?: string
  }
  // Any fault of the server's own may be a 500; only one that is worded as the check words it says anything.
  if (error === undefined && response.status === 500) return undefined
  return {
    text: `${String(response.status)} ${error ?? 'refused'}${description === undefined ? '' : `: ${description}`}`,
    isError: true,
    meta: {},
  }
}
