# There is one in every mount. Destroying it brings the defaults back.
resource "mcp_config" "this" {
  default_ttl = 600
  max_ttl     = 1800

  environment_labels = {
    production-eu = "prodeu"
  }
}
