import { defineConfig } from 'vitest/config';

// Tests run in child processes: the native addons (onnxruntime, hnswlib, better-sqlite3) are not safe to share between worker threads.
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The default is a second: a machine that does other work takes longer.
    expect: { poll: { timeout: 15_000 } },
  },
});
