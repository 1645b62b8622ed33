// A Hono application that several conventions serve.
import { Hono } from 'hono';
import { cors } from 'hono/cors';
import { HTTPException } from 'hono/http-exception';
import { streamSSE } from 'hono/streaming';

export const app = new Hono();
app.use('*', cors());
app.get('/', (c) => c.text('hello'));
app.get('/users/:name', (c) => c.json({ name: c.req.param('name'), q: c.req.queries('q'), secret: c.req.header('x-key') }));
app.post('/echo', async (c) => c.json(await c.req.json(), 201, { 'x-echo': 'yes' }));
app.post('/form', async (c) => {
  const form = await c.req.parseBody();
  return c.text(Object.entries(form).map(([name, value]) => `${name}=${value}`).join(';'));
});
app.get('/bytes', () => new Response(new Uint8Array([0xff, 0, 0x80]), { headers: { 'content-type': 'image/x' } }));
app.get('/fail', () => {
  throw new HTTPException(418, { message: 'a teapot' });
});
app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    for (let i = 0; i < 3; i++) {
      await stream.writeSSE({ data: `number ${i}`, id: String(i) });
      await stream.sleep(5);
    }
  }),
);
