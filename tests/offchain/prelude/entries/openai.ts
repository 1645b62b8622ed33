// An agent in the way of Phala's template for OpenAI's SDK: routes by method, reads its key from the secret.
import OpenAI from 'openai';

interface Incoming {
  method: string;
  queries: Record<string, string[]>;
  body?: string;
  secret?: { apiKey?: string };
}

function answer(status: number, body: unknown): string {
  return JSON.stringify({ status, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
}

export default async function main(request: string): Promise<string> {
  const { method, queries, body, secret } = JSON.parse(request) as Incoming;
  const client = new OpenAI({ apiKey: secret?.apiKey ?? 'none', maxRetries: 1 });
  const model = queries.model?.[0] ?? 'gpt-4o';
  try {
    if (method === 'POST') {
      const { texts } = JSON.parse(body ?? '{}');
      const embedded = await client.embeddings.create({ model: 'small', input: texts, encoding_format: 'float' });
      return answer(200, { vectors: embedded.data.map((item) => item.embedding) });
    }
    if (queries.stream) {
      const parts: string[] = [];
      const stream = await client.chat.completions.create({
        model,
        messages: [{ role: 'user', content: queries.chatQuery[0] }],
        stream: true,
      });
      for await (const chunk of stream) parts.push(chunk.choices[0]?.delta?.content ?? '');
      return answer(200, { parts });
    }
    const completion = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: queries.chatQuery[0] }],
    });
    return answer(200, { model, message: completion.choices[0].message.content });
  } catch (error) {
    if (error instanceof OpenAI.APIError) return answer(error.status ?? 500, { error: error.message });
    return answer(500, { error: String(error) });
  }
}
