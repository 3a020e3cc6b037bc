// The application on its address: how long connections may take and live, and how they end. Knows no routes.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { promisify } from 'node:util';
import type { Express } from 'express';
import { AttractorError } from '../src/errors/error.ts';
import type { Config } from './config.ts';
import { type Drain, drainable } from './drain.ts';
import { bornExpress } from './http/classes.ts';
import { endSlowBodies } from './http/slow-body.ts';

const LISTEN_HELP: Record<string, string> = {
  EADDRINUSE: '. Another process has it: stop that one, or set PORT to another number',
  EADDRNOTAVAIL: '. This machine has no such address: set HOST to one that it has',
  EACCES: '. Only an administrator may use it: set PORT to a number above 1023',
};

/** Listens when it resolves. `drain` ends it in order. Throws as `assertPort`. */
export async function serveApp(
  app: Express,
  config: Pick<Config, 'host' | 'port' | 'timeouts'>,
): Promise<{ port: number; drain: Drain }> {
  const { headers, request } = config.timeouts;
  const server = createServer(
    {
      headersTimeout: headers,
      connectionsCheckingInterval: Math.min(5_000, headers),
      // Longer than proxies keep theirs (60 s): who sends into a connection that is just being closed gets a reset, or a 502.
      keepAliveTimeout: 65_000,
      ...bornExpress(app),
    },
    app,
  );
  endSlowBodies(server, { ms: request });
  const drain = drainable(server);
  return { port: await listen(server, config), drain };
}

/** For a port that is taken to be said before anything is opened for it. Throws `invalid_argument`. */
export async function assertPort(config: Pick<Config, 'host' | 'port'>): Promise<void> {
  const probe = createServer();
  await listen(probe, config);
  await promisify(probe.close.bind(probe))();
}

function listen(server: Server, { port, host }: Pick<Config, 'host' | 'port'>): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const received = `${host}:${port} (${cause.code})`;
      const help = LISTEN_HELP[cause.code ?? ''] ?? '';
      const message = `PORT: expected an address to listen on, received ${received}${help}`;
      reject(new AttractorError('invalid_argument', message, { field: 'PORT', received, cause }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}
