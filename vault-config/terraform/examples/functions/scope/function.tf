output "scopes" {
  value = [
    provider::mcp::scope("read", "stripe/invoices"),          # read:stripe:invoices
    provider::mcp::scope("read", "stripe/customers/id-only"), # read:stripe:customers:id-only
  ]
}
