import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

/** `npm run test:terraform`: what needs the command line of Terraform or OpenTofu. `npm test` collects none of it. */
export default defineConfig({
  root: resolve(import.meta.dirname, '../..'),
  test: {
    include: ['test/terraform/acceptance/**/*.test.ts', 'test/terraform/official/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
})
