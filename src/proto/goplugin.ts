// Generated from proto/goplugin/plugin.proto by scripts/generate.mjs. Do not edit.
export const goplugin = {
  "nested": {
    "plugin": {
      "nested": {
        "GRPCBroker": {
          "methods": {
            "StartStream": {
              "requestType": "ConnInfo",
              "requestStream": true,
              "responseType": "ConnInfo",
              "responseStream": true
            }
          }
        },
        "GRPCController": {
          "methods": {
            "Shutdown": {
              "requestType": "Empty",
              "responseType": "Empty"
            }
          }
        },
        "GRPCStdio": {
          "methods": {
            "StreamStdio": {
              "requestType": "Empty",
              "responseType": "StdioData",
              "responseStream": true
            }
          }
        },
        "Empty": {
          "fields": {}
        },
        "ConnInfo": {
          "fields": {
            "service_id": {
              "type": "uint32",
              "id": 1
            },
            "network": {
              "type": "string",
              "id": 2
            },
            "address": {
              "type": "string",
              "id": 3
            },
            "knock": {
              "type": "Knock",
              "id": 4
            }
          },
          "nested": {
            "Knock": {
              "fields": {
                "knock": {
                  "type": "bool",
                  "id": 1
                },
                "ack": {
                  "type": "bool",
                  "id": 2
                },
                "error": {
                  "type": "string",
                  "id": 3
                }
              }
            }
          }
        },
        "StdioData": {
          "fields": {
            "channel": {
              "type": "Channel",
              "id": 1
            },
            "data": {
              "type": "bytes",
              "id": 2
            }
          },
          "nested": {
            "Channel": {
              "values": {
                "INVALID": 0,
                "STDOUT": 1,
                "STDERR": 2
              }
            }
          }
        }
      }
    }
  }
}
