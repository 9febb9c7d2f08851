variable "stripe_key" {
  description = "In the environment as TF_VAR_stripe_key."
  type        = string
  ephemeral   = true
}

data "mcp_preset" "stripe" {
  name      = "stripe"
  read_only = true
}

# Every setting a preset may have, so that another preset needs no other line.
resource "mcp_upstream" "stripe" {
  name               = data.mcp_preset.stripe.upstream_name
  url                = data.mcp_preset.stripe.url
  auth               = data.mcp_preset.stripe.auth
  token_alias        = data.mcp_preset.stripe.token_alias
  kv_field           = data.mcp_preset.stripe.kv_field
  headers            = data.mcp_preset.stripe.headers
  request_headers    = data.mcp_preset.stripe.request_headers
  response_headers   = data.mcp_preset.stripe.response_headers
  follow_redirects   = data.mcp_preset.stripe.follow_redirects
  allow_range        = data.mcp_preset.stripe.allow_range
  encoded_slash      = data.mcp_preset.stripe.encoded_slash
  error_format       = data.mcp_preset.stripe.error_format
  max_request_bytes  = data.mcp_preset.stripe.max_request_bytes
  max_response_bytes = data.mcp_preset.stripe.max_response_bytes
  connect_timeout    = data.mcp_preset.stripe.connect_timeout
  timeout            = data.mcp_preset.stripe.timeout
  idle_timeout       = data.mcp_preset.stripe.idle_timeout
  sensitivity        = data.mcp_preset.stripe.sensitivity

  key_wo         = var.stripe_key
  key_wo_version = 1
}

resource "mcp_tool" "stripe" {
  for_each = data.mcp_preset.stripe.tools

  upstream   = mcp_upstream.stripe.name
  name       = each.key
  operations = each.value.operations
  fields     = each.value.fields
  mcp_tools  = each.value.mcp_tools
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
