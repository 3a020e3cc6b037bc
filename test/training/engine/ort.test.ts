import { createOrtEngine } from '../../../training/engine/ort.ts';
import { engineContract } from '../../contracts/engine.contract.ts';

engineContract('ort', createOrtEngine);
