# What a gateway's service token logs in with: sessions for the agents it is bound to (the gateway checks that list).
# Must be denied: mcp/introspect, mcp/agents/*, any KV. Name the agents here instead of * where they are known.
path "mcp/creds/*" { capabilities = ["read", "update", "delete"] }
