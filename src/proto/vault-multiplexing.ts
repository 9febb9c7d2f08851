// Generated from proto/vault/multiplexing.proto by scripts/generate.mjs. Do not edit.
export const vaultMultiplexing = {
  "nested": {
    "pluginutil": {
      "nested": {
        "multiplexing": {
          "nested": {
            "PluginMultiplexing": {
              "methods": {
                "MultiplexingSupport": {
                  "requestType": "MultiplexingSupportRequest",
                  "responseType": "MultiplexingSupportResponse"
                }
              }
            },
            "MultiplexingSupportRequest": {
              "fields": {}
            },
            "MultiplexingSupportResponse": {
              "fields": {
                "supported": {
                  "type": "bool",
                  "id": 1
                }
              }
            }
          }
        }
      }
    }
  }
}
