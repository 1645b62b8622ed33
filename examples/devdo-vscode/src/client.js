// DevDo at a gateway: one request, one answer, and the id of its receipt. Nothing else is ever sent anywhere.

const LONGEST_MS = 90_000;
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/** Why there is no answer; the message is what a person reads. */
export class NoAnswer extends Error {}

/** `{told, receipt}` of `POST /path`. Throws `NoAnswer`. */
export async function ask({ gateway, agent, pass, signal }, path, body) {
  const url = urlOf(gateway, agent, path);
  const plain = url.protocol === 'http:' && !LOOPBACK.has(url.hostname);
  if (pass && plain) throw new NoAnswer(`the pass isn't sent to ${url.origin} without encryption: use https`);
  const headers = { 'content-type': 'application/json', ...(pass ? { 'x-fathom-pass': pass } : {}) };
  const timeout = AbortSignal.timeout(LONGEST_MS);
  let answer;
  let text;
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
      redirect: 'error', // a pass goes to the gateway alone
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    text = await answer.text();
  } catch (error) {
    throw new NoAnswer(`the gateway at ${url.origin} doesn't answer: ${error.cause?.code ?? error.message}`);
  }
  let told;
  try {
    told = JSON.parse(text);
  } catch {
    throw new NoAnswer(`${agent} answers ${answer.status}, and no JSON: is it DevDo?`);
  }
  if (answer.status === 402)
    throw new NoAnswer(`${told.message ?? 'the agent charges'}; a pass is set by “DevDo: Set Pass…”`);
  if (!answer.ok) throw new NoAnswer(told.message ?? `${agent} answers ${answer.status}`);
  return { told, receipt: answer.headers.get('x-fathom-receipt') };
}

function urlOf(gateway, agent, path) {
  let base;
  try {
    base = new URL(gateway);
  } catch {
    throw new NoAnswer(`devdo.gateway is no URL: ${gateway}`);
  }
  if (base.protocol !== 'http:' && base.protocol !== 'https:')
    throw new NoAnswer(`devdo.gateway is no web address: ${gateway}`);
  return new URL(`/agents/${encodeURIComponent(agent)}/${path}`, base.origin);
}
