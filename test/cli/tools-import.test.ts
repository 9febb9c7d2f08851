/** `mcp-vault tools import`, against an embedded server. */
import { truncate } from 'node:fs/promises'
import { beforeEach, describe, expect, it } from 'vitest'
import { embeddedShell } from './embedded.ts'
import { petstoreText, withPaths } from './petstore.ts'
import type { Outcome } from './terminal.ts'

const { v, shell, shellWith } = embeddedShell()

beforeEach(async () => {
  await v('write mcp/upstreams/pets url=https://api.pets.example')
})

async function importText(text: string, ...flags: string[]): Promise<Outcome> {
  await shell().write('openapi.json', text)
  return shell().mcpVault('tools', 'import', 'openapi.json', '-upstream=pets', ...flags)
}

async function imported(text: string, ...flags: string[]): Promise<string> {
  const outcome = await importText(text, ...flags)
  expect(outcome).toMatchObject({ code: 0, err: '' })
  return outcome.out
}

/** A plan in which everything is left out: it is shown, and the last line says why there is nothing. */
async function nothingImported(text: string, ...flags: string[]): Promise<{ out: string; err: string }> {
  const { code, out, err } = await importText(text, '-yes', ...flags)
  expect([code, err, await toolNames()]).toEqual([1, expect.stringMatching(/^No operation was imported: .+\n$/), []])
  return { out, err }
}

/** What must be refused: the sentence, with nothing written. */
async function refused(text: string, ...flags: string[]): Promise<string> {
  const { code, out, err } = await importText(text, '-yes', ...flags)
  expect([code, out, await toolNames()]).toEqual([1, '', []])
  return err
}

async function toolNames(): Promise<unknown> {
  const { code, out } = await shell().mcpVault('list', '-format=json', 'mcp/tools/pets')
  return code === 0 ? JSON.parse(out) : []
}

async function operations(tool: string): Promise<unknown> {
  const { data } = JSON.parse(await v(`read -format=json mcp/tools/pets/${tool}`)) as {
    data: { operations: unknown; risk: string }
  }
  return data.operations
}

const onlyPath = (path: string, item: unknown = { get: { operationId: 'x' } }) =>
  petstoreText({ paths: { [path]: item } })

describe('the plan', () => {
  it('shows every tool with its risk, scopes and operations, and writes nothing', async () => {
    expect(await imported(petstoreText())).toBe(
      [
        'Pet Store 2.1 → mcp/tools/pets/',
        '',
        '+ models/write  risk medium, 1 operation  create:pets:models:write',
        '    + POST /models/{model}:generate',
        '+ pets  risk low, 4 operations  read:pets:pets',
        '    + GET /pets',
        '    + GET /pets/{id}/photos/{path...}',
        '    + GET /pets/{id}/search/',
        '    + GET /pets/{pet_id}',
        '+ pets/delete  risk high, 1 operation  delete:pets:pets:delete',
        '    + DELETE /pets/{pet_id}',
        '+ pets/write  risk medium, 1 operation  create:pets:pets:write',
        '    + POST /pets',
        '+ toy-box  risk low, 1 operation  read:pets:toy-box',
        '    + GET /toys',
        '',
        'Not imported:',
        '  GET /old (oldPets): it is deprecated; -deprecated imports it',
        '',
        '8 operations in 5 tools: 5 new, 0 changed, 0 as they are. 1 not imported, 0 not selected.',
        'Nothing was written. To write it, add -yes.',
        '',
      ].join('\n'),
    )
    expect(await toolNames()).toEqual([])
  })

  it('is only shown with -dry-run, even beside -yes', async () => {
    expect(await imported(petstoreText(), '-yes', '-dry-run')).toContain('Nothing was written.')
    expect(await toolNames()).toEqual([])
  })

  it('is one JSON document for scripts', async () => {
    const plan = JSON.parse(await imported(petstoreText(), '-format=json')) as Record<string, unknown>
    expect(plan).toMatchObject({
      upstream: 'pets',
      written: false,
      title: 'Pet Store 2.1',
      others: [],
      left_out: [{ operation: 'GET /old (oldPets)', reason: 'it is deprecated; -deprecated imports it' }],
    })
    expect((plan.tools as { name: string; scopes: string[] }[])[2]).toMatchObject({
      name: 'pets/delete',
      change: 'create',
      risk: 'high',
      operations: ['DELETE /pets/{pet_id}'],
      scopes: ['delete:pets:pets:delete'],
    })
  })

  it('comes from standard input, too', async () => {
    const piped = await shellWith({ env: { VAULT_TOKEN: 'root' }, stdin: petstoreText() })
    const { code, out } = await piped.mcpVault('tools', 'import', '-', '-upstream=pets')
    expect([code, out]).toEqual([0, expect.stringContaining('8 operations in 5 tools')])
  })
})

