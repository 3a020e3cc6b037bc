// `attractor doctor`: what this machine has, what is missing and how to get it, whether the models are whole, and whether
// a server can start here (doctor-server.ts).

import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { asAttractorError } from '../errors/error.ts';
import { builtForAvx2, cpuHasAvx2 } from './cpu.ts';
import { examineServer } from './doctor-server.ts';
import { MODELS } from './model.ts';
import { setting } from './settings.ts';

export interface Finding {
  readonly what: string;
  readonly found: string;
  /** False: Attractor does not work without it. */
  readonly fine: boolean;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'Say what this machine has, what is missing and how to get it. Exit code 1 where something is broken.',
    )
    .option('--models <folder>', "folder of the models to check (default: the server's)")
    .action(async (options: { models?: string }) => {
      const findings = await examine(options);
      const width = Math.max(...findings.map(({ what }) => what.length));
      for (const { what, found, fine } of findings) {
        console.log(`${fine ? ' ' : '!'} ${what.padEnd(width)}  ${found}`);
      }
      if (findings.some(({ fine }) => !fine)) process.exitCode = 1;
    });
}

async function examine(options: { models?: string }): Promise<Finding[]> {
  const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
  return [
    {
      what: 'node',
      found: `${process.versions.node} (20.18.1 or newer is needed)`,
      fine: major > 20 || (major === 20 && minor >= 18),
    },
    { what: 'cores', found: String(availableParallelism()), fine: true },
    await images(),
    await onnxruntime(),
    graph(),
    ...(await training()),
    ...(await models(options.models ?? setting('ATTRACTOR_MODELS') ?? MODELS)),
    ...(await examineServer({ withModel: options.models === undefined })),
  ];
}

async function images(): Promise<Finding> {
  try {
    const { sharp } = await import('../image/libvips.ts');
    return { what: 'sharp', found: `${sharp.versions.sharp}, libvips ${sharp.versions.vips}`, fine: true };
  } catch (error) {
    return { what: 'sharp', found: `does not load: ${firstLine(error)}`, fine: false };
  }
}

async function onnxruntime(): Promise<Finding> {
  const what = 'onnxruntime';
  try {
    const { listProviders } = await import('../runtime/session.ts');
    const providers = await listProviders();
    return { what, found: `providers ${providers.join(', ')}`, fine: providers.includes('cpu') };
  } catch (error) {
    return { what, found: `does not load: ${firstLine(error)}`, fine: false };
  }
}

function graph(): Finding {
  const what = 'hnswlib-node';
  const able = cpuHasAvx2();
  if (builtForAvx2()) {
    const found = able
      ? 'built with AVX2'
      : 'built with AVX2, which this CPU lacks: npm rebuild hnswlib-node';
    return { what, found, fine: able };
  }
  const optional = able ? '; optional: npm run build:avx2 builds graphs of large collections faster' : '';
  return { what, found: `portable build${optional}`, fine: true };
}

/** What training can run on, and what it does run on where nothing else is asked for. */
async function training(): Promise<Finding[]> {
  try {
    const { chooseEngine, listDevices } = await import('../../training/engine/devices.ts');
    const devices = (await listDevices()).map(({ name, found, install }): Finding => {
      const missing = install ? `${found}; optional: ${install}` : found;
      return { what: `train on ${name}`, found: missing, fine: true };
    });
    const { description } = await chooseEngine();
    return [...devices, { what: 'train by default', found: description, fine: true }];
  } catch (error) {
    return [{ what: 'train', found: firstLine(error), fine: false }];
  }
}

async function models(folder: string): Promise<Finding[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  if (names.length === 0) return [{ what: 'models', found: `none in ${folder}`, fine: false }];
  const { loadModel } = await import('../model/load.ts');
  return Promise.all(
    names.sort().map(async (name): Promise<Finding> => {
      const what = `model ${name}`;
      try {
        const { manifest, fingerprint } = await loadModel({ directory: join(folder, name) });
        return { what, found: `${manifest.kind}, ${manifest.dimension} numbers, ${fingerprint}`, fine: true };
      } catch (error) {
        return { what, found: asAttractorError(error).message, fine: false };
      }
    }),
  );
}

const firstLine = (error: unknown) => String((error as Error).message).split('\n')[0]!;
