// The process's log: JSON lines for machines, one readable line each where a person is watching a terminal.

import { pino } from 'pino';

export type Log = pino.Logger;

export function createLog(options: { level: string }): Log {
  const { level } = options;
  const settings = {
    level,
    base: undefined,
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { error: pino.stdSerializers.err },
  };
  return process.stdout.isTTY
    ? pino(settings, { write: (line) => process.stdout.write(readable(line)) })
    : pino(settings);
}

/** `12:30:01 warn  message  key=value ...` */
function readable(line: string): string {
  const { level, time, msg, err, error = err, ...fields } = JSON.parse(line);
  const name = pino.levels.labels[level] ?? String(level);
  const rest = Object.entries(fields).map(
    ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const stack = error?.stack === undefined ? '' : `\n${error.stack}`;
  return `${time.slice(11, 19)} ${name.padEnd(5)} ${msg}${rest.length > 0 ? `  ${rest.join(' ')}` : ''}${stack}\n`;
}
