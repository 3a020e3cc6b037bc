import { createTfjsEngine } from '../../../training/engine/tfjs.ts';
import { engineContract } from '../../contracts/engine.contract.ts';

engineContract('tfjs', createTfjsEngine);
