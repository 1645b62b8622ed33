import { Hono } from 'hono';

const app = new Hono();

app.get('/', (context) => context.json({ message: `Hello, ${context.req.query('name') || 'world'}!` }));
app.post('/', async (context) => context.json({ message: `Hello, ${(await context.req.text()) || 'world'}!` }));

export default app;
