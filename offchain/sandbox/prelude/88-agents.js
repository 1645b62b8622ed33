// `agents`: other agents, called by way of the gateway, each call with a receipt of its own.

provide('agents', () => ({
  // The answer of an agent, by name or number: a Response with `receipt` {id, charge, worker}. Where there is none, a
  // TypeError with a `reason` of a word. What it costs, with all that it calls, is at most `maxCharge`, if that is given.
  async call(agent, options = {}) {
    const { method, path = '/', query, headers: given, body, maxCharge, signal } = options;
    const name = String(agent);
    if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw new TypeError(`${inspect(agent)} is no name or number of an agent`);
    const url = new use.URL(`https://agents.fathom/${name}${path.startsWith('/') ? '' : '/'}${path}`);
    // A path from elsewhere may have dots that lead to another agent.
    if (!url.pathname.startsWith(`/${name}/`)) throw new TypeError(`the path ${inspect(path)} leads out of the agent`);
    if (query !== undefined) url.search = new use.URLSearchParams(query).toString();
    const headers = new use.Headers(given);
    if (maxCharge !== undefined) headers.set('x-fathom-max-charge', String(BigInt(maxCharge)));
    const plain = Array.isArray(body) || Object.prototype.toString.call(body) === '[object Object]';
    if (plain && !headers.has('content-type')) headers.set('content-type', 'application/json');
    const response = await answered(url.href, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers,
      body: plain ? JSON.stringify(body) : body,
      redirect: 'manual', // an answer is one agent's
      signal,
    });
    const said = (header) => response.headers.get(`x-fathom-${header}`);
    const receipt = { id: said('receipt'), charge: said('charge'), worker: said('worker') };
    return Object.defineProperty(response, 'receipt', { value: receipt });
  },
}));

async function answered(url, init) {
  try {
    return await globalThis.fetch(url, init);
  } catch (error) {
    const found = error instanceof TypeError && /^fetch failed: ([a-z-]+): /.exec(error.message);
    if (found) error.reason = found[1];
    throw error;
  }
}
