/**
 * "Vault said no" is not an outage: what it says will not change by waiting. Sessions and keys are dropped, calls under way are cut, and
 * callers are told to keep their token and not to try on by themselves.
 */
import { GatewayFailure } from '../error.ts'

const sentences = {
  mount_gone:
    'the mcp engine is no longer mounted in Vault where this gateway expects it; keep the token, and ask an operator whether the mount was disabled or moved',
  vault_sealed: 'Vault is sealed or has no active node; keep the token until an operator has unsealed it',
  gateway_refused:
    "Vault refuses this gateway's own login or rights; keep the token until an operator has restored them",
} as const

export type RefusalCode = keyof typeof sentences

export const refusedByVault = (code: RefusalCode): GatewayFailure =>
  new GatewayFailure('unavailable', code, sentences[code])
