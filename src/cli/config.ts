// `attractor config`: the settings of a server started here, and where each comes from.

import type { Command } from 'commander';

export function addConfig(program: Command): void {
  program
    .command('config')
    .description(
      'Print the settings that a server started here would have, and where each comes from. Secrets are not shown.',
    )
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample:\n  ATTRACTOR_CONFIG=/etc/attractor.json attractor config')
    .action(async (flags: { json?: boolean }) => {
      const { readSettings } = await import('../../server/settings.ts');
      const { file, settings, unknown } = readSettings({ env: process.env, cwd: process.cwd() });
      if (flags.json) {
        console.log(JSON.stringify({ file, settings, unknown }, null, 2));
        return;
      }
      console.log(`file: ${file ?? 'none'}`);
      const { defaultScanThreads } = await import('../../server/config.ts');
      const { BATCHING, defaultProcesses } = await import('../embed/options.ts');
      const batching = (key: keyof typeof BATCHING.cpu) =>
        `${BATCHING.cpu[key]} on CPU, ${BATCHING.cuda[key]} on CUDA`;
      /** Defaults that depend on the machine, or on the provider that a model finds. */
      const workedOut: Record<string, unknown> = {
        ATTRACTOR_EMBED_PROCESSES: defaultProcesses(),
        ATTRACTOR_SCAN_THREADS: defaultScanThreads(),
        ATTRACTOR_EMBED_MAX_BATCH: batching('max'),
        ATTRACTOR_EMBED_MAX_BULK_BATCH: batching('maxBulk'),
        ATTRACTOR_EMBED_MAX_DELAY_MS: batching('maxDelay'),
        ATTRACTOR_URL_PORTS: '80,443',
      };
      const shown = settings.map(({ name, value }) => {
        const none = value === undefined || (Array.isArray(value) && value.length === 0);
        return String(none ? (workedOut[name] ?? '(none)') : value);
      });
      const widths = [settings.map(({ name }) => name), shown].map((texts) =>
        Math.max(...texts.map(({ length }) => length)),
      );
      settings.forEach(({ name, from }, i) => {
        console.log(`${name.padEnd(widths[0]!)}  ${shown[i]!.padEnd(widths[1]!)}  ${from}`);
      });
      for (const name of unknown) console.error(`warning: ${name} is no setting`);
    });
}
