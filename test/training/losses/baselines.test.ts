// Every baseline loss against its formula, one value worked out by hand, what it refuses, and the registry that the race draws from.

import { describe, expect, it } from 'vitest';
import { cpml } from '../../../training/losses/cpml.ts';
import { LOSSES } from '../../../training/losses/index.ts';
import type { Loss } from '../../../training/losses/loss.ts';
import { multiSimilarity } from '../../../training/losses/multi-similarity.ts';
import { contrastive, supCon, triplet } from '../../../training/losses/pairs.ts';
import { proxyAnchor } from '../../../training/losses/proxy-anchor.ts';
import { softTriple } from '../../../training/losses/soft-triple.ts';
import { arcFace, normalisedSoftmax, proxyNcaPlusPlus } from '../../../training/losses/softmax.ts';
import { lossContract, openLoss } from '../../contracts/loss.contract.ts';
import {
  arcFaceOf,
  contrastiveOf,
  cpmlOf,
  crossEntropyOf,
  multiSimilarityOf,
  proxyAnchorOf,
  softTripleOf,
  supConOf,
  tripletOf,
} from '../../reference/losses.ts';

lossContract([
  {
    name: 'normalised softmax',
    loss: normalisedSoftmax({ temperature: 0.125 }),
    reference: crossEntropyOf(8),
  },
  { name: 'ProxyNCA++', loss: proxyNcaPlusPlus(), reference: crossEntropyOf(18) },
  { name: 'ArcFace', loss: arcFace({ scale: 8, margin: 0.5 }), reference: arcFaceOf(8, 0.5) },
  { name: 'Proxy Anchor', loss: proxyAnchor({ alpha: 8 }), reference: proxyAnchorOf(8, 0.1) },
  { name: 'Proxy Anchor, as printed', loss: proxyAnchor(), reference: proxyAnchorOf(32, 0.1) },
  {
    name: 'SoftTriple',
    loss: softTriple({ centresPerClass: 3 }),
    reference: softTripleOf({ lambda: 20, gamma: 0.1, tau: 0.2, delta: 0.01, k: 3 }),
  },
  {
    name: 'SoftTriple with one centre',
    loss: softTriple({ centresPerClass: 1, lambda: 4 }),
    reference: softTripleOf({ lambda: 4, gamma: 0.1, tau: 0, delta: 0.01, k: 1 }),
  },
  { name: 'Multi-Similarity', loss: multiSimilarity(), reference: multiSimilarityOf(2, 50, 0.5, 0.1) },
  {
    name: 'Multi-Similarity, wide band',
    loss: multiSimilarity({ epsilon: 1, beta: 8 }),
    reference: multiSimilarityOf(2, 8, 0.5, 1),
  },
  // The steepest options that are let in: float32 has to bear them in every corner.
  {
    name: 'Proxy Anchor, steepest',
    loss: proxyAnchor({ alpha: 40, delta: 1 }),
    reference: proxyAnchorOf(40, 1),
  },
  {
    name: 'Multi-Similarity, steepest pull',
    loss: multiSimilarity({ alpha: 40, lambda: 1, epsilon: 2 }),
    reference: multiSimilarityOf(40, 50, 1, 2),
  },
  {
    name: 'Multi-Similarity, steepest push',
    loss: multiSimilarity({ beta: 40, lambda: -1, epsilon: 2 }),
    reference: multiSimilarityOf(2, 40, -1, 2),
  },
  { name: 'SupCon', loss: supCon({ temperature: 0.125 }), reference: supConOf(0.125) },
  { name: 'contrastive', loss: contrastive({ negativeMargin: 0.25 }), reference: contrastiveOf(1, 0.25) },
  { name: 'triplet', loss: triplet({ margin: 0.5 }), reference: tripletOf(0.5) },
  {
    name: 'CPML',
    loss: cpml({ proxiesPerClass: 2, delta: 1.25 }),
    reference: cpmlOf({ delta: 1.25, repulsionWeight: 1, m: 2 }),
  },
  {
    name: 'CPML without proxies',
    loss: cpml({ proxiesPerClass: 0, repulsionWeight: 2 }),
    reference: cpmlOf({ delta: 1, repulsionWeight: 2, m: 0 }),
  },
]);

