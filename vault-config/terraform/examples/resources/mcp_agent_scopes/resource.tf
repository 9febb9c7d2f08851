resource "mcp_upstream" "stripe" {
  name = "stripe"
  url  = "https://api.stripe.com"
}

resource "mcp_tool" "invoices" {
  upstream   = mcp_upstream.stripe.name
  name       = "invoices"
  operations = [{ method = "GET", path = "/v1/invoices" }]
}

resource "mcp_agent" "billing" {
  name        = "claude-billing-agent"
  owner       = "platform-team"
  environment = "production"
}

# In the agent's own environment.
resource "mcp_agent_scopes" "billing" {
  agent           = mcp_agent.billing.name
  scopes          = [provider::mcp::scope("read", mcp_tool.invoices.id)] # read:stripe:invoices
  max_ttl_seconds = 900
}

# In another one: scopes never fall back from one environment to another.
resource "mcp_agent_scopes" "billing_staging" {
  agent       = mcp_agent.billing.name
  environment = "staging"
  scopes      = ["read:stripe:invoices", "write:stripe:invoices"]
}
