variable "stripe_key" {
  description = "In the environment as TF_VAR_stripe_key."
  type        = string
  ephemeral   = true
}

data "mcp_preset" "stripe" {
  name      = "stripe"
  read_only = true
}

resource "mcp_upstream" "stripe" {
  name             = data.mcp_preset.stripe.upstream_name
  url              = data.mcp_preset.stripe.url
  auth             = data.mcp_preset.stripe.auth
  headers          = data.mcp_preset.stripe.headers
  request_headers  = data.mcp_preset.stripe.request_headers
  response_headers = data.mcp_preset.stripe.response_headers
  sensitivity      = data.mcp_preset.stripe.sensitivity

  key_wo         = var.stripe_key
  key_wo_version = 1
}

resource "mcp_tool" "stripe" {
  for_each = data.mcp_preset.stripe.tools

  upstream   = mcp_upstream.stripe.name
  name       = each.key
  operations = each.value.operations
  fields     = each.value.fields
  risk       = each.value.risk
}

# Something else writes this key, in two fields: it needs to know them, and the consent that goes into the secret's metadata.
data "mcp_preset" "jira" {
  name      = "jira"
  variables = { site = "acme" }
}

output "jira_secret" {
  value = {
    fields          = data.mcp_preset.jira.key_fields
    custom_metadata = data.mcp_preset.jira.custom_metadata
  }
}
