// Body of POST /v1/collections/aliases, in Qdrant's words.

import { z } from 'zod';
import { strict } from '../http/validate.ts';
import { name } from './common.ts';

const ONE = 'exactly one of create_alias, delete_alias, rename_alias';
const action = strict({
  create_alias: strict({ collection_name: name, alias_name: name }).optional(),
  delete_alias: strict({ alias_name: name }).optional(),
  rename_alias: strict({ old_alias_name: name, new_alias_name: name }).optional(),
}).refine((value) => Object.keys(value).length === 1, ONE);

const MANY = 'an array of 1 to 1000 actions';
export const changeAliases = strict({ actions: z.array(action, MANY).min(1, MANY).max(1000, MANY) });
