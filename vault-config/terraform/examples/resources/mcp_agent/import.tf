import {
  to = mcp_agent.billing
  id = "mcp/agents/claude-billing-agent"
}
