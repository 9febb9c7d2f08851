import { defineConfig } from 'vitest/config'

/** Which server test/acceptance runs against; the embedded host is part of every run, real servers have `npm run test:vault`. */
const target = process.env.TARGET || 'embedded'
const embedded = target === 'embedded'

export default defineConfig({
  test: {
    include: embedded ? ['test/**/*.test.ts'] : ['test/acceptance/**/*.test.ts'],
    exclude: [
      // What the embedded host cannot be asked is not collected for it, so that nothing need be skipped.
      ...(embedded ? ['test/acceptance/servers/**', 'test/acceptance/cluster/**'] : []),
      // A cluster is made of processes; the scripts need the server's own client and its plugin folder on this machine.
      ...(target === 'containers'
        ? ['test/acceptance/cluster/**', 'test/acceptance/servers/operator-scripts.test.ts']
        : []),
      // They drive the Terraform CLI: npm run test:terraform.
      'test/terraform/acceptance/**',
      'test/terraform/official/**',
      'test/conformance/**',
      '**/node_modules/**',
    ],
    globalSetup: ['test/acceptance/target/preflight.ts'],
    testTimeout: embedded ? 30_000 : 120_000,
    hookTimeout: embedded ? 30_000 : 300_000,
    maxWorkers: 2,
  },
})
