// PFML written out from Eq. 1 to 6 of the paper, one pair at a time: the slow truth that the graph is held against.

export interface FieldOptions {
  readonly alphaAttraction: number;
  readonly alphaRepulsion: number;
  readonly deltaAttraction: number;
  readonly deltaRepulsion: number;
  readonly repulsionWeight: number;
  readonly normalizeProxies: boolean;
  readonly siblingAttraction: boolean;
  readonly reduction: 'sum' | 'mean' | 'log';
  readonly distanceFloor: number;
  /** Largest force of a pair; 0 for none. */
  readonly forceCap: number;
}

export interface FieldInput {
  /** Unit rows. */
  readonly embeddings: readonly (readonly number[])[];
  readonly labels: readonly number[];
  /** As learned; `proxiesPerClass` rows for each class in turn. */
  readonly proxies: readonly (readonly number[])[];
  readonly proxiesPerClass: number;
  /** Earlier embeddings: charges that feel nothing. */
  readonly memory?: readonly { readonly at: readonly number[]; readonly label: number }[];
  /** Classes whose proxies move; a pair of two proxies that rest does not count. All by default. */
  readonly moving?: readonly number[];
}

/** Eq. 1. */
export const attraction = (d: number, alpha: number, delta: number) =>
  d < delta ? -1 / delta ** alpha : -1 / d ** alpha;

/** Eq. 2. */
export const repulsion = (d: number, alpha: number, delta: number) =>
  d < delta ? 1 / d ** alpha : 1 / delta ** alpha;

/** From distance `a` to `b`, work against the force alpha / d^(alpha+1), of which no more than `cap` acts. */
function work(a: number, b: number, alpha: number, cap: number): number {
  const edge = cap === 0 ? 0 : (alpha / cap) ** (1 / (alpha + 1));
  const capped = Math.max(0, Math.min(b, edge) - a);
  const from = Math.max(a, edge);
  return cap * capped + (b > from ? from ** -alpha - b ** -alpha : 0);
}

export const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((x, i) => x - b[i]!));

export const unit = (x: readonly number[]) => {
  const norm = Math.hypot(...x);
  return x.map((value) => value / norm);
};

interface Charge {
  readonly at: readonly number[];
  readonly label: number;
  readonly proxy: boolean;
  readonly rests: boolean;
}

function charges(
  { embeddings, labels, proxies, proxiesPerClass, moving }: FieldInput,
  o: FieldOptions,
): Charge[] {
  return [
    ...embeddings.map((at, i) => ({ at, label: labels[i]!, proxy: false, rests: false })),
    ...proxies.map((at, i) => ({
      at: o.normalizeProxies ? unit(at) : at,
      label: Math.floor(i / proxiesPerClass),
      proxy: true,
      rests: moving ? !moving.includes(Math.floor(i / proxiesPerClass)) : false,
    })),
  ];
}

/** Eq. 3 to 5 at charge `i`, its own term left out: what attracts it and what repels it. */
function field(
  all: readonly Charge[],
  i: number,
  o: FieldOptions,
  constants: boolean,
  memory: readonly Charge[] = [],
): [number, number] {
  let attracting = 0;
  let repelling = 0;
  for (const [j, other] of [...all, ...memory].entries()) {
    const self = all[i]!;
    if (i === j || (self.rests && other.rests)) continue;
    const d = Math.max(distance(self.at, other.at), o.distanceFloor);
    if (other.label !== self.label) {
      repelling += constants
        ? repulsion(d, o.alphaRepulsion, o.deltaRepulsion)
        : work(Math.min(d, o.deltaRepulsion), o.deltaRepulsion, o.alphaRepulsion, o.forceCap);
    } else if (o.siblingAttraction || !self.proxy || !other.proxy) {
      attracting += constants
        ? attraction(d, o.alphaAttraction, o.deltaAttraction)
        : work(o.deltaAttraction, Math.max(d, o.deltaAttraction), o.alphaAttraction, o.forceCap);
    }
  }
  return [attracting, repelling];
}

/** Eq. 6 with or without the constants of Eq. 1 and 2, or the variant with a logarithm per sample. */
export function potentialFieldReference(input: FieldInput, o: FieldOptions, constants = false): number {
  const all = charges(input, o);
  const memory = (input.memory ?? []).map((one) => ({ ...one, proxy: false, rests: true }));
  if (o.reduction === 'log') {
    const samples = input.embeddings.map((_, i) => field(all, i, o, false, memory));
    const terms = samples.map(
      ([a, r]) =>
        Math.log(1 + a * o.deltaRepulsion ** o.alphaAttraction) +
        o.repulsionWeight * Math.log(1 + r * o.deltaRepulsion ** o.alphaRepulsion),
    );
    return terms.reduce((sum, term) => sum + term, 0) / terms.length;
  }
  let energy = 0;
  for (const i of all.keys()) {
    const [a, r] = field(all, i, o, constants, memory);
    energy += a + o.repulsionWeight * r;
  }
  return o.reduction === 'sum' ? energy : energy / (all.length * (all.length - 1));
}
