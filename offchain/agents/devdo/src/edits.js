// Edits of a text, and their diff as `diff -u` writes it.

/** The text with edits `{start, end, text}` done; of edits that touch each other the first is. */
export function edited(source, edits) {
  let [out, at] = ['', 0];
  for (const { start, end, text } of [...edits].sort((one, other) => one.start - other.start || one.end - other.end)) {
    if (start < at) continue;
    out += source.slice(at, start) + text;
    at = end;
  }
  return out + source.slice(at);
}

const CONTEXT = 3;

/** A unified diff; empty where both are the same. */
export function diff(before, after, name = 'snippet') {
  if (before === after) return '';
  const [old, now] = [before.split('\n'), after.split('\n')];
  let head = 0;
  while (head < old.length && head < now.length && old[head] === now[head]) head++;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < now.length - head &&
    old[old.length - 1 - tail] === now[now.length - 1 - tail]
  )
    tail++;
  const from = Math.max(0, head - CONTEXT);
  const [oldEnd, nowEnd] = [
    Math.min(old.length, old.length - tail + CONTEXT),
    Math.min(now.length, now.length - tail + CONTEXT),
  ];
  const lines = [
    ...old.slice(from, head).map((line) => ` ${line}`),
    ...old.slice(head, old.length - tail).map((line) => `-${line}`),
    ...now.slice(head, now.length - tail).map((line) => `+${line}`),
    ...old.slice(old.length - tail, oldEnd).map((line) => ` ${line}`),
  ];
  const range = (start, end) => `${start + 1},${end - start}`;
  return `--- a/${name}\n+++ b/${name}\n@@ -${range(from, oldEnd)} +${range(from, nowEnd)} @@\n${lines.join('\n')}\n`;
}

/** Line and column, from 1, of a place in a text. */
export function position(source, offset) {
  const before = source.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}
