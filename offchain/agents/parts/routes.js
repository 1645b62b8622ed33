// From a request's JSON to the answer's: routes, refusals, pages. A job's input of the same form comes here, too.
import { BadInput, json, refusal } from './reading.js';

const JSON_HEADERS = { 'content-type': 'application/json', 'access-control-allow-origin': '*' };
const PAGE_HEADERS = { 'content-type': 'text/html; charset=utf-8', 'access-control-allow-origin': '*' };

// What the caller can mend, with the status that says so.
export class Refused extends Error {
  constructor(status, error, message) {
    super(message);
    this.status = status;
    this.error = error;
  }
}

export const notFound = (message) => new Refused(404, 'not-found', message);

// Refuses what changes anything unless it is a job, the only run whose writes reach the chain; answers the job.
export function onlyByJob(agent, path) {
  const found = globalThis.job;
  if (found === undefined) {
    const command = `fathom agent send ${agent} ${path} --mode recorded --json '…'`;
    throw new Refused(409, 'only-by-job', `this changes what is on the chain, which a job does: ${command}`);
  }
  return found;
}

// `handlers` are by method and path, `*` in a path stands for one part of it and is handed on:
// {'GET /things/*': ({ parts, query, body }) => value}. A string that a handler gives is a page.
export function routed(handlers) {
  const table = Object.entries(handlers).map(([route, handler]) => {
    const [method, path] = route.split(' ');
    return { method, path: path.split('/'), handler };
  });
  return async (text) => {
    const request = JSON.parse(text);
    try {
      return answered(200, await dispatch(table, request));
    } catch (error) {
      if (error instanceof Refused) return answered(error.status, { error: error.error, message: error.message });
      return answered(400, refusal(error));
    }
  };
}

function dispatch(table, { method = 'GET', path = '/', queries = {}, body }) {
  const given = path.split('/');
  const wanted = method === 'HEAD' ? 'GET' : method;
  const fits = ({ path }) => path.length === given.length && path.every((part, i) => part === '*' || part === given[i]);
  const found = table.filter(fits);
  if (!found.length) throw notFound(`there is no ${path} here: GET / says what there is`);
  const route = found.find((each) => each.method === wanted);
  if (!route) throw new Refused(405, 'method-not-allowed', `${path} is for ${found.map((each) => each.method)}`);
  const parts = given.filter((_, i) => route.path[i] === '*').map(decoded);
  const query = Object.fromEntries(Object.entries(queries).map(([name, values]) => [name, values[0]]));
  return route.handler({ parts, query, body: body === undefined ? {} : json(body, 'body') });
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new BadInput('path', 'has an escape that is none');
  }
}

function answered(status, value) {
  const isPage = typeof value === 'string';
  const headers = isPage ? PAGE_HEADERS : JSON_HEADERS;
  return JSON.stringify({ status, headers, body: isPage ? value : JSON.stringify(value) });
}
