// requests, the HTTP library of most Python programs, with all codings it knows: python/requests_steps.py.
import { filesUpstream, readFrame } from './fakes/files-api.mjs'
import { pythonPackages, takePythonSteps } from './harness/python.mjs'

export { readFrame as readBody }
export const commands = ['python3']
export const prepare = pythonPackages('requests==2.34.2', 'urllib3[brotli,zstd]')
export const upstreams = { 'files-requests': filesUpstream }
export const scopes = ['read:files-requests:all']
export const responsesLeftOut = { location: 'a path becomes a URL; where the program then goes is compared' }

export const run = ({ at, folder, step, refused }) =>
  takePythonSteps(
    'requests_steps.py',
    { folder, ...at['files-requests'], step, refused },
    {
      not_covered: /no tool of files-requests covers OPTIONS/,
      wrong_token: /token/,
      too_large: /max_request_bytes/,
      generated_and_not_covered: /no tool of files-requests covers MKCOL/,
    },
  )
