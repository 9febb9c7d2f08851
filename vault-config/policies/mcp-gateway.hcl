# The gateway's own identity: follow the feed, read the documents it judges by, ask about tokens, read the keys (with which
# their owners' consent comes).
# Must be denied: sys/leases/*, mcp/creds/*, any write under mcp/ but introspect, any KV outside secret/mcp/ and
# secret/mcp-minted/, and the metadata of what is there. Every call: expectations.json.
path "mcp/feed" { capabilities = ["read"] }
path "mcp/introspect" { capabilities = ["update"] }
path "mcp/agents/*" { capabilities = ["read"] }
path "mcp/policies/*" { capabilities = ["read"] }
path "mcp/upstreams/*" { capabilities = ["read"] }
path "mcp/tools/*" { capabilities = ["read", "list"] }
path "secret/data/mcp/*" { capabilities = ["read"] }
# What came of refresh tokens (auth=oauth2_refresh:…), which issuers replace at each use; what their owners stored stays as it is.
path "secret/data/mcp-minted/*" { capabilities = ["create", "read", "update"] }
# In Vault's default policy too; here for tokens made without it.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self" { capabilities = ["update"] }
# Vault's default policy, which every token has unless it is made without, grants these to whoever knows a lease id.
path "sys/leases/lookup" { capabilities = ["deny"] }
path "sys/leases/renew" { capabilities = ["deny"] }
path "sys/renew" { capabilities = ["deny"] }
