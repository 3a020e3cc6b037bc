import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { access, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../src/model/load.ts';
import { openCommandLine, QUICK, TRAIN } from './attractor.ts';

const { folder, attractor, remove } = await openCommandLine();
afterAll(remove);

describe('attractor train', () => {
  it('makes a model that loads, says how good it is, and reads the shop only once', async () => {
    const args = [...TRAIN, '--label', 'product_id', '--test-classes', '0.25', '--epochs', '3', ...QUICK];
    const run = await attractor([...args, '--out', 'models/shop']);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/120 images in 20 classes/);
    expect(run.out).toMatch(
      /Test classes, seen by nothing \(30 images\):\nmethod +length +R@1 +R-Precision +MAP@R\nfrozen +32 /,
    );
    const model = await loadModel({ directory: join(folder, 'models/shop') });
    expect(run.out).toMatch(
      /^PFML( \(epoch 0\))? \* +8 .*[\s\S]*^PFML( \(epoch 0\))? \* +8 [\s\S]*^\* Exported: PFML with /m,
    );
    expect(run.out).toContain(model.fingerprint);
    expect(run.out).toMatch(
      /(above|below) the frozen backbone, of 32, on the validation classes, and \d+\.\d MAP@R (above|below) it on the test classes\./,
    );
    expect(model.manifest).toMatchObject({
      kind: 'embedding',
      dimension: 8,
      provenance: { dataset: { name: 'catalogue.csv', label: 'product_id', images: 120, classes: 20 } },
    });

    const linked = await attractor([...args, '--out', 'models/linked', '--link-backbone']);
    expect(linked.code).toBe(0);
    const other = await loadModel({ directory: join(folder, 'models/linked') });
    expect(other.fingerprint).toBe(model.fingerprint);
  });

  it('goes on with the last block of the backbone, and writes one whole graph', async () => {
    const args = [...TRAIN, ...QUICK, '--epochs', '2', '--test-classes', '0.25', '--holdout-classes', '0.2'];
    const run = await attractor([
      ...args,
      ...['--train', 'last:1', '--tune-epochs', '2', '--tune-rates', '0.001,0.0001', '--out', 'models/tuned'],
    ]);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/^PFML, last:1( \*)? +8 /m);
    expect(run.out).toMatch(/Training last:1 too took P?LDA from/);
    const model = await loadModel({ directory: join(folder, 'models/tuned') });
    expect(model.manifest).toMatchObject({ dimension: 8, provenance: { tuned: { train: 'last:1' } } });
    const card = await readFile(join(folder, 'models/tuned/MODEL_CARD.md'), 'utf8');
    expect(card).toMatch(/Training last:1 too/);
  });

  it("tests on the data set's own test classes, and trains on augmented views under another optimiser", async () => {
    const lines = (await readFile(join(folder, 'catalogue.csv'), 'utf8')).trim().split('\n');
    const names = lines[0]!.split(',');
    const rows = lines.slice(1).map((line) => line.split(','));
    const at = (name: string) => names.indexOf(name);
    const classes = [...new Set(rows.map((row) => row[at('product_id')]!))];
    const tested = new Set(classes.slice(0, 5));
    const oml = (rest: (label: string) => string) =>
      rows.map((row) => `${row[at('product_id')]},${row[at('image')]},${rest(row[at('product_id')]!)}`);
    const side = (label: string) => (tested.has(label) ? 'test,True,True' : 'train,,');
    const header = 'label,path,split,is_query,is_gallery';
    await writeFile(join(folder, 'oml.csv'), [header, ...oml(side)].join('\n'));
    const args = [
      'train',
      '--data',
      'oml.csv',
      '--layout',
      'oml',
      '--backbone',
      'models/tiny',
      '--dimension',
      '8',
    ];
    const more = [
      '--views',
      '2',
      '--augment',
      'crop,colour',
      '--optimizer',
      'sgd',
      '--ema',
      '0.9',
      '--rate',
      '0.1',
    ];
    const run = await attractor([...args, ...QUICK, ...more, '--epochs', '2', '--out', 'models/oml']);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/Test classes, seen by nothing \(30 images\):/);
    const { manifest } = await loadModel({ directory: join(folder, 'models/oml') });
    expect(manifest.provenance).toMatchObject({
      batch: { views: 2 },
      training: { optimizer: { kind: 'sgd' }, ema: 0.9 },
      split: { testClasses: "the data set's own" },
    });
  });

  it('keeps labels that someone marked as right in the list of the audit', async () => {
    const wrong = (await readFile(join(folder, 'catalogue.csv'), 'utf8')).trim().split('\n');
    const at = wrong[0]!.split(',').indexOf('product_id');
    const cells = (line: string) => line.split(',');
    const labels = wrong.slice(1).map((line) => cells(line)[at]!);
    for (let i = 1; i < wrong.length; i += 9) {
      wrong[i] = cells(wrong[i]!)
        .map((cell, column) => (column === at ? labels[(i + 50) % labels.length]! : cell))
        .join(',');
    }
    await writeFile(join(folder, 'wrong.csv'), wrong.join('\n'));
    const args = [
      'train',
      '--data',
      'wrong.csv',
      '--label',
      'product_id',
      '--backbone',
      'models/tiny',
      '--dimension',
      '8',
    ];
    const more = ['--loss', 'lda', '--audit', 'on', '--out', 'models/audited', '--replace'];
    const first = await attractor([...args, ...more]);
    expect(first).toMatchObject({ code: 0, err: '' });
    expect(first.out).toMatch(/write yes beside it and train with --audit-keep runs\/audited\/audit.csv/);
    const list = join(folder, 'runs/audited/audit.csv');
    const decisions = (await readFile(list, 'utf8')).trim().split('\n');
    const image = decisions[1]!.split(',')[1]!;
    await writeFile(
      join(folder, 'right.csv'),
      decisions.map((line, i) => (i === 1 ? `yes${line}` : line)).join('\n'),
    );
    const missing = await attractor([...args, ...more, '--audit-keep', 'none.csv']);
    expect(missing).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^error: --audit-keep: no such file: none.csv$/m),
    });
    // A label of a class that is held out now is no reason to stop.
    const marked = decisions.map((line, i) => (i === 0 ? line : `yes${line}`)).join('\n');
    await writeFile(join(folder, 'all.csv'), marked);
    const held = await attractor([...args, ...more, '--test-classes', '0.25', '--audit-keep', 'all.csv']);
    expect(held).toMatchObject({ code: 0, err: '' });
    const second = await attractor([...args, ...more, '--audit-keep', 'right.csv']);
    expect(second).toMatchObject({ code: 0, err: '' });
    const after = (await readFile(list, 'utf8')).trim().split('\n');
    expect(after.filter((line) => line.split(',')[1] === image)).toEqual([
      expect.stringMatching(/^yes,.*,kept,,,$/),
    ]);
  });

  it('stops on Ctrl-C with 130 and the command to go on, which ends in the same model', async () => {
    const args = [...TRAIN, '--epochs', '40', ...QUICK];
    const checkpoint = join(folder, 'runs/stopped/pfml/training.ckpt');
    const onStart = async (child: ChildProcess) => {
      while (
        child.exitCode === null &&
        !(await access(checkpoint).then(
          () => true,
          () => false,
        ))
      )
        await sleep(5);
      child.kill('SIGINT');
    };
    const stopped = await attractor([...args, '--out', 'models/stopped'], { onStart });
    expect(stopped.code).toBe(130);
    expect(stopped.err).toContain(`To go on: attractor ${args.join(' ')} --out models/stopped --resume`);
    await expect(access(join(folder, 'models/stopped'))).rejects.toThrow(/ENOENT/);
    const resumed = await attractor([...args, '--out', 'models/stopped', '--resume']);
    expect(resumed).toMatchObject({ code: 0, err: '' });

    const straight = await attractor([...args, '--out', 'models/straight']);
    const fingerprint = async (name: string) =>
      (await loadModel({ directory: join(folder, name) })).fingerprint;
    expect(straight.code).toBe(0);
    expect(await fingerprint('models/stopped')).toBe(await fingerprint('models/straight'));

    // Once more over what the run itself has written.
    const again = await attractor([...args, '--out', 'models/stopped', '--resume']);
    expect(again).toMatchObject({ code: 0, err: '' });
    const other = await attractor([...args, '--out', 'models/stopped', '--resume', '--epochs', '41']);
    expect(other).toMatchObject({
      ...{ code: 2, out: '' },
      err: 'error: --epochs: expected 40 with resume, as the run in runs/stopped was begun, received 41\n',
    });
  });

  it('leaves alone a model that another run or command has made, and a folder with other files', async () => {
    const manifest = () => readFile(join(folder, 'models/tiny/manifest.json'), 'utf8');
    const before = await manifest();
    const holds =
      /^error: --out: expected a folder that holds no model, or the option replace, received "models\/tiny"$/m;
    for (const more of [[], ['--resume']]) {
      const run = await attractor([...TRAIN, ...QUICK, '--out', 'models/tiny', ...more]);
      expect(run).toMatchObject({ code: 2, out: '', err: expect.stringMatching(holds) });
    }
    for (const more of [[], ['--replace']]) {
      const run = await attractor([...TRAIN, ...QUICK, '--out', 'images', ...more]);
      const err = 'error: --out: expected a folder of its own, new or empty, received "images"\n';
      expect(run).toMatchObject({ code: 2, out: '', err });
    }
    expect(await manifest()).toBe(before);
  });

  it('lists bad rows and goes on', async () => {
    const csv = await readFile(join(folder, 'catalogue.csv'), 'utf8');
    await writeFile(join(folder, 'images/broken.png'), 'no image');
    await writeFile(join(folder, 'bad.csv'), `${csv}p0,images/none.png,9\np0,images/broken.png,9\n`);
    const args = [
      ...TRAIN,
      ...QUICK,
      '--epochs',
      '1',
      '--data',
      'bad.csv',
      '--where-not',
      'view=5',
      '--out',
      'models/bad',
    ];
    const run = await attractor(args);
    expect(run.code).toBe(0);
    expect(run.err).toMatch(
      /2 rows were left out:\n {2}line 122: image not found: .*none.png\n {2}line 123: /,
    );
    expect(run.out).toMatch(/100 images in 20 classes/);
  });

  it.each([
    [['--data', 'none.csv'], /error: No such file or folder: none.csv/],
    [
      ['--label', 'colour'],
      /error: --label: expected one of the columns product_id, image, view, received "colour"/,
    ],
    [
      ['--where', 'view=0'],
      /error: --where: leaves 20 of 120 images, 0 of 20 classes with two images or more/,
    ],
    [['--label', 'image'], /error: --data: catalogue.csv has 0 of 120 classes with two.*Is the label column/],
    [['--where', 'colour=red'], /error: --where: expected one of the columns product_id, image, view, /],
    [['--where-not', 'colour=red'], /error: --where-not: expected one of the columns/],
    [['--loss', 'hinge'], /error: --loss: expected auto or one of pca, lda, .*pfml.*, received "hinge"/],
    [['--dimension', '64'], /error: --dimension: expected at most 32 for this data set/],
    [['--dimension', '0'], /error: --dimension: expected a whole number of 1 or more, received 0/],
    [
      ['--loss', 'whitening'],
      /error: --dimension: expected none: whitening keeps all directions, .*, received 8/,
    ],
    [
      ['--dimension', '30', '--where', 'view=0,1'],
      /error: --dimension: expected 1 to \d+ for this data set, received 30/,
    ],
    [
      ['--holdout-classes', '0.01'],
      /error: --holdout-classes: expected a share that splits 20 classes into two/,
    ],
    [['--test-classes', '0.01'], /error: --test-classes: expected a share that splits 20 classes into two/],
    [['--rate', '0'], /error: --rate: /],
    [['--test-classes', '1'], /error: --test-classes: expected a share/],
    [['--augment', 'crop'], /error: --augment: expected nothing where views is 1/],
    [['--views', '2', '--augment', 'rain'], /error: --augment: expected some of crop, flip/],
    [['--ema', '1'], /error: --ema: expected a number from 0 to below 1/],
    [['--epochs', '0'], /error: --epochs: expected a whole number of 1 or more, received 0/],
    [['--batch', '0x4'], /error: --batch: expected a whole number of 1 or more, received 0/],
    [
      ['--tune-rates', '0.1,0'],
      /error: --tune-rates: expected one number above 0 or more, received \[0.1,0\]/,
    ],
    [['--train', 'last'], /error: --train: expected head, all, or last:<blocks> .*, received "last"/],
    [
      ['--train', 'last:99'],
      /error: --train: expected last:1 to last:\d+ for this backbone, received "last:99"/,
    ],
    [['--train', 'all', '--link-backbone'], /error: --link-backbone: expected nothing where the backbone is/],
    [['--audit-keep', 'none.csv'], /error: --audit-keep: no such file: none.csv/],
    [['--batch', '25'], /expected classes x images/],
    [['--backbone', 'models/none'], /error: No model at .*none/],
    [['--out', 'models/My Shop'], /error: --out: expected a folder whose name is lower-case/],
    [['--colour', 'red'], /unknown option '--colour'/],
  ])('refuses %j with exit code 2 and a sentence', async (extra, message) => {
    const run = await attractor([...TRAIN, '--out', 'models/refused', '--cache', 'unread', ...extra]);
    expect(run.err).toMatch(message);
    expect(run.err).not.toMatch(/\n\s+at /);
    expect(run.code).toBe(2);
    // Refused before an image was read.
    expect(existsSync(join(folder, 'unread'))).toBe(false);
  });
});

