export default async function main(request) {
  const { method, queries, body } = JSON.parse(request);
  const name = method === 'POST' ? body : queries.name?.[0];
  return JSON.stringify({ body: JSON.stringify({ message: `Hello, ${name || 'world'}!` }) });
}
