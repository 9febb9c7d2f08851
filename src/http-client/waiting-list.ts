import type { PooledExchange } from './exchange.ts'

/** Exchanges in the order they came; any can leave at any time at the same price. */
export class WaitingList {
  #first: PooledExchange | undefined
  #last: PooledExchange | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  push(exchange: PooledExchange): void {
    exchange.list = this
    exchange.previous = this.#last
    if (this.#last === undefined) this.#first = exchange
    else this.#last.next = exchange
    this.#last = exchange
    this.#size++
  }

  shift(): PooledExchange | undefined {
    const first = this.#first
    if (first !== undefined) this.remove(first)
    return first
  }

  /** Does nothing for one that is not in this list. */
  remove(exchange: PooledExchange): void {
    if (exchange.list !== this) return
    const { previous, next } = exchange
    if (previous === undefined) this.#first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    exchange.list = undefined
    exchange.previous = undefined
    exchange.next = undefined
    this.#size--
  }
}
