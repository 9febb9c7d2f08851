/** What the plugin of these tests speaks: `echo.Echo` is the plugin's, `echo.Store` the host's, reached through the broker. */
const method = (extra: object = {}) => ({ requestType: 'Note', responseType: 'Note', ...extra })

export const echoContract = {
  nested: {
    echo: {
      nested: {
        Echo: {
          methods: {
            Say: method(),
            Ask: method(),
            Do: method(),
            Hang: method(),
            Count: method(),
            Fail: method({ responseStream: true }),
          },
        },
        Store: { methods: { Get: method() } },
        Note: {
          fields: {
            text: { type: 'string', id: 1 },
            data: { type: 'bytes', id: 2 },
            broker_id: { type: 'uint32', id: 3 },
            number: { type: 'int64', id: 4 },
          },
        },
      },
    },
  },
}

export interface Note {
  readonly text: string
  readonly data: Buffer
  readonly broker_id: number
  /** Decimal digits. */
  readonly number: string
}

export const cookie = {
  name: 'ECHO_PLUGIN_COOKIE',
  value: 'd602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2',
}
