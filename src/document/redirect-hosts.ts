/** Where an upstream's redirects may be followed to. */
import type { DocumentProblem } from './problem.ts'

export const redirectFields = {
  follow_redirects: {
    type: 'list',
    description:
      'Hosts to which redirects are followed, over https and without the key: for GET and HEAD, at most three in a row, and never where only fields of a response pass. Any other redirect away from the upstream is refused.',
    example: ['codeload.github.com'],
    default: [],
  },
} as const

/** RFC 1123, 2.1: names with a dot, the last part no number. Addresses are no names. */
const hostName = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/

export function redirectProblems(hosts: unknown): readonly DocumentProblem[] {
  if (!Array.isArray(hosts)) return []
  return hosts.flatMap((host: unknown, index) =>
    typeof host !== 'string' || hostName.test(host)
      ? []
      : [
          {
            field: 'follow_redirects',
            index,
            value: host,
            problem: 'is not one host name in lower case, without scheme, port, path or *',
            example: redirectFields.follow_redirects.example,
          },
        ],
  )
}
