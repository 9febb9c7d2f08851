/** Writes the steps of `mcp-vault add` one after the other. What fails in between says exactly what was written. */
import { isDeepStrictEqual } from 'node:util'
import type { PresetPlan } from '../preset/index.ts'
import { readSecret } from './add-state.ts'
import type { SecretState } from './add-state.ts'
import type { Step } from './add-steps.ts'
import { Failure } from './failure.ts'
import { lacking, policyLines, requestAllowed } from './policy-lines.ts'
import type { VaultCall } from './vault-command.ts'

/** What the token's policies lack for these steps, as lines to add; undefined where nothing is known to be missing. */
export async function missingCapabilities(call: VaultCall, steps: readonly Step[]): Promise<string | undefined> {
  const missing = await lacking(
    call,
    steps.map(({ needs }) => needs),
  )
  return missing.length === 0 ? undefined : policyLines(missing)
}

/** Throws `Failure` before anything is written or asked for. */
export async function requireCapabilities(call: VaultCall, steps: readonly Step[]): Promise<void> {
  const missing = await missingCapabilities(call, steps)
  if (missing !== undefined) throw new Failure(2, `Nothing was written: your token may not write all of it. ${missing}`)
}

export async function writeSteps(
  call: VaultCall,
  plan: PresetPlan,
  steps: readonly Step[],
  secret: SecretState,
): Promise<void> {
  const done: Step[] = []
  let known = secret
  for (const step of steps) {
    try {
      // Custom metadata has no check-and-set: what is replaced is what was shown.
      if (step.kind === 'consent' || step.kind === 'withdraw') await requireSameConsent(call, plan, known)
      const response = await requestAllowed(call, `Error writing ${step.path}`, step.needs, (vault, options) =>
        vault.request(step.method, step.path, { body: step.body, ...options }),
      )
      call.warn(response)
      known = afterStep(step, known)
      done.push(step)
    } catch (thrown) {
      if (!(thrown instanceof Failure)) throw thrown
      const kept = /check-and-set/.test(thrown.message)
        ? ' Somebody else has written the secret meanwhile; that is kept.'
        : ''
      throw new Failure(thrown.exitCode, `${thrown.message}\n\n${whereItStands(steps, done)}${kept}`)
    }
  }
}

const afterStep = (step: Step, known: SecretState): SecretState =>
  step.kind === 'withdraw'
    ? { ...known, custom: (step.body as { custom_metadata: SecretState['custom'] }).custom_metadata }
    : known

async function requireSameConsent(call: VaultCall, plan: PresetPlan, { custom }: SecretState): Promise<void> {
  const now = await readSecret(call, plan)
  if (!isDeepStrictEqual(now.custom, custom))
    throw new Failure(
      2,
      `The custom metadata of ${plan.secret.mount}/${plan.use.kv_path} was changed by somebody else meanwhile.`,
    )
}

function whereItStands(steps: readonly Step[], done: readonly Step[]): string {
  const paths = (some: readonly Step[]) => some.map(({ path }) => path).join(', ')
  const open = steps.slice(done.length)
  const consent = open.some(({ kind }) => kind === 'consent')
    ? ' The key is not used for anything new: the consent to it is written last.'
    : ''
  const stopped = done.some(({ kind }) => kind === 'withdraw') ? ' Until then calls with the key are refused.' : ''
  return `${done.length === 0 ? 'Nothing was written.' : `Written: ${paths(done)}.`} Not written: ${paths(open)}.${consent} Run the same command again to complete it.${stopped}`
}
