import { announce } from './announce.mjs';
import { createFakeRuntime } from './fake-runtime.mjs';

announce(createFakeRuntime(), '/api/v1');
