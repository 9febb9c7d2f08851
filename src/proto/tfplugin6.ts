// Generated from proto/terraform/tfplugin6.proto by scripts/generate.mjs. Do not edit.
export const tfplugin6 = {
  "nested": {
    "tfplugin6": {
      "nested": {
        "DynamicValue": {
          "fields": {
            "msgpack": {
              "type": "bytes",
              "id": 1
            },
            "json": {
              "type": "bytes",
              "id": 2
            }
          }
        },
        "Diagnostic": {
          "fields": {
            "severity": {
              "type": "Severity",
              "id": 1
            },
            "summary": {
              "type": "string",
              "id": 2
            },
            "detail": {
              "type": "string",
              "id": 3
            },
            "attribute": {
              "type": "AttributePath",
              "id": 4
            }
          },
          "nested": {
            "Severity": {
              "values": {
                "INVALID": 0,
                "ERROR": 1,
                "WARNING": 2
              }
            }
          }
        },
        "FunctionError": {
          "oneofs": {
            "_function_argument": {
              "oneof": [
                "function_argument"
              ]
            }
          },
          "fields": {
            "text": {
              "type": "string",
              "id": 1
            },
            "function_argument": {
              "type": "int64",
              "id": 2,
              "options": {
                "proto3_optional": true
              }
            }
          }
        },
        "AttributePath": {
          "fields": {
            "steps": {
              "rule": "repeated",
              "type": "Step",
              "id": 1
            }
          },
          "nested": {
            "Step": {
              "oneofs": {
                "selector": {
                  "oneof": [
                    "attribute_name",
                    "element_key_string",
                    "element_key_int"
                  ]
                }
              },
              "fields": {
                "attribute_name": {
                  "type": "string",
                  "id": 1
                },
                "element_key_string": {
                  "type": "string",
                  "id": 2
                },
                "element_key_int": {
                  "type": "int64",
                  "id": 3
                }
              }
            }
          }
        },
        "StopProvider": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {}
            },
            "Response": {
              "fields": {
                "Error": {
                  "type": "string",
                  "id": 1
                }
              }
            }
          }
        },
        "RawState": {
          "fields": {
            "json": {
              "type": "bytes",
              "id": 1
            },
            "flatmap": {
              "keyType": "string",
              "type": "string",
              "id": 2
            }
          }
        },
        "Schema": {
          "fields": {
            "version": {
              "type": "int64",
              "id": 1
            },
            "block": {
              "type": "Block",
              "id": 2
            }
          },
          "nested": {
            "Block": {
              "fields": {
                "version": {
                  "type": "int64",
                  "id": 1
                },
                "attributes": {
                  "rule": "repeated",
                  "type": "Attribute",
                  "id": 2
                },
                "block_types": {
                  "rule": "repeated",
                  "type": "NestedBlock",
                  "id": 3
                },
                "description": {
                  "type": "string",
                  "id": 4
                },
                "description_kind": {
                  "type": "StringKind",
                  "id": 5
                },
                "deprecated": {
                  "type": "bool",
                  "id": 6
                }
              }
            },
            "Attribute": {
              "fields": {
                "name": {
                  "type": "string",
                  "id": 1
                },
                "type": {
                  "type": "bytes",
                  "id": 2
                },
                "description": {
                  "type": "string",
                  "id": 3
                },
                "required": {
                  "type": "bool",
                  "id": 4
                },
                "optional": {
                  "type": "bool",
                  "id": 5
                },
                "computed": {
                  "type": "bool",
                  "id": 6
                },
                "sensitive": {
                  "type": "bool",
                  "id": 7
                },
                "description_kind": {
                  "type": "StringKind",
                  "id": 8
                },
                "deprecated": {
                  "type": "bool",
                  "id": 9
                },
                "nested_type": {
                  "type": "Object",
                  "id": 10
                },
                "write_only": {
                  "type": "bool",
                  "id": 11
                }
              }
            },
            "NestedBlock": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "block": {
                  "type": "Block",
                  "id": 2
                },
                "nesting": {
                  "type": "NestingMode",
                  "id": 3
                },
                "min_items": {
                  "type": "int64",
                  "id": 4
                },
                "max_items": {
                  "type": "int64",
                  "id": 5
                }
              },
              "nested": {
                "NestingMode": {
                  "values": {
                    "INVALID": 0,
                    "SINGLE": 1,
                    "LIST": 2,
                    "SET": 3,
                    "MAP": 4,
                    "GROUP": 5
                  }
                }
              }
            },
            "Object": {
              "fields": {
                "attributes": {
                  "rule": "repeated",
                  "type": "Attribute",
                  "id": 1
                },
                "nesting": {
                  "type": "NestingMode",
                  "id": 3
                }
              },
              "nested": {
                "NestingMode": {
                  "values": {
                    "INVALID": 0,
                    "SINGLE": 1,
                    "LIST": 2,
                    "SET": 3,
                    "MAP": 4
                  }
                }
              }
            }
          }
        },
        "StringKind": {
          "values": {
            "PLAIN": 0,
            "MARKDOWN": 1
          }
        },
        "Function": {
          "fields": {
            "parameters": {
              "rule": "repeated",
              "type": "Parameter",
              "id": 1
            },
            "variadic_parameter": {
              "type": "Parameter",
              "id": 2
            },
            "return": {
              "type": "Return",
              "id": 3
            },
            "summary": {
              "type": "string",
              "id": 4
            },
            "description": {
              "type": "string",
              "id": 5
            },
            "description_kind": {
              "type": "StringKind",
              "id": 6
            },
            "deprecation_message": {
              "type": "string",
              "id": 7
            }
          },
          "nested": {
            "Parameter": {
              "fields": {
                "name": {
                  "type": "string",
                  "id": 1
                },
                "type": {
                  "type": "bytes",
                  "id": 2
                },
                "allow_null_value": {
                  "type": "bool",
                  "id": 3
                },
                "allow_unknown_values": {
                  "type": "bool",
                  "id": 4
                },
                "description": {
                  "type": "string",
                  "id": 5
                },
                "description_kind": {
                  "type": "StringKind",
                  "id": 6
                }
              }
            },
            "Return": {
              "fields": {
                "type": {
                  "type": "bytes",
                  "id": 1
                }
              }
            }
          }
        },
        "ServerCapabilities": {
          "fields": {
            "plan_destroy": {
              "type": "bool",
              "id": 1
            },
            "get_provider_schema_optional": {
              "type": "bool",
              "id": 2
            },
            "move_resource_state": {
              "type": "bool",
              "id": 3
            }
          }
        },
        "GetMetadata": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {}
            },
            "Response": {
              "fields": {
                "server_capabilities": {
                  "type": "ServerCapabilities",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                },
                "data_sources": {
                  "rule": "repeated",
                  "type": "TypeName",
                  "id": 3
                },
                "resources": {
                  "rule": "repeated",
                  "type": "TypeName",
                  "id": 4
                },
                "functions": {
                  "rule": "repeated",
                  "type": "FunctionName",
                  "id": 5
                },
                "ephemeral_resources": {
                  "rule": "repeated",
                  "type": "TypeName",
                  "id": 6
                }
              }
            },
            "TypeName": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                }
              }
            },
            "FunctionName": {
              "fields": {
                "name": {
                  "type": "string",
                  "id": 1
                }
              }
            }
          }
        },
        "GetProviderSchema": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {}
            },
            "Response": {
              "fields": {
                "provider": {
                  "type": "Schema",
                  "id": 1
                },
                "resource_schemas": {
                  "keyType": "string",
                  "type": "Schema",
                  "id": 2
                },
                "data_source_schemas": {
                  "keyType": "string",
                  "type": "Schema",
                  "id": 3
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 4
                },
                "provider_meta": {
                  "type": "Schema",
                  "id": 5
                },
                "server_capabilities": {
                  "type": "ServerCapabilities",
                  "id": 6
                },
                "functions": {
                  "keyType": "string",
                  "type": "Function",
                  "id": 7
                },
                "ephemeral_resource_schemas": {
                  "keyType": "string",
                  "type": "Schema",
                  "id": 8
                }
              }
            }
          }
        },
        "ValidateProviderConfig": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "config": {
                  "type": "DynamicValue",
                  "id": 1
                }
              }
            },
            "Response": {
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            }
          }
        },
        "ConfigureProvider": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "terraform_version": {
                  "type": "string",
                  "id": 1
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 2
                }
              }
            },
            "Response": {
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 1
                }
              }
            }
          }
        },
        "ValidateConfig": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 2
                }
              }
            },
            "Response": {
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 1
                }
              }
            }
          }
        },
        "UpgradeResourceState": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "version": {
                  "type": "int64",
                  "id": 2
                },
                "raw_state": {
                  "type": "RawState",
                  "id": 3
                }
              }
            },
            "Response": {
              "fields": {
                "upgraded_state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            }
          }
        },
        "ReadResource": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "current_state": {
                  "type": "DynamicValue",
                  "id": 2
                },
                "private": {
                  "type": "bytes",
                  "id": 3
                }
              }
            },
            "Response": {
              "fields": {
                "new_state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                },
                "private": {
                  "type": "bytes",
                  "id": 3
                }
              }
            }
          }
        },
        "PlanResourceChange": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "prior_state": {
                  "type": "DynamicValue",
                  "id": 2
                },
                "proposed_new_state": {
                  "type": "DynamicValue",
                  "id": 3
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 4
                },
                "prior_private": {
                  "type": "bytes",
                  "id": 5
                }
              }
            },
            "Response": {
              "fields": {
                "planned_state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "requires_replace": {
                  "rule": "repeated",
                  "type": "AttributePath",
                  "id": 2
                },
                "planned_private": {
                  "type": "bytes",
                  "id": 3
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 4
                }
              }
            }
          }
        },
        "ApplyResourceChange": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "prior_state": {
                  "type": "DynamicValue",
                  "id": 2
                },
                "planned_state": {
                  "type": "DynamicValue",
                  "id": 3
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 4
                },
                "planned_private": {
                  "type": "bytes",
                  "id": 5
                }
              }
            },
            "Response": {
              "fields": {
                "new_state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "private": {
                  "type": "bytes",
                  "id": 2
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 3
                }
              }
            }
          }
        },
        "ImportResourceState": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "id": {
                  "type": "string",
                  "id": 2
                }
              }
            },
            "Response": {
              "fields": {
                "imported_resources": {
                  "rule": "repeated",
                  "type": "ImportedResource",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            },
            "ImportedResource": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "state": {
                  "type": "DynamicValue",
                  "id": 2
                },
                "private": {
                  "type": "bytes",
                  "id": 3
                }
              }
            }
          }
        },
        "MoveResourceState": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "source_provider_address": {
                  "type": "string",
                  "id": 1
                },
                "source_type_name": {
                  "type": "string",
                  "id": 2
                },
                "target_type_name": {
                  "type": "string",
                  "id": 5
                }
              }
            },
            "Response": {
              "fields": {
                "target_state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            }
          }
        },
        "ReadDataSource": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 2
                }
              }
            },
            "Response": {
              "fields": {
                "state": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            }
          }
        },
        "Timestamp": {
          "fields": {
            "seconds": {
              "type": "int64",
              "id": 1
            },
            "nanos": {
              "type": "int32",
              "id": 2
            }
          }
        },
        "OpenEphemeralResource": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "config": {
                  "type": "DynamicValue",
                  "id": 2
                }
              }
            },
            "Response": {
              "oneofs": {
                "_private": {
                  "oneof": [
                    "private"
                  ]
                }
              },
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 1
                },
                "renew_at": {
                  "type": "Timestamp",
                  "id": 2
                },
                "result": {
                  "type": "DynamicValue",
                  "id": 3
                },
                "private": {
                  "type": "bytes",
                  "id": 4,
                  "options": {
                    "proto3_optional": true
                  }
                }
              }
            }
          }
        },
        "RenewEphemeralResource": {
          "fields": {},
          "nested": {
            "Request": {
              "oneofs": {
                "_private": {
                  "oneof": [
                    "private"
                  ]
                }
              },
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "private": {
                  "type": "bytes",
                  "id": 2,
                  "options": {
                    "proto3_optional": true
                  }
                }
              }
            },
            "Response": {
              "oneofs": {
                "_private": {
                  "oneof": [
                    "private"
                  ]
                }
              },
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 1
                },
                "renew_at": {
                  "type": "Timestamp",
                  "id": 2
                },
                "private": {
                  "type": "bytes",
                  "id": 3,
                  "options": {
                    "proto3_optional": true
                  }
                }
              }
            }
          }
        },
        "CloseEphemeralResource": {
          "fields": {},
          "nested": {
            "Request": {
              "oneofs": {
                "_private": {
                  "oneof": [
                    "private"
                  ]
                }
              },
              "fields": {
                "type_name": {
                  "type": "string",
                  "id": 1
                },
                "private": {
                  "type": "bytes",
                  "id": 2,
                  "options": {
                    "proto3_optional": true
                  }
                }
              }
            },
            "Response": {
              "fields": {
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 1
                }
              }
            }
          }
        },
        "GetFunctions": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {}
            },
            "Response": {
              "fields": {
                "functions": {
                  "keyType": "string",
                  "type": "Function",
                  "id": 1
                },
                "diagnostics": {
                  "rule": "repeated",
                  "type": "Diagnostic",
                  "id": 2
                }
              }
            }
          }
        },
        "CallFunction": {
          "fields": {},
          "nested": {
            "Request": {
              "fields": {
                "name": {
                  "type": "string",
                  "id": 1
                },
                "arguments": {
                  "rule": "repeated",
                  "type": "DynamicValue",
                  "id": 2
                }
              }
            },
            "Response": {
              "fields": {
                "result": {
                  "type": "DynamicValue",
                  "id": 1
                },
                "error": {
                  "type": "FunctionError",
                  "id": 2
                }
              }
            }
          }
        },
        "Provider": {
          "methods": {
            "GetMetadata": {
              "requestType": "GetMetadata.Request",
              "responseType": "GetMetadata.Response"
            },
            "GetProviderSchema": {
              "requestType": "GetProviderSchema.Request",
              "responseType": "GetProviderSchema.Response"
            },
            "ValidateProviderConfig": {
              "requestType": "ValidateProviderConfig.Request",
              "responseType": "ValidateProviderConfig.Response"
            },
            "ValidateResourceConfig": {
              "requestType": "ValidateConfig.Request",
              "responseType": "ValidateConfig.Response"
            },
            "ValidateDataResourceConfig": {
              "requestType": "ValidateConfig.Request",
              "responseType": "ValidateConfig.Response"
            },
            "UpgradeResourceState": {
              "requestType": "UpgradeResourceState.Request",
              "responseType": "UpgradeResourceState.Response"
            },
            "ConfigureProvider": {
              "requestType": "ConfigureProvider.Request",
              "responseType": "ConfigureProvider.Response"
            },
            "ReadResource": {
              "requestType": "ReadResource.Request",
              "responseType": "ReadResource.Response"
            },
            "PlanResourceChange": {
              "requestType": "PlanResourceChange.Request",
              "responseType": "PlanResourceChange.Response"
            },
            "ApplyResourceChange": {
              "requestType": "ApplyResourceChange.Request",
              "responseType": "ApplyResourceChange.Response"
            },
            "ImportResourceState": {
              "requestType": "ImportResourceState.Request",
              "responseType": "ImportResourceState.Response"
            },
            "MoveResourceState": {
              "requestType": "MoveResourceState.Request",
              "responseType": "MoveResourceState.Response"
            },
            "ReadDataSource": {
              "requestType": "ReadDataSource.Request",
              "responseType": "ReadDataSource.Response"
            },
            "ValidateEphemeralResourceConfig": {
              "requestType": "ValidateConfig.Request",
              "responseType": "ValidateConfig.Response"
            },
            "OpenEphemeralResource": {
              "requestType": "OpenEphemeralResource.Request",
              "responseType": "OpenEphemeralResource.Response"
            },
            "RenewEphemeralResource": {
              "requestType": "RenewEphemeralResource.Request",
              "responseType": "RenewEphemeralResource.Response"
            },
            "CloseEphemeralResource": {
              "requestType": "CloseEphemeralResource.Request",
              "responseType": "CloseEphemeralResource.Response"
            },
            "GetFunctions": {
              "requestType": "GetFunctions.Request",
              "responseType": "GetFunctions.Response"
            },
            "CallFunction": {
              "requestType": "CallFunction.Request",
              "responseType": "CallFunction.Response"
            },
            "StopProvider": {
              "requestType": "StopProvider.Request",
              "responseType": "StopProvider.Response"
            }
          }
        }
      }
    }
  }
}
