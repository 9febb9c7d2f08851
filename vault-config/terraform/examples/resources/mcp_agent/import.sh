terraform import mcp_agent.billing mcp/agents/claude-billing-agent
