// The page's behaviour: pick a photo, ask /query/groups, show products. Talks to the public API only; no framework,
// no build step.

const GROUPS = 24;
const VIEWS = 4;
const LICENCES = {
  'CC-BY-3.0': ['CC BY 3.0', 'https://creativecommons.org/licenses/by/3.0/'],
  'CC-BY-3.0-US': ['CC BY 3.0 US', 'https://creativecommons.org/licenses/by/3.0/us/'],
  'CC0-1.0': ['CC0 1.0', 'https://creativecommons.org/publicdomain/zero/1.0/'],
};
const KIND_WORDS = {
  image_unsupported:
    'That file is not a picture this shop can read. JPEG, PNG, WebP, GIF, AVIF and TIFF work.',
  image_undecodable: 'That picture is damaged: part of it is missing. Please try another one.',
  image_too_large: 'That picture is too large. Please try a smaller one.',
  body_too_large: 'That picture is too large. Please try a smaller one.',
  invalid_multipart: 'That file is empty. Please choose a photo.',
  overloaded: 'Many people are searching right now. Please try again in a moment.',
  not_ready: 'The shop is still opening. Please try again in a moment.',
  unauthorized: 'This shop is open to those with an API key. Please give yours.',
  rate_limited: 'That were many searches. Please try again in a minute.',
};

const $ = (id) => document.getElementById(id);
const answer = document.querySelector('.answer');
const sampleList = document.querySelector('.samples');

let collection;
let current;
/** Address of the last photo that came as a file. */
let dropped;
/** Addresses of pictures that were fetched with a key, which an img cannot send. */
const fetched = new Map();

class ApiError extends Error {
  constructor(status, error) {
    super(error?.message ?? `The server answered with status ${status}.`);
    this.code = error?.code;
    this.requestId = error?.request_id;
  }
}

/** With the API key, once the server has asked for one. It is kept as long as the tab. */
function ask(path, options = {}) {
  const key = sessionStorage.getItem('api-key');
  return fetch(
    path,
    key === null ? options : { ...options, headers: { ...options.headers, 'api-key': key } },
  );
}

async function api(path, options) {
  const response = await ask(path, options);
  const body = await response.json().catch(() => undefined);
  const wrong = response.status === 401 && askForKey();
  if (!response.ok) throw Object.assign(new ApiError(response.status, body?.error), { wrong });
  return body;
}

// ---- searching

/** `by` is a File or Blob, or the id of an item. `shown` is the address of the photo to display. */
async function search(by, shown, from) {
  current?.abort();
  current = new AbortController();
  const { signal } = current;
  showPhoto(shown, from);
  showProblem();
  setWaiting(true);
  const began = performance.now();
  try {
    const body = await api(`/v1/collections/${encodeURIComponent(collection)}/query/groups`, {
      method: 'POST',
      signal,
      ...request(by),
    });
    showAnswer(body, performance.now() - began, typeof by !== 'string');
  } catch (error) {
    if (signal.aborted) return;
    $('hits').replaceChildren();
    $('summary').hidden = true;
    showProblem(error);
  }
  setWaiting(false);
}

function request(by) {
  const options = { limit: GROUPS, group_size: VIEWS };
  if (typeof by === 'string') {
    return {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id: by, ...options }),
    };
  }
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) form.append(name, String(value));
  form.append('image', by, 'photo');
  return { body: form };
}

function searchFile(file) {
  if (!file) return;
  if (dropped) URL.revokeObjectURL(dropped);
  dropped = URL.createObjectURL(file);
  search(file, dropped);
}

async function searchSample(sample, button) {
  try {
    const photo = await fetch(sample.image);
    await search(await photo.blob(), sample.image, button);
  } catch (error) {
    showProblem(error);
  }
}

// ---- showing

function showPhoto(address, from) {
  const photo = $('photo');
  // A file that is no picture: the server says what is wrong with it, a torn icon would say it worse.
  photo.onerror = () => {
    photo.hidden = true;
    $('drop').classList.remove('has-photo');
  };
  photo.src = address;
  photo.alt = 'The photo that was searched with';
  photo.hidden = false;
  $('drop').classList.add('has-photo');
  $('choose').textContent = 'Another photo';
  for (const button of sampleList.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button === from));
  }
}

