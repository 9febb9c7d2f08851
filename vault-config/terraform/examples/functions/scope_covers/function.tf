variable "scopes" {
  type    = list(string)
  default = ["read:stripe:invoices"]

  validation {
    condition     = !provider::mcp::scope_covers(var.scopes, "create:stripe:refunds")
    error_message = "Agents of this module must not make refunds."
  }
}
