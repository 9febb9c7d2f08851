resource "mcp_upstream" "stripe" {
  name = "stripe"
  url  = "https://api.stripe.com"
}

resource "mcp_tool" "invoices" {
  upstream = mcp_upstream.stripe.name
  name     = "invoices"

  operations = [
    { method = "GET", path = "/v1/invoices", parameters = ["limit", "starting_after"] },
    { method = "GET", path = "/v1/invoices/{id}" },
  ]

  mcp_tools = ["list_invoices", "get_invoice"]
  risk      = "low"
}

# The same collection, but only what tells customers apart.
resource "mcp_tool" "customer_ids" {
  upstream   = mcp_upstream.stripe.name
  name       = "customers/id-only"
  operations = [{ method = "GET", path = "/v1/customers" }]
  fields     = ["data[].id", "has_more"]
}
