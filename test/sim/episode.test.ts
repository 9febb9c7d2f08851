import { expect, it } from 'vitest'
import { runEpisode } from './episode.ts'

it('the same seed gives the same history, another one another', async () => {
  const [once, again, other] = [await runEpisode(11, 0), await runEpisode(11, 0), await runEpisode(12, 0)]
  expect(again.digest).toBe(once.digest)
  expect(other.digest).not.toBe(once.digest)
  expect(once.accepts).toBeGreaterThan(10)
})