describe('what is written', () => {
  it('is what the plan says, and importing again changes nothing', async () => {
    expect(await imported(petstoreText(), '-yes')).toContain('5 new, 0 changed, 0 as they are.')
    expect(await toolNames()).toEqual(['models/write', 'pets', 'pets/delete', 'pets/write', 'toy-box'])
    expect(await operations('pets')).toEqual([
      'GET /pets',
      'GET /pets/{id}/photos/{path...}',
      // A GET passes on a body only where the operation says so.
      { method: 'GET', path: '/pets/{id}/search/', body: true },
      'GET /pets/{pet_id}',
    ])
    const again = await imported(petstoreText(), '-yes')
    expect(again).toContain('0 new, 0 changed, 5 as they are.')
    expect(again).toContain('Nothing to write.')
  })

  it('changes only what the document changed, and names tools it says nothing of', async () => {
    await imported(petstoreText(), '-yes')
    await shell().mcpVault('write', 'mcp/tools/pets/own', 'operations=GET /own')
    const out = await imported(withPaths({ '/pets': { get: { tags: ['pets'] }, put: { tags: ['pets'] } } }), '-yes')
    expect(out).toContain(
      '~ pets/write  risk medium, 1 operation  update:pets:pets:write\n    + PUT /pets\n    - POST /pets\n',
    )
    expect(out).toContain('Tools that this import leaves as they are: own\n')
    expect(await operations('pets/write')).toEqual(['PUT /pets'])
    expect(await operations('own')).toEqual(['GET /own'])
  })

  it('keeps what an operator narrowed by hand', async () => {
    const narrowed = { method: 'GET', path: '/pets', capability: 'list', parameters: ['limit'] }
    await shell().mcpVault(
      'write',
      'mcp/tools/pets/pets',
      `operations=${JSON.stringify([narrowed])}`,
      'risk=critical',
      'fields=id',
    )
    expect(await imported(petstoreText(), '-yes')).toContain(
      '~ pets  risk critical, 4 operations  list:pets:pets read:pets:pets\n',
    )
    expect(await operations('pets')).toContainEqual(narrowed)
    expect(await v('read mcp/tools/pets/pets')).toMatch(/fields +\[id\][^]*risk +critical/)
  })

  it('sets the risk of tools that have one only where it is asked to', async () => {
    await imported(petstoreText(), '-yes')
    expect(await imported(petstoreText(), '-risk=POST=critical', '-yes')).toContain(
      '~ pets/write  risk medium → critical,',
    )
    expect(await imported(petstoreText())).toContain('= pets/write  risk critical,')
  })

  it('may be resumed where Vault refuses one of the writes', async () => {
    await shell().write(
      'p.hcl',
      'path "mcp/upstreams/pets" { capabilities = ["read"] }\npath "mcp/tools/pets" { capabilities = ["list"] }\npath "mcp/tools/pets/models/*" { capabilities = ["create", "update"] }',
    )
    await v('policy write narrow p.hcl')
    const { auth } = JSON.parse(await v('token create -policy=narrow -format=json')) as {
      auth: { client_token: string }
    }
    const narrow = await shellWith({ env: { VAULT_TOKEN: auth.client_token }, stdin: petstoreText() })
    const { code, err } = await narrow.mcpVault('tools', 'import', '-', '-upstream=pets', '-yes')
    expect([code, err]).toEqual([
      2,
      expect.stringContaining('mcp/tools/pets/pets (1 of 5 tools are written; run it again for the rest)'),
    ])
    expect(await imported(petstoreText(), '-yes')).toContain('4 new, 0 changed, 1 as they are.')
  })
})

