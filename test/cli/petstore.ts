/** A small OpenAPI description with one of each thing that an import has to decide about. */
export const petstore = {
  openapi: '3.1.0',
  info: { title: 'Pet Store', version: '2.1' },
  servers: [{ url: 'https://api.pets.example' }],
  components: {
    parameters: { path: { name: 'path', in: 'path', required: true, 'x-multi-segment': true } },
    pathItems: { toys: { get: { tags: ['Toy Box'], operationId: 'toys/list' } } },
  },
  paths: {
    '/pets': {
      get: { tags: ['pets'], operationId: 'listPets' },
      post: { tags: ['pets'], operationId: 'createPet', requestBody: { content: {} } },
    },
    '/pets/{pet.id}': {
      parameters: [{ name: 'pet.id', in: 'path', required: true }],
      get: { tags: ['pets'], operationId: 'getPet' },
      delete: { tags: ['pets'], operationId: 'deletePet' },
    },
    '/pets/{id}/photos/{path}': {
      get: { tags: ['pets'], operationId: 'getPhoto', parameters: [{ $ref: '#/components/parameters/path' }] },
    },
    '/pets/{id}/search/': { get: { tags: ['pets'], operationId: 'searchPets', requestBody: { content: {} } } },
    '/toys': { $ref: '#/components/pathItems/toys' },
    '/models/{model}:generate': { post: { operationId: 'generate' } },
    '/old': { get: { tags: ['pets'], operationId: 'oldPets', deprecated: true } },
  },
  webhooks: { petBorn: { post: { operationId: 'petBorn' } } },
}

type Changes = Readonly<Record<string, unknown>>

export const petstoreText = (changes: Changes = {}): string => JSON.stringify({ ...petstore, ...changes })

/** The same with these paths besides its own. */
export const withPaths = (paths: Changes): string => petstoreText({ paths: { ...petstore.paths, ...paths } })
