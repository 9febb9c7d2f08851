resource "mcp_agent" "billing" {
  name        = "claude-billing-agent"
  owner       = "platform-team"
  environment = "production"
  description = "Handles Stripe billing queries via MCP"
}

# Bounded by a tool policy, and out of service: all its sessions ended when this was applied.
resource "mcp_policy" "support" {
  name   = "support"
  policy = "path \"tools/stripe/customers/id-only\" { capabilities = [\"read\"] }"
}

resource "mcp_agent" "support" {
  name        = "support-agent"
  owner       = "support-team"
  environment = "staging"
  policies    = [mcp_policy.support.name]
  disabled    = true
}
