import {
  to = mcp_upstream.stripe
  id = "mcp/upstreams/stripe"
}
