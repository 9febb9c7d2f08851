terraform import mcp_config.this mcp/config
