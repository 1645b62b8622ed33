// What is wrong with Python, as far as its lines say: brackets, strings, colons, and mistakes that everybody makes once.

const CLOSES = { '(': ')', '[': ']', '{': '}' };
const HEADS = /^\s*(if|elif|else|for|while|def|class|try|except|finally|with|async def|async for|async with)\b/;
const MOST = 100;

/** `{problems}`, as of `checks_js.js`. */
export function check(source) {
  const masked = mask(source);
  if (masked.problem) return { problems: [masked.problem] };
  const problems = [...brackets(masked.text), ...lines(source, masked.text), ...unusedImports(masked.text)];
  return { problems: problems.sort((one, other) => one.start - other.start).slice(0, MOST) };
}

// The source with strings and comments as blanks, so that nothing in them is taken for code.
function mask(source) {
  const found = /("""|''')[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*/g;
  const text = source.replace(found, (part) => {
    const kept = part[0] === '#' ? ' ' : part[0];
    return kept + part.slice(1, -1).replace(/[^\n]/g, '_') + (part.length > 1 ? kept : '');
  });
  const open = text.replace(found, (part) => ' '.repeat(part.length)).search(/"|'/);
  if (open < 0) return { text };
  return { problem: problem('syntax', 'error', 'a string is not closed', open, open + 1) };
}

const problem = (rule, severity, message, start, end, fix) => ({ rule, severity, message, start, end, fix });

function* brackets(text) {
  const open = [];
  for (let i = 0; i < text.length; i++) {
    if (CLOSES[text[i]]) open.push(i);
    else if (')]}'.includes(text[i])) {
      const last = open.pop();
      if (last !== undefined && CLOSES[text[last]] === text[i]) continue;
      yield problem('brackets', 'error', `"${text[i]}" closes nothing that is open`, i, i + 1, {
        start: i,
        end: i + 1,
        text: last === undefined ? '' : CLOSES[text[last]],
      });
      return;
    }
  }
  if (open.length === 0) return;
  const [at] = open.slice(-1);
  const lineEnd = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at);
  const colon =
    HEADS.test(text.slice(text.lastIndexOf('\n', at) + 1, lineEnd)) && text.slice(at, lineEnd).trimEnd().endsWith(':');
  const place = at + text.slice(at, lineEnd).trimEnd().length - (colon ? 1 : 0);
  yield problem('brackets', 'error', `"${text[at]}" is not closed`, at, at + 1, {
    start: place,
    end: place,
    text: CLOSES[text[at]],
  });
}

function* lines(source, text) {
  let start = 0;
  let depth = 0;
  for (const line of text.split('\n')) {
    const at = (index, length, rule, severity, message, fix) =>
      problem(
        rule,
        severity,
        message,
        start + index,
        start + index + length,
        fix && { start: start + index, end: start + index + length, text: fix.text },
      );
    const before = depth;
    for (const char of line) depth += '([{'.includes(char) ? 1 : ')]}'.includes(char) ? -1 : 0;
    const trimmed = line.trimEnd();
    if (
      before === 0 &&
      depth === 0 &&
      HEADS.test(line) &&
      !/:/.test(trimmed.replace(/\[[^\]]*\]/g, '')) &&
      !trimmed.endsWith('\\')
    ) {
      yield at(trimmed.length, 0, 'missing-colon', 'error', 'a colon is missing at the end', { text: ':' });
    }
    if (before === 0 && /^\s*(if|elif|while)\b[^=!<>]*[^=!<>:]=[^=]/.test(line) && !line.includes(':=')) {
      const index = line.search(/[^=!<>:]=[^=]/) + 1;
      yield at(index, 1, 'assignment-in-condition', 'error', '`=` assigns: `==` compares', { text: '==' });
    }
    for (const match of line.matchAll(/(==|!=)\s*None\b/g)) {
      yield at(match.index, match[0].length, 'compare-none', 'warning', 'None is compared by `is`', {
        text: match[1] === '==' ? 'is None' : 'is not None',
      });
    }
    for (const match of line.matchAll(/(==|!=)\s*(True|False)\b/g))
      yield at(match.index, match[0].length, 'compare-bool', 'hint', 'a truth value needs no comparison');
    const mutable = /\bdef\b.*?=\s*(\[\]|\{\}|list\(\)|dict\(\)|set\(\))/.exec(line);
    if (mutable) {
      const index = mutable.index + mutable[0].length - mutable[1].length;
      yield at(
        index,
        mutable[1].length,
        'mutable-default',
        'warning',
        'a default is made once, and shared by all calls: use None',
      );
    }
    const bare = /^\s*except\s*:/.exec(line);
    if (bare)
      yield at(bare[0].indexOf('except'), 7, 'bare-except', 'warning', 'it catches KeyboardInterrupt, too', {
        text: 'except Exception:',
      });
    const print = /^(\s*)print\s+([^\s(=].*)$/.exec(trimmed);
    if (print) {
      const from = print[1].length;
      const said = source.slice(start + trimmed.length - print[2].length, start + trimmed.length);
      yield at(from, trimmed.length - from, 'print-statement', 'error', 'print is a function', {
        text: `print(${said})`,
      });
    }
    const sign = /\+\+(?![+\w(])|(?<!\w)\+\+\w|&&|\|\|/.exec(line);
    if (sign) {
      const words = { '&&': 'and', '||': 'or' }[sign[0]];
      yield at(sign.index, 2, 'other-language', 'error', `Python has no \`${sign[0]}\``, words && { text: words });
    }
    const tab = /^( +\t|\t+ )/.exec(line);
    if (tab) yield at(0, tab[0].length, 'mixed-indent', 'error', 'tabs and blanks are mixed');
    start += line.length + 1;
  }
}

function* unusedImports(text) {
  for (const match of text.matchAll(/^[ \t]*(?:from\s+[\w.]+\s+)?import\s+([\w., \t]+)$/gm)) {
    for (const part of match[1].split(',')) {
      const name = part
        .trim()
        .split(/\s+as\s+/)
        .pop()
        .split('.')[0];
      const uses = text.match(new RegExp(`\\b${name}\\b`, 'g'))?.length ?? 0;
      if (name && uses < 2)
        yield problem(
          'unused-name',
          'hint',
          `\`${name}\` (import) is never used`,
          match.index,
          match.index + match[0].length,
        );
    }
  }
}
