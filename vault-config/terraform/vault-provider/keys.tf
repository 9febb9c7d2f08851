locals {
  keys = { for name, upstream in var.upstreams : name => {
    path    = local.upstreams[name].kv_path
    field   = upstream.kv_field
    version = upstream.key_version
    consent = merge(
      { mcp_origins = join(",", upstream.key_origins != null ? upstream.key_origins : regex("^https?://[^/]+", upstream.url)[*]) },
      # By default only the upstream of the secret's own name, on mcp/, may use it.
      { for list, entry in { mcp_upstreams = "${var.mount}/${name}" } : list => entry if local.upstreams[name].kv_path != "mcp/${name}" || var.mount != "mcp" },
    )
  } if upstream.key_version != null }
}

resource "vault_mount" "kv" {
  count = var.create_kv_mount ? 1 : 0

  path        = var.kv_mount
  type        = "kv"
  description = "Keys of upstreams"
  options     = { version = "2" }
}

# The consent of the key's owner: where the gateway may send it, and for which upstream. A resource of its own, so that a change of it needs no new
# version of the key, and drift of it is seen without reading the key.
resource "vault_generic_endpoint" "key_origins" {
  for_each = local.keys

  path                 = "${var.kv_mount}/metadata/${each.value.path}"
  ignore_absent_fields = true
  data_json            = jsonencode({ custom_metadata = each.value.consent })

  depends_on = [vault_mount.kv]
}

# Replaces a key whose metadata is created again: with the metadata every version had gone.
resource "terraform_data" "key_place" {
  for_each = local.keys

  input = vault_generic_endpoint.key_origins[each.key].id
}

# The key goes from the variable to the server: data_json_wo is in no plan and no state. It is never read back, so that this
# Terraform needs no right to read keys; delete takes the newest version, and key_origins the rest.
resource "vault_kv_secret_v2" "key" {
  for_each = local.keys

  mount                = var.kv_mount
  name                 = each.value.path
  data_json_wo         = try(jsonencode({ (each.value.field) = var.keys[each.key] }), sensitive(""))
  data_json_wo_version = each.value.version
  disable_read         = true

  lifecycle {
    replace_triggered_by = [terraform_data.key_place[each.key]]

    # A write that fails is remembered as done by this resource: the key must be there before. A destroy asks for none.
    precondition {
      condition     = can(var.keys[each.key])
      error_message = "var.keys has no key of ${each.key}, and key_version says that this Terraform writes it."
    }
  }
}
