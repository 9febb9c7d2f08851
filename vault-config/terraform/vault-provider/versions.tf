terraform {
  # Write-only arguments and ephemeral variables, in Terraform and in OpenTofu.
  required_version = ">= 1.11"

  required_providers {
    vault = {
      source  = "hashicorp/vault"
      version = ">= 5.0"
    }
  }
}
