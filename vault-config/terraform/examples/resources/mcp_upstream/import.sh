terraform import mcp_upstream.stripe mcp/upstreams/stripe
