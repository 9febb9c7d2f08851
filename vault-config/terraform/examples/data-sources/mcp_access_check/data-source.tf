resource "mcp_agent" "billing" {
  name        = "claude-billing-agent"
  owner       = "platform-team"
  environment = "production"
}

data "mcp_access_check" "refunds" {
  agent      = mcp_agent.billing.id
  tool       = "stripe/refunds"
  capability = "create"
}

check "least_privilege" {
  assert {
    condition     = !data.mcp_access_check.refunds.allowed
    error_message = "The billing agent must not make refunds. ${data.mcp_access_check.refunds.reason}"
  }
}
