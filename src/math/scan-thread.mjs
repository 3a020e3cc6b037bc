// A helper's thread: see scan-threads.ts. Plain JavaScript, so that it starts without a loader.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';

const { control, number: own, crew } = workerData;
const memories = new Map();

for (let calls = 0; ; ) {
  Atomics.wait(control, 0, calls);
  calls = Atomics.load(control, 0);
  const wanted = Atomics.load(control, 1);
  if (wanted < 0) break;
  while (!memories.has(wanted)) {
    const received = receiveMessageOnPort(parentPort);
    if (!received) break;
    const { number, at, module, memory } = received.message;
    memories.set(number, { at, kernel: new WebAssembly.Instance(module, { env: { memory } }).exports });
  }
  const { kernel, at } = memories.get(wanted) ?? {};
  kernel?.help(at, own, crew);
}
