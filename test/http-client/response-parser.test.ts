import { describe, expect, it } from 'vitest'
import { bytes, parse, type Parsed } from './parse.ts'

const response = (head: string, body = '', first = 'HTTP/1.1 200 OK'): string =>
  `${[first, ...(head === '' ? [] : head.split('\n'))].join('\r\n')}\r\n\r\n${body}`

interface Accepted extends Partial<Parsed> {
  text: string
  headOnly?: boolean
  closed?: boolean
}

const accepted: Record<string, Accepted> = {
  'a body of the length told': {
    text: response('Content-Length: 5\nX-A: 1', 'hello'),
    fields: ['content-length', '5', 'x-a', '1'],
    body: 'hello',
    reusable: true,
  },
  'an empty body': { text: response('content-length: 0'), body: '', reusable: true },
  'a length with leading zeros': { text: response('content-length: 0005', 'hello'), body: 'hello', reusable: true },
  'a status line without a reason': {
    text: response('content-length: 0', '', 'HTTP/1.1 404 '),
    status: 404,
    reusable: true,
  },
  'a status line that ends behind the status': { text: response('content-length: 0', '', 'HTTP/1.1 404'), status: 404 },
  'a reason in any characters': {
    text: response('content-length: 0', '', 'HTTP/1.1 200 d\xe9j\xe0 vu\t!'),
    status: 200,
  },
  'a status nobody has registered': { text: response('content-length: 0', '', 'HTTP/1.1 999 No'), status: 999 },
  'fields that repeat, in their order': {
    text: response('Set-Cookie: a=b\nETag: "x"\nset-cookie: c=d\ncontent-length: 0'),
    fields: ['set-cookie', 'a=b', 'etag', '"x"', 'set-cookie', 'c=d', 'content-length', '0'],
  },
  'white space around a value, and none in it': {
    text: response('a: \t b c\t \nb:\nc:   \nd:x\ncontent-length:\t0'),
    fields: ['a', 'b c', 'b', '', 'c', '', 'd', 'x', 'content-length', '0'],
  },
  'a value in Latin-1': {
    text: response('x: caf\xe9\ncontent-length: 0'),
    fields: ['x', 'caf\xe9', 'content-length', '0'],
  },
  chunks: {
    text: response('Transfer-Encoding: chunked', '5\r\nhello\r\n006\r\n world\r\n0\r\n\r\n'),
    body: 'hello world',
    trailers: [],
    reusable: true,
  },
  'chunks by another case, and none': {
    text: response('transfer-encoding: CHUNKED', '0\r\n\r\n'),
    body: '',
    reusable: true,
  },
  'chunk sizes in hexadecimal of either case': {
    text: response('transfer-encoding: chunked', `a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n`),
    body: '01234567890123456789a',
  },
  'chunk extensions, which mean nothing': {
    text: response('transfer-encoding: chunked', '2;a;b=c;d="e;\\"\xe9"\r\nok\r\n0;z\r\n\r\n'),
    body: 'ok',
    reusable: true,
  },
  'trailers, apart from the headers': {
    text: response('transfer-encoding: chunked', '2\r\nok\r\n0\r\nX-Sum: 1\r\nY:2\r\n\r\n'),
    fields: ['transfer-encoding', 'chunked'],
    body: 'ok',
    trailers: ['x-sum', '1', 'y', '2'],
    reusable: true,
  },
  'a body that ends with the connection': {
    text: response('x: y', 'hello'),
    closed: true,
    body: 'hello',
    reusable: false,
  },
  'an empty body that ends with the connection': { text: response(''), closed: true, body: '', reusable: false },
  'HTTP/1.0': { text: response('content-length: 2', 'ok', 'HTTP/1.0 200 OK'), body: 'ok', reusable: false },
  'HTTP/1.0 that would keep the connection': {
    text: response('connection: keep-alive\ncontent-length: 2', 'ok', 'HTTP/1.0 200 OK'),
    body: 'ok',
    reusable: false,
  },
  'Connection: close': { text: response('connection: close\ncontent-length: 2', 'ok'), body: 'ok', reusable: false },
  'Connection: close among others': { text: response('connection: x ,Close\ncontent-length: 0'), reusable: false },
  'Connection: keep-alive': { text: response('connection: keep-alive\ncontent-length: 0'), reusable: true },
  'interim responses, which are dropped': {
    text: `${response('link: </a>', '', 'HTTP/1.1 103 Early Hints')}${response('', '', 'HTTP/1.1 100 Continue')}${response('content-length: 2', 'ok')}`,
    status: 200,
    fields: ['content-length', '2'],
    body: 'ok',
    reusable: true,
  },
  'HEAD: a length and no body': { text: response('content-length: 500'), headOnly: true, body: '', reusable: false },
  'HEAD: chunked and no body': {
    text: response('transfer-encoding: chunked'),
    headOnly: true,
    body: '',
    reusable: false,
  },
  'HEAD: nothing about a body': { text: response('x: y'), headOnly: true, body: '', reusable: false },
  '204': { text: response('x: y', '', 'HTTP/1.1 204 No Content'), status: 204, body: '', reusable: true },
  '204 with the length 0': {
    text: response('content-length: 0', '', 'HTTP/1.1 204 No Content'),
    body: '',
    reusable: true,
  },
  '304 with the length of what it is about': {
    text: response('content-length: 12', '', 'HTTP/1.1 304 Not Modified'),
    body: '',
    reusable: false,
  },
  '205 as any other': {
    text: response('content-length: 2', 'ok', 'HTTP/1.1 205 Reset Content'),
    body: 'ok',
    reusable: true,
  },
  'more than a response: the rest is nobody’s': {
    text: response('content-length: 2', 'okHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    body: 'ok',
    reusable: false,
  },
  'a single byte more': { text: response('transfer-encoding: chunked', '0\r\n\r\n\n'), body: '', reusable: false },
  '204 with a body': {
    text: response('content-length: 2', 'ok', 'HTTP/1.1 204 No Content'),
    body: '',
    reusable: false,
  },
}

const chunked = (body: string): string => response('transfer-encoding: chunked', body)
const refused: Record<string, string> = {
  'another protocol': 'SSH-2.0-OpenSSH_9.6\r\n\r\n',
  'another protocol, as soon as it is seen': 'SSH-2.0',
  'an empty line first': `\r\n${response('content-length: 0')}`,
  'HTTP/2': response('content-length: 0', '', 'HTTP/2.0 200 OK'),
  'HTTP/1.2': response('content-length: 0', '', 'HTTP/1.2 200 OK'),
  'HTTP/0.9': response('content-length: 0', '', 'HTTP/0.9 200 OK'),
  'http in small letters': response('content-length: 0', '', 'http/1.1 200 OK'),
  'a version of more digits': response('content-length: 0', '', 'HTTP/1.10 200 OK'),
  'two spaces before the status': response('content-length: 0', '', 'HTTP/1.1  200 OK'),
  'a tab before the status': response('content-length: 0', '', 'HTTP/1.1\t200 OK'),
  'a status of two digits': response('content-length: 0', '', 'HTTP/1.1 20 OK'),
  'a status of four digits': response('content-length: 0', '', 'HTTP/1.1 2000 OK'),
  'a status that is no number': response('content-length: 0', '', 'HTTP/1.1 2x0 OK'),
  'a status below 100': response('content-length: 0', '', 'HTTP/1.1 099 OK'),
  'a tab behind the status': response('content-length: 0', '', 'HTTP/1.1 200\tOK'),
  'a control character in the reason': response('content-length: 0', '', 'HTTP/1.1 200 O\0K'),
  'lines that end in LF': 'HTTP/1.1 200 OK\ncontent-length: 0\n\n',
  'one line that ends in LF': 'HTTP/1.1 200 OK\r\nx: y\ncontent-length: 0\r\n\r\n',
  'a head whose empty line ends in LF': 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\n',
  'a CR alone in a value': response('x: a\rb\ncontent-length: 0'),
  'CR twice': 'HTTP/1.1 200 OK\r\nx: y\r\r\ncontent-length: 0\r\n\r\n',
  'a CR before the empty line': 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\r\n\r\n',
  'a folded line': response('x: a\n b\ncontent-length: 0'),
  'a folded line behind the status line': response(' x: a\ncontent-length: 0'),
  'white space before a colon': response('x : a\ncontent-length: 0'),
  'white space before the colon of the length': response('content-length : 5', 'hello'),
  'a line without a colon': response('x\ncontent-length: 0'),
  'no name': response(': x\ncontent-length: 0'),
  'a name that is no token': response('x(y): z\ncontent-length: 0'),
  'a name beyond ASCII': response('x\xe9: z\ncontent-length: 0'),
  'NUL in a name': response('x\0: z\ncontent-length: 0'),
  'NUL in a value': response('x: a\0b\ncontent-length: 0'),
  'DEL in a value': response('x: a\x7fb\ncontent-length: 0'),
  'an escape character in a value': response('x: a\x1bb\ncontent-length: 0'),
  'a length and chunks': response('content-length: 5\ntransfer-encoding: chunked', '0\r\n\r\n'),
  'chunks and a length': response('transfer-encoding: chunked\ncontent-length: 5', '0\r\n\r\n'),
  'two lengths': response('content-length: 5\ncontent-length: 6', 'hello!'),
  'the same length twice': response('content-length: 5\ncontent-length: 5', 'hello'),
  'a list of lengths': response('content-length: 5, 5', 'hello'),
  'no length': response('content-length:', 'hello'),
  'a negative length': response('content-length: -1', 'hello'),
  'a length with a sign': response('content-length: +5', 'hello'),
  'a length in hexadecimal': response('content-length: 0x5', 'hello'),
  'a length with a fraction': response('content-length: 5.0', 'hello'),
  'a length with a space in it': response('content-length: 5 5', 'hello'),
  'a length no double holds': response('content-length: 99999999999999999999', 'hello'),
  'a malformed length of a response to HEAD': response('content-length: x'),
  gzip: response('transfer-encoding: gzip', '5\r\nhello\r\n0\r\n\r\n'),
  'gzip and chunks': response('transfer-encoding: gzip, chunked', '0\r\n\r\n'),
  'chunks with a tab behind them': response('a:\tb\nTransfer-Encoding: \tchunked \t', '0\r\n\r\n'),
  'a length with a tab behind it': response('Content-Length: 2\t', 'ok'),
  'chunks twice': response('transfer-encoding: chunked, chunked', '0\r\n\r\n'),
  'chunks in two fields': response('transfer-encoding: chunked\ntransfer-encoding: chunked', '0\r\n\r\n'),
  identity: response('transfer-encoding: identity', 'hello'),
  'chunks in disguise': response('transfer-encoding: xchunked', '0\r\n\r\n'),
  'a quoted coding': response('transfer-encoding: "chunked"', '0\r\n\r\n'),
  'an empty coding': response('transfer-encoding:', '0\r\n\r\n'),
  'chunks in HTTP/1.0': response('transfer-encoding: chunked', '0\r\n\r\n', 'HTTP/1.0 200 OK'),
  'no chunk size': chunked('\r\nhello\r\n0\r\n\r\n'),
  'a chunk size that is no number': chunked('x\r\nhello\r\n0\r\n\r\n'),
  'a chunk size with a prefix': chunked('0x5\r\nhello\r\n0\r\n\r\n'),
  'a negative chunk size': chunked('-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size with a space': chunked('5 \r\nhello\r\n0\r\n\r\n'),
  'a chunk size behind a space': chunked(' 5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size of too many digits': chunked('0000000000005\r\nhello\r\n0\r\n\r\n'),
  'a chunk size line that ends in LF': chunked('5\nhello\r\n0\r\n\r\n'),
  'a chunk longer than its size': chunked('4\r\nhello\r\n0\r\n\r\n'),
  'a chunk shorter than its size': chunked('6\r\nhello\r\n0\r\n\r\n'),
  'a chunk that ends in LF': chunked('5\r\nhello\n0\r\n\r\n'),
  'a chunk extension without a name': chunked('5;\r\nhello\r\n0\r\n\r\n'),
  'a chunk extension with LF in it': chunked('5;a\nhello\r\n0\r\n\r\n'),
  'a chunk extension with a control character': chunked('5;a="\0"\r\nhello\r\n0\r\n\r\n'),
  'a chunk extension with an open quote': chunked('5;a="b\r\nhello\r\n0\r\n\r\n'),
  'chunk extensions without end': chunked(`5;a=${'b'.repeat(5000)}\r\nhello\r\n0\r\n\r\n`),
  'a trailer that is no field': chunked('0\r\nx\r\n\r\n'),
  'a folded trailer': chunked('0\r\nx: y\r\n z\r\n\r\n'),
  'trailers that end in LF': chunked('0\r\nx: y\n\r\n'),
  'an end without CRLF': chunked('0\r\n\n'),
  'another protocol from here on': response(
    'upgrade: websocket\nconnection: upgrade',
    '',
    'HTTP/1.1 101 Switching Protocols',
  ),
  'an interim response with a length': response('content-length: 5', 'hello', 'HTTP/1.1 103 Early Hints'),
  'an interim response that says nothing follows': `${response('connection: close', '', 'HTTP/1.1 103 Early Hints')}${response('content-length: 0')}`,
  'an interim response of HTTP/1.0': `${response('', '', 'HTTP/1.0 100 Continue')}${response('content-length: 0')}`,
  'a length in the trailers': chunked('0\r\ncontent-length: 5\r\n\r\n'),
  'a coding in the trailers': chunked('0\r\nTransfer-Encoding: chunked\r\n\r\n'),
  'an interim response in chunks': response('transfer-encoding: chunked', '0\r\n\r\n', 'HTTP/1.1 100 Continue'),
  'interim responses without end': `${response('', '', 'HTTP/1.1 102 Processing').repeat(17)}${response('content-length: 0')}`,
}

describe('a response is read', () => {
  it.each(Object.entries(accepted))('%s', (_name, { text, headOnly = false, closed = false, ...expected }) => {
    expect(parse([bytes(text)], { headOnly, closed })).toMatchObject(expected)
  })

  it.each(Object.entries(accepted))(
    '%s: the same, wherever it is cut in two',
    (_name, { text, headOnly = false, closed = false }) => {
      const all = bytes(text)
      const whole = parse([all], { headOnly, closed }) as Parsed
      for (let at = 1; at < all.length; at++)
        expect(parse([all.subarray(0, at), all.subarray(at)], { headOnly, closed })).toEqual({
          ...whole,
          reusable: expect.any(Boolean),
        })
      const single = Array.from(all, (_, at) => all.subarray(at, at + 1))
      expect(parse(single, { headOnly, closed })).toEqual(whole)
    },
  )

  it('with a head of exactly the limit, of many pieces or one', () => {
    const head = (size: number): Buffer => {
      const frame = response('content-length: 0\nx: ')
      return bytes(response(`content-length: 0\nx: ${'y'.repeat(size - frame.length)}`))
    }
    for (const size of [2047, 2048, 2049, 4096, 65_536]) {
      const whole = head(size)
      expect(whole.length).toBe(size)
      expect(parse([whole], { maxHeadBytes: size })).toMatchObject({ status: 200, reusable: true })
      expect(parse([whole.subarray(0, 1000), whole.subarray(1000)], { maxHeadBytes: size })).toMatchObject({
        status: 200,
      })
      expect(parse([whole], { maxHeadBytes: size - 1 })).toMatchObject({ code: 'head_too_large' })
      expect(parse([whole.subarray(0, 1000), whole.subarray(1000)], { maxHeadBytes: size - 1 })).toMatchObject({
        code: 'head_too_large',
      })
    }
  })
})

describe('a response is refused for', () => {
  it.each(Object.entries(refused))('%s', (_name, text) => {
    expect(parse([bytes(text)])).toMatchObject({ code: 'invalid_response' })
  })

  it.each(Object.entries(refused))('%s, wherever it is cut in two', (_name, text) => {
    const all = bytes(text)
    for (let at = 1; at < all.length; at++)
      expect(parse([all.subarray(0, at), all.subarray(at)])).toMatchObject({ code: 'invalid_response' })
    expect(parse(Array.from(all, (_, at) => all.subarray(at, at + 1)))).toMatchObject({ code: 'invalid_response' })
  })

  it('more than 256 fields', () => {
    const head = (fields: number): Buffer => bytes(response(`${'a: b\n'.repeat(fields - 1)}content-length: 0`))
    expect(parse([head(256)])).toMatchObject({ status: 200 })
    expect(parse([head(257)])).toMatchObject({ code: 'head_too_large' })
  })

  it('trailers beyond 8 KiB', () => {
    const text = chunked(`0\r\nx: ${'y'.repeat(8200)}\r\n\r\n`)
    expect(parse([bytes(text)])).toMatchObject({ code: 'head_too_large' })
  })

  it.each([
    ['in its status line', 'HTTP/1.1 20'],
    ['in its head', 'HTTP/1.1 200 OK\r\ncontent-le'],
    ['in its body', response('content-length: 6', 'hello')],
    ['in a chunk', chunked('5\r\nhell')],
    ['before the last chunk', chunked('5\r\nhello\r\n')],
    ['in the last chunk', chunked('5\r\nhello\r\n0\r\n')],
    ['in its trailers', chunked('0\r\nx: y\r\n')],
    ['behind an interim response', response('', '', 'HTTP/1.1 100 Continue')],
  ])('ending %s', (_where, text) => {
    expect(parse([bytes(text)], { closed: true })).toMatchObject({ code: 'broke_off' })
    expect(parse([bytes(text)])).toBeUndefined()
  })
})
