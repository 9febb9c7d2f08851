import { goText, keyValueTable } from './table.ts'
import { Failure } from './failure.ts'
import { vaultCommand } from './vault-command.ts'

const SEALED = 2

export const status = vaultCommand({
  summary: 'Show whether the server is up and unsealed; exit code 2 when sealed',
  usage: '[flags]',
  flags: {},
  takes: [0, 0],
  async run({ request, print }) {
    // Of the two exit codes for "no", the second is taken by "sealed".
    const failing = (thrown: unknown): never => {
      throw thrown instanceof Failure ? new Failure(1, thrown.message) : thrown
    }
    const { seal, leader } = await request('Error checking seal status', async (vault, options) => ({
      seal: (await vault.request('GET', 'sys/seal-status', options)).raw as Record<string, unknown>,
      // A sealed server knows no leader.
      leader: await vault.request('GET', 'sys/leader', options).then(
        ({ raw }) => raw as Record<string, unknown>,
        () => undefined,
      ),
    })).catch(failing)
    const sealed = seal.sealed === true
    const rows: (readonly [string, unknown])[] = [
      ['Seal Type', seal.type],
      ['Initialized', seal.initialized],
      ['Sealed', seal.sealed],
      ['Total Shares', seal.n],
      ['Threshold', seal.t],
      ...(sealed ? [['Unseal Progress', `${goText(seal.progress)}/${goText(seal.t)}`] as const] : []),
      ['Version', seal.version],
      ['Build Date', seal.build_date],
      ['Storage Type', seal.storage_type],
      ...(seal.cluster_name === undefined
        ? []
        : ([
            ['Cluster Name', seal.cluster_name],
            ['Cluster ID', seal.cluster_id],
          ] as const)),
      ...(leader?.ha_enabled === undefined ? [] : ([['HA Enabled', leader.ha_enabled]] as const)),
    ]
    print(seal, () => keyValueTable(rows.map(([title, value]) => [title, value === undefined ? '' : goText(value)])))
    return sealed ? SEALED : 0
  },
})
