// Puts a head on a backbone. The bytes depend on the two graphs alone, so that a model stored as a head beside
// its backbone and the same model stored whole have one fingerprint.

import { encodeModel } from '../onnx/codec.ts';
import { joinGraphs } from '../onnx/edit.ts';
import type { OnnxModel } from '../onnx/model.ts';

/** Throws `onnx_invalid` or `onnx_unsupported` where the head does not fit the backbone (see `joinGraphs`). */
export function composeGraph(options: { backbone: OnnxModel; head: OnnxModel }): {
  model: OnnxModel;
  bytes: Uint8Array;
} {
  const model = joinGraphs({ first: options.backbone, second: options.head });
  return { model, bytes: encodeModel(model) };
}
