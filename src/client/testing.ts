import { Server, ServerCredentials } from '@grpc/grpc-js'
import { fakeServices } from './fake-services.ts'
import { FakeSessions } from './fake-sessions.ts'
import type { FakeCall, FakeFailure, FakeMethod, FakeSessionsOptions } from './fake-sessions.ts'
import { service } from './wire.ts'
import type { SessionToken } from './wire.ts'

export type { FakeCall, FakeFailure, FakeMethod } from './fake-sessions.ts'

/**
 * A gateway for the tests of MCP servers: the real protocol on a loopback port, sessions in memory, upstreams as
 * functions. It knows no tools: any live session may call any upstream; scopes are judged by `Validate` alone.
 */
export interface FakeGateway {
  /** For `connect({ address, token })`. */
  readonly address: string
  readonly token: string
  /** Everything that was asked, in order. */
  readonly calls: readonly FakeCall[]
  /** A live session without asking for one. */
  openSession(
    session?: Partial<Pick<SessionToken, 'agent_id' | 'scopes' | 'environment' | 'purpose' | 'ttl_seconds'>>,
  ): SessionToken
  /** Ends a session: its tokens are refused, its streams are cut, its watchers are told. */
  endSession(sessionId: string, reason?: string): void
  /** Changes what a session may do; its watchers are told. */
  changeScopes(sessionId: string, scopes: readonly string[]): void
  /** The next `times` calls of a method fail so; `'silence'` never answers. */
  fail(method: FakeMethod, failure: FakeFailure | 'silence', times?: number): void
  close(): Promise<void>
}

export interface FakeGatewayOptions extends FakeSessionsOptions {
  /** Default: a free one. */
  readonly port?: number
}

/** Listens on loopback. */
export async function startFakeGateway(options: FakeGatewayOptions = {}): Promise<FakeGateway> {
  const state = new FakeSessions(options)
  const server = new Server()
  for (const [name, handlers] of Object.entries(fakeServices(state)))
    server.addService(service(name as 'Tokens'), handlers)
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${options.port ?? 0}`, ServerCredentials.createInsecure(), (error, bound) => {
      if (error) reject(error)
      else resolve(bound)
    })
  })
  return {
    address: `127.0.0.1:${port}`,
    token: state.serviceToken,
    calls: state.calls,
    openSession: (session = {}) =>
      state.open({ agent_id: 'test-agent', purpose: '', ...session, requested_scopes: session.scopes ?? [] }),
    endSession: (sessionId, reason = 'revoked') => {
      state.end(sessionId, reason)
    },
    changeScopes: (sessionId, scopes) => {
      state.change(sessionId, scopes)
    },
    fail: (method, failure, times = 1) => {
      for (let i = 0; i < times; i++) state.failures.push({ method, failure })
    },
    close: () =>
      new Promise((resolve) => {
        server.forceShutdown()
        resolve()
      }),
  }
}
