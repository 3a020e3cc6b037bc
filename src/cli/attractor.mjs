#!/usr/bin/env node
// Runs the command line from source, from any working folder: tsx and main.ts are found from this file.
import { fileURLToPath } from 'node:url';
import { register } from 'tsx/esm/api';

register({ tsconfig: fileURLToPath(new URL('../../tsconfig.json', import.meta.url)) });
await import('./main.ts');
