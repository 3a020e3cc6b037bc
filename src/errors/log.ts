// The Logger port: what layers below server/ and cli/ may say. pino's logger satisfies it as it is.

export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
