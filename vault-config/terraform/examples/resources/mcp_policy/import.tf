import {
  to = mcp_policy.billing_read
  id = "mcp/policies/billing-read"
}
