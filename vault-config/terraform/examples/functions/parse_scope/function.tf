variable "scopes" {
  type    = list(string)
  default = ["read:stripe:invoices", "read:stripe:customers:id-only"]
}

output "upstreams" {
  value = distinct([for scope in var.scopes : provider::mcp::parse_scope(scope).upstream]) # ["stripe"]
}
