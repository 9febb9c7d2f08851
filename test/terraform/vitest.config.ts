import { defineConfig } from 'vitest/config'

/** What `npm run test:terraform` runs: everything that drives the Terraform CLI. test/terraform/unit is part of `npm test`. */
export default defineConfig({
  test: {
    include: ['test/terraform/{acceptance,official}/**/*.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
})
