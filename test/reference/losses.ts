// The baseline losses as their papers write them, in loops over numbers. Slow, and shares nothing with training/losses.

import type { ReferenceInput } from '../contracts/loss.contract.ts';

type Row = readonly number[];

const dot = (a: Row, b: Row) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const unit = (row: Row) => row.map((x) => x / Math.hypot(...row));
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
const total = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0);
const logSoftmax = (logits: readonly number[], at: number) =>
  logits[at]! - Math.log(total(logits.map(Math.exp)));
const range = (n: number) => Array.from({ length: n }, (_, i) => i);

/** Cosines of sample i to every proxy. */
const toProxies = ({ embeddings, parameters }: ReferenceInput) =>
  embeddings.map((x) => parameters.proxies!.map((p) => dot(x, unit(p))));

export const crossEntropyOf = (scale: number) => (input: ReferenceInput) =>
  mean(
    toProxies(input).map(
      (row, i) =>
        -logSoftmax(
          row.map((s) => scale * s),
          input.labels[i]!,
        ),
    ),
  );

export const arcFaceOf = (scale: number, margin: number) => (input: ReferenceInput) =>
  mean(
    toProxies(input).map((row, i) => {
      const y = input.labels[i]!;
      const angle = Math.acos(row[y]!);
      const shifted =
        angle + margin < Math.PI ? Math.cos(angle + margin) : row[y]! - Math.sin(margin) * margin;
      return -logSoftmax(
        row.map((s, c) => scale * (c === y ? shifted : s)),
        y,
      );
    }),
  );

export const proxyAnchorOf = (alpha: number, delta: number) => (input: ReferenceInput) => {
  const s = toProxies(input);
  const classes = input.parameters.proxies!.length;
  const samples = (c: number, own: boolean) =>
    range(input.labels.length).filter((i) => (input.labels[i] === c) === own);
  const inBatch = range(classes).filter((c) => samples(c, true).length > 0);
  const pull = inBatch.map((c) =>
    Math.log(1 + total(samples(c, true).map((i) => Math.exp(-alpha * (s[i]![c]! - delta))))),
  );
  const push = range(classes).map((c) =>
    Math.log(1 + total(samples(c, false).map((i) => Math.exp(alpha * (s[i]![c]! + delta))))),
  );
  return mean(pull) + mean(push);
};

export const softTripleOf =
  (o: { lambda: number; gamma: number; tau: number; delta: number; k: number }) =>
  (input: ReferenceInput) => {
    const centres = input.parameters.proxies!.map(unit);
    const classes = centres.length / o.k;
    const loss = mean(
      toProxies(input).map((row, i) => {
        const similarity = range(classes).map((c) => {
          const own = row.slice(c * o.k, (c + 1) * o.k);
          const weights = own.map((s) => Math.exp(s / o.gamma));
          return total(own.map((s, k) => (s * weights[k]!) / total(weights)));
        });
        const y = input.labels[i]!;
        return -logSoftmax(
          similarity.map((s, c) => o.lambda * (s - (c === y ? o.delta : 0))),
          y,
        );
      }),
    );
    let spread = 0;
    for (let c = 0; c < classes; c++) {
      for (let t = 0; t < o.k; t++) {
        for (let s = t + 1; s < o.k; s++) {
          spread += Math.sqrt(2 + 1e-5 - 2 * dot(centres[c * o.k + t]!, centres[c * o.k + s]!));
        }
      }
    }
    return o.k === 1 ? loss : loss + (o.tau * spread) / (classes * o.k * (o.k - 1));
  };

/** For every anchor its positives and negatives, by sample number. */
const partners = ({ labels }: ReferenceInput) =>
  labels.map((label, i) => ({
    positives: range(labels.length).filter((j) => j !== i && labels[j] === label),
    negatives: range(labels.length).filter((j) => labels[j] !== label),
  }));

