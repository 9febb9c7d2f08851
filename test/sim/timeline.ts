interface Span<T> {
  readonly value: T
  readonly from: number
  /** When it had certainly been replaced. */
  until: number
  isSettled: boolean
}

/** Values of one thing over time, where it is not always known which of several was in force. */
export class Timeline<T> {
  readonly #spans: Span<T>[] = []

  /** Somebody began to set it: from now on it may be in force. The span is settled by `made`, `refused`, or never. */
  begin(value: T, at: number): Span<T> {
    const span: Span<T> = { value, from: at, until: Infinity, isSettled: false }
    this.#spans.push(span)
    return span
  }

  /** It is in force now, and what was set before it is not any more. */
  made(span: Span<T>, at: number): void {
    span.isSettled = true
    for (const earlier of this.#spans) {
      if (earlier === span) return
      if (earlier.isSettled) earlier.until = Math.min(earlier.until, at)
    }
  }

  refused(span: Span<T>): void {
    span.until = span.from
    span.isSettled = true
  }

  /** It is unknown whether it was set; the writer has given up. */
  inDoubt(span: Span<T>): void {
    span.isSettled = true
  }

  /** What may have been in force at any moment from `from` to `to`. */
  possible(from: number, to: number): T[] {
    return this.#spans
      .filter((span) => span.from <= to && span.until >= from && span.until > span.from)
      .map(({ value }) => value)
  }
}

export type { Span }
