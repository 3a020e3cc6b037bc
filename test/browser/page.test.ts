// The page in a real browser against a real server: first start, sample, upload, paste, drop, more like this, errors,
// keyboard, a phone's width. Skipped where there is no Chromium.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openKeys } from '../../src/store/keys.ts';
import { type ServerProcess, startServer, tinyHome, untilReady } from '../server/process.ts';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PICTURES = resolve(import.meta.dirname, '../../examples/furniture/images');
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'];

if (!existsSync(CHROMIUM)) process.stderr.write(`browser tests are skipped: no Chromium at ${CHROMIUM}\n`);

describe.skipIf(!existsSync(CHROMIUM))('the page', () => {
  let home: Awaited<ReturnType<typeof tinyHome>>;
  let server: ServerProcess;
  let browser: Browser;
  let page: Page;
  /** What the browser complained of; the 503 of /readyz is the answer "not yet". */
  const complaints: string[] = [];

  beforeAll(async () => {
    home = await tinyHome();
    [server, browser] = await Promise.all([
      startServer({ folder: home.folder }),
      chromium.launch({
        executablePath: CHROMIUM,
        args: [...FLAGS, '--disable-background-networking', '--disable-component-update'],
      }),
    ]);
  });
  afterEach(async () => {
    await page.context().close();
    expect(complaints.splice(0)).toEqual([]);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.stop('SIGKILL');
    await home?.remove();
  });

  async function open(options: { width?: number; height?: number } = {}): Promise<void> {
    const { width = 1280, height = 860 } = options;
    const context = await browser.newContext({ viewport: { width, height } });
    page = await context.newPage();
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of 4|status of 503/.test(message.text()))
        complaints.push(message.text());
    });
    await page.goto(server.url);
  }

  const cards = () => page.locator('.card');
  const photo = (id: string) => readFile(join(PICTURES, `${id}.jpg`));

  test('during the first start it shows the progress, and answers already', async () => {
    await open();
    await page.waitForSelector('#progress:not([hidden])');
    expect(await page.textContent('#progress-words')).toMatch(/^\d+ of 927 photos are searchable\.$/);
    await page.waitForSelector('.samples button');
    await untilReady(server.url);
    await page.waitForSelector('#progress', { state: 'hidden' });
    expect(await page.textContent('#count')).toBe('927 photos');
  });

  test('a sample room gives products with score, name, category, views, time and licence', async () => {
    await open();
    const samples = page.locator('.samples button');
    await samples.first().waitFor();
    expect(await samples.count()).toBeGreaterThan(5);
    await samples.nth(1).click();
    await cards().first().waitFor();
    expect(await cards().count()).toBe(24);
    expect(await page.textContent('#summary')).toMatch(
      /^24 products in [\d.]+\sms \(reading the photo [\d.]+\sms, searching [\d.]+\sms\)$/,
    );
    const first = cards().first();
    expect(await first.locator('h3').textContent()).toMatch(/\w/);
    expect(await first.locator('.kind').textContent()).toMatch(/\w/);
    expect(await first.locator('.score data').textContent()).toMatch(/^[01]\.\d\d$/);
    expect(await first.locator('.views button').count()).toBe(3);
    expect(await first.locator('.licence').textContent()).toMatch(/^\S+ · CC/);
    const scores = await page
      .locator('.score data')
      .evaluateAll((all) => all.map((one) => Number(one.getAttribute('value'))));
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const width = () => page.evaluate("document.querySelector('.card .shot img').naturalWidth");
    await expect.poll(width).toBe(224);
    expect(await page.locator('#photo').isVisible()).toBe(true);
    expect(await samples.nth(1).getAttribute('aria-pressed')).toBe('true');
    expect(await page.locator('#attribution a').getAttribute('href')).toBe('/samples/attribution');
  });

  test('a chosen file finds its own product; another view of it can be looked at; more like this goes on', async () => {
    await open();
    await page.setInputFiles('#file', {
      name: 'x.jpg',
      mimeType: 'image/jpeg',
      buffer: await photo('f0002-0'),
    });
    await cards().first().waitFor();
    const first = cards().first();
    expect(await first.locator('.score data').textContent()).toBe('1.00');
    const shown = () => first.locator('.shot img').getAttribute('src');
    expect(await shown()).toContain('f0002-0');
    await first.locator('.views button').nth(1).click();
    expect(await shown()).not.toContain('f0002-0');
    expect(await first.locator('.score data').textContent()).not.toBe('1.00');
    const asked = page.waitForRequest((request) => request.url().endsWith('/query/groups'));
    await cards().nth(2).locator('.shot').click();
    expect((await asked).postDataJSON()).toMatchObject({ id: expect.stringMatching(/^f\d{4}-\d$/) });
    await expect.poll(() => page.textContent('#summary')).toMatch(/\(searching/);
  });

  test.each(['paste', 'drop'])('a photo can come by %s', async (way) => {
    await open();
    await page.waitForSelector('.samples button');
    const base64 = (await photo('f0004-0')).toString('base64');
    // As text, because these types are the browser's.
    await page.evaluate(`{
      const bytes = Uint8Array.from(atob('${base64}'), (c) => c.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], 'x.jpg', { type: 'image/jpeg' }));
      const init = { bubbles: true, cancelable: true, clipboardData: transfer, dataTransfer: transfer };
      document.body.dispatchEvent(
        '${way}' === 'drop' ? new DragEvent('drop', init) : new ClipboardEvent('paste', init),
      );
    }`);
    await cards().first().waitFor();
    expect(await cards().first().locator('.shot img').getAttribute('src')).toContain('f0004-0');
  });

  test('a file that is no picture gets a kind word, and the next photo works', async () => {
    await open();
    await page.waitForSelector('.samples button');
    await page.setInputFiles('#file', {
      name: 'x.jpg',
      mimeType: 'image/jpeg',
      buffer: Buffer.from('hello'),
    });
    await page.waitForSelector('#problem:not([hidden])');
    expect(await page.textContent('#problem')).toMatch(/not a picture.*image_unsupported · request /);
    expect(await cards().count()).toBe(0);
    await page.setInputFiles('#file', {
      name: 'x.jpg',
      mimeType: 'image/jpeg',
      buffer: await photo('f0002-0'),
    });
    await cards().first().waitFor();
    expect(await page.locator('#problem').isVisible()).toBe(false);
  });

  test('offers only collections that a photo can be searched in', async () => {
    const url = `${server.url}/v1/collections/vectors`;
    const headers = { 'content-type': 'application/json' };
    await fetch(url, { method: 'PUT', headers, body: '{"dimension": 3}' });
    await open();
    // A selector, not a script: under the page's content security policy a polled script is refused from its second turn.
    await page.waitForSelector('#count:not(:empty)');
    expect(await page.locator('#collection option').allTextContents()).toEqual(['shop']);
    expect(await page.isHidden('#collection')).toBe(true);
    await fetch(url, { method: 'DELETE' });
  });

  test('everything can be reached by keyboard', async () => {
    await open();
    await page.waitForSelector('.samples button');
    const chooser = page.waitForEvent('filechooser');
    await page.locator('#choose').focus();
    await page.keyboard.press('Enter');
    await (await chooser).setFiles({ name: 'x.jpg', mimeType: 'image/jpeg', buffer: await photo('f0002-0') });
    await cards().first().waitFor();
    await cards().first().locator('.shot').focus();
    const asked = page.waitForRequest((request) => request.url().endsWith('/query/groups'));
    await page.keyboard.press('Enter');
    expect((await asked).postDataJSON()).toMatchObject({ id: 'f0002-0' });
  });

  test('a phone shows two columns and nothing that is wider than the screen', async () => {
    await open({ width: 375, height: 720 });
    await page.locator('.samples button').first().click();
    await cards().first().waitFor();
    const [a, b] = [await cards().nth(0).boundingBox(), await cards().nth(1).boundingBox()];
    expect(a!.y).toBe(b!.y);
    expect(b!.x + b!.width).toBeLessThanOrEqual(375);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(375);
  });

  test('where the server has keys it asks for one, keeps it for the tab, and shows the pictures with it', async () => {
    const keys = openKeys({ directory: join(home.folder, 'data') });
    const made = keys.create({ scope: 'search', created: '2026-11-28', secret: new Uint8Array(32).fill(3) });
    try {
      // The server looks for new keys twice a second.
      await expect.poll(async () => (await fetch(`${server.url}/v1/collections`)).status).toBe(401);
      await open();
      await page.waitForSelector('#key:not([hidden])');
      await page.fill('#key-text', 'ak_wrong');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#problem:not([hidden])');
      expect(await page.textContent('#problem')).toMatch(/API key is not known.*unauthorized/);
      await page.fill('#key-text', made.key);
      await page.keyboard.press('Enter');
      await expect.poll(() => page.textContent('#count')).toBe('927 photos');
      expect(await page.locator('#key').isVisible()).toBe(false);
      await page.locator('.samples button').first().click();
      await cards().first().waitFor();
      const picture = cards().first().locator('.shot img');
      await expect.poll(() => picture.getAttribute('src')).toMatch(/^blob:/);
      await expect
        .poll(() => page.evaluate("document.querySelector('.card .shot img').naturalWidth"))
        .toBe(224);
      await cards().nth(1).locator('.shot').click();
      await expect.poll(() => page.evaluate("document.querySelector('#photo').naturalWidth")).toBe(224);
      await page.reload();
      await expect.poll(() => page.textContent('#count')).toBe('927 photos');
    } finally {
      keys.revoke(made.id);
      keys.close();
    }
  });
});
