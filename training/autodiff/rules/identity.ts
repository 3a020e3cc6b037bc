// y = x. Dropout is taken in its evaluation form, which is the identity too; its mask output is all true.
import { type Rule, unsupported } from '../rule.ts';

export const identity: Rule = {
  gradient: ({ gradient: g }) => [() => g],
};

export const dropout: Rule = {
  dims: (view) => {
    if (view.constant(2)?.some((on) => on !== 0) || (view.node.inputs[2] && !view.constant(2))) {
      throw unsupported(view.node, 'training_mode is not supported: a training run draws no random masks');
    }
    return view.dims[0]!;
  },
  moreDims: ({ dims: [x] }) => [x!],
  gradient: ({ gradient: g }) => [() => g],
};
