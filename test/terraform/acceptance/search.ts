/** Looks for secrets in everything a run of Terraform left: also in plan files, which are archives. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

/** Names of files below `folder`, and of `outputs`, in which one of `secrets` stands; of the provider itself nothing is expected. */
export async function holders(
  folder: string,
  secrets: readonly string[],
  outputs: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const holds = (contents: Buffer): boolean =>
    secrets.some(
      (secret) =>
        contents.includes(secret) || contents.includes(Buffer.from(secret).toString('base64').replace(/.?=*$/, '')),
    )
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const found = await Promise.all(
    files.map(async (file) => {
      const contents = await readFile(file)
      const members = contents.subarray(0, 4).toString('latin1') === 'PK\x03\x04' ? archived(contents) : [contents]
      return members.some(holds) ? [file] : []
    }),
  )
  return [
    ...found.flat(),
    ...Object.entries(outputs)
      .filter(([, text]) => holds(Buffer.from(text)))
      .map(([name]) => name),
  ]
}

const END = 0x06054b50
const ENTRY = 0x02014b50
const DEFLATED = 8

/** The members of a zip archive, by its central directory (PKWARE's APPNOTE.TXT 4.3). */
export function archived(archive: Buffer): readonly Buffer[] {
  let end = archive.length - 22
  while (archive.readUInt32LE(end) !== END) end -= 1
  const members: Buffer[] = []
  for (
    let at = archive.readUInt32LE(end + 16);
    archive.readUInt32LE(at) === ENTRY;
    at += 46 + archive.readUInt16LE(at + 28) + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32)
  ) {
    const local = archive.readUInt32LE(at + 42)
    const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
    const stored = archive.subarray(start, start + archive.readUInt32LE(at + 20))
    members.push(archive.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(stored) : stored)
  }
  return members
}
