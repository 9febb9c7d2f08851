// curl: downloads and their resumption, uploads, forms, codings, conditions, redirects.
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FILE, MODIFIED, filesUpstream, readFrame } from './fakes/files-api.mjs'
import { runCommand } from './harness/command.mjs'

export const commands = ['curl']
export { readFrame as readBody }
export const upstreams = { files: filesUpstream }
export const scopes = ['read:files:all']
export const leftOut = {
  upgrade: 'a wish for HTTP/2, which a server may ignore (RFC 9110, 7.8)',
  'http2-settings': 'belongs to it',
}
export const responsesLeftOut = { location: 'a path becomes a URL; what curl makes of it (redirect_url) is compared' }
/** The version of HTTP is each hop's own (RFC 9110, 2.5). */
export const comparable = {
  ':request': ({ start, ...rest }) => ({ ...rest, start: start.replace(/ HTTP\/1\.[01]$/, '') }),
}

const BIG = Buffer.alloc(3 * 1_048_576, 'upload\n')
const TOO_LARGE = Buffer.alloc(21 * 1_048_576, 'upload\n')
const PART = FILE.subarray(0, 400_000)
const REPORT = '%{http_code} %{content_type} %{num_redirects} %{redirect_url}'
const slow = ['--limit-rate', '8M']

/** What curl is told beside the URL's path, and the files of the folder it runs in. */
const transfers = {
  'a download': { args: ['-o', 'out'], path: '/file/a' },
  'a download that is resumed': { has: { out: PART }, args: ['-C', '-', '-o', 'out'], path: '/file/a' },
  'a download that was whole already': { has: { out: FILE }, args: ['-C', '-', '-o', 'out'], path: '/file/a' },
  'its last bytes': { args: ['-r', '-100', '-o', 'out'], path: '/file/a' },
  'a long part of it': { args: ['-r', '100000-299999', '-o', 'out'], path: '/file/a' },
  'a slow download': { args: ['-o', 'out', ...slow], path: '/file/a' },
  HEAD: { args: ['-I'], path: '/file/a', only: /^(?:HTTP|content|etag|last-modified|accept-ranges).*/gim },
  'a condition on the date': { args: ['-z', MODIFIED, '-o', 'out'], path: '/file/a' },
  'a condition on the tag': { has: { tag: '"never"' }, args: ['--etag-compare', 'tag', '-o', 'out'], path: '/file/a' },
  'an upload': { has: { in: 'small' }, args: ['-T', 'in'], path: '/upload/' },
  'a large upload, which waits for 100 Continue': { has: { in: BIG }, args: ['-T', 'in'], path: '/upload/a' },
  'an upload of unknown length': { input: BIG, args: ['-T', '-'], path: '/upload/a' },
  'an upload that is resumed': { has: { in: BIG }, args: ['-C', '1000000', '-T', 'in'], path: '/upload/a' },
  'a form': { args: ['-d', 'a=1&b=%26', '--data-urlencode', 'c=ü &'], path: '/echo/form' },
  'a query': { args: ['-G', '--data-urlencode', 'q=a b&c=ü/+', '-d', 'x=1+2'], path: '/echo/query' },
  'a form with a file': {
    has: { in: BIG.subarray(0, 5_000) },
    args: ['-F', 'title=ü', '-F', 'f=@in;type=image/png'],
    path: '/upload/form',
  },
  'a large form with a file': { has: { in: BIG }, args: ['-F', 'f=@in'], path: '/upload/form' },
  JSON: { args: ['-H', 'Content-Type: application/json', '-d', '{"a": [1, 2.50, "ü"]}'], path: '/echo/json' },
  'a body in chunks': { args: ['-H', 'Transfer-Encoding: chunked', '-d', 'some=thing'], path: '/echo/chunks' },
  DELETE: { args: ['-X', 'DELETE'], path: '/echo/a' },
  'characters that paths may hold': {
    args: ['--path-as-is', '--globoff'],
    path: "/echo/a;v=1,2/(b)'!*$&+@:=~/%C3%BC%20%26",
  },
  '--compressed': { args: ['--compressed', '-o', 'out'], path: '/negotiated/a' },
  'no coding wanted': { args: ['-o', 'out'], path: '/negotiated/a' },
  'what is stored in gzip': { args: ['--compressed', '-o', 'out'], path: '/stored/gzip' },
  'what is stored in br': { args: ['--compressed', '-o', 'out'], path: '/stored/br' },
  'what is stored in deflate': { args: ['--compressed', '-o', 'out'], path: '/stored/deflate' },
  'what is stored in gzip, as it is': { args: ['-o', 'out'], path: '/stored/gzip' },
  'what is stored in br, as it is': { args: ['-o', 'out'], path: '/stored/br' },
  'what is stored in deflate, as it is': { args: ['-o', 'out'], path: '/stored/deflate' },
  'what is stored in gzip, by HEAD': { args: ['-I'], path: '/stored/gzip', only: /^(?:HTTP|content|etag).*/gim },
  'a redirect to a path': { args: ['-L', '-o', 'out'], path: '/redirect/?to=/file/a' },
  'a redirect to a URL': { args: ['-L', '-o', 'out'], path: '/redirect/?to=OWN/file/a' },
  'a redirect beside itself': { args: ['-L', '-o', 'out'], path: '/redirect/?to=../file/a' },
  'a form that becomes a GET': { args: ['-L', '-d', 'a=1'], path: '/redirect/?status=303&to=/echo/a' },
  'a form that stays one': { args: ['-L', '-d', 'a=1'], path: '/redirect/?status=307&to=/echo/a' },
  'a redirect that is not followed': { args: ['-o', 'out'], path: '/redirect/?to=/file/a' },
  'a wish for HTTP/2': { args: ['--http2', '-o', 'out'], path: '/file/a' },
  'a second try after 503': { args: ['--retry', '2', '-f', '-s'], path: '/retried/a' },
  'HTTP/1.0': { args: ['--http1.0', '-o', 'out'], path: '/file/a' },
  'a header in UTF-8': { args: ['-H', 'Prefer: ü'], path: '/echo/a' },
  'a header that comes twice': { args: ['-H', 'Prefer: a', '-H', 'Prefer: b'], path: '/echo/a' },
  'a header without a value': { args: ['-H', 'Prefer;'], path: '/echo/a' },
  'parameters without values, and twice': { args: [], path: '/echo/a?flag&empty=&a=1&a=2&b==c' },
  'a form that is empty': { args: ['-d', ''], path: '/echo/a' },
  'a form in Latin-1': {
    args: ['-H', 'Content-Type: application/x-www-form-urlencoded; charset=ISO-8859-1', '-d', 'a=%FC&b=1;c=2'],
    path: '/echo/a',
  },
  'JSON with a member twice and large numbers': {
    args: ['-H', 'Content-Type: application/json', '-d', '{"a":1, "a":2, "n":1e400, "i":12345678901234567890}'],
    path: '/echo/a',
  },
  'JSON that breaks off': { args: ['-H', 'Content-Type: application/json', '-d', '{"a": '], path: '/echo/a' },
  'what is not there': { args: ['--fail-with-body'], path: '/nothing' },
}

