// An MCP server over Streamable HTTP. It holds no key of any upstream: who calls, and what that session may do, it learns from the
// gateway with every request. MCP_GATEWAY, MCP_GATEWAY_TOKEN and PORT come from the environment.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js'
import express from 'express'
import { connect } from 'vault-plugin-secrets-mcp/client'
import { z } from 'zod'

const gateway = connect({
  address: process.env.MCP_GATEWAY ?? '127.0.0.1:8250',
  token: process.env.MCP_GATEWAY_TOKEN ?? '',
})

function createServer(): McpServer {
  const server = new McpServer({ name: 'billing', version: '1.0.0' })
  server.registerTool(
    'list_invoices',
    { description: 'The newest invoices', inputSchema: { limit: z.number().int().min(1).max(100).default(3) } },
    // Checked at the gateway before every call, and cut when the session ends.
    gateway.requireScope('read:stripe:invoices', async ({ limit }: { limit: number }, { upstream }) => {
      const response = await upstream('stripe').fetch(`/v1/invoices?limit=${limit}`)
      return { content: [{ type: 'text', text: await response.text() }], isError: !response.ok }
    }),
  )
  return server
}

const app = express()
app.use(express.json())
// 401 with a challenge for a token that is dead; the scope of each tool is judged by requireScope.
app.post('/mcp', requireBearerAuth({ verifier: gateway.verifier() }), async (request, response) => {
  const server = createServer()
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  response.on('close', () => {
    void transport.close()
    void server.close()
  })
  await server.connect(transport)
  await transport.handleRequest(request, response, request.body)
})

const listener = app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1', () => {
  const address = listener.address()
  console.log(`listening on ${typeof address === 'object' && address ? address.port : ''}`)
})
