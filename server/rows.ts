// How a row of an import becomes an item: the same rules as for an item of an upsert. Given to src/tasks, which reads the rows.

import type { ImageFetcher } from '../src/fetch/fetch-image.ts';
import type { RowReading } from '../src/tasks/import-body.ts';
import type { Limits } from './config.ts';
import { decodeBase64Image } from './http/image.ts';
import { parse } from './http/validate.ts';
import { importRow } from './schemas/tasks.ts';

export function rowReading(options: {
  limits: Limits;
  /** Absent: rows with URLs fail. */
  fetcher?: ImageFetcher;
}): RowReading {
  const { limits, fetcher } = options;
  return {
    readRow(value) {
      const { image, ...rest } = parse(importRow, value, 'row');
      if (image === undefined) return rest;
      if ('url' in image) return { ...rest, url: image.url };
      return { ...rest, image: decodeBase64Image({ text: image.base64, field: 'image', limits }) };
    },
    fetchImage: fetcher && (({ url, signal }) => fetcher.fetchImage({ url, field: 'image', signal })),
    maxRowBytes: limits.bodyBytes,
  };
}
