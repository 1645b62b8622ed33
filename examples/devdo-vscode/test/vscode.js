// Stands in for the module `vscode`, which there is in VS Code only: what the extension asks of it, and what was asked.
'use strict';

const Module = require('node:module');

class Position {
  constructor(line, character) {
    Object.assign(this, { line, character });
  }
}

class Range {
  constructor(start, end) {
    Object.assign(this, { start, end, isEmpty: start.line === end.line && start.character === end.character });
  }
}

class Document {
  constructor(text, languageId) {
    Object.assign(this, { text, languageId, version: 1, uri: `file:///${languageId}` });
  }

  positionAt(offset) {
    const lines = this.text.slice(0, offset).split('\n');
    return new Position(lines.length - 1, lines.at(-1).length);
  }

  offsetAt({ line, character }) {
    const before = this.text.split('\n').slice(0, line);
    return before.reduce((sum, each) => sum + each.length + 1, 0) + character;
  }

  getText(range) {
    return range ? this.text.slice(this.offsetAt(range.start), this.offsetAt(range.end)) : this.text;
  }
}

class WorkspaceEdit {
  replacements = [];
  replace(uri, range, text, metadata) {
    this.replacements.push({ uri, range, text, metadata });
  }
}

/** A session: what a person has open, answers and sees. */
function session({ settings, text, language = 'javascript', input, confirms = true }) {
  const seen = {
    errors: [],
    information: [],
    lines: [],
    edits: [],
    opened: [],
    diagnostics: [],
    secrets: new Map(),
    commands: new Map(),
  };
  const document = text === undefined ? undefined : new Document(text, language);
  const start = new Position(0, 0);
  const editor = document && { document, selection: new Range(start, start) };
  const disposable = { dispose() {} };
  const vscode = {
    ...{ Position, Range, WorkspaceEdit },
    StatusBarAlignment: { Right: 2 },
    ProgressLocation: { Notification: 15 },
    DiagnosticSeverity: { Error: 0, Warning: 1, Information: 2, Hint: 3 },
    Diagnostic: class {
      constructor(range, message, severity) {
        Object.assign(this, { range, message, severity });
      }
    },
    commands: { registerCommand: (name, run) => (seen.commands.set(name, run), disposable) },
    languages: { createDiagnosticCollection: () => ({ ...disposable, set: (_, all) => (seen.diagnostics = all) }) },
    window: {
      activeTextEditor: editor,
      createOutputChannel: () => ({ ...disposable, appendLine: (line) => seen.lines.push(line), show() {} }),
      createStatusBarItem: () => (seen.status = { ...disposable, show() {} }),
      showErrorMessage: async (message) => void seen.errors.push(message),
      showInformationMessage: async (message) => void seen.information.push(message),
      showInputBox: async (options) => ((seen.asked = options), input),
      showTextDocument: async (document) => (seen.opened.push(document), editor),
      withProgress: (_, run) => run({}, { onCancellationRequested() {} }),
    },
    workspace: {
      getConfiguration: () => ({ get: (name) => settings[name] }),
      openTextDocument: async (options) => options,
      // As in VS Code: what needs confirmation is shown, and done if the person says so.
      async applyEdit(edit) {
        seen.edits.push(edit);
        if (edit.replacements.some(({ metadata }) => metadata?.needsConfirmation) && !confirms) return false;
        for (const { range, text } of edit.replacements) {
          const [from, to] = [document.offsetAt(range.start), document.offsetAt(range.end)];
          document.text = document.text.slice(0, from) + text + document.text.slice(to);
          document.version++;
        }
        return true;
      },
    },
  };
  const context = {
    subscriptions: [],
    secrets: {
      get: async (name) => seen.secrets.get(name),
      store: async (name, value) => void seen.secrets.set(name, value),
      delete: async (name) => void seen.secrets.delete(name),
    },
  };
  const path = require.resolve(process.env.DEVDO_EXTENSION ?? '../dist/extension.js');
  delete require.cache[path];
  const load = Module._load;
  Module._load = (name, ...rest) => (name === 'vscode' ? vscode : load(name, ...rest));
  try {
    require(path).activate(context);
  } finally {
    Module._load = load;
  }
  return { seen, document, editor, run: (name) => seen.commands.get(`devdo.${name}`)() };
}

module.exports = { session, Position, Range };