describe('calls that two tools take', () => {
  const get = (tag: string) => ({ get: { tags: [tag] } })

  it.each([
    ['/user/{id}', '/user/repos'],
    ['/commits/{+ref}', '/commits/{sha}/checks'],
    ['/{+a}/end', '/x/{+b}'],
    ['/v1/{a}.json', '/v1/pets.json'],
  ])('%s and %s are told', async (wide, narrow) => {
    const paths = { [wide]: get('wide'), [narrow]: get('narrow') }
    const shown = (path: string) => path.replace(/\{\+(\w+)\}/, '{$1...}')
    expect(await imported(petstoreText({ paths }))).toContain(
      `Some calls fit operations of two tools; the scope of either lets them through:\n  GET ${shown(narrow)} (narrow), ${shown(wide)} (wide)\n`,
    )
  })

  it.each([
    ['/user/{id}', '/user'],
    ['/user/{id}', '/user/'],
    ['/commits/{+ref}/checks', '/commits/{sha}/comments'],
    ['/commits/{+ref}', '/commits'],
    ['/v1/{a}.json', '/v1/pets.xml'],
  ])('%s and %s are not', async (wide, narrow) => {
    const paths = { [wide]: get('wide'), [narrow]: get('narrow') }
    expect(await imported(petstoreText({ paths }))).not.toContain('Some calls fit')
  })
})

describe('what is chosen', () => {
  it.each([
    [['-tag=Toy Box'], ['toy-box']],
    [['-include=GET /pets*'], ['pets']],
    [
      ['-include=* /toys', '-include=POST /models/*'],
      ['models/write', 'toy-box'],
    ],
    [
      ['-tag=pets', '-exclude=GET *'],
      ['pets/delete', 'pets/write'],
    ],
    [['-operation-id=createPet'], ['pets/write']],
    [['-tag=pets', '-include=DELETE *'], ['pets/delete']],
    [
      ['-group-by=path', '-include=GET *'],
      ['pets', 'toys'],
    ],
    [
      ['-group-by=operation', '-operation-id=getPet', '-operation-id=toys/list'],
      ['get-pet', 'toys/list'],
    ],
    [['-deprecated', '-operation-id=oldPets', '-name=pets=legacy'], ['legacy']],
  ])('%j imports %j', async (flags, names) => {
    await imported(petstoreText(), '-yes', ...flags)
    expect(await toolNames()).toEqual(names)
  })

  it.each([
    [['-tag=Toys'], '-tag: no operation of the document fits "Toys"'],
    [['-operation-id=listpets'], 'no operation of the document fits "listpets"'],
    [['-include=/pets'], `-include: "/pets" is not a method and a path; write for example -include='GET /repos/*'`],
    [['-exclude=GET /dogs'], '-exclude: no operation of the document fits "GET /dogs"'],
    [['-group-by=colour'], '"colour" is not one of tag, path, operation'],
    [['-risk=FETCH=low'], '-risk: FETCH is not a method of operations'],
    [['-risk=POST=scary'], '-risk: "scary" is not one of low, medium, high, critical'],
    [['-name=dogs=d'], '-name: nothing is grouped under "dogs"; grouped by tag are'],
    [['-name=pets=Pets!'], 'No tool can be named after tag "pets": "Pets!" is not a name'],
    [['-name=pets=a/b'], '-name: a/b already has a qualifier'],
    [['-multi-segment=/pets'], '-multi-segment: "/pets" marks no parameter'],
    [['-multi-segment=/dogs/{a...}'], '-multi-segment: the document has no path "/dogs/{a}"'],
    [['-base-path=v1'], '-base-path: "v1" is not a path'],
  ])('%j is refused: %s', async (flags, sentence) => {
    expect(await refused(petstoreText(), ...flags)).toContain(sentence)
  })
})

