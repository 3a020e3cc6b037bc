// /metrics, for Prometheus.

import type { Route } from '../http/route.ts';
import type { Metrics } from '../metrics/metrics.ts';

export function metricsRoutes({ metrics }: { metrics: Metrics }): Route[] {
  return [
    {
      method: 'get',
      path: '/metrics',
      scope: 'admin',
      doc: { summary: 'What Prometheus reads', media: { 'text/plain': undefined } },
      async handle() {
        const { text, contentType } = await metrics.read();
        return { bytes: Buffer.from(text), headers: { 'Content-Type': contentType } };
      },
    },
  ];
}
