// python-gitlab: projects and files by encoded path, pages by header and by Link, uploads, errors: python/gitlab_steps.py.
import { gitlabApi } from './fakes/gitlab-api.mjs'
import { pythonPackages, takePythonSteps } from './harness/python.mjs'

export const commands = ['python3']
export const prepare = pythonPackages('python-gitlab==8.6.0')

const project = '/api/v4/projects/{id}'
const reading = [
  'GET /api/v4/user',
  'GET /api/v4/limited',
  'GET /api/v4/projects',
  `GET ${project}`,
  `GET ${project}/issues`,
  `GET ${project}/variables/{name}`,
  `GET ${project}/repository/branches/{name}`,
  `GET ${project}/repository/files/{path}`,
  `HEAD ${project}/repository/files/{path}`,
  `GET ${project}/repository/files/{path}/raw`,
  `GET ${project}/repository/archive.tar.gz`,
]
const writing = [
  `POST ${project}/issues`,
  `DELETE ${project}/issues/{number}`,
  `POST ${project}/repository/files/{path}`,
  `POST ${project}/uploads`,
  `PUT ${project}/packages/generic/{name}/{version}/{file}`,
].map((operation) => ({ method: operation.split(' ')[0], path: operation.split(' ')[1], capability: 'update' }))

export const upstreams = {
  gitlab: {
    document: {
      auth: 'header:PRIVATE-TOKEN',
      encoded_slash: 'data',
      response_headers: ['X-Gitlab-File-Path', 'X-Gitlab-Size', 'X-Gitlab-Content-Sha256'],
    },
    tools: { projects: reading, work: writing, members: [`GET ${project}/members`] },
    fake: gitlabApi,
  },
}
export const scopes = ['read:gitlab:projects', 'update:gitlab:work']

export const run = ({ at, folder, step, refused }) =>
  takePythonSteps(
    'gitlab_steps.py',
    { folder, ...at.gitlab, step, refused },
    {
      not_granted: /read:gitlab:members/,
      not_covered: /no tool of gitlab covers/,
    },
  )
