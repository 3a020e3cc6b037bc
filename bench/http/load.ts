// Clients on loopback: one after the other (closed), or at a fixed rate whatever the answers do (open). What they measure is
// the time from the first byte sent to the last byte read.

import { Agent, request } from 'node:http';

export interface Call {
  readonly method: 'POST' | 'PUT';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly ms: number;
  readonly retryAfter: string | undefined;
}

/** The query of one photo, as a form. */
export function photoQuery(path: string, photo: Buffer): Call {
  const boundary = '----attractor-bench';
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: image/jpeg\r\n\r\n`;
  return {
    method: 'POST',
    path,
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), photo, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}

export function jsonCall(method: Call['method'], path: string, body: unknown): Call {
  return {
    method,
    path,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}

export class Client {
  readonly #url: URL;
  readonly #agent: Agent;

  constructor(url: string) {
    this.#url = new URL(url);
    this.#agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  }

  send(call: Call): Promise<Answer> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.#url;
      const { method, path, body } = call;
      const headers = { ...call.headers, 'content-length': body.length };
      const sent = request({ hostname, port, method, path, headers, agent: this.#agent }, (response) => {
        response.on('data', () => {});
        response.on('error', reject);
        response.on('end', () => {
          const retryAfter = response.headers['retry-after'];
          resolve({ status: response.statusCode!, ms: performance.now() - began, retryAfter });
        });
      });
      // The server had just closed a connection that had nothing to do for long.
      sent.on('error', (error: NodeJS.ErrnoException) =>
        sent.reusedSocket && error.code === 'ECONNRESET' ? resolve(this.send(call)) : reject(error),
      );
      sent.end(body);
    });
  }

  /** `clients` that each ask again as soon as they have their answer, for so many milliseconds. */
  async closed(options: { calls: readonly Call[]; clients: number; ms: number }): Promise<Answer[]> {
    const { calls, clients, ms } = options;
    const answers: Answer[] = [];
    const end = performance.now() + ms;
    let next = 0;
    const one = async () => {
      while (performance.now() < end) answers.push(await this.send(calls[next++ % calls.length]!));
    };
    await Promise.all(Array.from({ length: clients }, one));
    return answers;
  }

  /** So many calls a second, whatever the answers do. */
  async open(options: { calls: readonly Call[]; perSecond: number; ms: number }): Promise<Answer[]> {
    const { calls, perSecond, ms } = options;
    const began = performance.now();
    const answers: Promise<Answer>[] = [];
    for (;;) {
      const now = performance.now() - began;
      while (answers.length < (Math.min(now, ms) * perSecond) / 1000) {
        answers.push(this.send(calls[answers.length % calls.length]!));
      }
      if (now >= ms) return Promise.all(answers);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  close(): void {
    this.#agent.destroy();
  }
}

const round = (x: number) => Math.round(x * 100) / 100;

/** Percentiles in milliseconds. */
export function spread(values: readonly number[]): {
  count: number;
  p50: number;
  p90: number;
  p99: number;
  most: number;
} {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN);
  return { count: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99), most: at(1) };
}
