# Auditors read what is configured and what ran, and change nothing.
# Must be denied: mcp/creds/*, mcp/introspect, every write, any KV.
path "mcp/config" { capabilities = ["read"] }
path "mcp/upstreams/*" { capabilities = ["read", "list"] }
path "mcp/tools/*" { capabilities = ["read", "list"] }
path "mcp/policies/*" { capabilities = ["read", "list"] }
path "mcp/agents/*" { capabilities = ["read", "list"] }
path "mcp/sessions/*" { capabilities = ["read", "list"] }
path "mcp/tidy/status" { capabilities = ["read"] }
