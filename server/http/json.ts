// JSON of parts that are text already: the hits of a query are the same items again and again, and are written once.

/** A value as its JSON. */
export class Written {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }

  /** Right, if slow, wherever JSON.stringify meets it. */
  toJSON(): unknown {
    return JSON.parse(this.json);
  }
}

export const jsonOf = (value: unknown): string =>
  value instanceof Written ? value.json : JSON.stringify(value);

export const writeList = (values: readonly unknown[]) => new Written(`[${values.map(jsonOf).join()}]`);

/** The members of all parts. Names are the program's own: they need no escape. Without the members that are undefined. */
export function writeObject(...parts: readonly Readonly<Record<string, unknown>>[]): Written {
  let json = '';
  for (const members of parts) {
    for (const name in members) {
      const value = members[name];
      if (value !== undefined) json += `${json === '' ? '' : ','}"${name}":${jsonOf(value)}`;
    }
  }
  return new Written(`{${json}}`);
}
