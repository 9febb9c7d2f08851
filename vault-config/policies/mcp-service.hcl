# What a gateway's service token logs in with: sessions for the agents it is bound to (the gateway checks that list). Name the
# agents here instead of * where they are known.
# Must be denied: mcp/introspect, mcp/agents/*, any KV. Every call: expectations.json.
path "mcp/creds/*" { capabilities = ["read", "update", "delete"] }

# Its own token: how long it lives bounds the sessions it opens. The default policy allows both too.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
