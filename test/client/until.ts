import { settle } from '../fakes/clock.ts'

/** Waits for something of the other side, which answers over a socket. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 20_000) throw new Error('what the test waits for did not come')
    await settle()
  }
}
