// The process that takes one snapshot and says what it wrote: the copy would hold up every query of the server. Not a library.

import { takeSnapshot } from '../store/snapshot.ts';
import type { FromSnapshot } from './snapshot-process.ts';

// Whose parent is gone has no one to take it for.
process.on('disconnect', () => process.exit());

process.once('message', async (options: { directory: string; path: string }) => {
  let said: FromSnapshot;
  try {
    said = { info: await takeSnapshot(options) };
  } catch (error) {
    const { message, code } = error as { message: string; code?: string };
    said = { failed: message, code };
  }
  process.send!(said, () => process.disconnect());
});
