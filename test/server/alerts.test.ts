// The alert rules of docs/operations.md by Prometheus' own promtool, where it is there (Debian: prometheus): they are rules,
// each fires when it should and is silent when it should be. That their metrics exist is for test/arch.

import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROMTOOL = process.env.PROMTOOL ?? 'promtool';
const DOCUMENT = resolve(import.meta.dirname, '../../docs/operations.md');
const found = (() => {
  try {
    execFileSync(PROMTOOL, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    process.stderr.write('alert rules are not run: no promtool in PATH or PROMTOOL\n');
    return false;
  }
})();

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'attractor-alerts-'));
const rules = join(folder, 'rules.yml');
beforeAll(() => {
  const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(DOCUMENT, 'utf8'))!;
  writeFileSync(rules, yaml!);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Series as promtool writes them, `from+step x times`, that bring the alert about by `minutes`, and some that do not. */
const CASES: Record<string, { minutes: number; fires: Series; silent: Series }> = {
  Down: { minutes: 3, fires: { 'up{job="attractor"}': '0x10' }, silent: { 'up{job="attractor"}': '1x10' } },
  Errors: {
    minutes: 10,
    fires: { 'attractor_http_requests_total{status="500"}': '0+1x20' },
    silent: { 'attractor_http_requests_total{status="503"}': '0+1x20' },
  },
  Overloaded: {
    minutes: 20,
    fires: {
      'attractor_http_requests_total{status="200"}': '0+98x30',
      'attractor_http_requests_total{status="429"}': '0+2x30',
    },
    silent: {
      'attractor_http_requests_total{status="200"}': '0+9999x30',
      'attractor_http_requests_total{status="429"}': '0+1x30',
    },
  },
  Slow: {
    minutes: 20,
    fires: slow('2.5'),
    silent: slow('0.5'),
  },
  RecallLow: {
    minutes: 5,
    fires: recall('0.9', '100'),
    silent: recall('0.9', '3'),
  },
  EmbedderDies: {
    minutes: 15,
    fires: { 'attractor_embed_crashed_total{model="m"}': '0+1x20' },
    silent: { 'attractor_embed_crashed_total{model="m"}': '0x10 1x10' },
  },
  EmbedderGone: {
    minutes: 10,
    fires: { 'attractor_embed_processes{model="m", state="live"}': '2x3 0x10' },
    silent: { 'attractor_embed_processes{model="m", state="live"}': '2x3 0x1 1x10' },
  },
  TaskFailed: {
    minutes: 10,
    fires: { 'attractor_tasks_ended_total{status="failed", type="import"}': '0x5 1x15' },
    silent: { 'attractor_tasks_ended_total{status="canceled", type="import"}': '0x5 1x15' },
  },
  ImportRowsFail: { minutes: 20, fires: rows('0+3x20', '0+1x20'), silent: rows('0+1x20', '0+3x20') },
  ImportStalls: { minutes: 30, fires: importing('100x40'), silent: importing('100+1x40') },
  NotIndexed: {
    minutes: 40,
    fires: indexed('60000x50'),
    silent: indexed('60000x20 120000x30'),
  },
};

type Series = Record<string, string>;

function slow(le: string): Series {
  const bucket = (le: string) =>
    `attractor_http_request_duration_seconds_bucket{route="/v1/collections/:collection/query", le="${le}"}`;
  return {
    [bucket('0.5')]: le === '0.5' ? '0+60x30' : '0x30',
    [bucket('2.5')]: '0+60x30',
    [bucket('+Inf')]: '0+60x30',
  };
}

function recall(value: string, queries: string): Series {
  const labels = '{collection="shop", plan="graph", filter="none"}';
  return {
    [`attractor_recall${labels}`]: `${value}x10`,
    [`attractor_recall_audited_queries${labels}`]: `${queries}x10`,
  };
}

function rows(failed: string, succeeded: string): Series {
  return {
    'attractor_task_items_total{type="import", result="failed", instance="a"}': failed,
    'attractor_task_items_total{type="import", result="succeeded", instance="a"}': succeeded,
  };
}

function importing(items: string): Series {
  return {
    'attractor_tasks{type="import", status="processing", instance="a"}': '1x40',
    ...rows('7x40', items),
  };
}

function indexed(indexed: string): Series {
  return {
    'attractor_collection_items{collection="shop"}': '120000x50',
    'attractor_collection_indexed_items{collection="shop"}': indexed,
  };
}

describe.skipIf(!found)('the alerts of docs/operations.md', () => {
  test('are rules, and each has a case here', async () => {
    const { stdout } = await run(PROMTOOL, ['check', 'rules', rules]);
    expect(stdout).toContain(`${Object.keys(CASES).length} rules found`);
    const names = [...readFileSync(rules, 'utf8').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    expect(names).toEqual(Object.keys(CASES));
  });

  test.each(Object.entries(CASES))('%s', async (alertname, { minutes, fires, silent }) => {
    for (const [name, series, firing] of [
      ['fires', fires, true],
      ['silent', silent, false],
    ] as const) {
      const file = join(folder, `${alertname}-${name}.yml`);
      // JSON is YAML. How many series the alert fires for is asked, not with which labels.
      const expr = `count(ALERTS{alertname="${alertname}", alertstate="firing"}) or vector(0)`;
      writeFileSync(
        file,
        JSON.stringify({
          rule_files: [rules],
          tests: [
            {
              interval: '1m',
              input_series: Object.entries(series).map(([series, values]) => ({ series, values })),
              promql_expr_test: [
                { expr, eval_time: `${minutes}m`, exp_samples: [{ labels: '{}', value: firing ? 1 : 0 }] },
              ],
            },
          ],
        }),
      );
      await run(PROMTOOL, ['test', 'rules', file]).catch(({ stdout, stderr }) => {
        throw new Error(`${alertname}, ${name}: ${stdout}${stderr}`);
      });
    }
  });
});
