// `attractor model add`: an ONNX file from elsewhere becomes a model folder.

import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import type { BackboneOptions } from '../../training/backbone/backbone.ts';
import { AttractorError } from '../errors/error.ts';
import { number } from './recipe-flags.ts';

type Flags = Omit<BackboneOptions, 'graph'> & { graph: string };

export function addModelAdd(model: Command): void {
  model
    .command('add')
    .description(
      'Make a model folder of an ONNX file from elsewhere (a ResNet, a ViT, the image half of CLIP): a backbone to train on with --backbone, or to serve as it is.',
    )
    .requiredOption('--graph <file>', 'ONNX file; its input is a batch of RGB images, its batch size free')
    .requiredOption('--out <folder>', 'model folder to write, e.g. models/clip')
    .option('--replace', 'write over a model that --out holds already')
    .addOption(
      new Option('--normalise <name>', 'what it was trained on: wrong ones cost recall in silence')
        .choices(['imagenet', 'clip', 'symmetric', 'unit', 'pixels'])
        .makeOptionMandatory(),
    )
    .requiredOption('--source <text>', 'where it comes from, for the model card')
    .requiredOption('--licence <text>', 'under what terms, for the model card')
    .option('--size <pixels>', 'side of its input (default: what the graph says, else 224)', number)
    .addOption(
      new Option('--fit <name>', 'how an image is brought to a square')
        .choices(['cover', 'contain', 'fill'])
        .default('cover'),
    )
    .option('--output <value>', 'value of the graph to end at (default: its output)')
    .addOption(
      new Option(
        '--pool <name>',
        'of places or tokens (default: of places the mean, of tokens the first)',
      ).choices(['mean', 'first']),
    )
    .addHelpText(
      'after',
      '\nExample:\n  attractor model add --graph resnet50.onnx --output avgpool --normalise imagenet --source torchvision --licence BSD-3 --out models/resnet50',
    )
    .action(async ({ graph: file, ...flags }: Flags) => {
      const { makeBackbone } = await import('../../training/backbone/backbone.ts');
      const graph = await readFile(file).catch((cause: unknown) => {
        throw new AttractorError(
          'onnx_invalid',
          `--graph: cannot read ${file}: ${(cause as Error).message}`,
          { cause },
        );
      });
      const { dimension, size, fingerprint, classifier } = await makeBackbone({ ...flags, graph });
      console.log(`${flags.out}: ${dimension} numbers of ${size} x ${size} pixels, ${fingerprint}`);
      if (classifier) {
        console.error(
          `${dimension} numbers look like the scores of ImageNet's classes: what comes before them finds better (--output, see a viewer such as Netron).`,
        );
      }
    });
}
