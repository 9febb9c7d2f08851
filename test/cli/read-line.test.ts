/** What a terminal is made to do while a person types, a key above all. */
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { readLine } from '../../src/cli/read-line.ts'

/** A terminal that shows what is typed unless it was told not to, as real ones do. */
function terminal() {
  let screen = ''
  let raw = false
  const stdin = Object.assign(new PassThrough(), {
    setRawMode(on: boolean) {
      raw = on
    },
  })
  const stderr = {
    write(text: string) {
      screen += text
      return true
    },
  }
  return {
    streams: { stdin, stderr },
    type(text: string) {
      if (!raw) screen += text
      stdin.write(text)
    },
    screen: () => screen,
    isRaw: () => raw,
    whenPrompted(text: string) {
      const write = stderr.write
      stderr.write = (written) => {
        write(written)
        stderr.write = write
        this.type(text)
        return true
      }
    },
  }
}

it('shows nothing of a key, not even of one that comes together with the prompt', async () => {
  const shell = terminal()
  shell.whenPrompted('sk_test_1\r')
  expect(await readLine(shell.streams, 'Key: ', false)).toBe('sk_test_1')
  expect([shell.screen(), shell.isRaw()]).toEqual(['Key: \n', false])
})

it('shows an answer as it is typed, corrections included', async () => {
  const shell = terminal()
  shell.whenPrompted('nx\u007f\u007f\u007fyes\n')
  expect(await readLine(shell.streams, 'Write? ', true)).toBe('yes')
  expect(shell.screen()).toBe('Write? nx\b \b\b \byes\n')
})

it.each([
  ['between two characters', 'sk_te\u0003'],
  ['before the first', '\u0003'],
])('ends with 130 at Ctrl-C %s, and gives the terminal back', async (_name, typed) => {
  const shell = terminal()
  shell.whenPrompted(typed)
  await expect(readLine(shell.streams, 'Key: ', false)).rejects.toMatchObject({ exitCode: 130 })
  expect([shell.isRaw(), shell.screen()]).toEqual([false, 'Key: \n'])
})

it('takes Ctrl-D for the end of the line', async () => {
  const shell = terminal()
  shell.whenPrompted('\u0004')
  expect(await readLine(shell.streams, 'Key: ', false)).toBe('')
})

it.each(['\n', '\r', '\r\n'])('keeps the rest of a paste for the next question, with %j at its ends', async (end) => {
  const shell = terminal()
  shell.whenPrompted(['first', 'second', 'n'].join(end))
  expect(await readLine(shell.streams, 'One: ', false)).toBe('first')
  expect(await readLine(shell.streams, 'Two: ', false)).toBe('second')
  shell.whenPrompted('o\n')
  expect(await readLine(shell.streams, 'Three: ', true)).toBe('no')
})

describe('a block of PEM', () => {
  const pem = '-----BEGIN PRIVATE KEY-----\nMIIB\nAQAB\n-----END PRIVATE KEY-----'

  it.each([
    ['as terminals send a paste', pem.replaceAll('\n', '\r')],
    ['with both characters of a line break', pem.replaceAll('\n', '\r\n')],
  ])('is one answer, %s, and none of it is shown', async (_name, pasted) => {
    const shell = terminal()
    shell.whenPrompted(`${pasted}\rn\r`)
    expect(await readLine(shell.streams, 'Key: ', false)).toBe(pem)
    expect(shell.screen()).toBe('Key: \n')
    expect(await readLine(shell.streams, 'Write? ', true)).toBe('n')
  })

  it('that is cut off ends with Ctrl-D, or Ctrl-C', async () => {
    const shell = terminal()
    shell.whenPrompted('-----BEGIN PRIVATE KEY-----\rMIIB\r\u0004')
    expect(await readLine(shell.streams, 'Key: ', false)).toBe('-----BEGIN PRIVATE KEY-----\nMIIB\n')
    shell.whenPrompted('-----BEGIN PRIVATE KEY-----\rMIIB\r\u0003')
    await expect(readLine(shell.streams, 'Key: ', false)).rejects.toMatchObject({ exitCode: 130 })
  })

  it('is nothing special where it is shown', async () => {
    const shell = terminal()
    shell.whenPrompted('-----BEGIN x-----\r')
    expect(await readLine(shell.streams, 'Write? ', true)).toBe('-----BEGIN x-----')
  })
})
