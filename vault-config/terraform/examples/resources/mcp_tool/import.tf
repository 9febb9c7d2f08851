import {
  to = mcp_tool.customer_ids
  id = "mcp/tools/stripe/customers/id-only"
}
