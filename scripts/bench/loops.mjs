// Closed loops, and what is said about them. A ratio is only worth something inside one run: the machine differs, the ratio less.
import { performance } from 'node:perf_hooks'

const WARM_UP_MS = 300

/** The `share` quantile (0..1) of unsorted numbers. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

async function loop(once, concurrency, forMs, samples) {
  const until = performance.now() + forMs
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let started = performance.now(); started < until; started = performance.now()) {
        await once()
        samples.push(performance.now() - started)
      }
    }),
  )
}

/**
 * Runs every subject `{ name, once }` in turn, for `rounds` rounds, each second round in reverse order. The first subject is what
 * the others are compared with. Rows: per second (median of the rounds), p50 and p99 in milliseconds over all of them.
 */
export async function compare(subjects, { concurrency, rounds = 3, roundMs = 700 }) {
  const results = subjects.map(({ name, once }) => ({ name, once, samples: [], rates: [] }))
  for (const { once } of results) await loop(once, concurrency, WARM_UP_MS, [])
  for (let round = 0; round < rounds; round++) {
    for (const result of round % 2 === 0 ? results : results.toReversed()) {
      const samples = []
      const started = performance.now()
      await loop(result.once, concurrency, roundMs, samples)
      result.rates.push((samples.length / (performance.now() - started)) * 1000)
      for (const sample of samples) result.samples.push(sample)
    }
  }
  const base = quantile(results[0].samples, 0.5)
  return results.map(({ name, samples, rates }, index) => {
    const p50 = quantile(samples, 0.5)
    return {
      name,
      concurrency,
      perSecond: quantile(rates, 0.5),
      p50,
      p99: quantile(samples, 0.99),
      samples: samples.length,
      ratio: index === 0 ? undefined : p50 / base,
    }
  })
}

const columns = [
  ['', 52, ({ name }) => name],
  ['at once', 8, ({ concurrency }) => concurrency],
  ['per s', 8, ({ perSecond }) => perSecond?.toFixed(0)],
  ['p50 ms', 9, ({ p50 }) => p50.toFixed(2)],
  ['p99 ms', 9, ({ p99 }) => p99.toFixed(2)],
  ['samples', 9, ({ samples }) => samples],
  ['p50 ratio', 11, ({ ratio }) => ratio?.toFixed(2)],
]

export function printTable(title, rows) {
  console.log(`\n${title}`)
  for (const row of [undefined, ...rows]) {
    console.log(
      columns
        .map(([head, width, cell], index) => {
          const text = String(row === undefined ? head : (cell(row) ?? ''))
          return index === 0 ? text.padEnd(width) : text.padStart(width)
        })
        .join(''),
    )
  }
}
