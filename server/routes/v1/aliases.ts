// /v1/collections/aliases, /v1/aliases and /v1/collections/{collection}/aliases

import { z } from 'zod';
import type { AliasAction, AliasInfo, Catalogue } from '../../../src/catalogue/types.ts';
import { AttractorError } from '../../../src/errors/error.ts';
import { answered } from '../../http/idempotency.ts';
import type { Route } from '../../http/route.ts';
import { parse } from '../../http/validate.ts';
import { changeAliases } from '../../schemas/aliases.ts';
import * as replies from '../../schemas/replies.ts';

export function aliasRoutes({ catalogue }: { catalogue: Catalogue }): Route[] {
  return [
    {
      method: 'post',
      path: '/v1/collections/aliases',
      reads: 'json',
      once: true,
      scope: 'admin',
      doc: { summary: 'Change aliases, all or none', body: changeAliases, result: z.literal(true) },
      handle({ fields, record }) {
        const actions = parse(changeAliases, fields).actions.map(toAction);
        return answered(
          record,
          () => ({ result: true }),
          (onWritten) => catalogue.changeAliases({ actions, onWritten }),
        ).catch((error: unknown) => {
          throw inQdrantsWords(error);
        });
      },
    },
    {
      method: 'get',
      path: '/v1/aliases',
      scope: 'search',
      ownCollections: true,
      doc: { summary: 'All aliases', result: replies.aliases },
      handle({ mayUse }) {
        const own = catalogue.aliases().filter(({ collection }) => mayUse(collection));
        return { result: { aliases: own.map(showAlias) } };
      },
    },
    {
      method: 'get',
      path: '/v1/collections/:collection/aliases',
      doc: { summary: 'Aliases of a collection', result: replies.aliases },
      handle({ params }) {
        const { name } = catalogue.collection(params.collection!).info;
        const own = catalogue.aliases().filter(({ collection }) => collection === name);
        return { result: { aliases: own.map(showAlias) } };
      },
    },
  ];
}

type Action = z.output<typeof changeAliases>['actions'][number];

function toAction({ create_alias: create, delete_alias: gone, rename_alias: rename }: Action): AliasAction {
  if (create) return { create: { alias: create.alias_name, collection: create.collection_name } };
  if (gone) return { delete: { alias: gone.alias_name } };
  return { rename: { from: rename!.old_alias_name, to: rename!.new_alias_name } };
}

const WORDS: Record<string, string> = {
  alias: 'create_alias.alias_name',
  collection: 'create_alias.collection_name',
  from: 'rename_alias.old_alias_name',
  to: 'rename_alias.new_alias_name',
};

/** What the library calls `actions[0].from` has another name in the body. */
function inQdrantsWords(error: unknown): unknown {
  const at = error instanceof AttractorError && error.field?.match(/^(actions\[\d+\])\.(\w+)$/);
  if (!at) return error;
  const { code, message, expected, received } = error;
  const [, where, part] = at;
  return new AttractorError(code, message, { field: `${where}.${WORDS[part!]}`, expected, received });
}

function showAlias({ alias, collection }: AliasInfo): object {
  return { alias_name: alias, collection_name: collection };
}
