terraform import mcp_policy.billing_read mcp/policies/billing-read
