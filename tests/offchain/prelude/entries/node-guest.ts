// An agent of the Hono template with OpenAI's SDK, which tsup bundles for Node: with node-fetch, on Node's streams.
import { handle } from '@phala/wapo-env/guest';
import { Hono } from 'hono';
import OpenAI from 'openai';

declare const process: { env: { secret?: string } };

const app = new Hono();
app.get('/', async (c) => {
  const { apiKey } = JSON.parse(process.env.secret || '{}');
  const client = new OpenAI({ apiKey });
  const messages = [{ role: 'user' as const, content: c.req.query('chatQuery') ?? '' }];
  const stream = await client.chat.completions.create({ model: 'gpt-4o', messages, stream: true });
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? '';
  return c.json({ text, hex: Buffer.from(text).toString('hex') });
});

export default handle(app);
