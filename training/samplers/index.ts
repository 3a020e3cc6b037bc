// The samplers by name.

import { mPerClass } from './m-per-class.ts';
import { random } from './random.ts';

export const SAMPLERS = { 'm-per-class': mPerClass, random } as const;

export type SamplerName = keyof typeof SAMPLERS;
