// What a start finds that is no reason not to start, in the log: an open door, collections whose model is another one by now.

import { withoutTheirModel } from '../src/catalogue/context.ts';
import type { Catalogue } from '../src/catalogue/types.ts';
import type { AccessOptions } from './http/access.ts';
import type { Log } from './log.ts';

/** Who needs no key while there is none. */
const WHO = {
  loopback: 'everybody on this machine, and who comes through a proxy on it,',
  always: 'everybody',
};

export async function warnAtStart(options: {
  access: AccessOptions;
  catalogue: Catalogue;
  models: (name: string) => Promise<{ readonly fingerprint: string }>;
  log: Log;
}): Promise<void> {
  const { access, catalogue, models, log } = options;
  const { withoutKeys, adminKey, keys } = access;
  if (withoutKeys !== 'never' && adminKey === undefined && keys?.empty !== false) {
    log.warn(
      {},
      `There is no API key: ${WHO[withoutKeys]} may do everything. attractor key create makes one.`,
    );
  }
  const collections = catalogue
    .list()
    .flatMap(({ name, model, fingerprint }) =>
      model !== null && fingerprint !== null ? { name, model, fingerprint } : [],
    );
  for (const { collection, why } of await withoutTheirModel({ collections, models })) {
    log.warn({ collection }, `Images are refused: ${why}`);
  }
}
