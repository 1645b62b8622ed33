// An agent that speaks with a model by fetch alone.
export default async function main(request: string): Promise<string> {
  const { queries, secret } = JSON.parse(request);
  const response = await fetch('https://api.red-pill.ai/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${secret.apiKey}` },
    body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: queries.chatQuery[0] }] }),
    signal: AbortSignal.timeout(30_000),
  });
  const data = await response.json();
  const reply = data.choices ? data.choices[0].message.content : `failed: ${response.status}`;
  return JSON.stringify({ status: 200, headers: { 'content-type': 'text/plain' }, body: reply });
}