describe('names', () => {
  it.each([
    ['PetStore', 'pet-store'],
    ['Pet  Store!', 'pet-store'],
    ['pull_requests', 'pull-requests'],
    ['2FA', '2-fa'],
    ['OAuth', 'oauth'],
  ])('%j becomes %s', async (tag, name) => {
    await imported(onlyPath('/a', { get: { tags: [tag] } }), '-yes')
    expect(await toolNames()).toEqual([name])
  })

  it('that two tags would share are refused with the flag that helps', async () => {
    const both = petstoreText({
      paths: { '/a': { get: { tags: ['PetStore'] } }, '/b': { get: { tags: ['pet store'] } } },
    })
    expect(await refused(both)).toContain(
      'tag "PetStore" and "pet store" would both be the tool pet-store. Give one of them another name with -name="pet store=tool-name".',
    )
    await imported(both, '-name=pet store=pets', '-yes')
    expect(await toolNames()).toEqual(['pet-store', 'pets'])
  })

  it('that cannot be made of a tag are refused', async () => {
    expect(await refused(onlyPath('/a', { get: { tags: ['ペット'] } }))).toContain(
      'No tool can be named after tag "ペット": "" is not a name',
    )
  })
})

describe('templates', () => {
  it.each([
    ['/files/{path}', '/files/{path...}', ['-multi-segment=/files/{path...}']],
    ['/files/{+path}', '/files/{path...}', []],
    ['/compare/{base}...{head}', '/compare/{base}...{head}', []],
    ['/a%20b/{x}', '/a b/{x}', []],
    ['/a/', '/a/', []],
    ['/{1st}/{pet.id}/{pet_id}', '/{_1st}/{pet_id}/{pet_id_2}', []],
  ])('%s becomes %s', async (path, template, flags) => {
    await imported(onlyPath(path), '-group-by=operation', '-yes', ...flags)
    const [operation] = (await operations('x')) as unknown[]
    expect([`GET ${template}`, { method: 'GET', path: template }]).toContainEqual(operation)
  })

  it.each([
    ['/a?b=c', 'holds a query or fragment'],
    ['/{a}{b}', 'has two parameters with nothing between them'],
    ['/a//b', 'has an empty, "." or ".." segment'],
    ['/a%2Fb', 'is percent-encoded'],
    ['/a/*', 'has a "*"'],
    ['/{+a}/{+b}', 'has more than one {name...}'],
  ])('%s is left out, with the reason', async (path, reason) => {
    const { out, err } = await nothingImported(onlyPath(path))
    expect(out).toMatch(new RegExp(`Not imported:\n {2}GET .*: .*${reason.replaceAll(/[.*{}]/g, '\\$&')}`))
    expect(err).toContain(reason)
  })
})

describe('an import of nothing ends with 1 and the reason', () => {
  it('where several operations are left out for reasons of their own', async () => {
    const paths = { '/a*': { get: {} }, '/b': { get: 7, trace: {} } }
    expect(await nothingImported(petstoreText({ paths }))).toMatchObject({
      err: expect.stringMatching(
        /3 are listed under "Not imported", each with its reason; the first, .+: .+/,
      ) as string,
    })
  })
  it('where no operation was selected', async () => {
    const { err } = await nothingImported(petstoreText(), '-exclude=* *')
    expect(err).toMatch(/none of the \d+ was selected; see -tag/)
  })
})

