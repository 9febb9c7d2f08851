# mcp-vault gateway -config=/etc/mcp-vault/gateway.hcl
# A gateway beside any Vault, OpenBao or mcp-vault server; any number of them may run. The same settings may be written as JSON.
# Sent a SIGHUP, it reopens its audit log; sent a SIGTERM, it finishes what is under way for up to ten seconds.

vault {
  address = "https://vault.internal:8200"
  # Or the nodes of one cluster, where nothing stands before them: when one fails, the next is used.
  ## addresses = ["https://vault-1.internal:8200", "https://vault-2.internal:8200"]

  # A login under a role with the policy vault-config/policies/mcp-gateway.hcl:
  #   vault auth enable approle
  #   vault write auth/approle/role/mcp-gateway token_policies=mcp-gateway token_no_default_policy=true token_period=1h
  # The file, mode 0600, holds what "vault write -f auth/approle/role/mcp-gateway/secret-id" gives. It is read at every login; the
  # gateway logs in again whenever Vault refuses the token or no longer renews it.
  approle {
    role_id        = "db02de05-fa39-4855-059b-67221c5c2f63"
    secret_id_file = "/etc/mcp-vault/gateway.secret-id"
    # The file holds a wrapping token instead (-wrap-ttl=5m): unwrapped once, at the start; what it held is kept in memory alone.
    # secret_id_wrapped = true
    # mount = "approle"
  }
  # In place of that login: a token under the same policy, mode 0600, best a periodic orphan: it ends neither by age nor with the token
  # that made it. It is renewed for as long as Vault allows; when Vault refuses it, the file is read again.
  ## token_file = "/etc/mcp-vault/gateway.token"

  mount = "mcp"
  # ca_file   = "/etc/mcp-vault/vault-ca.pem"
  # namespace = "team-a"
}

# An address other machines can reach needs TLS; key files are mode 0600.
listener "http" {
  address = "127.0.0.1:8251"
  # tls_cert_file = "/etc/mcp-vault/tls.crt"
  # tls_key_file  = "/etc/mcp-vault/tls.key"

  # /check, for proxies that look at the status alone: whether they may ask without X-Gateway-Token, and a header, beside the query, that
  # names the scope (for Envoy; the proxy must set it itself).
  # check_open         = false
  # check_scope_header = "X-Required-Scope"

  # What JSON bodies may hold; these are the defaults, under Vault's names and OpenBao's for the last two (no limit on strings here).
  # max_json_depth                = 300
  # max_json_string_value_length  = 1048576
  # max_json_object_entry_count   = 10000
  # max_json_array_element_count  = 10000
  # max_json_token                = 500000
  # max_request_json_memory       = 34078720
  # max_request_json_strings      = 1000
}

listener "grpc" {
  address = "127.0.0.1:8250"
}

# A port that serves one upstream, for SDKs that cannot use a path prefix.
upstream_listener "stripe" {
  address = "127.0.0.1:8261"
}

# Host values accepted in addition to the listeners' own.
# allowed_hosts = ["gateway.internal:8251"]

# Decision and outcome records. While they cannot be written, nothing is allowed.
audit_path = "/var/log/mcp-vault/gateway-audit.jsonl"
# Of a call they hold the template of its operation. With this its path, too, without what is known as secret or personal, for
# "mcp-vault tools suggest"; ids in paths may be personal data.
# audit_paths = true

# For callers without a Vault token, such as MCP servers: mcp-vault gateway token billing-mcp
# service_token "billing-mcp" {
#   sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
#   agents = ["claude-billing-agent"]
#   # To open sessions too: a token under vault-config/policies/mcp-service.hcl, or vault_approle { … } as above.
#   vault_token_file = "/etc/mcp-vault/billing-mcp.token"
# }

# How long it acts on what it knows while Vault is out of reach, and how old the reading of a key may be when the key is used, by
# sensitivity of the upstream: seconds or a duration.
max_staleness {
  high     = "5s"
  standard = "30s"
  low      = "2m"
}

# What one session, address or caller may take at a time; more is answered with 429 and Retry-After. Where several gateways follow the
# feed, each enforces its part. These are the defaults.
limits {
  calls_per_session = 128 # calls to upstreams under way
  # The same, by the address of callers that bring nothing but a session's token.
  calls_per_address   = 1024
  streams_per_session = 32 # gRPC streams that watch a session
  streams_per_caller  = 128 # gRPC streams on which a caller validates tokens
  lookups_per_address = 64 # tokens being looked up in Vault at a time
  # Each second: tokens that turn out unknown, by address (authenticated callers: ten times as many), and refusals of a session that
  # are recorded in full. Further refusals stand in one record a second.
  unknown_tokens_per_second = 20
  refusals_per_second       = 20
  # Held by all calls together: responses of which selected fields pass, and requests a parameter rule must see. Several calls with one
  # token hold a quarter of it at most.
  buffered_bytes = 67108864
}

# False uses keys whose owners have not agreed to it in their secrets' custom metadata. Not for production.
require_key_consent = true
# "warn" still uses keys for upstreams that their owners have not listed in mcp_upstreams, and records each use: for the time
# of an upgrade, until `mcp-vault consent migrate` names nothing more. It goes with the next release.
consent_upstreams = "enforce"

# Before it listens it makes calls to itself, for 1.5 s at most: the first real ones then cost no more than later ones do. False starts
# sooner.
# rehearsal = true

# upstream_ca_file = "/etc/mcp-vault/upstream-ca.pem"
log_level = "info"