export const multiSimilarityOf =
  (alpha: number, beta: number, lambda: number, epsilon: number) => (input: ReferenceInput) => {
    const s = input.embeddings.map((a) => input.embeddings.map((b) => dot(a, b)));
    return mean(
      partners(input).map(({ positives, negatives }, i) => {
        const candidates = positives.filter((j) => s[i]![j]! < 1 - 1e-5);
        const hardest = Math.min(...candidates.map((j) => s[i]![j]!));
        const nearest = Math.max(...negatives.map((j) => s[i]![j]!));
        const pos = candidates.filter((j) => s[i]![j]! - epsilon < nearest);
        const neg = negatives.filter((j) => s[i]![j]! + epsilon > hardest);
        if (pos.length === 0 || neg.length === 0) return 0;
        const pull = Math.log(1 + total(pos.map((j) => Math.exp(-alpha * (s[i]![j]! - lambda))))) / alpha;
        return pull + Math.log(1 + total(neg.map((j) => Math.exp(beta * (s[i]![j]! - lambda))))) / beta;
      }),
    );
  };

export const contrastiveOf = (positiveMargin: number, negativeMargin: number) => (input: ReferenceInput) => {
  const costs = { same: [] as number[], different: [] as number[] };
  partners(input).forEach(({ positives, negatives }, i) => {
    const s = (j: number) => dot(input.embeddings[i]!, input.embeddings[j]!);
    for (const j of positives) costs.same.push(Math.max(0, positiveMargin - s(j)));
    for (const j of negatives) costs.different.push(Math.max(0, s(j) - negativeMargin));
  });
  const overCostly = (all: readonly number[]) => {
    const some = all.filter((cost) => cost > 0);
    return some.length === 0 ? 0 : mean(some);
  };
  return overCostly(costs.same) + overCostly(costs.different);
};

export const tripletOf = (margin: number) => (input: ReferenceInput) => {
  const d = (i: number, j: number) => 2 - 2 * dot(input.embeddings[i]!, input.embeddings[j]!);
  const costs: number[] = [];
  partners(input).forEach(({ positives, negatives }, a) => {
    for (const p of positives) {
      if (negatives.length === 0) continue;
      const farther = negatives.map((n) => d(a, n)).filter((x) => x > d(a, p));
      const chosen = farther.length > 0 ? Math.min(...farther) : Math.max(...negatives.map((n) => d(a, n)));
      costs.push(Math.max(0, d(a, p) - chosen + margin));
    }
  });
  return costs.length === 0 ? 0 : mean(costs);
};

export const supConOf = (temperature: number) => (input: ReferenceInput) =>
  mean(
    partners(input).map(({ positives, negatives }, i) => {
      const s = (j: number) => dot(input.embeddings[i]!, input.embeddings[j]!) / temperature;
      const all = [...positives, ...negatives];
      const normaliser = Math.log(total(all.map((j) => Math.exp(s(j)))));
      return positives.length === 0 ? 0 : -mean(positives.map((j) => s(j) - normaliser));
    }),
  );

export const cpmlOf =
  (o: { delta: number; repulsionWeight: number; m: number }) => (input: ReferenceInput) => {
    const points = [...input.embeddings, ...(o.m === 0 ? [] : input.parameters.proxies!.map(unit))];
    const classOf = (i: number) =>
      i < input.labels.length ? input.labels[i]! : Math.floor((i - input.labels.length) / o.m);
    const attraction: number[] = [];
    const repulsion: number[] = [];
    points.forEach((a, i) => {
      points.forEach((b, j) => {
        if (i === j) return;
        const squared = 2 - 2 * dot(a, b);
        if (classOf(i) === classOf(j)) attraction.push(squared);
        else if (squared < o.delta ** 2) repulsion.push((o.delta - Math.sqrt(squared)) ** 2);
      });
    });
    return (
      (attraction.length > 0 ? mean(attraction) : 0) +
      (repulsion.length > 0 ? o.repulsionWeight * mean(repulsion) : 0)
    );
  };
