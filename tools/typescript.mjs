/**
 * Lets Node run this repository's TypeScript as it stands: `./x.js` finds `./x.ts`, and files with
 * decorators or constructor properties, which Node cannot strip, go through swc with the same
 * .swcrc that jest reads.
 * Loaded with `--import`; together with `--conditions=source` the `#lib/*` aliases work as well.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const decorator = /^\s*@[A-Z]\w*\(/m;
const constructorProperty = /constructor\s*\([^)]*\b(?:readonly|private|protected|public)\s/;
const swcrc = fileURLToPath(new URL('../.swcrc', import.meta.url));

registerHooks({
  resolve(specifier, context, nextResolve) {
    const inRepository = context.parentURL?.endsWith('.ts') && /^\.{1,2}\//.test(specifier);
    if (inRepository && specifier.endsWith('.js')) {
      const source = new URL(specifier.slice(0, -'.js'.length) + '.ts', context.parentURL);
      if (existsSync(source)) return nextResolve(source.href, context);
    }
    return nextResolve(specifier, context);
  },
  load(url, context, nextLoad) {
    if (!url.startsWith('file:') || !url.endsWith('.ts')) return nextLoad(url, context);
    const filename = fileURLToPath(url);
    const text = readFileSync(filename, 'utf8');
    if (!decorator.test(text) && !constructorProperty.test(text)) return nextLoad(url, context);
    const swc = require('@swc/core');
    const { code } = swc.transformSync(text, {
      filename,
      configFile: swcrc,
      sourceMaps: 'inline',
    });
    return { format: 'module', source: code, shortCircuit: true };
  },
});
