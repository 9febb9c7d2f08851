data "mcp_agents" "all" {}

output "agents" {
  value = data.mcp_agents.all.names
}