describe('attractor model add', () => {
  const ADD = [
    'model',
    'add',
    '--source',
    'a test',
    '--licence',
    'none',
    '--normalise',
    'unit',
    '--out',
    'models/added',
  ];

  it('makes a backbone of an ONNX file, and says what there is where it cannot', async () => {
    const run = await attractor([...ADD, '--graph', 'models/tiny/model.onnx', '--size', '16']);
    expect(run).toMatchObject({ code: 0, err: '' });
    const model = await loadModel({ directory: join(folder, 'models/added') });
    expect(run.out).toBe(`models/added: 32 numbers of 16 x 16 pixels, ${model.fingerprint}\n`);
    const again = await attractor([...ADD, '--graph', 'models/tiny/model.onnx', '--size', '16']);
    expect(again).toMatchObject({
      code: 2,
      err: expect.stringContaining('--out: expected a folder that holds no'),
    });

    const none = await attractor([...ADD, '--graph', 'none.onnx']);
    expect(none).toMatchObject({ code: 2, err: expect.stringContaining('--graph: cannot read none.onnx') });
    const logits = ['--graph', 'models/tiny/model.onnx', '--output', 'logits', '--replace'];
    const elsewhere = await attractor([...ADD, ...logits]);
    expect(elsewhere.err).toMatch(
      /output: expected a value of the graph \(the last ones: .*\), received "logits"/,
    );
  });
});

