// `ai`: the model that the operator serves, at the address where OpenAI's own would be.

provide('ai', () => {
  const BASE = 'https://api.openai.com/v1';

  async function post(path, body, signal) {
    const response = await globalThis.fetch(`${BASE}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal,
    });
    if (response.ok) return response;
    const text = await response.text();
    let message = text;
    try {
      message = JSON.parse(text).error.message;
    } catch {} // it is no error of OpenAI's shape
    throw new Error(`the model answered ${response.status}: ${message}`);
  }

  // The parts of a streamed answer, as they come.
  async function* events(response) {
    let rest = '';
    for await (const chunk of response.body.pipeThrough(new use.TextDecoderStream())) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith('data:')) continue;
        const data = line.slice(5).trim();
        if (data === '[DONE]') return;
        yield JSON.parse(data);
      }
    }
  }

  return {
    // Messages, or one prompt, to the whole completion; with {stream: true} to an async iterator of its chunks.
    async chat(messages, options = {}) {
      const { signal, ...rest } =
        typeof messages === 'object' && !Array.isArray(messages) ? { ...messages, ...options } : options;
      if (typeof messages === 'string') rest.messages = [{ role: 'user', content: messages }];
      else if (Array.isArray(messages)) rest.messages = messages;
      rest.model ??= 'default';
      const response = await post('chat/completions', rest, signal);
      return rest.stream ? events(response) : response.json();
    },

    // A text or several to their embeddings: one array of numbers for each.
    async embed(input, { signal, ...options } = {}) {
      const response = await post('embeddings', { model: 'default', ...options, input }, signal);
      const { data } = await response.json();
      const vectors = data.sort((one, other) => one.index - other.index).map((item) => item.embedding);
      return Array.isArray(input) ? vectors : vectors[0];
    },
  };
});
