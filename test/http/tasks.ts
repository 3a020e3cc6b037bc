// Waits for a task over HTTP, as a client would.

import type { TestShop } from './shop.ts';

export async function ended(shop: Pick<TestShop, 'http'>, uid: number) {
  for (;;) {
    const { result } = (await shop.http.get(`/v1/tasks/${uid}`)).body;
    if (result.finished_at !== null) return result;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
