# What plugin/tune-audit.sh sets.
locals {
  readable_in_requests = ["purpose", "environment", "requested_scopes", "policies", "required_scope", "scopes", "owner", "operations"]

  readable_in_responses = [
    "session_id", "token_id", "agent_id", "owner", "environment", "purpose", "scopes", "issued_at", "expires_at", "reason", "state",
    "client_id", "sub", "jti", "scope",
  ]
}
