import { definePath } from '../../framework/path.ts'
import type { PathDef } from '../../framework/path.ts'
import { goDuration } from './metadata.ts'
import { maxVersions, settingFields, signedSeconds } from './settings.ts'
import type { SecretStore } from './store.ts'

export function pathConfig(store: SecretStore): PathDef {
  return definePath({
    pattern: 'config',
    fields: settingFields,
    synopsis: 'Settings that hold for every secret of this mount.',
    description:
      'max_versions, cas_required and delete_version_after. A negative delete_version_after switches automatic deletion off for the whole mount, whatever a secret says. What is omitted stays as it is.',
    operations: {
      async read() {
        const config = await store.config()
        return {
          data: {
            max_versions: config.max_versions,
            cas_required: config.cas_required,
            delete_version_after: goDuration(config.delete_version_after),
          },
        }
      },
      async write({ fields }) {
        const versions = fields.has('max_versions') ? maxVersions(fields.given('max_versions') ?? 0) : undefined
        const seconds = fields.has('delete_version_after')
          ? signedSeconds(fields.given('delete_version_after') ?? 0)
          : undefined
        const cas = fields.has('cas_required') ? (fields.given('cas_required') ?? false) : undefined
        await store.changeConfig((config) => {
          if (versions !== undefined) config.max_versions = versions
          if (cas !== undefined) config.cas_required = cas
          if (seconds !== undefined) config.delete_version_after = seconds < 0 ? -1 : seconds
        })
        return undefined
      },
    },
  })
}
