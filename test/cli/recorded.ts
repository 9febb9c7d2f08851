/** Lines as a gateway writes them, of calls it is said to have judged. */

export interface RecordFields {
  readonly type?: string
  readonly time?: string
  readonly decision?: string
  readonly reason?: string
  readonly session_id?: string | null
  readonly agent_id?: string | null
  readonly environment?: string
  readonly required_scope?: string
  /** Where the gateway keeps paths. */
  readonly path?: string
}

export const record = (fields: RecordFields): string =>
  JSON.stringify({
    time: '2026-12-01T08:00:00.000Z',
    type: 'decision',
    request_id: 'req_1',
    decision: 'allow',
    validation_result: 'valid',
    reason: 'allowed',
    session_id: 'sess_1',
    agent_id: 'helper',
    token_id: 'tok_1',
    owner: 'o',
    environment: 'production',
    purpose: 'p',
    ...fields,
  })

/** A call of the upstream `shop`; `tools` are names below it. */
export const call = (line: string, tools: readonly string[], fields: RecordFields = {}): string => {
  const [method, endpoint] = line.split(' ')
  const call = { upstream: 'shop', platform: 'shop', method, endpoint, risk: null }
  return record({ ...call, tools: tools.map((name) => `shop/${name}`), ...fields } as RecordFields)
}

/** A call that no tool covered: what looks like data in its path is `{}`. */
export const noTool = (line: string): string => call(line, [], { decision: 'deny', reason: 'no_tool' })
