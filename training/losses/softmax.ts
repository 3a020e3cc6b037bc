// The losses that are a cross-entropy over class proxies: normalised softmax (Zhai & Wu 2019), ProxyNCA++ (Teh et al. 2020) and
// ArcFace (Deng et al. 2019).

import {
  cosines,
  crossEntropy,
  oneHot,
  PAPER_PROXIES,
  type ProxyOptions,
  proxies,
  resolve,
} from './common.ts';
import type { Loss, LossInput } from './loss.ts';

const POSITIVE = [1e-3, 1e3] as const;

export interface NormalisedSoftmaxOptions extends ProxyOptions {
  readonly temperature: number;
}

/** -log softmax(cos / temperature) at the sample's class. Paper: temperature 0.05. */
export function normalisedSoftmax(changes: Partial<NormalisedSoftmaxOptions> = {}): Loss {
  const options = resolve('normalisedSoftmax', { temperature: 0.05, ...PAPER_PROXIES }, changes, {
    temperature: POSITIVE,
  });
  return classifier('normalised-softmax', options, ({ ops }, cos) => ops.mul(1 / options.temperature, cos));
}

export interface ProxyNcaOptions extends ProxyOptions {
  /** Of the logits, in cosines: 2 / sigma of the paper's softmax over squared distances. */
  readonly scale: number;
}

/** softmax(-d² / sigma) over all proxies with sigma 1/9: on unit vectors, logits of 18 cos. */
export function proxyNcaPlusPlus(changes: Partial<ProxyNcaOptions> = {}): Loss {
  const options = resolve('proxyNcaPlusPlus', { scale: 18, ...PAPER_PROXIES }, changes, { scale: POSITIVE });
  return classifier('proxy-nca', options, ({ ops }, cos) => ops.mul(options.scale, cos));
}

export interface ArcFaceOptions extends ProxyOptions {
  readonly scale: number;
  /** Added to the angle between a sample and its class, in radians. */
  readonly margin: number;
}

/** Logits scale · cos(angle), with the margin added to the right class's angle. Paper: scale 64, margin 0.5. */
export function arcFace(changes: Partial<ArcFaceOptions> = {}): Loss {
  const options = resolve('arcFace', { scale: 64, margin: 0.5, ...PAPER_PROXIES }, changes, {
    scale: POSITIVE,
    margin: [0, Math.PI / 2],
  });
  const { scale, margin } = options;
  return classifier('arc-face', options, ({ ops }, cos, marked) => {
    const sine = ops.sqrt(ops.max(ops.sub(1, ops.mul(cos, cos)), 1e-6));
    const turned = ops.sub(ops.mul(Math.cos(margin), cos), ops.mul(Math.sin(margin), sine));
    // Where angle + margin would pass 180 degrees the cosine would rise again: go on in a straight line, as the paper's code.
    const further = ops.sub(cos, Math.sin(margin) * margin);
    const shifted = ops.where(ops.greater(cos, Math.cos(Math.PI - margin)), turned, further);
    return ops.mul(scale, ops.add(cos, ops.mul(marked, ops.sub(shifted, cos))));
  });
}

/** Cross-entropy of logits made of the cosines to one proxy per class. */
function classifier(
  name: string,
  options: ProxyOptions,
  logits: (input: LossInput, cosines: string, oneHot: string) => string,
): Loss {
  return {
    name,
    options: { ...options },
    parameters: (shape) => [proxies(shape, 1, options)],
    build(input) {
      const { ops, embeddings, parameters } = input;
      const cos = cosines(ops, embeddings, ops.unitRows(parameters.proxies!));
      const marked = oneHot(input);
      return { loss: crossEntropy(ops, logits(input, cos, marked), marked) };
    },
  };
}
