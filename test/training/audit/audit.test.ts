import { afterAll, describe, expect, it } from 'vitest';
import { auroc } from '../../../src/metrics/detection.ts';
import { type Audit, type AuditOptions, auditLabels } from '../../../training/audit/audit.ts';
import { project } from '../../../training/baselines/linear-map.ts';
import { createMatmul } from '../../../training/baselines/matmul.ts';
import { fitComponents } from '../../../training/fit/space.ts';
import { clouds, INPUTS, mislabelled } from '../../fit/clouds.ts';

const matmul = createMatmul();
afterAll(() => matmul.release());

const { features, labels: truth } = clouds({ classes: 40, each: 10, seed: 7, spread: [0.2, 0.3] });
const audit = async (
  labels: readonly string[],
  options: Partial<Pick<AuditOptions, 'rounds' | 'signal' | 'keep' | 'onProgress'>> = {},
) => {
  const map = await fitComponents({ features, inputs: INPUTS, matmul });
  const rows = await project({ map, features, matmul });
  return auditLabels({ features: rows, inputs: map.outputs, labels, matmul, seed: 1, ...options });
};
const wrongAfter = ({ labels }: Audit) =>
  labels.filter((label, row) => label !== undefined && label !== truth[row]).length;

describe('auditLabels', () => {
  it.each([0.2, 0.5])(
    'finds planted wrong labels at a rate of %f, without being told the rate',
    async (rate) => {
      const { labels, wrong } = mislabelled(truth, rate, 2);
      const result = await audit(labels);
      const positives = labels.map((_, row) => wrong.has(row));
      const suspicion = result.share.map((share) => -share);
      expect(auroc({ scores: suspicion, positives })).toBeGreaterThan(rate < 0.5 ? 0.99 : 0.95);
      expect(wrongAfter(result)).toBeLessThan(0.6 * wrong.size);
      const relabelled = result.decisions.filter(({ verdict }) => verdict === 'relabelled');
      const right = relabelled.filter(({ row, well }) => well === truth[row]);
      expect(right.length).toBeGreaterThan(0.9 * relabelled.length);
      expect(relabelled.length).toBeGreaterThan(rate < 0.5 ? wrong.size / 4 : wrong.size / 10);
    },
  );

  it('leaves right labels nearly all as they are', async () => {
    const told: number[][] = [];
    const onProgress = ({ done, total }: { done: number; total: number }) => void told.push([done, total]);
    const { decisions, rounds } = await audit(truth, { onProgress });
    expect(decisions.length).toBeLessThan(0.05 * truth.length);
    // Sooner than it might have been, and it says so.
    expect([rounds, told.at(-1)]).toEqual([1, [1, 1]]);
  });

  it('lists every decision so that it can be undone', async () => {
    const { labels } = mislabelled(truth, 0.2, 3);
    const result = await audit(labels);
    const undone = [...result.labels];
    for (const { row, given, verdict, well, share, neighbours } of result.decisions) {
      expect(result.labels[row]).toBe(verdict === 'dropped' ? undefined : well);
      expect(well).not.toBe(given);
      expect(share).toBe(result.share[row]);
      expect(neighbours).toHaveLength(5);
      expect(neighbours).not.toContain(row);
      undone[row] = given;
    }
    expect(undone).toEqual(labels);
    const shares = result.decisions.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  it('leaves alone what it is told to keep', async () => {
    const { labels } = mislabelled(truth, 0.2, 3);
    const { decisions } = await audit(labels);
    const keep = decisions.slice(0, 5).map(({ row }) => row);
    const result = await audit(labels, { keep });
    for (const row of keep) expect(result.labels[row]).toBe(labels[row]);
    expect(result.decisions.some(({ row }) => keep.includes(row))).toBe(false);
    expect(result.decisions.length).toBeGreaterThan(decisions.length / 2);
  });

  it('is the same each time, and stops when told to', async () => {
    const { labels } = mislabelled(truth, 0.2, 4);
    expect(await audit(labels)).toEqual(await audit(labels));
    expect((await audit(labels, { rounds: 1 })).rounds).toBe(1);
    await expect(audit(labels, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
  });

  it('leaves the only row of a class alone', async () => {
    const labels = truth.map((label, row) => (row === 5 ? 'alone' : label));
    const result = await audit(labels);
    expect(result.labels[5]).toBe('alone');
  });
});
