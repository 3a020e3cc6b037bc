#!/usr/bin/env node
// Runs the command line from source, from any working folder: tsx and main.ts are found from this file.
import { fileURLToPath } from 'node:url';

try {
  const { register } = await import('tsx/esm/api');
  register({ tsconfig: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)) });
} catch (error) {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
  console.error(
    `error: the packages are not installed: run npm ci in ${fileURLToPath(new URL('../..', import.meta.url))}`,
  );
  process.exit(2);
}
await import('./main.ts');
