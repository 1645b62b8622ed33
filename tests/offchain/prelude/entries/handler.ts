import { app } from './app';

(globalThis as unknown as { agent: unknown }).agent = app;
