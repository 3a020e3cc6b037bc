// Classes by number, as the trainer and the field take them.

/** Class of every row, numbered by first appearance. */
export function classNumbers(labels: readonly string[]): Int32Array {
  const classOf = new Map<string, number>();
  for (const label of labels) if (!classOf.has(label)) classOf.set(label, classOf.size);
  return Int32Array.from(labels, (label) => classOf.get(label)!);
}
