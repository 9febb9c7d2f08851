import type { Mount } from './mount.ts'

export interface Route {
  readonly mount: Mount
  /** The rest of the path, relative to the mount. */
  readonly path: string
}

/** Which mount serves a path: the longest one that is a prefix of it, by whole segments. */
export class Router {
  readonly #mounts = new Map<string, Mount>()

  add(mount: Mount): void {
    this.#mounts.set(mount.entry.path, mount)
  }
  remove(path: string): void {
    this.#mounts.delete(path)
  }
  at(path: string): Mount | undefined {
    return this.#mounts.get(path)
  }
  all(): Mount[] {
    return [...this.#mounts.values()].sort((a, b) => (a.entry.path < b.entry.path ? -1 : 1))
  }

  find(path: string): Route | undefined {
    const own = this.#mounts.get(`${path}/`)
    if (own) return { mount: own, path: '' }
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const mount = this.#mounts.get(path.slice(0, slash + 1))
      if (mount) return { mount, path: path.slice(slash + 1) }
    }
    return undefined
  }

  /** The mount a new one at `path` would shadow or be shadowed by. */
  conflict(path: string): string | undefined {
    for (const existing of this.#mounts.keys())
      if (existing.startsWith(path) || path.startsWith(existing)) return existing
    return undefined
  }
}
