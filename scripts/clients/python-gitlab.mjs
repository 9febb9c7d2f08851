// python-gitlab: projects and files by encoded path, pages by header and by Link, uploads, errors: python/gitlab_steps.py.
import { gitlabApi } from './fakes/gitlab-api.mjs'
import { pythonPackages, takePythonSteps } from './harness/python.mjs'

export const commands = ['python3']
export const prepare = pythonPackages('python-gitlab==8.6.0')

const project = '/api/v4/projects/{id}'
const update = (method, path) => ({ method, path, capability: 'update' })

export const upstreams = {
  gitlab: {
    preset: 'gitlab',
    variables: { host: 'gitlab.example.com' },
    tools: {
      more: ['GET /api/v4/limited', `GET ${project}/variables/{name}`, `GET ${project}/repository/archive.tar.gz`],
      work: [
        update('DELETE', `${project}/issues/{number}`),
        update('POST', `${project}/uploads`),
        update('PUT', `${project}/packages/generic/{name}/{version}/{file}`),
      ],
    },
    fake: gitlabApi,
  },
}
export const scopes = [
  ...['user', 'projects', 'repository', 'issues', 'more'].map((tool) => `read:gitlab:${tool}`),
  ...['repository:write', 'issues:write'].map((tool) => `create:gitlab:${tool}`),
  'update:gitlab:work',
]

export const run = ({ at, folder, step, refused }) =>
  takePythonSteps(
    'gitlab_steps.py',
    { folder, ...at.gitlab, step, refused },
    {
      not_granted: /read:gitlab:pipelines/,
      not_covered: /no tool of gitlab covers/,
      wrong_token: /token/,
    },
  )
