import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { VerbSocket, originalMethod } from '../../../src/host/http/verb-socket.ts'

/** A socket that receives what the test feeds, chunk by chunk, and hands on what the code under test read. */
function wire(): { feed(chunk: string): void; read(): string; wrapped: VerbSocket } {
  const socket = new Duplex({
    read: () => undefined,
    write: (_chunk, _encoding, done) => {
      done()
    },
  })
  const wrapped = new VerbSocket(socket as unknown as Socket)
  return {
    wrapped,
    feed: (chunk) => {
      socket.emit('data', Buffer.from(chunk, 'latin1'))
    },
    read: () => (wrapped.read() as Buffer | null)?.toString('latin1') ?? '',
  }
}

describe('the verb at the start of a request', () => {
  it.each([
    ['LIST', 'LINK'],
    ['SCAN', 'LOCK'],
    ['HELP', 'BIND'],
  ])('%s becomes %s, of the same length, and is restored', (verb, standIn) => {
    const { feed, read } = wire()
    feed(`${verb} /v1/a HTTP/1.1\r\n`)
    expect(read()).toBe(`${standIn} /v1/a HTTP/1.1\r\n`)
    expect(originalMethod(standIn)).toBe(verb)
  })

  it.each(['GET /v1/LIST / HTTP/1.1', 'LISTEN / HTTP/1.1', 'list /v1/a', '\r\nLIST /v1/a'])(
    '%s passes unchanged',
    (text) => {
      const { feed, read } = wire()
      feed(text)
      expect(read()).toBe(text)
    },
  )

  it('is recognised byte by byte; nothing is handed on before it is known', () => {
    const { feed, read } = wire()
    for (const byte of 'LIST') {
      feed(byte)
      expect(read()).toBe('')
    }
    feed(' /')
    expect(read()).toBe('LINK /')
  })

  it('that cannot become one is handed on at once', () => {
    const { feed, read } = wire()
    feed('LI')
    feed('X')
    expect(read()).toBe('LIX')
  })

  it('is looked for once per request: a later chunk that begins alike is body', () => {
    const { feed, read, wrapped } = wire()
    feed('PUT /v1/a HTTP/1.1\r\nContent-Length: 10\r\n\r\n')
    feed('LIST /v1/a')
    expect(read()).toContain('\r\n\r\nLIST /v1/a')
    wrapped.expectRequest()
    feed('LIST /v1/b')
    expect(read()).toBe('LINK /v1/b')
  })

  it('other methods are left as they are', () => {
    expect(['GET', 'POST', 'PURGE'].map(originalMethod)).toEqual(['GET', 'POST', 'PURGE'])
  })
})
