# vault agent -config=agent.hcl          or          bao agent -config=agent.hcl
# Keeps a live phantom token of claude-billing-agent in a file. The MCP client reads the file before each connection.
# add-agent.sh makes the two files read below.

vault {
  address = "https://vault.internal:8200"
  # ca_cert = "/etc/mcp-agent/vault-ca.pem"
}

auto_auth {
  method {
    type = "approle"
    config = {
      role_id_file_path                   = "/etc/mcp-agent/role-id"
      secret_id_file_path                 = "/etc/mcp-agent/secret-id"
      # Kept, so that the agent can log in again after a restart, or when its token has reached token_max_ttl.
      remove_secret_id_file_after_reading = false
    }
  }
}

template_config {
  exit_on_retry_failure = true
}

# A read asks for all the scopes the agent declares. A new session is opened, and the file written, when 85 to 95 % of the token's
# life are over; the token before it lives until its own end, so nothing is cut in between. A renewable lease is renewed first.
template {
  contents             = "{{ with secret \"mcp/creds/claude-billing-agent\" }}{{ .Data.token }}{{ end }}"
  destination          = "/run/mcp-agent/token"
  perms                = "0600"
  backup               = false
  error_on_missing_key = true
}

# The same with fewer scopes is a write: arguments make it one.
# template {
#   contents    = "{{ with secret \"mcp/creds/claude-billing-agent\" \"purpose=nightly\" \"requested_scopes=read:stripe:invoices\" }}{{ .Data.token }}{{ end }}"
#   destination = "/run/mcp-agent/nightly-token"
#   perms       = "0600"
#   backup      = false
# }
