/** The part of oidc-provider that is used here; the package has no types of its own. */
declare module 'oidc-provider' {
  import type { RequestListener } from 'node:http'

  interface Client {
    readonly clientId: string
  }
  interface Saved {
    save(): Promise<string>
  }
  interface RefreshTokenFields {
    readonly accountId: string
    readonly client: Client
    readonly grantId: string
    readonly scope: string
    readonly gty: string
  }

  interface Issued {
    readonly access_token: string
    readonly refresh_token: string
  }

  export default class Provider {
    constructor(issuer: string, configuration: object)
    callback(): RequestListener
    on(event: 'grant.success', listener: (context: { readonly body: Issued }) => void): this
    on(event: 'grant.error', listener: (context: object, error: Error) => void): this
    readonly Client: { find(id: string): Promise<Client | undefined> }
    readonly Grant: new (fields: { readonly accountId: string; readonly clientId: string }) => Saved & {
      addOIDCScope(scope: string): void
    }
    readonly RefreshToken: new (fields: RefreshTokenFields) => Saved
    readonly AccessToken: { find(token: string): Promise<object | undefined> }
  }
}
