import { mkdir, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import ts from 'typescript'

const root = resolve(import.meta.dirname, '../../..')

/**
 * Compiles `entry` and what it imports of ours into a temporary directory, so that a bare `node` on any supported version can run
 * it as a process of its own. Gives the directory (to be removed by the caller) and the compiled entry.
 */
export async function compileForChild(entry: string): Promise<{ directory: string; script: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'child-'))
  await writeFile(join(directory, 'package.json'), '{"type":"module"}')
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'))
  const target = (source: string): string => join(directory, relative(root, source)).replace(/\.ts$/, '.js')
  const sources = new Set([resolve(entry)])
  for (const source of sources) {
    const text = await readFile(source, 'utf8')
    for (const [, specifier] of text.matchAll(/from '(\.[^']+\.ts)'/g))
      sources.add(resolve(dirname(source), specifier!))
    const { outputText } = ts.transpileModule(text, {
      fileName: source,
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2023,
        verbatimModuleSyntax: true,
        rewriteRelativeImportExtensions: true,
      },
    })
    await mkdir(dirname(target(source)), { recursive: true })
    await writeFile(target(source), outputText)
  }
  return { directory, script: target(resolve(entry)) }
}
