# An agent opens, refreshes and closes sessions of its own name: its identity entity has the agent's name.
# Must be denied: mcp/creds/ of other agents, mcp/introspect, mcp/agents/*, any KV. Every call: expectations.json.
path "mcp/creds/{{identity.entity.name}}" { capabilities = ["read", "update"] }
path "mcp/creds/{{identity.entity.name}}/*" { capabilities = ["update", "delete"] }
