# Auditors read what is configured and what ran, and change nothing.
# Must be denied: mcp/creds/*, mcp/introspect, every write, any KV. Every call: expectations.json.
path "mcp/config" { capabilities = ["read"] }
path "mcp/upstreams/*" { capabilities = ["read", "list"] }
path "mcp/tools/*" { capabilities = ["read", "list"] }
path "mcp/policies/*" { capabilities = ["read", "list"] }
path "mcp/agents/*" { capabilities = ["read", "list"] }
path "mcp/sessions/*" { capabilities = ["read", "list"] }
path "mcp/tidy/status" { capabilities = ["read"] }
# Vault's default policy grants these to anyone who knows a lease id, and lease ids stand readable in audit logs.
path "sys/leases/renew" { capabilities = ["deny"] }
path "sys/renew" { capabilities = ["deny"] }