export async function run({ at: { files }, folder, step, refused }) {
  for (const [name, transfer] of Object.entries(transfers)) await step(name, () => curl(folder, files, transfer))
  const refusal = (name, transfer, sentence) =>
    refused(
      name,
      async () => {
        throw new Error((await curl(folder, files, transfer)).printed)
      },
      sentence,
    )
  await refusal(
    'a part so short that a key could be cut in it',
    { args: ['-r', '5-9'], path: '/file/a' },
    /^header range/,
  )
  const wrong = async () => {
    throw new Error((await curl(folder, { ...files, key: files.wrongKey }, { args: [], path: '/file/a' })).printed)
  }
  await refused('a token that is wrong', wrong, /token/)
  const upload = { has: { in: TOO_LARGE }, path: '/upload/a' }
  await refusal('a body that is too large, announced', { ...upload, args: ['-T', 'in'] }, /max_request_bytes/)
  const atOnce = ['-H', 'Expect:', '-T', 'in']
  await refusal('a body that is too large, sent at once', { ...upload, args: atOnce }, /max_request_bytes/)
  await refusal(
    'an upload that no tool covers',
    { ...upload, args: [...atOnce, '-X', 'MKCOL'] },
    /no tool of files covers/,
  )
}

async function curl(folder, { url, key }, { has = {}, input, args, path, only }) {
  const files = { in: '', out: undefined, tag: '', ...has }
  for (const [name, content] of Object.entries(files)) {
    rmSync(join(folder, name), { force: true })
    if (content !== undefined) writeFileSync(join(folder, name), content)
  }
  const always = ['-sS', '-w', `\n${REPORT}`, '-H', `Authorization: Bearer ${key}`]
  const { exit, stdout, stderr } = await runCommand('curl', [...always, ...args, url + path], { cwd: folder, input })
  return { exit, printed: only ? stdout.match(only) : stdout, said: stderr, out: fileIn(folder, 'out') }
}

function fileIn(folder, name) {
  try {
    const bytes = readFileSync(join(folder, name))
    return { bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') }
  } catch {
    return undefined
  }
}
