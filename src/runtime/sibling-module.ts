// The main module of a child process, wherever this package lies and whether it runs as source or compiled.

import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** `name` is relative to the module at `url`, without its suffix. As source, the child needs the same loader as its parent. */
export function siblingModule(url: string, name: string): { path: string; execArgv: string[] } {
  const suffix = extname(new URL(url).pathname);
  const path = fileURLToPath(new URL(`${name}${suffix}`, url));
  const loader = () => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return { path, execArgv: suffix === '.ts' ? ['--import', loader()] : [] };
}