describe('what cannot be imported is listed by name and reason', () => {
  it.each([
    [{ trace: { operationId: 'x' } }, 'TRACE /a (x): the gateway does not pass on TRACE'],
    [
      { get: { $ref: 'https://elsewhere.example/x.json' } },
      'it refers to "https://elsewhere.example/x.json", outside the document, and nothing is fetched',
    ],
    [
      { get: { operationId: 'x', parameters: [{ $ref: '#/components/parameters/none' }] } },
      'it refers to "#/components/parameters/none", which the document does not have',
    ],
    [{ $ref: '#/paths/~1a' }, 'every method of /a: its references lead in a circle'],
    [{ get: { operationId: 'x', tags: 'pets' } }, 'GET /a (x): its tags is not as OpenAPI has it'],
    [{ get: 7 }, 'GET /a: a part of it is not an object'],
    [7, 'every method of /a: a part of it is not an object'],
    [
      { post: { operationId: 'x', servers: [{ url: 'https://uploads.pets.example' }] } },
      'it is served by https://uploads.pets.example, which is another upstream',
    ],
  ])('%j', async (item, line) => {
    expect(await imported(withPaths({ '/a': item }))).toContain(line)
  })

  it('the second of two paths that are one request', async () => {
    const out = await imported(withPaths({ '/pets/{other}': { get: { operationId: 'twin' } } }))
    expect(out).toContain('GET /pets/{other} (twin): it is the same request as GET /pets/{pet.id} (getPet)')
  })

  it('and operations without an id, where tools are named by it', async () => {
    expect(await imported(withPaths({ '/a': { get: {} } }), '-group-by=operation')).toContain(
      'GET /a: it has no operationId to name a tool by',
    )
  })
})

describe("the server's path and the upstream's url", () => {
  const at = (url: string) => petstoreText({ servers: [{ url }] })

  it.each([
    ['https://api.pets.example/v2', 'https://api.pets.example', 'GET /v2/toys'],
    ['https://api.pets.example/v2/', 'https://api.pets.example/v2', 'GET /toys'],
    ['https://{host}/{base}', 'https://api.pets.example/api', 'GET /v2/toys'],
    ['/v2', 'https://api.pets.example', 'GET /v2/toys'],
  ])('%s under %s gives %s', async (server, url, operation) => {
    await v(`write mcp/upstreams/pets url=${url}`)
    const variables = { host: { default: 'api.pets.example' }, base: { default: 'api/v2' } }
    await imported(petstoreText({ servers: [{ url: server, variables }] }), '-tag=Toy Box', '-yes')
    expect(await operations('toy-box')).toEqual([operation])
  })

  it('that do not fit are refused, and -base-path settles it', async () => {
    await v('write mcp/upstreams/pets url=https://api.pets.example/v3')
    expect(await refused(at('https://api.pets.example/v2'))).toContain(
      "No operation of the document lies below the upstream's url: the first is at /v2/pets, and the url's path is /v3.",
    )
    await imported(at('https://api.pets.example/v2'), '-base-path=/v3', '-tag=Toy Box', '-yes')
    expect(await operations('toy-box')).toEqual(['GET /toys'])
  })

  it('of different hosts are told', async () => {
    expect(await imported(at('https://elsewhere.example'))).toContain(
      "The document's server is https://elsewhere.example and the upstream's https://api.pets.example: only its path was used.",
    )
  })

  it('may be named by operations alone, and -base-path says that they are meant', async () => {
    const item = { get: { tags: ['pods'], servers: [{ url: 'https://cluster.local/' }] } }
    const text = petstoreText({ servers: undefined, paths: { '/pods': item } })
    const { err } = await nothingImported(text)
    expect(err).toContain('it is served by https://cluster.local, which is another upstream')
    await imported(text, '-base-path=/', '-yes')
    expect(await operations('pods')).toEqual(['GET /pods'])
  })

  it('take only the operations of its own host where the document names it for some', async () => {
    await v('write mcp/upstreams/pets url=https://uploads.pets.example')
    const upload = { post: { tags: ['pets'], servers: [{ url: 'https://uploads.pets.example' }] } }
    const out = await imported(withPaths({ '/upload': upload }), '-yes')
    expect(out).toContain('GET /pets (listPets): it is served by https://api.pets.example, which is another upstream')
    expect(await operations('pets/write')).toEqual(['POST /upload'])
  })
})

