// Blob and File of the File API, FormData of XMLHttpRequest, and how forms are written as bodies.

provideTogether(
  ['Blob', 'File', 'FormData'],
  () => {
    function parts(values, endings) {
      if (values === null || typeof values !== 'object' || typeof values[Symbol.iterator] !== 'function') {
        throw new TypeError('Blob takes a sequence of parts');
      }
      return joined([
        NO_BYTES,
        ...Array.from(values, (part) => {
          if (part instanceof Blob) return bytesOfBlob(part);
          const view = viewOf(part);
          if (view !== null) return view.slice();
          const text = usv(part);
          return utf8(endings === 'native' ? text.replace(/\r\n?/g, '\n') : text);
        }),
      ]);
    }

    function typeOf(type) {
      const text = String(type ?? '');
      return /[^\x20-\x7e]/.test(text) ? '' : text.toLowerCase();
    }

    class Blob {
      #bytes;
      #type;

      constructor(values, options) {
        if (values === KEY) {
          [this.#bytes, this.#type] = options;
          return;
        }
        if (options !== undefined && options !== null && typeof options !== 'object')
          throw new TypeError('options of Blob are an object');
        this.#bytes = values === undefined ? NO_BYTES : parts(values, options?.endings);
        this.#type = typeOf(options?.type);
      }

      get size() {
        return this.#bytes.length;
      }

      get type() {
        return this.#type;
      }

      async arrayBuffer() {
        return this.#bytes.slice().buffer;
      }

      async bytes() {
        return this.#bytes.slice();
      }

      async text() {
        return textOf(this.#bytes);
      }

      slice(start = 0, end = this.#bytes.length, type = '') {
        return new Blob(KEY, [this.#bytes.slice(start, end), typeOf(type)]);
      }

      stream() {
        const bytes = this.#bytes;
        return streamOf(bytes);
      }

      static {
        bytesOfBlob = (blob) => blob.#bytes;
      }
    }
    var bytesOfBlob;

    class File extends Blob {
      #name;
      #modified;

      constructor(values, name, options) {
        needs(arguments.length, 2, 'File');
        super(values, options);
        this.#name = usv(name);
        this.#modified =
          options?.lastModified === undefined ? Date.now() : Math.trunc(Number(options.lastModified)) || 0;
      }

      get name() {
        return this.#name;
      }

      get lastModified() {
        return this.#modified;
      }

      get webkitRelativePath() {
        return '';
      }
    }

    // The value of a form's entry: a string, or a File.
    function entryOf(value, given, filename) {
      if (!(value instanceof Blob)) {
        if (given > 2) throw new TypeError('only a Blob has a file name');
        return usv(value);
      }
      if (value instanceof File && filename === undefined) return value;
      const name = filename === undefined ? 'blob' : usv(filename);
      return new File([value], name, { type: value.type, lastModified: value.lastModified });
    }

    class FormData {
      #entries = [];

      constructor(form) {
        if (form !== undefined) throw new TypeError('there are no form elements here');
      }

      append(name, value, filename) {
        needs(arguments.length, 2, 'FormData.append');
        this.#entries.push([usv(name), entryOf(value, arguments.length, filename)]);
      }

      delete(name) {
        name = usv(name);
        this.#entries = this.#entries.filter(([key]) => key !== name);
      }

      get(name) {
        name = usv(name);
        return this.#entries.find(([key]) => key === name)?.[1] ?? null;
      }

      getAll(name) {
        name = usv(name);
        return this.#entries.filter(([key]) => key === name).map(([, value]) => value);
      }

      has(name) {
        name = usv(name);
        return this.#entries.some(([key]) => key === name);
      }

      set(name, value, filename) {
        needs(arguments.length, 2, 'FormData.set');
        name = usv(name);
        const entry = [name, entryOf(value, arguments.length, filename)];
        const at = this.#entries.findIndex(([key]) => key === name);
        if (at < 0) this.#entries.push(entry);
        else this.#entries = this.#entries.filter(([key], place) => place === at || key !== name).with(at, entry);
      }

      static {
        entriesOf = (form) => form.#entries;
      }
    }
    var entriesOf;
    pairIterators(FormData, 'FormData', entriesOf);

    const quoted = (text) => text.replace(/\r\n|\r|\n/g, '%0D%0A').replaceAll('"', '%22');

    // The body of a form and its boundary.
    function writeForm(form) {
      const boundary = `----formdata-${randomBytes(12).toHex()}`;
      const chunks = [];
      for (const [name, value] of entriesOf(form)) {
        const head = `--${boundary}\r\nContent-Disposition: form-data; name="${quoted(name)}"`;
        if (typeof value === 'string') chunks.push(utf8(`${head}\r\n\r\n${value.replace(/\r\n|\r|\n/g, '\r\n')}\r\n`));
        else {
          const type = value.type || 'application/octet-stream';
          chunks.push(utf8(`${head}; filename="${quoted(value.name)}"\r\nContent-Type: ${type}\r\n\r\n`));
          chunks.push(bytesOfBlob(value), utf8('\r\n'));
        }
      }
      chunks.push(utf8(`--${boundary}--\r\n`));
      return { bytes: joined(chunks), type: `multipart/form-data; boundary=${boundary}` };
    }

    function readForm(bytes, type) {
      const form = new FormData();
      if (/^application\/x-www-form-urlencoded\b/i.test(type)) {
        for (const [name, value] of new use.URLSearchParams(textOf(bytes))) form.append(name, value);
        return form;
      }
      const found = /^multipart\/form-data\b.*;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(type);
      if (found === null) throw new TypeError('the body is no form: its content type says so');
      const boundary = `--${found[1] ?? found[2]}`;
      const sections = `\r\n${binaryOf(bytes)}`.split(`\r\n${boundary}`);
      if (sections.length < 2 || !sections.at(-1).startsWith('--'))
        throw new TypeError('the form ends before its last boundary');
      for (const section of sections.slice(1, -1)) {
        const at = section.indexOf('\r\n\r\n');
        if (at < 0) throw new TypeError('a part of the form has no headers');
        const head = textOf(bytesOfBinary(section.slice(0, at)));
        const content = bytesOfBinary(section.slice(at + 4));
        const shown = (key) =>
          new RegExp(`^content-disposition:.*[;\\s]${key}="([^"]*)"`, 'im')
            .exec(head)?.[1]
            .replaceAll('%22', '"')
            .replaceAll('%0D%0A', '\r\n');
        const name = shown('name');
        if (name === undefined) throw new TypeError('a part of the form has no name');
        const filename = shown('filename');
        if (filename === undefined) form.append(name, textOf(content));
        else {
          const kind = /^content-type:[ \t]*(.*)$/im.exec(head)?.[1].trim() ?? 'text/plain';
          form.append(name, new File([content], filename, { type: kind }));
        }
      }
      return form;
    }

    tag(enumerable(Blob, 'size', 'type', 'arrayBuffer', 'bytes', 'text', 'slice', 'stream'));
    tag(enumerable(File, 'name', 'lastModified', 'webkitRelativePath'));
    tag(enumerable(FormData, 'append', 'delete', 'get', 'getAll', 'has', 'set'));
    return { Blob, File, FormData, bytesOfBlob, writeForm, readForm };
  },
  ['bytesOfBlob', 'writeForm', 'readForm'],
);

function streamOf(bytes) {
  return use.makeReadable({
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    },
    mark: 0,
  });
}
