# Operators of the engine: agents, scopes, tools, policies, upstreams, sessions, tidy. They never need the keys themselves:
# writing one into KV, and the consent to its use beside it (mcp_origins, mcp_upstreams …), are rights of their own.
# Must be denied: secret/data/mcp/* (reading keys), mcp/introspect, mcp/creds/*, and mcp/config/ttl-ceiling: it bounds the lives
# that operators may set, so changing it is left to the administrators of the server. Every call: expectations.json.
path "mcp/config" { capabilities = ["create", "read", "update", "delete"] }
path "mcp/upstreams/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/tools/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/policies/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/agents/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/sessions/*" { capabilities = ["read", "delete", "list"] }
path "mcp/sessions/revoke-all" { capabilities = ["update", "sudo"] }
path "mcp/config/rotate-check-key" { capabilities = ["update", "sudo"] }
path "mcp/tidy" { capabilities = ["update", "sudo"] }
path "mcp/tidy/status" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "sys/leases/revoke/mcp/creds/*" { capabilities = ["update"] }
path "sys/leases/revoke-prefix/mcp/creds/*" { capabilities = ["update", "sudo"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/lookup/mcp/creds/*" { capabilities = ["list", "sudo"] }
