// Body of POST /v1/embeddings, in OpenAI's words, with images where it has texts.

import { z } from 'zod';
import { strict } from '../http/validate.ts';

const MODEL = 'the name of a model folder';
const options = {
  model: z.string(MODEL).regex(/^[\w.-]{1,64}$/, MODEL),
  encoding_format: z.enum(['float', 'base64'], 'float or base64').default('float'),
  /** Can only be what the model has. */
  dimensions: z.int('an integer').optional(),
  /** OpenAI's clients send it; it is not looked at. */
  user: z.string('a string').optional(),
};

const IMAGE = 'base64 text, a data URI, a URL, or {"image": "..."}';
const one = z
  .union([z.string(), strict({ image: z.string() })], IMAGE)
  .transform((value) => (typeof value === 'string' ? value : value.image));

export const embeddingsBody = (limit: number) => {
  const many = `one image or 1 to ${limit}: ${IMAGE}`;
  return strict({ input: z.union([one, z.array(one).min(1).max(limit)], many), ...options });
};

/** With an uploaded image the form's fields hold only options. */
export const embeddingsForm = strict(options);
