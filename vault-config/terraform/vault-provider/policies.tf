locals {
  policy_folder = "${path.module}/../../policies"

  # The shipped policies are written for mcp/ and secret/.
  policies = { for file in fileset(local.policy_folder, "mcp-*.hcl") : trimsuffix(trimprefix(file, "mcp-"), ".hcl") => replace(replace(replace(
    file("${local.policy_folder}/${file}"),
    "\"mcp/", "\"${var.mount}/"),
    "\"secret/", "\"${var.kv_mount}/"),
    "/(\"sys/leases/[a-z-]+)/mcp//", "$1/${var.mount}/")
  }

  policy_prefix = replace(var.mount, "/", "-")
}

# mcp-operator, mcp-auditor, mcp-service, mcp-gateway, mcp-terraform.
resource "vault_policy" "shipped" {
  for_each = { for name, text in local.policies : name => text if name != "agent" }

  name   = "${local.policy_prefix}-${each.key}"
  policy = each.value
}

# The agent's name is written out, so that a login needs no identity entity of that name.
resource "vault_policy" "agent" {
  for_each = var.agents

  name   = "${local.policy_prefix}-agent-${each.key}"
  policy = replace(local.policies["agent"], "{{identity.entity.name}}", each.key)
}
