output "mount" {
  description = "Where the engine is mounted."
  value       = vault_mount.mcp.path
}

output "accessor" {
  description = "Accessor of the mount, as audit logs name it."
  value       = vault_mount.mcp.accessor
}

output "policies" {
  description = "Names of the ACL policies: operator, auditor, service, gateway, terraform."
  value       = { for name, policy in vault_policy.shipped : name => policy.name }
}

output "agent_role_ids" {
  description = "The agents' AppRole role ids, by agent. With a secret id of the role an agent logs in."
  value       = { for name, role in vault_approle_auth_backend_role.agent : name => role.role_id }
}

output "gateway_role_id" {
  description = "The gateway's AppRole role id; null without one."
  value       = one(vault_approle_auth_backend_role.gateway[*].role_id)
}

# hashicorp/vault shows data_json as (sensitive value): a plan says here what changes.
output "declared" {
  description = "What is declared under the mount, for reviewers of a plan. It holds no secret."
  value = {
    config    = var.config
    upstreams = { for name, upstream in local.upstreams : name => merge(upstream, { key_origins = try(local.keys[name].origins, null) }) }
    tools     = local.tools
    policies  = var.tool_policies
    agents    = local.agents
    scopes    = { for name, scopes in local.scopes : name => scopes.document }
  }
}
