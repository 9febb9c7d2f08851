/** The entry of the bundle that scripts/sim.mjs runs: episodes from `first` on, one line of JSON each. */
import { runEpisode } from './episode.ts'

const [seed, first, count, stride, isTraced] = process.argv.slice(2).map(Number) as [
  number,
  number,
  number,
  number,
  number,
]

process.on('unhandledRejection', (thrown) => {
  console.error(thrown)
  process.exit(2)
})

// Thousands of refusals are thrown, and nobody looks where; in a replay somebody may.
if (isTraced !== 1) Error.stackTraceLimit = 0

for (let episode = first; episode < first + count; episode += stride) {
  const result = await runEpisode(
    seed,
    episode,
    isTraced === 1
      ? (line) => {
          console.log(line)
        }
      : undefined,
  )
  console.log(JSON.stringify(result))
}