function setWaiting(waiting) {
  answer.setAttribute('aria-busy', String(waiting));
  $('hits').classList.toggle('waiting', waiting);
  if (!waiting) {
    for (const ghost of document.querySelectorAll('.ghost')) ghost.remove();
    return;
  }
  $('empty').hidden = true;
  if ($('hits').childElementCount === 0) {
    const ghosts = Array.from({ length: 8 }, () => element('li', { className: 'ghost', ariaHidden: 'true' }));
    $('hits').replaceChildren(...ghosts);
  }
}

function showAnswer({ result, timing }, elapsed, withPhoto) {
  const { groups } = result;
  $('hits').replaceChildren(...groups.map(card));
  const count = groups.length === 1 ? '1 product' : `${groups.length} products`;
  const parts = [
    withPhoto ? `reading the photo ${ms(timing.embed_ms)}` : undefined,
    `searching ${ms(timing.search_ms)}`,
  ];
  $('summary').replaceChildren(
    element('strong', { textContent: `${count} in ${ms(elapsed)}` }),
    ` (${parts.filter(Boolean).join(', ')})`,
  );
  $('summary').hidden = false;
  $('empty').hidden = groups.length > 0;
  $('empty-words').textContent = 'Nothing in the catalogue yet.';
}

function card({ id, hits }) {
  const node = $('card').content.cloneNode(true);
  const find = (selector) => node.querySelector(selector);
  const shot = find('.shot');
  const picture = shot.querySelector('img');
  const score = find('.score data');
  const bar = find('.bar');
  const { name = id, category, tags, library, licence } = hits[0].payload;
  let front = hits[0];

  function show(hit) {
    front = hit;
    showPicture(picture, hit.payload.image ?? 'icon.svg');
    picture.alt = [name, hit.payload.scene].filter(Boolean).join(', ');
    score.value = hit.score;
    score.textContent = hit.score.toFixed(2);
    bar.style.setProperty('--share', Math.max(0, hit.score));
  }

  find('h3').textContent = name;
  find('.kind').textContent = category ?? tags.join(', ');
  shot.setAttribute('aria-label', `More like this: ${name}`);
  shot.addEventListener('click', () => {
    search(front.id, picture.src);
    scrollTo({ top: 0, behavior: 'smooth' });
  });
  const pictured = hits.filter((hit) => hit.payload.image);
  const thumbs = pictured.length < 2 ? [] : pictured.map((hit, i) => thumb(hit, i));
  find('.views').replaceChildren(...thumbs);
  if (thumbs.length === 0) find('.views').remove();
  find('.licence').replaceChildren(...attribution(library, licence));
  show(front);
  return node;

  function thumb(hit, i) {
    const button = element('button', { type: 'button', ariaPressed: String(i === 0) });
    const label = [hit.payload.scene, `view ${i + 1}`, `score ${hit.score.toFixed(2)}`]
      .filter(Boolean)
      .join(', ');
    button.setAttribute('aria-label', label);
    button.title = label;
    const small = element('img', { alt: '', loading: 'lazy', width: 40, height: 40 });
    showPicture(small, hit.payload.image);
    button.append(small);
    button.addEventListener('click', () => {
      for (const other of button.parentElement.children) other.ariaPressed = String(other === button);
      show(hit);
    });
    return button;
  }
}

async function showPicture(img, address) {
  img.dataset.address = address;
  if (sessionStorage.getItem('api-key') === null) {
    img.src = address;
    return;
  }
  if (!fetched.has(address)) {
    const blob = ask(address).then((response) => (response.ok ? response.blob() : undefined));
    fetched.set(
      address,
      blob.then((bytes) => (bytes ? URL.createObjectURL(bytes) : 'icon.svg')).catch(() => 'icon.svg'),
    );
  }
  const source = await fetched.get(address);
  // Another view may have been chosen in the meantime.
  if (img.dataset.address === address) img.src = source;
}

function attribution(library, licence) {
  if (!library) return [];
  const [words, address] = LICENCES[licence] ?? [licence];
  if (!address) return [`${library} · ${words}`];
  return [`${library} · `, element('a', { href: address, textContent: words })];
}

