// Main module of one embedding process: opens a model, then answers one batch at a time until its parent goes.
// Started only by child-process.ts.

import { loadModel } from '../model/load.ts';
import type { EmbedImage } from './embedder.ts';
import { createModelEmbedder, type ModelEmbedder } from './model-embedder.ts';
import { type ChildOptions, type FromChild, packError, packResult, type ToChild } from './protocol.ts';

let embedder: ModelEmbedder;

const say = (message: FromChild): void => void process.send?.(message);

async function open({ directory, precision, ...options }: ChildOptions): Promise<void> {
  try {
    embedder = await createModelEmbedder({ model: await loadModel({ directory, precision }), ...options });
    const { fingerprint, dimension, provider } = embedder;
    say({ type: 'ready', fingerprint, dimension, provider });
  } catch (error) {
    say({ type: 'refused', error: packError(error) });
  }
}

async function embed(images: readonly EmbedImage[]): Promise<void> {
  try {
    say({ type: 'done', results: (await embedder.embedImages({ images })).map(packResult) });
  } catch (error) {
    say({ type: 'done', results: images.map(() => ({ error: packError(error) })) });
  }
}

process.on('message', (message: ToChild) => {
  void (message.type === 'open' ? open(message.options) : embed(message.images));
});
// The channel closes when the parent closes it, and also when the parent is killed.
process.on('disconnect', () => process.exit());
// Ctrl-C and service managers signal the whole group; the parent decides when its children have finished.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
