// An agent's own program: it opens a session under its credential, works under it, and closes it. The session refreshes its token by
// itself; a scope it lacks, or an end by the operator, arrives as a GatewayError.
import { GatewayError, connect } from 'vault-plugin-secrets-mcp/client'

const gateway = connect({
  address: process.env.MCP_GATEWAY ?? '127.0.0.1:8250',
  token: process.env.MCP_GATEWAY_TOKEN ?? '',
})
const session = await gateway.sessions.open({
  agent_id: 'claude-billing-agent',
  purpose: 'quarterly-invoice-reconciliation',
  requested_scopes: ['read:stripe:invoices'],
})
try {
  const stripe = gateway.upstream('stripe', await session.token())
  const invoices = await stripe.fetch('/v1/invoices?limit=2')
  console.log(`invoices: ${invoices.status}`)
  try {
    await stripe.fetch('/v1/refunds', { method: 'POST', body: new URLSearchParams({ charge: 'ch_1' }) })
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    console.log(`refund: ${error.type}`)
  }
} finally {
  await session.close()
  gateway.close()
}