describe('attractor experiment run', () => {
  it('says that an experiment is not there', async () => {
    const run = await attractor(['experiment', 'run', 'none.json']);
    expect(run).toMatchObject({ code: 2, err: 'error: no such file: none.json\n' });
  });

  it.each([
    [['a.json', 'b.json', '--out', 'x'], /^error: --out: expected one file, .*, received 2$/m],
    [['a.json', '--shard', '3/2'], /'3\/2' is invalid. expected i\/n with i from 1 to n, as 1\/2/],
  ])('refuses %j', async (args, message) => {
    const run = await attractor(['experiment', 'run', ...args]);
    expect(run).toMatchObject({ code: 2, err: expect.stringMatching(message) });
  });

  it('names the file in which something is wrong', async () => {
    await writeFile(join(folder, 'bad.json'), '{"title":"x"}');
    const run = await attractor(['experiment', 'run', 'bad.json']);
    expect(run).toMatchObject({
      code: 2,
      err: expect.stringMatching(
        /^error: bad\.json: experiment\.about: expected string, received undefined$/m,
      ),
    });
  });

  it('asks for all data sets before it does anything, by the names that --data gives them', async () => {
    const data = ['here', 'there'].map((name) => ({ name, path: `${name}.csv`, label: 'product_id' }));
    const experiment = { title: 'x', about: 'y', data, methods: ['lda'], splits: [1], seeds: [1] };
    await writeFile(join(folder, 'two.json'), JSON.stringify(experiment));
    const run = await attractor(['experiment', 'run', 'two.json', '--data', 'here=catalogue.csv']);
    const err = 'error: --data: expected there=<path>, as there.csv is not there\n';
    expect(run).toMatchObject({ code: 2, out: '', err });
    await expect(access(join(folder, 'runs/two'))).rejects.toThrow(/ENOENT/);
  });

  it.each([
    [
      { label: 'colour' },
      {},
      /^error: late\.json: data set late: label: expected one of the columns product_id/,
    ],
    [
      {},
      { dimensions: [8, 30], testClasses: 0.9 },
      /^error: late.json: data set late: dimensions: expected at most/,
    ],
    [
      {},
      { methods: ['pfml'], fineTune: { train: 'last:99', losses: ['pfml'], splits: [1] } },
      /: train: expected last:1/,
    ],
  ])('opens all data sets of all files before the first cell: %j, %j', async (data, more, message) => {
    const set = (name: string) => ({ name, path: 'catalogue.csv', label: 'product_id' });
    const common = { title: 'x', about: 'y', methods: ['lda'], dimensions: [8], splits: [1], seeds: [1] };
    const write = (name: string, content: object) => writeFile(join(folder, name), JSON.stringify(content));
    await write('early.json', { ...common, data: [set('early')] });
    await write('late.json', { ...common, ...more, data: [{ ...set('late'), ...data }] });
    const run = await attractor([
      'experiment',
      'run',
      'early.json',
      'late.json',
      '--backbone',
      'models/tiny',
    ]);
    expect(run).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
    await expect(access(join(folder, 'runs/early'))).rejects.toThrow(/ENOENT/);
  });
});

