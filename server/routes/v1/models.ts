// /v1/models, /v1/models/{name}, and /v1/embeddings in OpenAI's shape.

import type { Catalogue } from '../../../src/catalogue/types.ts';
import { AttractorError, invalid } from '../../../src/errors/error.ts';
import { findModel, type ListedModel, listModels } from '../../../src/model/list.ts';
import { createImageReader, type ImageReading, type ImageSource } from '../../http/image.ts';
import type { Call, Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import { embeddingsBody, embeddingsForm } from '../../schemas/embeddings.ts';
import * as replies from '../../schemas/task-replies.ts';

export function modelRoutes(
  options: ImageReading & {
    catalogue: Catalogue;
    /** Where the model folders are. */
    models: string;
  },
): Route[] {
  const { catalogue, limits, models: folder } = options;
  const body = embeddingsBody(limits.itemsPerCall);
  return [
    {
      method: 'get',
      path: '/v1/models',
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'All models', result: replies.modelList },
      handle: async () => ({ result: { models: (await listModels({ folder })).map(showModel) } }),
    },
    {
      method: 'get',
      path: '/v1/models/:name',
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'One model: contract, provenance, quality', result: replies.oneModel },
      async handle({ params }) {
        const found = await findModel({ folder, name: params.name! });
        const { preprocess, provenance } = found.manifest;
        return { result: { ...showModel(found), preprocess, provenance } };
      },
    },
    {
      method: 'post',
      path: '/v1/embeddings',
      reads: 'json or upload',
      scope: 'search',
      ownCollections: true,
      doc: {
        summary: "Vectors of images, in OpenAI's shape",
        body,
        form: embeddingsForm,
        media: { 'application/json': replies.embeddings },
      },
      async handle(call) {
        const { images, model, format, dimensions } = await ask(call);
        const { manifest } = await findModel({ folder, name: model });
        if (dimensions !== undefined && dimensions !== manifest.dimension) {
          throw invalid('dimensions', `${manifest.dimension}, as the model has`, dimensions);
        }
        const embedder = await catalogue.embedder(model);
        const results = await embedder.embed({ images, signal: call.stop.signal });
        const data = results.map((result, index) => {
          // One answer for all of them, so the failure of one is the answer's failure.
          if ('error' in result) throw at(`input[${index}]`, result.error);
          return { object: 'embedding', index, embedding: shown(result.vector, format) };
        });
        // Images have no tokens; clients want the numbers all the same.
        const usage = { prompt_tokens: 0, total_tokens: 0 };
        const answer = { object: 'list', data, model, fingerprint: embedder.fingerprint, usage };
        return {
          bytes: Buffer.from(JSON.stringify(answer)),
          headers: { 'Content-Type': 'application/json; charset=utf-8' },
        };
      },
    },
  ];

  async function ask({ fields, image, stop }: Call) {
    if (image) {
      const text = fields as Record<string, unknown>;
      const dimensions = text.dimensions === undefined ? undefined : Number(text.dimensions);
      const { model, encoding_format: format } = parse(embeddingsForm, { ...text, dimensions });
      return { images: [image], model, format, dimensions };
    }
    const { input, model, encoding_format: format, dimensions } = parse(body, fields);
    const texts = Array.isArray(input) ? input : [input];
    const reader = createImageReader(options);
    const images = await Promise.all(
      texts.map((text, i) =>
        reader.read({ source: sourceOf(text), field: `input[${i}]`, signal: stop.signal }),
      ),
    );
    return { images, model, format, dimensions };
  }
}

const sourceOf = (text: string): ImageSource => (/^https?:/i.test(text) ? { url: text } : { base64: text });

function at(field: string, error: AttractorError): AttractorError {
  const { code, message, expected, received, cause } = error;
  return new AttractorError(code, `${field}: ${message}`, { field, expected, received, cause });
}

function shown(vector: Float32Array, format: 'float' | 'base64'): number[] | string {
  if (format === 'float') return Array.from(vector);
  return Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength).toString('base64');
}

function showModel({ name, manifest }: ListedModel): object {
  const { kind, dimension, metric, fingerprint, quality } = manifest;
  return { name, kind, dimension, metric, fingerprint, quality };
}
