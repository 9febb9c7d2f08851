import {
  to = mcp_agent_scopes.billing
  id = "mcp/agents/claude-billing-agent/scopes"
}

import {
  to = mcp_agent_scopes.billing_staging
  id = "mcp/agents/claude-billing-agent/scopes/staging"
}
