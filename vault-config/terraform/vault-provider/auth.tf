locals {
  # What a role's tokens may do, by role. An agent's role is called as the agent is.
  agent_policies = { for name, agent in var.agents : name => [vault_policy.agent[name].name] }

  jwt_roles = merge(
    { for name, agent in var.agents : name => {
      claims    = agent.jwt
      policies  = local.agent_policies[name]
      ttl       = try(var.jwt.token_ttl, null)
      max_ttl   = try(var.jwt.token_max_ttl, null)
      period    = null
      unbounded = false
    } if agent.jwt != null },
    { for gateway in var.gateway[*] : gateway.role => {
      claims    = gateway.jwt
      policies  = [vault_policy.shipped["gateway"].name]
      ttl       = null
      max_ttl   = null
      period    = gateway.token_period
      unbounded = true
    } if gateway.jwt != null },
  )
}

# Secret ids are made where they are needed (see the README): here they would be in the state.
resource "vault_auth_backend" "approle" {
  count = try(var.approle.create, false) ? 1 : 0

  type = "approle"
  path = var.approle.path
}

resource "vault_approle_auth_backend_role" "gateway" {
  count = var.approle != null && var.gateway != null ? 1 : 0

  backend                 = var.approle.path
  role_name               = var.gateway.role
  token_policies          = [vault_policy.shipped["gateway"].name]
  token_no_default_policy = true
  token_period            = var.gateway.token_period
  secret_id_ttl           = var.approle.gateway_secret_id_ttl

  depends_on = [vault_auth_backend.approle]
}

# What an agent issues dies with the token it issued it under: token_ttl is longer than the sessions' tokens live.
resource "vault_approle_auth_backend_role" "agent" {
  for_each = var.approle == null ? {} : local.agent_policies

  backend        = var.approle.path
  role_name      = each.key
  token_policies = each.value
  token_ttl      = var.approle.token_ttl
  token_max_ttl  = var.approle.token_max_ttl
  secret_id_ttl  = var.approle.secret_id_ttl

  depends_on = [vault_auth_backend.approle]
}

resource "vault_jwt_auth_backend" "jwt" {
  count = try(var.jwt.create, false) ? 1 : 0

  path                   = var.jwt.path
  jwt_validation_pubkeys = var.jwt.jwt_validation_pubkeys
  jwks_url               = var.jwt.jwks_url
  oidc_discovery_url     = var.jwt.oidc_discovery_url
  bound_issuer           = var.jwt.bound_issuer
}

resource "vault_jwt_auth_backend_role" "role" {
  for_each = var.jwt == null ? {} : local.jwt_roles

  backend                 = var.jwt.path
  role_type               = "jwt"
  role_name               = each.key
  bound_audiences         = each.value.claims.bound_audiences
  bound_subject           = each.value.claims.bound_subject
  bound_claims            = each.value.claims.bound_claims
  user_claim              = each.value.claims.user_claim
  token_policies          = each.value.policies
  token_no_default_policy = each.value.unbounded
  token_ttl               = each.value.ttl
  token_max_ttl           = each.value.max_ttl
  token_period            = each.value.period

  depends_on = [vault_jwt_auth_backend.jwt]
}
