import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { LaunchError, handshakeLine, readLaunch } from '../../src/goplugin/handshake.ts'

const launch = (env: Record<string, string>, versions: readonly number[] = [5]) =>
  readLaunch({ PLUGIN_PROTOCOL_VERSIONS: '5', ...env }, versions)

test.each([
  ['5', [5], 5],
  ['4,5', [5], 5],
  ['3,6,4', [3, 4, 5], 4],
  [' 5 , 6 ', [6, 5], 6],
  ['x,5,', [5], 5],
  ['10,9', [9, 10], 10],
])('offered %j and serving %j, version %i is spoken', (offered, served, version) => {
  expect(launch({ PLUGIN_PROTOCOL_VERSIONS: offered }, served).version).toBe(version)
})

test.each([
  ['4', [5]],
  ['', [5]],
  ['-5', [5]],
  ['5.0', [5]],
  ['0x5', [5]],
  ['5', []],
])('offered %j and serving %j, nothing can be spoken', (offered, served) => {
  expect(() => launch({ PLUGIN_PROTOCOL_VERSIONS: offered }, served)).toThrow(LaunchError)
})

test('variables that are absent or empty ask for nothing', () => {
  const nothing = {
    hostCertificate: undefined,
    socketFolder: tmpdir(),
    socketGroup: undefined,
    ports: { min: 0, max: 0 },
    asksMultiplexing: false,
  }
  expect(launch({})).toMatchObject(nothing)
  expect(
    launch({
      PLUGIN_CLIENT_CERT: '',
      PLUGIN_UNIX_SOCKET_DIR: '',
      PLUGIN_UNIX_SOCKET_GROUP: '',
      PLUGIN_MIN_PORT: '',
      PLUGIN_MAX_PORT: 'x',
      PLUGIN_MULTIPLEX_GRPC: '',
    }),
  ).toMatchObject(nothing)
})

test('a relative socket folder is made absolute, for the host may stand elsewhere', () => {
  expect(launch({ PLUGIN_UNIX_SOCKET_DIR: 'run' }).socketFolder).toBe(`${process.cwd()}/run`)
})

test('the line has a seventh field for those alone who ask', () => {
  const at = { network: 'tcp', address: '127.0.0.1:10000' } as const
  expect(handshakeLine(launch({}), at, undefined)).toBe('1|5|tcp|127.0.0.1:10000|grpc|\n')
  expect(handshakeLine(launch({ PLUGIN_MULTIPLEX_GRPC: 'true' }), at, Buffer.from('der'))).toBe(
    '1|5|tcp|127.0.0.1:10000|grpc|ZGVy|false\n',
  )
  expect(handshakeLine(launch({}), at, Buffer.from('ders'))).toBe('1|5|tcp|127.0.0.1:10000|grpc|ZGVycw\n')
})
