import {
  to = mcp_config.this
  id = "mcp/config"
}
