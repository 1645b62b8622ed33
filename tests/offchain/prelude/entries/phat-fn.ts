// What `phat-fn build --experimentalAsync` puts around an agent's entry.
import main from 'the-agent';

declare const globalThis: { scriptArgs: [string]; scriptOutput: unknown };
main
  .apply(null, globalThis.scriptArgs)
  .then((output: string) => {
    globalThis.scriptOutput = output;
  })
  .catch((error: unknown) => {
    globalThis.scriptOutput = JSON.stringify({ error, success: false });
  });
