// Functions of a source: what they are called, what they take, and a sentence about what they do, made of what is there.

/** `[{name, params, start, end, does}]` of a JavaScript tree. */
export function functionsOf(tree) {
  const found = [];
  const add = (name, node, path = name) =>
    found.push({
      name,
      path,
      params: node.params.map(paramText),
      start: node.start,
      end: node.end,
      does: deeds(node.body),
    });
  const isFunction = (node) => node && /Function/.test(node.type);
  for (const statement of tree.body) {
    const node = statement.type === 'ExportDeclaration' ? statement.declaration : statement;
    if (node.type === 'FunctionDeclaration') add(node.id.name, node);
    if (node.type === 'VariableDeclaration') {
      for (const { id, init } of node.declarations)
        if (id.type === 'Identifier' && isFunction(init)) add(id.name, init);
    }
    if (node.type === 'ClassDeclaration') {
      for (const member of node.members) {
        if (member.type === 'Method' && !member.computed)
          add(
            `${node.id.name}.${member.key.value}`,
            member.value,
            member.isStatic ? `${node.id.name}.${member.key.value}` : null,
          );
      }
    }
  }
  return found;
}

function paramText(param) {
  if (param.type === 'Identifier') return param.name;
  if (param.type === 'AssignmentPattern') return `${paramText(param.left)}?`;
  if (param.type === 'RestElement') return `...${paramText(param.argument)}`;
  if (param.type === 'ObjectPattern') return `{${param.properties.map((each) => each.key?.value ?? '...').join(', ')}}`;
  return '[…]';
}

const DEEDS = {
  ForStatement: 'loops',
  ForOfStatement: 'loops',
  ForInStatement: 'loops',
  WhileStatement: 'loops',
  DoWhileStatement: 'loops',
  IfStatement: 'decides',
  SwitchStatement: 'decides',
  ConditionalExpression: 'decides',
  TryStatement: 'catches errors',
  ThrowStatement: 'throws',
  AwaitExpression: 'waits',
  ReturnStatement: 'returns a value',
};

function deeds(body) {
  const said = new Set(/Expression|Literal|Identifier/.test(body.type) ? ['returns a value'] : []);
  const calls = new Set();
  const stack = [body];
  while (stack.length) {
    const node = stack.pop();
    if (DEEDS[node.type] && (node.type !== 'ReturnStatement' || node.argument)) said.add(DEEDS[node.type]);
    if (node.type === 'CallExpression') {
      const { callee } = node;
      if (callee.type === 'Identifier') calls.add(callee.name);
      else if (callee.type === 'MemberExpression' && !callee.computed) calls.add(`.${callee.property.value}`);
    }
    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value])
        if (child && typeof child === 'object' && child.type) stack.push(child);
    }
  }
  return { does: [...said].sort(), calls: [...calls].sort().slice(0, 20) };
}

/** `[{name, params, line}]` of Python, by its `def` lines. */
export function pythonFunctions(source) {
  return [...source.matchAll(/^[ \t]*(?:async[ \t]+)?def[ \t]+(\w+)[ \t]*\(([^)]{0,500})\)/gm)].map((match) => ({
    name: match[1],
    params: match[2]
      .split(',')
      .map((each) => each.trim().split(/[:=]/)[0].trim())
      .filter((each) => each && each !== 'self' && each !== 'cls'),
    start: match.index,
    end: match.index + match[0].length,
  }));
}
