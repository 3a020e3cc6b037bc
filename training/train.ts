// Training as one call: data set to model folder. Reads, extracts features, fits all heads, judges them on classes they have
// not seen, exports the trained one and writes its card.

import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { AttractorError, invalid, refuseUnknown } from '../src/errors/error.ts';
import { refuseTaken } from '../src/model/save.ts';
import { embed } from './baselines/linear-map.ts';
import { createMatmul } from './baselines/matmul.ts';
import { chooseEngine, type EngineRequest } from './engine/devices.ts';
import { exportModel } from './export/export.ts';
import type { Parity } from './export/parity.ts';
import { evaluateHeads } from './fit/evaluate.ts';
import { fitHeads } from './fit/fit.ts';
import { planFolds } from './fit/folds.ts';
import { pickRows, pickTraining } from './fit/space.ts';
import { potentialField } from './losses/potential-field.ts';
import { methodTitle, methodTrials } from './methods.ts';
import { DATA_OPTIONS, type DataOptions, type Prepared, type Progress, prepare } from './prepare.ts';
import { RECIPE_OPTIONS, type RecipeOptions, resolveRecipe } from './recipe.ts';
import { auditCsv, readKept } from './report/audit-list.ts';
import { modelCard, provenance, quality, type RunFacts } from './report/card.ts';
import { factsOf } from './report/facts.ts';
import { scoreEmbeddings } from './report/scores.ts';
import { forgetRecord, readRecord, recordOf, refuseOthers, writeRecord } from './run-record.ts';
import { testSplit } from './test-split.ts';
import { type TuneStep, tuneBackbone } from './tune.ts';

export interface TrainOptions extends DataOptions, RecipeOptions {
  /** Model folder to write; its name is the model's. */
  readonly out: string;
  /** True: a model that is there already is replaced. `resume` replaces what its own run has written. Default false. */
  readonly replace?: boolean;
  /**
   * Share of the classes that nothing is fitted or chosen on, and that are scored once. Default: the data set's own test
   * classes where it has a split, else none.
   */
  readonly testClasses?: number;
  /** Store the head and a reference to the backbone's folder instead of one whole graph. Default false. */
  readonly linkBackbone?: boolean;
  /** Folder of the checkpoints; none are written without it. */
  readonly run?: string;
  /** A file as `audit` of the report, in which labels are marked as right: those are kept. */
  readonly auditKeep?: string;
  /** Go on from the checkpoints in `run`. */
  readonly resume?: boolean;
  /** Of the training, for the card: `2026-01-31`. */
  readonly date: string;
  /** What trains (engine/devices.ts): `auto` or one of them. Default: onnxruntime on the CPU. */
  readonly engine?: EngineRequest['engine'];
  readonly device?: EngineRequest['device'];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: Progress) => void;
}

export interface TrainReport {
  readonly fingerprint: string;
  readonly parity: Parity;
  readonly facts: RunFacts;
  readonly problems: Prepared['problems'];
  /** The audit's decisions as CSV, where labels were audited. */
  readonly audit?: string;
}

const KNOWN: readonly (keyof TrainOptions)[] = [
  ...DATA_OPTIONS,
  'out',
  'replace',
  'testClasses',
  'linkBackbone',
  'run',
  'auditKeep',
  'resume',
  'date',
  'engine',
  'device',
  'signal',
  'onProgress',
  ...RECIPE_OPTIONS,
];

/** Images that the exported graph must agree with the trainer on. */
const PARITY_IMAGES = 32;

/**
 * Throws what its steps throw (see prepare, fitHeads, exportModel); `aborted` where the signal fires, and then a second
 * call with `resume` ends in the same model.
 */
