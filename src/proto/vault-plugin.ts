// Generated from proto/vault/plugin.proto by scripts/generate.mjs. Do not edit.
export const vaultPlugin = {
  "nested": {
    "logical": {
      "nested": {
        "PluginVersion": {
          "methods": {
            "Version": {
              "requestType": "Empty",
              "responseType": "VersionReply"
            }
          }
        },
        "Empty": {
          "fields": {}
        },
        "VersionReply": {
          "fields": {
            "plugin_version": {
              "type": "string",
              "id": 1
            }
          }
        }
      }
    }
  }
}
