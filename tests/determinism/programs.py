"""The programs whose runs are compared: one of each kind, and much of what could differ between machines in each."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ESBUILD = ROOT / "node_modules/.bin/esbuild"


class Program(NamedTuple):
    """A program and what each of its runs is given."""

    code: str
    input: str
    fetches: bool = False
    """Its runs replay a transcript, and could derive secrets."""


SCRIPT = """
const words = scriptArgs[0].split(' ');
const sorted = Array.from({ length: 500 }, () => Math.random()).sort((a, b) => a - b);
const floats = [1 / 3, Math.sin(1e6), Math.exp(0.1), Math.pow(2.5, -7.3), 0 / 0, -0, 5e-324, Math.hypot(3, 4.1)];
const unicode = ['ß'.toUpperCase(), 'é'.normalize('NFD').length, 'İ'.toLowerCase(), /\\p{Lu}+/u.exec('ΑΒΓδ')[0]];
const map = new Map(words.map((word, i) => [word, { i }]));
console.log('a line', map, new Error('shown'), [, 1]);
let deep = 0;
try { (function down() { deep++; down(); })(); } catch (error) { deep += error.message; }
try { const hoard = []; for (;;) hoard.push(new Uint8Array(1 << 20)); } catch (error) { deep += error.message; }
scriptOutput = JSON.stringify([sorted, floats.map(String), unicode, [...map], deep, Date.now(), new Date().toString()]);
"""
HANDLER = """'use agent';
const table = Array.from({ length: 2000 }, (_, i) => ({ i, word: (i * 7919).toString(36) }));
let served = 0;
globalThis.agent = async (request) => {
  const { path } = JSON.parse(request);
  await new Promise((resolve) => setTimeout(resolve, 250));
  const found = table.filter(({ word }) => word.includes(path.slice(1)));
  return JSON.stringify({ status: 200, body: JSON.stringify([++served, found, Math.random(), Date.now()]) });
};
"""
HONO = """
import { app } from './tests/offchain/prelude/entries/app.ts';
globalThis.agent = app;
"""
CRYPTO = r"""'use agent';
const text = (value) => new Uint8Array(value).toHex();
globalThis.agent = async (request) => {
  const { subtle } = crypto;
  const data = new TextEncoder().encode(request);
  const out = [crypto.randomUUID(), text(Wapo.deriveSecret('salt')), text(Wapo.workerSign('text'))];
  for (const name of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) out.push(text(await subtle.digest(name, data)));
  for (const name of ['sha256', 'keccak256', 'blake2b256']) out.push(text(Wapo.hash(name, request)));
  out.push(text(Wapo.nonCryptographicHash('wyhash64', request)));
  for (const [namedCurve, hash] of [['P-256', 'SHA-256'], ['P-384', 'SHA-384'], ['P-521', 'SHA-512']]) {
    const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve }, true, ['sign', 'verify']);
    const signature = await subtle.sign({ name: 'ECDSA', hash }, pair.privateKey, data);
    out.push(text(signature), text(await subtle.exportKey('pkcs8', pair.privateKey)));
    out.push(await subtle.verify({ name: 'ECDSA', hash }, pair.publicKey, signature, data));
  }
  const ed = await subtle.generateKey('Ed25519', true, ['sign', 'verify']);
  out.push(text(await subtle.sign('Ed25519', ed.privateKey, data)), text(await subtle.exportKey('spki', ed.publicKey)));
  const aes = await subtle.importKey('raw', data.slice(0, 32), 'AES-GCM', true, ['encrypt', 'decrypt']);
  const sealed = await subtle.encrypt({ name: 'AES-GCM', iv: data.slice(0, 12) }, aes, data);
  out.push(text(sealed));
  const broken = async (work) => out.push(String(await work().catch((error) => error)));
  await broken(() => subtle.decrypt({ name: 'AES-GCM', iv: new Uint8Array(12) }, aes, sealed));
  await broken(() => subtle.importKey('spki', data, { name: 'ECDSA', namedCurve: 'P-256' }, true, ['verify']));
  await broken(() => subtle.importKey('raw', data.slice(0, 65), { name: 'ECDSA', namedCurve: 'P-256' }, true, []));
  const hosts = ['b\u00fccher.example', 'xn--bcher-kva.example', 'xn--a', '\u05d0\u0300.example', '\u{31350}.example'];
  hosts.push('\u{11f10}a', '\u2603.net', 'fa\u00df.de', '\u0cf3.example', 'xn--zz999zzz', '\u0628\u200c\u0628.example');
  for (const host of hosts) out.push(URL.parse(`http://${host}/`)?.host);
  return JSON.stringify(out);
};
"""
FETCHES = """'use agent';
globalThis.agent = { async fetch(request) {
  const started = Date.now();
  const urls = ['https://one.example/a', 'https://two.example/streamed', 'https://nowhere.example/'];
  const texts = await Promise.allSettled(urls.map(async (url) => (await fetch(url, { headers: { x: '1' } })).text()));
  await new Promise((resolve) => setTimeout(resolve, 30));
  const given = { url: 'https://one.example/a', method: 'POST', body: 'given', returnTextBody: true };
  const answered = JSON.stringify(pink.httpRequest(given));
  const parts = ['first ', String(texts[2].reason), JSON.stringify(texts), answered, Date.now() - started];
  return new Response(new ReadableStream({
    pull(controller) {
      if (parts.length === 0) return controller.close();
      controller.enqueue(new TextEncoder().encode(String(parts.shift())));
    },
  }));
} };
"""
FAILS = """
console.log('until here');
Promise.reject(new TypeError('of ' + scriptArgs[0] + '\\ud800'));
"""


def request(path: str) -> str:
    """A request as agents are given it."""
    return json.dumps({"method": "GET", "path": path, "url": f"http://agent.example{path}", "headers": {"x-key": "1"}})


def bundled(entry: str) -> str:
    """An entry and what it imports as one handler program."""
    options = ["--bundle", "--format=iife", "--target=es2022", "--banner:js='use agent';", "--log-level=error"]
    done = subprocess.run([str(ESBUILD), *options], input=entry.encode(), cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def programs() -> dict[str, Program]:
    """By name."""
    return {
        "script": Program(SCRIPT, "the quick brown fox jumps over the lazy dog"),
        "handler": Program(HANDLER, request("/zz")),
        "hono": Program(bundled(HONO), request("/users/ada?q=1&q=2")),
        "crypto": Program(CRYPTO, request("/")),
        "fetch": Program(FETCHES, request("/"), fetches=True),
        "failure": Program(FAILS, "this kind"),
    }
