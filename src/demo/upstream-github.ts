import { randomBytes } from 'node:crypto'
import { listen } from './upstream.ts'
import type { DemoResponse, ReceivedRequest, LocalUpstream, LocalUpstreamOptions } from './upstream.ts'

/** The parts of GitHub's REST API that the article needs: `Authorization: Bearer <key>` or `token <key>`. */

const pulls = [
  {
    number: 7,
    state: 'open',
    title: 'Round invoice totals once, at the end',
    merged: false,
    head: { ref: 'round-once', sha: '6dcb09b5b57875f334f61aebed695e2e4193db5e' },
    base: { ref: 'main' },
    user: { login: 'octo-ada', email: 'ada.marchetti@example.com' },
  },
  {
    number: 8,
    state: 'open',
    title: 'Drop the nightly export',
    merged: false,
    head: { ref: 'no-export', sha: '762941318ee16e59dabbacb1b4049eec22f0d303' },
    base: { ref: 'main' },
    user: { login: 'octo-bernd', email: 'bernd.okafor@example.com' },
  },
]

const statuses: Readonly<
  Record<string, readonly { readonly context: string; readonly state: string; readonly description: string }[]>
> = {
  '6dcb09b5b57875f334f61aebed695e2e4193db5e': [
    { context: 'ci/test', state: 'success', description: '412 tests passed' },
    { context: 'ci/lint', state: 'success', description: 'clean' },
  ],
  '762941318ee16e59dabbacb1b4049eec22f0d303': [
    { context: 'ci/test', state: 'failure', description: '3 of 409 tests failed' },
  ],
}

/** A GitHub-like API on loopback; every repository has the same two pull requests. */
export function startGitHub(options?: LocalUpstreamOptions): Promise<LocalUpstream> {
  const key = `ghp_${randomBytes(18).toString('hex')}`
  const isAuthorized = ({ authorization }: ReceivedRequest['headers']) =>
    /^(?:bearer|token) +(\S+)$/i.exec(authorization ?? '')?.[1] === key
  return listen({ key, isAuthorized, unauthorized: message(401, 'Bad credentials'), respond }, options)
}

function respond({ method, path }: ReceivedRequest): DemoResponse {
  if (method !== 'GET') return message(404, 'Not Found')
  if (path === '/user') return result({ login: 'acme-bot', id: 1, type: 'User' })
  const [, repository, kind, id] = /^\/repos\/([\w.-]+\/[\w.-]+)\/(pulls|commits)\/(\w+)(?:\/status)?$/.exec(path) ?? []
  if (repository === undefined || id === undefined || (kind === 'commits') !== path.endsWith('/status'))
    return message(404, 'Not Found')
  if (kind === 'pulls') {
    const pull = pulls.find(({ number }) => String(number) === id)
    return pull ? result({ ...pull, url: `/repos/${repository}/pulls/${id}` }) : message(404, 'Not Found')
  }
  const checks = Object.hasOwn(statuses, id) ? statuses[id] : undefined
  if (checks === undefined) return message(404, 'Not Found')
  const state = checks.every((check) => check.state === 'success') ? 'success' : 'failure'
  return result({ state, sha: id, total_count: checks.length, statuses: checks, repository: { full_name: repository } })
}

const result = (body: unknown): DemoResponse => ({ status: 200, headers: headers(), body })
const message = (status: number, text: string): DemoResponse => ({
  status,
  headers: headers(),
  body: { message: text, documentation_url: 'https://docs.github.com/rest', status: String(status) },
})
const headers = () => ({
  'content-type': 'application/json; charset=utf-8',
  'x-github-request-id': randomBytes(8).toString('hex').toUpperCase(),
  'x-ratelimit-limit': '5000',
  'x-ratelimit-remaining': '4999',
})
