// httpx, on which the Python SDKs of OpenAI, Anthropic and others stand: python/httpx_steps.py.
import { filesUpstream, readFrame } from './fakes/files-api.mjs'
import { pythonPackages, takePythonSteps } from './harness/python.mjs'

export { readFrame as readBody }
export const commands = ['python3']
export const prepare = pythonPackages('httpx[brotli,zstd]==0.28.1')
export const upstreams = { 'files-httpx': filesUpstream }
export const scopes = ['read:files-httpx:all']
export const responsesLeftOut = { location: 'a path becomes a URL; where the program then goes is compared' }

export const run = ({ at, folder, step, refused }) =>
  takePythonSteps(
    'httpx_steps.py',
    { folder, ...at['files-httpx'], step, refused },
    {
      not_covered: /no tool of files-httpx covers OPTIONS/,
      wrong_token: /token/,
      too_large: /max_request_bytes/,
      generated_and_not_covered: /no tool of files-httpx covers MKCOL/,
    },
  )