/**
 * Two classes on two axes: samples (1,0) and (0,1) of class 0, (-1,0) of class 1; proxies (1,0) and (0,-1). So the cosines
 * to the proxies are [1, 0], [0, -1], [-1, 0], and among the samples s01 = 0, s02 = -1, s12 = 0.
 */
describe('worked out by hand', () => {
  const e = Math.exp;
  const at = async (loss: Loss, x = [1, 0, 0, 1, -1, 0]) => {
    const shape = { batch: 3, classes: 2, dimension: 2 };
    const opened = await openLoss(loss, shape);
    const count = loss.parameters(shape)[0]?.dims[0] ?? 0;
    const proxies = count === 4 ? [1, 0, 1, 0, 0, -1, 0, -1] : [1, 0, 0, -1];
    const { value } = await opened.at({
      x,
      labels: [0, 0, 1],
      parameters: count > 0 ? { proxies } : {},
    });
    await opened.close();
    return value;
  };

  it.each<[string, Loss, number]>([
    // Right class first: logits (1, 0), (0, -1), (0, -1): log(1 + e^-1) each.
    ['normalised softmax', normalisedSoftmax({ temperature: 1 }), Math.log(1 + e(-1))],
    ['ProxyNCA++', proxyNcaPlusPlus({ scale: 2 }), Math.log(1 + e(-2))],
    [
      'SoftTriple, equal centres',
      softTriple({ centresPerClass: 2, lambda: 1, delta: 0, tau: 0 }),
      Math.log(1 + e(-1)),
    ],
    // Pull: class 0 has s = 1, 0; class 1 has s = 0. Push: proxy 0 sees -1; proxy 1 sees 0 and -1.
    [
      'Proxy Anchor',
      proxyAnchor({ alpha: 1, delta: 0 }),
      (Math.log(1 + e(-1) + 1) + Math.log(2)) / 2 + (Math.log(1 + e(-1)) + Math.log(1 + 1 + e(-1))) / 2,
    ],
    // Anchor 0: positive 0, negative -1; anchor 1: positive 0, negative 0; anchor 2 has no positive.
    ['SupCon', supCon({ temperature: 1 }), (Math.log(1 + e(-1)) + Math.log(2)) / 3],
    // Anchor 0: no pair is within the band (-1 + 0.1 < 0); anchor 1: both are.
    ['Multi-Similarity', multiSimilarity({ alpha: 1, beta: 1, lambda: 0 }), (2 * Math.log(2)) / 3],
    // One pair of one class costs 1, both ways; pairs of two classes cost 0.5 where s = 0 (twice) and nothing where it is -1.
    ['contrastive', contrastive({ negativeMargin: -0.5 }), 1.5],
    // (0,1): d² = 2, the negative at 4: 0. (1,0): d² = 2, no farther negative, the farthest is at 2: margin.
    ['triplet', triplet({ margin: 1 }), 0.5],
    // d² = 2 for the pair of one class; of two classes all are at √2 or 2, and only √2 is inside 1.5.
    ['CPML', cpml({ proxiesPerClass: 0, delta: 1.5 }), 2 + (1.5 - Math.SQRT2) ** 2],
  ])('%s', async (_, loss, expected) => {
    expect(await at(loss)).toBeCloseTo(expected, 6);
  });

  // With a margin of a quarter turn the right class's cosine turns into minus the sine: -0.8 for (0.6, 0.8), beside -0.8.
  // (-0.6, 0.8) would turn past 180 degrees: its -0.6 goes down by π/2 instead, beside -0.8. (0.6, -0.8): -0.6 beside 0.6.
  it('ArcFace', async () => {
    const value = await at(arcFace({ scale: 1, margin: Math.PI / 2 }), [0.6, 0.8, -0.6, 0.8, 0.6, -0.8]);
    const expected = Math.log(2) + Math.log(1 + e(Math.PI / 2 - 0.2)) + Math.log(1 + e(1.2));
    expect(value).toBeCloseTo(expected / 3, 6);
  });

  it('Multi-Similarity takes no copy for a positive', async () => {
    const wide = multiSimilarity({ epsilon: 1 });
    expect(await at(wide, [1, 0, 1, 0, 0.6, 0.8])).toBe(0);
    expect(await at(wide, [1, 0, 1, 0.1, 0.6, 0.8])).toBeGreaterThan(0);
  });
});

