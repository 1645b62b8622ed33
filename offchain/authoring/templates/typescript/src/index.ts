interface AgentRequest {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT';
  path: string;
  queries: Record<string, string[]>;
  headers: Record<string, string>;
  body?: string;
  secret?: Record<string, unknown>;
}

interface AgentResponse {
  status?: number;
  headers?: Record<string, string>;
  body?: string;
}

export default async function main(request: string): Promise<string> {
  const { method, queries, body } = JSON.parse(request) as AgentRequest;
  const name = method === 'POST' ? body : queries.name?.[0];
  const response: AgentResponse = { body: JSON.stringify({ message: `Hello, ${name || 'world'}!` }) };
  return JSON.stringify(response);
}
