// OpenAI's own client against a server at the URL in the arguments; prints what it saw as one JSON object.
import OpenAI from 'openai'

const client = new OpenAI({ apiKey: 'sk-of-the-script', baseURL: process.argv[2], maxRetries: 0 })
const asked = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'What is gravity?' }], max_tokens: 12 }
const seen = {}

const whole = await client.chat.completions.create(asked).withResponse()
seen.whole = { body: whole.data, model: whole.response.headers.get('x-fathom-model') }

const stream = await client.chat.completions
  .create({ ...asked, stream: true, stream_options: { include_usage: true } })
  .withResponse()
seen.stream = { deltas: [], model: stream.response.headers.get('x-fathom-model') }
for await (const chunk of stream.data) {
  if (chunk.choices.length) seen.stream.deltas.push(chunk.choices[0].delta.content ?? '')
  seen.stream.finish = chunk.choices[0]?.finish_reason ?? seen.stream.finish
  seen.stream.usage = chunk.usage ?? seen.stream.usage
}

const runner = client.beta.chat.completions.stream({ ...asked, max_tokens: 2000 })
runner.on('content', (_, text) => text.length > 10 && runner.abort())
seen.aborted = await runner.done().then(() => 'no', (error) => error.constructor.name)

const input = ['A man is eating food.', 'The girl is carrying a baby.']
const embeddings = await client.embeddings.create({ model: 'text-embedding-3-small', input }).withResponse()
seen.base64 = embeddings.data
seen.embeddingModel = embeddings.response.headers.get('x-fathom-model')
seen.floats = await client.embeddings.create({ model: 'text-embedding-3-small', input, encoding_format: 'float' })

seen.models = []
for await (const model of client.models.list()) seen.models.push(model.id)
seen.retrieved = (await client.models.retrieve('all-MiniLM-L6-v2')).id

seen.errors = {}
const bad = {
  model: () => client.models.retrieve('gpt-9'),
  messages: () => client.chat.completions.create({ ...asked, messages: [] }),
  tools: () => client.chat.completions.create({ ...asked, tools: [{ type: 'function', function: { name: 'f' } }] }),
  input: () => client.embeddings.create({ model: 'x', input: '' }),
  long: () => client.chat.completions.create({ ...asked, messages: [{ role: 'user', content: 'word '.repeat(4000) }] }),
  longStream: () =>
    client.chat.completions.create({ ...asked, stream: true, messages: [{ role: 'user', content: 'word '.repeat(4000) }] }),
  large: () => client.chat.completions.create({ ...asked, user: 'x'.repeat(9 << 20) }),
  route: () => client.completions.create({ model: 'x', prompt: 'a' }),
}
for (const [name, call] of Object.entries(bad))
  seen.errors[name] = await call().then(
    () => null,
    (error) => ({ name: error.constructor.name, status: error.status, code: error.code, param: error.param, type: error.type }),
  )

console.log(JSON.stringify(seen))
