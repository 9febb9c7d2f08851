terraform import mcp_agent_scopes.billing mcp/agents/claude-billing-agent/scopes
terraform import mcp_agent_scopes.billing_staging mcp/agents/claude-billing-agent/scopes/staging
