locals {
  # Every field is sent, with the engine's own default where none is given: a write merges, so that a field left out would
  # keep what it had.
  upstreams = { for name, upstream in var.upstreams : name => {
    url                     = upstream.url
    kv_mount                = var.kv_mount
    kv_path                 = coalesce(upstream.kv_path, "mcp/${name}")
    kv_field                = upstream.kv_field
    auth                    = upstream.auth
    headers                 = upstream.headers
    request_headers         = upstream.request_headers
    response_headers        = upstream.response_headers
    allow_range             = upstream.allow_range
    follow_redirects        = upstream.follow_redirects
    error_format            = upstream.error_format
    sensitivity             = upstream.sensitivity
    allow_private_addresses = upstream.allow_private_addresses
    connect_timeout         = upstream.connect_timeout
    timeout                 = upstream.timeout
    idle_timeout            = upstream.idle_timeout
    max_request_bytes       = upstream.max_request_bytes
    max_response_bytes      = upstream.max_response_bytes
  } }

  tools = merge([for upstream_name, upstream in var.upstreams : { for name, tool in upstream.tools : "${upstream_name}/${name}" => {
    upstream   = upstream_name
    operations = [for operation in tool.operations : { for field, value in operation : field => value if value != null }]
    fields     = tool.fields
    mcp_tools  = tool.mcp_tools
    risk       = tool.risk
  } }]...)

  agents = { for name, agent in var.agents : name => {
    owner       = agent.owner
    environment = agent.environment
    description = agent.description
    policies    = agent.policies
    disabled    = agent.disabled
  } }

  # By agent, or agent/environment for another environment than its own.
  scopes = merge(
    { for name, agent in var.agents : name => {
      agent    = name
      path     = "scopes"
      document = { scopes = agent.scopes, max_ttl_seconds = agent.max_ttl_seconds }
    } if agent.scopes != null },
    merge([for name, agent in var.agents : { for environment, declared in agent.environments : "${name}/${environment}" => {
      agent    = name
      path     = "scopes/${environment}"
      document = { scopes = declared.scopes, max_ttl_seconds = declared.max_ttl_seconds }
    } }]...),
  )
}

resource "vault_plugin" "mcp" {
  count = var.plugin == null ? 0 : 1

  type    = "secret"
  name    = "mcp"
  version = var.plugin.version
  sha256  = var.plugin.sha256
  command = coalesce(var.plugin.command, "vault-plugin-secrets-mcp")

  # An upgrade registers the new version, moves the mount to it and only then takes the old one away. The mount runs the new one
  # after: vault plugin reload -plugin=mcp.
  lifecycle {
    create_before_destroy = true
  }
}

resource "vault_mount" "mcp" {
  path                      = var.mount
  type                      = "mcp"
  description               = "Phantom tokens for MCP agents"
  plugin_version            = one(vault_plugin.mcp[*].version)
  default_lease_ttl_seconds = var.config.default_ttl
  max_lease_ttl_seconds     = var.config.max_ttl

  # Ids and names that stay readable in the audit log; never token, parent_token or token_sha256.
  audit_non_hmac_request_keys  = local.readable_in_requests
  audit_non_hmac_response_keys = local.readable_in_responses
}

resource "vault_generic_endpoint" "config" {
  path                 = "${vault_mount.mcp.path}/config"
  ignore_absent_fields = true
  data_json            = jsonencode(var.config)
}

resource "vault_generic_endpoint" "upstream" {
  for_each = local.upstreams

  path                 = "${vault_mount.mcp.path}/upstreams/${each.key}"
  ignore_absent_fields = true
  data_json            = jsonencode(each.value)
}

resource "vault_generic_endpoint" "tool" {
  for_each = local.tools

  path                 = "${vault_mount.mcp.path}/tools/${each.key}"
  ignore_absent_fields = true
  data_json            = jsonencode({ for field, value in each.value : field => value if field != "upstream" })

  depends_on = [vault_generic_endpoint.upstream]
}

resource "vault_generic_endpoint" "tool_policy" {
  for_each = var.tool_policies

  path                 = "${vault_mount.mcp.path}/policies/${each.key}"
  ignore_absent_fields = true
  data_json            = jsonencode({ policy = each.value })

  depends_on = [vault_generic_endpoint.config]
}

resource "vault_generic_endpoint" "agent" {
  for_each = local.agents

  path                 = "${vault_mount.mcp.path}/agents/${each.key}"
  ignore_absent_fields = true
  data_json            = jsonencode(each.value)

  depends_on = [vault_generic_endpoint.tool_policy]
}

resource "vault_generic_endpoint" "scopes" {
  for_each = local.scopes

  path                 = "${vault_generic_endpoint.agent[each.value.agent].path}/${each.value.path}"
  ignore_absent_fields = true
  data_json            = jsonencode(each.value.document)

  depends_on = [vault_generic_endpoint.config, vault_generic_endpoint.tool]
}