export async function train(options: TrainOptions): Promise<TrainReport> {
  refuseUnknown(options, KNOWN, 'train');
  const { signal, onProgress, testClasses } = options;
  const recipe = resolveRecipe(options);
  const name = basename(resolve(options.out));
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/.test(name)) {
    throw invalid('out', 'a folder whose name is lower-case letters, digits, ".", "_" or "-"', options.out);
  }
  if (testClasses !== undefined && !(testClasses >= 0 && testClasses < 1)) {
    throw invalid('testClasses', 'a share from 0 up to, not with, 1', testClasses);
  }
  if (options.linkBackbone && recipe.train !== 'head') {
    throw invalid('linkBackbone', 'nothing where the backbone is trained too: it is another one then', true);
  }
  const marked = options.auditKeep === undefined ? undefined : await keptText(options.auditKeep);
  const { run, resume, out } = options;
  const record = recordOf(options, recipe);
  const begun = run !== undefined && resume ? readRecord(run) : undefined;
  if (begun) refuseOthers(run!, begun, record);
  await refuseTaken({ directory: out, replace: options.replace || begun?.out === record.out });
  if (run !== undefined && !resume) forgetRecord(run);
  const { description, ...engine } = await chooseEngine({
    engine: options.engine ?? 'ort',
    device: options.device ?? 'cpu',
  });
  const { backbone, rows, data, classes, problems } = await prepare({
    ...options,
    check(found, width) {
      const { kept } = testSplit({ rows: found, fraction: testClasses, seed: recipe.seed });
      const labels = kept.map((row) => found[row]!.label);
      planFolds({ ...recipe, labels, inputs: width, dimension: options.dimension });
    },
  });
  const inputs = backbone.manifest.dimension;
  const split = testSplit({ rows, fraction: testClasses, seed: recipe.seed });
  const audited = split.kept.map((row) => rows[row]!);
  // A row that is held out is not audited anyhow.
  const right = new Set(marked && readKept({ ...marked, rows }));
  const kept = split.kept.flatMap((row, place) => (right.has(row) ? [place] : []));
  if (run !== undefined) writeRecord(run, record);
  const matmul = createMatmul();
  let tuned: TuneStep | undefined;
  try {
    const fit = await fitHeads({
      ...recipe,
      data: pickTraining(data, split.kept, inputs),
      methods: methodTrials({ recipe, matmul }),
      run: { seed: recipe.seed, run, resume, signal, engine: description, ...engine },
      keep: kept,
      ...{ inputs, matmul, onProgress },
    });
    const method = recipe.loss === 'auto' ? fit.winner : methodTitle(recipe.loss);
    const trained = fit.heads.find((head) => head.method === method)!;
    const { held, sides } = split;
    const test = { heads: fit.heads, data: pickRows(data, held, inputs), inputs, sides, matmul, signal };
    tuned =
      recipe.train === 'head'
        ? undefined
        : await tuneBackbone({
            ...{ backbone, rows, fitted: split.kept, fit, sources: data.sources, recipe, matmul },
            ...{ loss: fit.loss ?? potentialField(), cache: `${options.cache}-activations` },
            ...{ run, resume, signal, onProgress, ...engine },
          });
    const validation = (name: string) =>
      fit.validation.find((one) => one.method === name)!.scores.mapAtR.value;
    // Where training adds no more than the head that won leads its start by, that head is the better one.
    const better = (step: TuneStep) =>
      step.chosen.epoch > 0 && step.after - step.before > validation(method) - validation(step.start);
    const grown = tuned && better(tuned) ? tuned : undefined;
    const map = grown?.tuned.head ?? trained.map;
    const scoreTuned = async () => {
      if (grown === undefined) return [];
      const { labels, sources } = test.data;
      const dimension = grown.tuned.head.outputs;
      const embeddings = await grown.embed(held);
      const { scores } = await scoreEmbeddings({
        ...{ embeddings, labels, sources, dimension, sides, scores: matmul.scores },
      });
      return [{ method: `${method}, ${recipe.train}`, dimension, scores }];
    };
    const scores = held.length > 0 ? [...(await evaluateHeads(test)), ...(await scoreTuned())] : undefined;
    const facts = factsOf({
      ...{ options, name, recipe, split, fit, trained, map, tuned, grown, test: scores },
      prepared: { backbone, rows, data, classes, problems },
    });
    onProgress?.({ phase: 'export', done: 0, total: 1 });
    const sample = spread(rows.length, PARITY_IMAGES);
    const { features } = pickRows(data, sample, inputs);
    const exported = await exportModel({
      directory: out,
      name,
      backbone,
      map,
      tuned: grown?.graph,
      check: {
        rows: sample.map((row) => rows[row]!),
        embeddings: grown
          ? await grown.embedExactly(sample)
          : await embed({ map: trained.map, features, matmul }),
      },
      linkBackbone: options.linkBackbone,
      provenance: provenance(facts),
      quality: quality(facts),
      card: (parity) => modelCard(facts, parity),
    });
    onProgress?.({ phase: 'export', done: 1, total: 1 });
    const decisions = fit.audit?.decisions ?? [];
    return { ...exported, facts, problems, audit: fit.audit && auditCsv({ decisions, rows: audited, kept }) };
  } finally {
    tuned?.close();
    await matmul.release();
  }
}

/** Of the file that says whose labels are right. */
async function keptText(file: string) {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new AttractorError('dataset_invalid', `auditKeep: no such file: ${file}`, {
      ...{ field: 'auditKeep', cause },
    });
  });
  return { text, file };
}

/** At most `count` of the numbers below `total`, evenly spread. */
function spread(total: number, count: number): number[] {
  const step = Math.max(1, total / count);
  return Array.from({ length: Math.min(total, count) }, (_, i) => Math.floor(i * step));
}
