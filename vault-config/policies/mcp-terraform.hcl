# Terraform, with the mcp provider or with vault_generic_endpoint: what is declared, and nothing that runs.
# Must be denied: mcp/creds/*, mcp/introspect, mcp/sessions/*, ending anything, reading a key back. Every call:
# expectations.json.
path "mcp/config" { capabilities = ["create", "read", "update", "delete"] }
path "mcp/upstreams/" { capabilities = ["list"] }
path "mcp/upstreams/+" { capabilities = ["create", "read", "update", "delete"] }
path "mcp/tools/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/policies/" { capabilities = ["list"] }
path "mcp/policies/+" { capabilities = ["create", "read", "update", "delete"] }
path "mcp/agents/" { capabilities = ["list"] }
path "mcp/agents/+" { capabilities = ["create", "read", "update", "delete"] }
# For LIST of mcp/agents/+/scopes/ Vault asks the rule without the slash, OpenBao the one with it.
path "mcp/agents/+/scopes" { capabilities = ["create", "read", "update", "delete", "list"] }
path "mcp/agents/+/scopes/" { capabilities = ["list"] }
path "mcp/agents/+/scopes/+" { capabilities = ["create", "read", "update", "delete"] }
# Providers run on a short-lived child of the token they are given.
path "auth/token/create" { capabilities = ["update"] }
# Keys are written and never read; their metadata says which upstreams may use them and where they may be sent (mcp_upstreams,
# mcp_origins …), which makes this Terraform the keys' owner. Leave the two out where somebody else puts keys into KV.
path "secret/data/mcp/*" { capabilities = ["create", "update", "patch", "delete"] }
path "secret/metadata/mcp/*" { capabilities = ["create", "read", "update", "patch", "delete"] }