function showProblem(error) {
  $('problem').hidden = error === undefined;
  if (error === undefined) return;
  const words =
    error instanceof ApiError
      ? error.wrong
        ? 'That API key is not known here. Please check it and give it again.'
        : (KIND_WORDS[error.code] ?? error.message)
      : 'The server cannot be reached. Is it still running?';
  const details = [error.code, error.requestId && `request ${error.requestId}`].filter(Boolean).join(' · ');
  $('problem').replaceChildren(words, element('small', { textContent: details }));
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

const ms = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)}\u00a0ms`;

// ---- the shop: its collections, samples and progress

async function loadCollections() {
  const all = (await api('/v1/collections')).result.collections;
  // One without a model takes vectors only: no photo can be searched there.
  const collections = all.filter(({ model }) => model !== null);
  const asked = new URLSearchParams(location.search).get('collection');
  const chosen =
    collections.find(({ name }) => name === asked) ??
    collections.find(({ name }) => name === (collection ?? 'shop')) ??
    collections[0];
  collection = chosen?.name;
  $('count').textContent = chosen ? `${chosen.count.toLocaleString('en')} photos` : '';
  $('collection').hidden = collections.length < 2;
  $('collection').replaceChildren(
    ...collections.map(({ name }) =>
      element('option', { value: name, textContent: name, selected: name === collection }),
    ),
  );
  if (!chosen) {
    const none =
      all.length === 0 ? 'There is no collection yet.' : 'No collection here has a model to read photos.';
    $('empty-words').textContent = `${none} The API page tells how to make one.`;
  }
}

async function loadSamples() {
  const { samples } = (await api('/samples')).result;
  sampleList.replaceChildren(
    ...samples.map((sample) => {
      const button = element('button', { type: 'button', title: sample.name, ariaPressed: 'false' });
      button.append(
        element('img', { src: sample.image, alt: `Room with ${sample.name}`, width: 60, height: 60 }),
      );
      button.addEventListener('click', () => searchSample(sample, button));
      const item = element('li', {});
      item.append(button);
      return item;
    }),
  );
  $('samples').hidden = samples.length === 0;
  $('attribution').hidden = samples.length === 0;
}

/** Until ready: the import's progress, once a second. */
async function followStart() {
  const response = await fetch('/readyz').catch(() => undefined);
  const state = (await response?.json().catch(() => undefined))?.result;
  $('progress').hidden = !state?.demo;
  if (state?.demo) {
    const { done, total } = state.demo;
    $('progress-words').textContent = `${done} of ${total} photos are searchable.`;
    $('progress-bar').max = total || 1;
    $('progress-bar').value = done;
  }
  await loadCollections().catch(() => undefined);
  if (!state?.ready) setTimeout(followStart, 1000);
}

// ---- the key, where one is needed

/** True where one was given that the server does not know. */
function askForKey() {
  const given = sessionStorage.getItem('api-key') !== null;
  sessionStorage.removeItem('api-key');
  $('key').hidden = false;
  $('key-text').focus();
  return given;
}

$('key').addEventListener('submit', async (event) => {
  event.preventDefault();
  sessionStorage.setItem('api-key', $('key-text').value.trim());
  $('key').hidden = true;
  showProblem();
  await loadCollections().catch(showProblem);
});

// ---- ways in: click, drop, paste

$('drop').addEventListener('click', () => $('file').click());
$('file').addEventListener('click', (event) => event.stopPropagation());
$('file').addEventListener('change', () => {
  searchFile($('file').files[0]);
  $('file').value = '';
});
addEventListener('dragover', (event) => {
  event.preventDefault();
  document.body.classList.add('over');
});
for (const end of ['dragleave', 'drop']) {
  addEventListener(end, () => document.body.classList.remove('over'));
}
addEventListener('drop', (event) => {
  event.preventDefault();
  searchFile(event.dataTransfer.files[0]);
});
addEventListener('paste', (event) => searchFile(event.clipboardData.files[0]));
$('collection').addEventListener('change', (event) => {
  location.search = new URLSearchParams({ collection: event.target.value });
});

await followStart();
await loadSamples().catch(() => undefined);
