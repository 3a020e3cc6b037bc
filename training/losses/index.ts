// The losses by name, each with the settings that a fair race tries for a linear head on frozen features: equally many for all,
// the default first.

import { invalid } from '../../src/errors/error.ts';
import { FROZEN_PROXIES } from './common.ts';
import { cpml } from './cpml.ts';
import type { Loss } from './loss.ts';
import { multiSimilarity } from './multi-similarity.ts';
import { contrastive, supCon, triplet } from './pairs.ts';
import { potentialField } from './potential-field.ts';
import { proxyAnchor } from './proxy-anchor.ts';
import { softTriple } from './soft-triple.ts';
import { arcFace, normalisedSoftmax, proxyNcaPlusPlus } from './softmax.ts';

export interface LossEntry {
  /** As tables name it. */
  readonly title: string;
  readonly paper: string;
  /**
   * A preset with changes. `preset`: `frozen-features`, the default, for linear heads, or `paper`, the paper's numbers, for
   * training a network. Losses without parameters have one and the same for both. Throws `unknown_option` and `invalid_argument`.
   */
  create(changes?: Readonly<Record<string, unknown>>): Loss;
  /** Four sets of changes. */
  readonly searchSpace: readonly Readonly<Record<string, string | number | boolean>>[];
}

type Options = Readonly<Record<string, unknown>>;

/** The functions check names and values of what they get. Their own defaults are the paper's, potentialField's excepted. */
const from =
  <T>(make: (options: T) => Loss, frozenFeatures: Options = {}, paper: Options = {}) =>
  ({ preset = 'frozen-features', ...changes }: Options = {}) => {
    if (preset !== 'frozen-features' && preset !== 'paper') {
      throw invalid('preset', 'frozen-features or paper', preset);
    }
    return make({ ...(preset === 'paper' ? paper : frozenFeatures), ...changes } as T);
  };

export const LOSSES: Readonly<Record<string, LossEntry>> = {
  pfml: {
    title: 'PFML',
    paper: 'Bhatnagar & Ahuja, CVPR 2025; a variant for frozen features (docs/training.md)',
    create: from(potentialField, {}, { preset: 'paper' }),
    searchSpace: [
      {},
      { deltaAttraction: 0.9, deltaRepulsion: 0.9 },
      { proxiesPerClass: 0 },
      { alphaRepulsion: 1, repulsionWeight: 1 },
    ],
  },
  'pfml-paper': {
    title: 'PFML as printed',
    paper: 'Bhatnagar & Ahuja, CVPR 2025, Eq. 1 to 6',
    // Pairs of proxies are quadratic in their number: the printed 15, which `preset: paper` has, cost nine times as much.
    create: from(potentialField, { preset: 'paper', proxiesPerClass: 5 }, { preset: 'paper' }),
    searchSpace: [
      {},
      { siblingAttraction: false },
      { alphaAttraction: 1, alphaRepulsion: 1 },
      { proxiesPerClass: 1 },
    ],
  },
  'proxy-anchor': {
    title: 'Proxy Anchor',
    paper: 'Kim et al., CVPR 2020',
    create: from(proxyAnchor, { ...FROZEN_PROXIES }),
    // alpha 32 hardly leaves the LDA start: a gentle setting has to be among the four.
    searchSpace: [{}, { alpha: 16 }, { alpha: 4, delta: 0.3 }, { proxyLearningRateMultiplier: 10 }],
  },
  'proxy-nca': {
    title: 'ProxyNCA++',
    paper: 'Teh et al., ECCV 2020',
    create: from(proxyNcaPlusPlus, { ...FROZEN_PROXIES }),
    searchSpace: [{}, { scale: 9 }, { scale: 36 }, { proxyLearningRateMultiplier: 10 }],
  },
  'multi-similarity': {
    title: 'Multi-Similarity',
    paper: 'Wang et al., CVPR 2019',
    create: from(multiSimilarity),
    searchSpace: [{}, { lambda: 0.7 }, { alpha: 10, beta: 50, lambda: 0.6 }, { beta: 20, epsilon: 0.3 }],
  },
  'soft-triple': {
    title: 'SoftTriple',
    paper: 'Qian et al., ICCV 2019',
    create: from(softTriple, { ...FROZEN_PROXIES, centresPerClass: 2 }),
    searchSpace: [{}, { lambda: 10 }, { tau: 0 }, { delta: 0.1 }],
  },
  'sup-con': {
    title: 'SupCon',
    paper: 'Khosla et al., NeurIPS 2020',
    create: from(supCon),
    searchSpace: [{}, { temperature: 0.07 }, { temperature: 0.05 }, { temperature: 0.2 }],
  },
  triplet: {
    title: 'Triplet',
    paper: 'Schroff et al., CVPR 2015 (semi-hard negatives)',
    create: from(triplet),
    searchSpace: [{}, { margin: 0.1 }, { margin: 0.4 }, { margin: 0.8 }],
  },
  contrastive: {
    title: 'Contrastive',
    paper: 'Hadsell et al., CVPR 2006, in cosines',
    create: from(contrastive),
    searchSpace: [{}, { negativeMargin: 0.3 }, { negativeMargin: 0.7 }, { positiveMargin: 0.8 }],
  },
  'normalised-softmax': {
    title: 'Normalised softmax',
    paper: 'Zhai & Wu, BMVC 2019',
    create: from(normalisedSoftmax, { ...FROZEN_PROXIES, temperature: 0.1 }),
    searchSpace: [{}, { temperature: 0.05 }, { temperature: 0.2 }, { proxyLearningRateMultiplier: 10 }],
  },
  'arc-face': {
    title: 'ArcFace',
    paper: 'Deng et al., CVPR 2019',
    create: from(arcFace, { ...FROZEN_PROXIES, scale: 16, margin: 0.3 }),
    searchSpace: [{}, { scale: 32 }, { margin: 0.1 }, { scale: 8 }],
  },
  cpml: {
    title: 'CPML',
    paper: 'the control of Bhatnagar & Ahuja, CVPR 2025',
    create: from(cpml, { ...FROZEN_PROXIES, proxiesPerClass: 1 }),
    searchSpace: [{}, { delta: 1.2 }, { repulsionWeight: 4 }, { proxiesPerClass: 0 }],
  },
};

/** Throws `invalid_argument` on a name that is not a loss. */
export function lossNamed(name: string): LossEntry {
  if (!Object.hasOwn(LOSSES, name)) throw invalid('loss', `one of ${Object.keys(LOSSES).join(', ')}`, name);
  return LOSSES[name]!;
}