it.each(['train', 'experiment run'])('%s --help has defaults that can be typed', async (command) => {
  const { out } = await attractor([...command.split(' '), '--help']);
  expect(out).toContain('(default:');
  expect(out).not.toMatch(/default:\s+[[{]/);
});

describe('attractor find-rate', () => {
  it('says at which rate the loss falls fastest', async () => {
    const run = await attractor(['find-rate', ...TRAIN.slice(1), '--label', 'product_id', '--steps', '60']);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/120 images in 20 classes; PFML, \d+ steps\n\nrate +loss +smoothed\n1.0e-6 /);
    expect(run.out).toMatch(/\nTry: --rate [\d.e-]+ to [\d.e-]+\n$/);
  });

  it('refuses a closed form, which has no rate', async () => {
    const run = await attractor(['find-rate', ...TRAIN.slice(1), '--loss', 'lda']);
    expect(run).toMatchObject({ code: 2, err: expect.stringMatching(/error: --loss: expected one of pfml/) });
  });
});

describe('attractor compare', () => {
  it('puts the trained head beside frozen and LDA, over seeds', async () => {
    const run = await attractor(['compare', ...TRAIN.slice(1), '--epochs', '2', '--seeds', '2', ...QUICK]);
    expect(run).toMatchObject({ code: 0, err: '' });
    expect(run.out).toMatch(/50 % of the classes unseen, mean ± standard deviation over seeds 1 to 2/);
    for (const method of ['frozen +32', 'PCA +8', 'LDA +8', 'whitening +32', 'PFML +8']) {
      expect(run.out).toMatch(new RegExp(`^${method} +\\d+\\.\\d ± \\d+\\.\\d `, 'm'));
    }
  });
});