describe('a document that cannot be used', () => {
  it.each([
    ['openapi: 3.0.0', 'openapi.json does not hold JSON. Convert YAML first'],
    ['{"openapi":"3.0.0",', 'openapi.json is not valid JSON; is it complete? '],
    ['[]', 'The document must be a JSON object.'],
    ['{"swagger":"2.0"}', 'The document is Swagger "2.0"; convert it to OpenAPI 3 first'],
    ['{"openapi":"4.0.0"}', 'The document is not OpenAPI 3'],
    ['{"openapi":"3.0.0","paths":[]}', 'paths of the document must be an object.'],
    ['{"openapi":"3.0.0","servers":[{"url":"https://{x}.example"}]}', 'has a variable without a default'],
    ['{"openapi":"3.0.0","servers":[{"url":"https://"}]}', 'is not a URL'],
    ['{"openapi":"3.0.0","webhooks":{"x":{"post":{}}}}', 'The document has no operations.'],
    ['{"openapi":"3.0.0","servers":"x"}', 'The document cannot be used'],
  ])('%s', async (text, sentence) => {
    expect(await refused(text)).toContain(sentence)
  })

  it('has a server with a long run of slashes, at once', async () => {
    const url = `https://api.pets.example/${'/'.repeat(200_000)}x`
    const outcome = await importText(petstoreText({ paths: { '/a': { get: {} } }, servers: [{ url }] }))
    expect([outcome.code, outcome.out]).toEqual([1, expect.stringContaining('is longer than 1024 characters')])
  })

  it('has names that pose as lines of the plan', async () => {
    const { out } = await importText(
      petstoreText({
        info: { title: 'Pets\nWritten.', version: '1' },
        paths: { '/a\n+ b': { get: { operationId: 'x\ny' } } },
      }),
    )
    expect(out).toMatch(/^Pets\\nWritten\. 1 → /)
    expect(out).toContain('  GET /a\\n+ b (x\\ny): operation path')
  })

  it('is longer than 96 MiB', async () => {
    const path = await shell().write('long.json', '')
    await truncate(path, 96 * 1_048_576 + 1)
    const { code, err } = await shell().mcpVault('tools', 'import', 'long.json', '-upstream=pets')
    expect([code, err]).toEqual([
      1,
      expect.stringContaining('The file "long.json" is longer than 96 MiB, which is the most that is read'),
    ])
  })

  it('has more operations in one group than a tool holds', async () => {
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, at) => [`/a/${String(at)}`, { get: {} }]))
    expect(await refused(petstoreText({ paths: many }))).toContain(
      'The tool a would have 1001 operations, and a tool holds at most 1000. Group more finely',
    )
  })

  it('is not there, or its upstream is not', async () => {
    const none = await shell().mcpVault('tools', 'import', 'none.json', '-upstream=pets')
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('Cannot read the file "none.json" (ENOENT)')])
    const unnamed = await shell().mcpVault('tools', 'import', 'openapi.json')
    expect([unnamed.code, unnamed.err]).toEqual([1, expect.stringContaining('-upstream must name an upstream')])
    await shell().write('openapi.json', petstoreText())
    const cats = await shell().mcpVault('tools', 'import', 'openapi.json', '-upstream=cats')
    expect([cats.code, cats.err]).toEqual([2, expect.stringContaining('There is no upstream cats yet. Write it first')])
  })
})

it('reads a document with ten thousand paths, and finds the two of them that share calls', async () => {
  const paths = Object.fromEntries(
    Array.from({ length: 10_000 }, (_, at) => [`/r${String(at)}/{id}`, { get: { tags: [`t${String(at % 20)}`] } }]),
  )
  const out = await imported(petstoreText({ paths: { ...paths, '/r7/{id}x': { get: { tags: ['other'] } } } }))
  expect(out).toContain('  GET /r7/{id}x (other), /r7/{id} (t7)')
  expect(out).toContain('10001 operations in 21 tools')
})
