import { createBackend } from '../../framework/backend.ts'
import type { Factory } from '../../logical/backend.ts'
import { kvV1Factory } from './kv-v1.ts'
import { pathConfig } from './path-config.ts'
import { pathData } from './path-data.ts'
import { pathInvalid } from './path-invalid.ts'
import { pathMetadata, pathMetadataRoot } from './path-metadata.ts'
import { pathSubkeys } from './path-subkeys.ts'
import { pathVersions } from './path-versions.ts'
import { SecretStore } from './store.ts'

const help = 'Version 2 of the key-value engine: secrets with versions, check-and-set, soft deletion and metadata.'

/** `kv` version 2, with the paths, answers and messages of Vault's. */
export const kvV2Factory: Factory = (config) => {
  const store = new SecretStore(config.storage, config.clock)
  return Promise.resolve(
    createBackend({
      leasing: 'engine',
      help,
      system: config.system,
      paths: [
        pathConfig(store), //        config                        settings of the mount
        pathData(store), //          data/:path...                 read, write, patch, delete the latest version
        pathMetadataRoot(store), //  metadata/                     list
        pathMetadata(store), //      metadata/:path...             list, read, write, patch, delete everything
        pathSubkeys(store), //       subkeys/:path...              the names inside a secret
        ...pathVersions(store), //   delete|undelete|destroy/:path... by version
        pathInvalid(), //            anything else                 Vault's hint for clients of version 1
      ],
    }),
  )
}

/** A mount of type `kv`: version 2 when its options say `version=2`, else version 1, as in Vault. */
export const kvFactory: Factory = (config) =>
  config.config.version === '2' ? kvV2Factory(config) : kvV1Factory(config)
