# bao server -config=/etc/openbao/openbao.hcl
# One node of an OpenBao cluster that runs the mcp engine, with the plugin declared here instead of registered through the API.
# OpenBao 2.5 or newer; every node of the cluster needs the same plugin stanzas and the same files.

storage "raft" {
  path    = "/var/lib/openbao"
  node_id = "bao-1"
}

listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/etc/openbao/tls.crt"
  tls_key_file  = "/etc/openbao/tls.key"
}

api_addr     = "https://bao-1.internal:8200"
cluster_addr = "https://bao-1.internal:8201"

# Absolute, no link on the way to it, owned by root and writable by root alone. The file itself: root, mode 0755.
plugin_directory = "/usr/local/lib/openbao/plugins"

# At start and at SIGHUP the catalogue is made to say what the stanzas say: a new one is registered, a changed one changed, one that
# is gone removed. Never register one of these versions through the API as well: a server that finds such an entry does not
# become active. (plugin deregister -version=… secret mcp takes it away while the server still runs; then send the SIGHUP.)
plugin_auto_register = true

plugin "secret" "mcp" {
  command   = "vault-plugin-secrets-mcp"
  version   = "v0.1.0"
  sha256sum = "0000000000000000000000000000000000000000000000000000000000000000"
}

# An upgrade adds a stanza of the same name, and keeps the old one for the way back:
# plugin "secret" "mcp" {
#   command   = "vault-plugin-secrets-mcp-0.2.0"
#   version   = "v0.2.0"
#   sha256sum = "…"
# }

audit "file" "file" {
  options {
    file_path = "/var/log/openbao/audit.log"
  }
}