describe('refuses', () => {
  it.each<[string, () => Loss, string]>([
    ['a number as text', () => normalisedSoftmax({ temperature: '0.1' as never }), 'temperature'],
    ['nothing for a number', () => supCon({ temperature: null as never }), 'temperature'],
    ['no number', () => triplet({ margin: Number.NaN }), 'margin'],
    ['no end', () => arcFace({ scale: Number.POSITIVE_INFINITY }), 'scale'],
    ['what is too large', () => contrastive({ negativeMargin: 1.5 }), 'negativeMargin'],
    ['part of a centre', () => softTriple({ centresPerClass: 1.5 }), 'centresPerClass'],
    ['part of a proxy', () => cpml({ proxiesPerClass: 2.5 }), 'proxiesPerClass'],
    ['a start it does not know', () => proxyAnchor({ proxyInit: 'zeros' as never }), 'proxyInit'],
    [
      'proxies that never learn',
      () => proxyNcaPlusPlus({ proxyLearningRateMultiplier: 0 }),
      'proxyLearningRateMultiplier',
    ],
    ['a pull beyond float32', () => multiSimilarity({ alpha: 41, lambda: 1 }), 'alpha'],
    ['a push beyond float32', () => multiSimilarity({ beta: 41, lambda: -1 }), 'beta'],
  ])('%s', (_, make, field) => {
    expect(make).toThrow(expect.objectContaining({ code: 'invalid_argument', field }));
  });
});

describe('LOSSES', () => {
  it.each(Object.entries(LOSSES))('%s has four settings, all different, the default first', (_, entry) => {
    expect(entry.searchSpace).toHaveLength(4);
    expect(entry.searchSpace[0]).toEqual({});
    const options = entry.searchSpace.map((changes) => JSON.stringify(entry.create(changes).options));
    expect(new Set(options).size).toBe(4);
    expect(() => entry.create({ colour: 'red' })).toThrow(
      expect.objectContaining({ code: 'unknown_option' }),
    );
  });

  /** The numbers of the papers, apart from where proxies start and how fast they are. */
  it.each([
    ['pfml', { alphaAttraction: 3, deltaRepulsion: 0.2, proxiesPerClass: 15, reduction: 'sum' }],
    ['pfml-paper', { alphaAttraction: 3, deltaRepulsion: 0.2, proxiesPerClass: 15, reduction: 'sum' }],
    ['proxy-anchor', { alpha: 32, delta: 0.1 }],
    ['proxy-nca', { scale: 18 }],
    ['multi-similarity', { alpha: 2, beta: 50, lambda: 0.5, epsilon: 0.1 }],
    ['soft-triple', { lambda: 20, gamma: 0.1, tau: 0.2, delta: 0.01, centresPerClass: 10 }],
    ['sup-con', { temperature: 0.1 }],
    ['triplet', { margin: 0.2 }],
    ['contrastive', { positiveMargin: 1, negativeMargin: 0.5 }],
    ['normalised-softmax', { temperature: 0.05 }],
    ['arc-face', { scale: 64, margin: 0.5 }],
    ['cpml', { delta: 1, repulsionWeight: 1, proxiesPerClass: 15 }],
  ])('%s has its paper and, for frozen features, proxies that start at their class', (name, printed) => {
    const paper = LOSSES[name]!.create({ preset: 'paper' }).options;
    expect(paper).toMatchObject(printed);
    if (!('proxyInit' in paper)) return;
    expect(paper).toMatchObject({ proxyInit: 'random', proxyLearningRateMultiplier: 100 });
    if (name === 'pfml-paper') return;
    const frozen = { proxyInit: 'class-mean', proxyLearningRateMultiplier: 3 };
    expect(LOSSES[name]!.create().options).toMatchObject(frozen);
  });

  it('takes changes to either preset, and no other preset', () => {
    const create = LOSSES['proxy-anchor']!.create;
    expect(create({ preset: 'paper', alpha: 16 }).options).toMatchObject({ alpha: 16, proxyInit: 'random' });
    expect(create({ alpha: 16 }).options).toMatchObject({ alpha: 16, proxyInit: 'class-mean' });
    expect(() => create({ preset: 'best' })).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('titles are unique', () => {
    const titles = Object.values(LOSSES).map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
