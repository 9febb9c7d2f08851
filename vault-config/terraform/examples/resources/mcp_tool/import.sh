terraform import mcp_tool.customer_ids mcp/tools/stripe/customers/id-only
