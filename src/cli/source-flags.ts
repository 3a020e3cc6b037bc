// The options that say what a data set is and how to read it: of every command that looks at one before training.

import { type Command, Option } from 'commander';
import { LAYOUT_NAMES, type LayoutName } from '../dataset/read.ts';

export interface SourceFlags {
  data: string;
  layout?: LayoutName;
  images?: string;
  label?: string;
  image?: string;
}

export function addSource(command: Command): Command {
  return command
    .requiredOption('--data <path>', 'CSV or JSONL file, folder of class folders, or a published data set')
    .addOption(
      new Option('--layout <name>', 'how it is laid out (default: told from what is there)').choices(
        LAYOUT_NAMES,
      ),
    )
    .option('--images <folder>', "folder that a file's image paths are relative to (default: its own)")
    .option('--label <column>', 'column of the class (default: label, group, product_id or class)')
    .option('--image <column>', 'column of the image path (default: image, path, file or filename)');
}
