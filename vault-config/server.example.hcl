# mcp-vault server -config=/etc/mcp-vault/server.hcl
# One node on a store of its own. The same settings may be written as JSON. Sent a SIGHUP, it reopens its audit logs.

storage "level" {
  # Everything the server keeps. Back it up while the server is stopped, and the key file somewhere else.
  path = "/var/lib/mcp-vault"

  # 32 random bytes in base64, mode 0600; made on the first start. MCP_VAULT_STORE_KEY takes precedence.
  key_file = "/etc/mcp-vault/store.key"
}

listener "tcp" {
  # An address other machines can reach needs TLS; key files are mode 0600.
  address       = "127.0.0.1:8200"
  # tls_cert_file = "/etc/mcp-vault/tls.crt"
  # tls_key_file  = "/etc/mcp-vault/tls.key"

  # Bytes of a body from the holder of a token; without one, 64 KiB.
  # max_request_size = 33554432

  # What JSON bodies may hold; these are the defaults, under Vault's names and OpenBao's for the last two (no limit on strings here).
  # max_json_depth                = 300
  # max_json_string_value_length  = 1048576
  # max_json_object_entry_count   = 10000
  # max_json_array_element_count  = 10000
  # max_json_token                = 500000
  # max_request_json_memory       = 34078720
  # max_request_json_strings      = 1000
}

# Host values accepted in addition to the listener's own.
# allowed_hosts = ["vault.internal:8200"]

# Audit device of a new store. Later devices are managed through the API: mcp-vault audit enable.
# audit_path = "/var/lib/mcp-vault/audit.jsonl"

# Where the first start writes the root token, mode 0600. It is never printed.
# root_token_file = "/var/lib/mcp-vault/root-token"

# error, warn, info, debug, trace
log_level = "info"
