// The process: environment, log, signals, exit codes. What runs in it, from opening the folder to an orderly end, is serve.ts.

import { asAttractorError } from '../src/errors/error.ts';
import { createLog, type Log } from './log.ts';
import { type Ends, serve } from './serve.ts';
import { readSettings, type Settings } from './settings.ts';

/** Exit codes: bad input, and what could not be finished in time. */
const BAD_INPUT = 2;
const FORCED = 1;
/** For requests in flight; and for saving all, where these had to be cut off. */
const DRAIN_MS = 10_000;
const CUT_MS = 3_000;

async function main(): Promise<void> {
  const settings = settled();
  const { config } = settings;
  const log = createLog({ level: config.logLevel });
  logSettings(settings, log);
  const ends = onSignal(log);
  try {
    await serve(config, log, ends);
  } catch (thrown) {
    const error = asAttractorError(thrown);
    // The sentence says what to do. Where it came from is for who asks, and for what nobody foresaw.
    const traced = error.code === 'internal' || log.isLevelEnabled('debug');
    log.fatal({ code: error.code, ...(traced && { err: error.cause ?? error }) }, error.message);
    process.exitCode = error.status < 500 ? BAD_INPUT : FORCED;
  }
  // Whatever a library left running must not keep a stopped server alive.
  process.exit();
}

function settled(): Settings {
  try {
    return readSettings({ env: process.env, cwd: process.cwd() });
  } catch (error) {
    process.stderr.write(`${asAttractorError(error).message}\n`);
    process.exit(BAD_INPUT);
  }
}

/** What differs from the defaults, in one line. */
function logSettings({ file, settings, unknown }: Settings, log: Log): void {
  const differing = settings.filter(({ differs }) => differs).map(({ name, value }) => [name, value]);
  log.info({ file, settings: Object.fromEntries(differing) }, 'Settings that differ from the defaults.');
  if (unknown.length > 0)
    log.warn({ unknown }, 'These variables are no settings: attractor config lists them.');
}

/** `stop` at the first SIGTERM or SIGINT; `cut` at the second, or when the drain takes too long. A third one ends the process at once. */
function onSignal(log: Log): Ends {
  const stop = new AbortController();
  const cut = new AbortController();
  const end = () => {
    log.error({}, 'Ended before everything was saved. Nothing that was acknowledged is lost.');
    process.exit(FORCED);
  };
  const cutOff = () => {
    if (cut.signal.aborted) return;
    process.exitCode = FORCED;
    cut.abort();
    setTimeout(end, CUT_MS).unref();
  };
  const handle = (signal: string) => {
    if (cut.signal.aborted) return end();
    if (stop.signal.aborted) return cutOff();
    log.info({ signal }, 'Stopping: requests in flight are finished first.');
    stop.abort();
    setTimeout(cutOff, DRAIN_MS).unref();
  };
  process.on('SIGTERM', handle).on('SIGINT', handle);
  return { stop: stop.signal, cut: cut.signal };
}

await main();
