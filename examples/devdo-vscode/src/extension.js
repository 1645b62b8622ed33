// The commands of DevDo in VS Code. What changes a file is shown first, as the preview of a refactoring, and done on a yes.

import * as vscode from 'vscode';
import { ask, NoAnswer } from './client.js';

const PASS = 'devdo.pass';
const LANGUAGES = { javascript: 'javascript', javascriptreact: 'javascript', python: 'python' };
const SEVERITIES = { error: 'Error', warning: 'Warning', hint: 'Hint' };

export function activate(context) {
  const output = vscode.window.createOutputChannel('DevDo');
  const problems = vscode.languages.createDiagnosticCollection('devdo');
  const status = vscode.window.createStatusBarItem(vscode.StatusBarAlignment.Right);
  const tools = { context, output, problems, status };
  context.subscriptions.push(output, problems, status);
  for (const [name, run] of Object.entries({ explain, fix, test, generate, setPass })) {
    context.subscriptions.push(vscode.commands.registerCommand(`devdo.${name}`, () => guarded(run, tools)));
  }
}

export function deactivate() {}

async function guarded(run, tools) {
  try {
    return await run(tools);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    await vscode.window.showErrorMessage(`DevDo: ${error.message}`);
    return undefined;
  }
}

async function asked({ context, output, status }, path, body) {
  const settings = vscode.workspace.getConfiguration('devdo');
  const [gateway, agent] = [settings.get('gateway'), settings.get('agent')];
  const pass = await context.secrets.get(PASS);
  const progress = { location: vscode.ProgressLocation.Notification, title: 'DevDo', cancellable: true };
  const { told, receipt } = await vscode.window.withProgress(progress, (_, token) => {
    const stop = new AbortController();
    token.onCancellationRequested(() => stop.abort());
    return ask({ gateway, agent, pass, signal: stop.signal }, path, body);
  });
  status.text = receipt ? `$(verified) ${receipt.slice(0, 10)}…` : 'DevDo: no receipt';
  status.tooltip = receipt ? `fathom verify: ${new URL(`/receipts/${receipt}`, gateway)}` : undefined;
  status.show();
  output.appendLine(`${path}: receipt ${receipt ?? 'none'}`);
  return told;
}

// The selection, or all of the document.
function chosen() {
  const editor = vscode.window.activeTextEditor;
  const language = LANGUAGES[editor?.document.languageId];
  if (!language) throw new NoAnswer('open a JavaScript or Python file first');
  const { document, selection } = editor;
  const end = document.positionAt(document.getText().length);
  const range = selection.isEmpty
    ? new vscode.Range(document.positionAt(0), end)
    : new vscode.Range(selection.start, selection.end);
  return { document, range, version: document.version, code: document.getText(range), language };
}

function show({ problems }, { document, range }, found) {
  const offset = document.offsetAt(range.start);
  const each = ({ start, end, message, severity, rule }) => {
    const place = new vscode.Range(document.positionAt(offset + start), document.positionAt(offset + end));
    const shown = new vscode.Diagnostic(place, message, vscode.DiagnosticSeverity[SEVERITIES[severity]]);
    shown.source = 'devdo';
    shown.code = rule;
    return shown;
  };
  problems.set(document.uri, found.map(each));
}

async function explain(tools) {
  const place = chosen();
  const told = await asked(tools, 'explain', { code: place.code, language: place.language });
  show(tools, place, told.problems);
  const { output } = tools;
  for (const { name, params, line, does } of told.functions) {
    output.appendLine(`${line}: ${name}(${params.join(', ')})  ${does?.does.join(', ') ?? ''}`.trimEnd());
  }
  for (const { line, column, severity, message } of told.problems)
    output.appendLine(`${line}:${column} ${severity}: ${message}`);
  if (told.model) output.appendLine(`${told.model.model} says: ${told.model.text}`);
  output.show(true);
  return told;
}

async function fix(tools) {
  const place = chosen();
  const told = await asked(tools, 'fix', { code: place.code, language: place.language });
  if (told.code === place.code) {
    show(tools, place, told.problems);
    await vscode.window.showInformationMessage('DevDo: nothing that could be mended');
    return false;
  }
  if (place.document.version !== place.version) throw new NoAnswer('the file has changed meanwhile: ask again');
  const edit = new vscode.WorkspaceEdit();
  const why = { needsConfirmation: true, label: 'DevDo', description: told.fixed.join(', ') || `by ${told.by}` };
  edit.replace(place.document.uri, place.range, told.code, why);
  return vscode.workspace.applyEdit(edit);
}

async function test(tools) {
  const place = chosen();
  const told = await asked(tools, 'test', { code: place.code, language: place.language });
  if (!told.skeleton) throw new NoAnswer(told.problems?.[0]?.message ?? 'no tests could be made');
  return open(told.skeleton, place.language);
}

async function generate(tools) {
  const prompt = await vscode.window.showInputBox({
    title: 'DevDo',
    prompt: 'What do you want?',
    ignoreFocusOut: true,
  });
  if (!prompt) return undefined;
  const language = LANGUAGES[vscode.window.activeTextEditor?.document.languageId] ?? 'javascript';
  const told = await asked(tools, 'generate', { prompt, language });
  if (!told.code) throw new NoAnswer('the worker has no model');
  tools.output.appendLine(`by ${told.model}, unchecked`);
  return open(told.code, language);
}

async function open(content, language) {
  const document = await vscode.workspace.openTextDocument({ content, language });
  return vscode.window.showTextDocument(document);
}

async function setPass({ context }) {
  const prompt = 'What `fathom agent pass devdo` prints; empty forgets it';
  const pass = await vscode.window.showInputBox({ title: 'DevDo', prompt, password: true, ignoreFocusOut: true });
  if (pass === undefined) return;
  if (pass === '') await context.secrets.delete(PASS);
  else await context.secrets.store(PASS, pass.trim());
}
