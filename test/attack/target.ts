// What the attacks are run against: the real server as a process of its own with a small shop, and what must hold after each of
// them: a good query is answered right, nothing of ours was logged as an error, memory is where it was.

import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { type ServerProcess, startServer, tinyHome } from '../server/process.ts';

const PICTURES = resolve(import.meta.dirname, '../../examples/furniture/images');
const ITEMS = 24;

export interface Target {
  readonly url: string;
  readonly port: number;
  readonly server: ServerProcess;
  /** A picture of the shop, by item id. */
  readonly pictures: ReadonlyMap<string, Buffer>;
  /** Throws unless a good query gets its good answer now. */
  answersWell(): Promise<void>;
  /** What the server logged as an error of its own since the last time. */
  errors(): object[];
  /** Bytes of the server and its child processes together. */
  memory(): number;
  close(): Promise<void>;
}

export const SHOP = '/v1/collections/shop';

export async function openTarget(env: NodeJS.ProcessEnv = {}): Promise<Target> {
  const home = await tinyHome();
  const server = await startServer({
    folder: home.folder,
    env: { ATTRACTOR_DEMO: 'false', ATTRACTOR_LOG_LEVEL: 'info', ...env },
  });
  const { url } = server;
  const names = readdirSync(PICTURES).filter((name) => name.endsWith('.jpg'));
  const pictures = new Map<string, Buffer>();
  for (const name of names.slice(0, ITEMS))
    pictures.set(name.slice(0, -4), readFileSync(join(PICTURES, name)));
  const key = env.ATTRACTOR_ADMIN_KEY;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ...(key && { 'api-key': key }),
  };
  const send = async (method: string, path: string, body: unknown) => {
    const response = await fetch(url + path, { method, headers, body: JSON.stringify(body) });
    return {
      status: response.status,
      body: (await response.json()) as { result: { points: { id: string }[] } },
    };
  };
  const made = await send('PUT', SHOP, {});
  const items = [...pictures].map(([id, bytes], i) => ({
    id,
    group: id.slice(0, 5),
    tags: [i % 2 ? 'odd' : 'even'],
    attributes: { price: i, name: `Thing ${id}`, new: i % 3 === 0 },
    image: bytes.toString('base64'),
  }));
  const filled = await send('PUT', `${SHOP}/items`, { items });
  if (made.status !== 200 || filled.status !== 200) throw new Error(JSON.stringify([made, filled]));
  let seen = 0;
  const [known, picture] = [...pictures][0]!;
  return {
    url,
    port: Number(new URL(url).port),
    server,
    pictures,
    async answersWell() {
      const { status, body } = await send('POST', `${SHOP}/query`, {
        image: picture.toString('base64'),
        limit: 3,
      });
      expect([status, body.result?.points[0]?.id]).toEqual([200, known]);
    },
    errors() {
      const fresh = server.log.slice(seen);
      seen += fresh.length;
      return fresh.filter(({ level }) => level >= 50);
    },
    memory: () => treeMemory(server.child.pid!),
    async close() {
      await server.stop('SIGKILL');
      await home.remove();
    },
  };
}

function treeMemory(pid: number): number {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const stat = statOf(name);
    if (stat) parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const within = (one: number | undefined): boolean =>
    one !== undefined && (one === pid || within(parents.get(one)));
  return [...parents.keys()].filter(within).reduce((sum, one) => sum + rssOf(one), 0);
}

function statOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // It ended in the meantime.
    return undefined;
  }
}

function rssOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

/** Sends bytes as they are on a connection of their own, and gives all that comes back until it ends or `forMs` have passed. */
export function sendRaw(options: { port: number; bytes: string | Buffer; forMs?: number }): Promise<string> {
  const { port, bytes, forMs = 2_000 } = options;
  return new Promise((resolve) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(end, forMs);
    socket.on('data', (data) => {
      heard += data.toString('latin1');
    });
    socket.on('close', end).on('error', end);
  });
}

/** Of every answer in what came back. */
export const statusesIn = (heard: string): number[] =>
  [...heard.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1]));
