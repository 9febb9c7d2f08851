/** Arrays longer than this are given up once nothing is in them. */
const MOST_KEPT = 1024

/**
 * What is under way at the moment, where thousands come and go each second. In a `Set` they would outlive their time: V8 lets each table
 * that a set has outgrown refer to the one that followed, so once one of them is old, whatever passed through the later ones is kept
 * until the next full collection, with all that hangs on it.
 */
export class Slots<T extends object> {
  #items: (T | undefined)[] = []
  #free: number[] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Returns the item's slot, by which it is found until it is deleted. */
  add(item: T): number {
    const slot = this.#free.pop() ?? this.#items.length
    this.#items[slot] = item
    this.#size++
    return slot
  }

  has(slot: number, item: T): boolean {
    return this.#items[slot] === item
  }

  /** False where it is not there any more. */
  delete(slot: number, item: T): boolean {
    if (this.#items[slot] !== item) return false
    this.#items[slot] = undefined
    this.#free.push(slot)
    if (--this.#size === 0 && this.#items.length > MOST_KEPT) this.clear()
    return true
  }

  clear(): void {
    this.#items = []
    this.#free = []
    this.#size = 0
  }

  /** As they are now: what is done with them may change what is here. */
  all(): T[] {
    const there: T[] = []
    for (const item of this.#items) if (item !== undefined) there.push(item)
    return there
  }
}
