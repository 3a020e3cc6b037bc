// What can be refused of an experiment before its first cell: its data sets are opened, their rows read, no image. Hours may lie
// between the first cell and the one that would find it.

import { splitClasses } from '../../src/dataset/split.ts';
import { AttractorError, asAttractorError, invalid } from '../../src/errors/error.ts';
import { planFolds } from '../fit/folds.ts';
import { openData } from '../prepare.ts';
import type { Experiment } from './schema.ts';

/** Throws what openData throws, naming the data set, and `invalid_argument` where a cell could not have a length of `dimensions`. */
export async function checkExperiment(options: { experiment: Experiment; backbone: string }): Promise<void> {
  const { experiment } = options;
  for (const one of experiment.data) {
    try {
      await checkData(experiment, one, options.backbone);
    } catch (thrown) {
      const { code, message, field } = asAttractorError(thrown);
      if (code === 'internal') throw thrown;
      throw new AttractorError(code, `data set ${one.name}: ${message}`, { field });
    }
  }
}

async function checkData(experiment: Experiment, data: Experiment['data'][number], directory: string) {
  const { splits, dimensions, testClasses, folds, fineTune } = experiment;
  const { path, label, across } = data;
  const { backbone, wanted } = await openData({
    ...{ data: { path, label }, across, backbone: directory, train: fineTune?.train },
  });
  const longest = splits.map((seed) => {
    const { kept } = splitClasses({ labels: wanted.map((row) => row.label), fraction: testClasses, seed });
    const labels = kept.map((row) => wanted[row]!.label);
    return planFolds({ labels, folds, seed, inputs: backbone.manifest.dimension }).longest;
  });
  const most = Math.min(...longest);
  // Fine-tuning takes what there is.
  const long = fineTune ? undefined : dimensions.find((dimension) => dimension > most);
  if (long !== undefined) throw invalid('dimensions', `at most ${most} for these images and backbone`, long);
}
