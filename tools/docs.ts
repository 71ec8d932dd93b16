/** `npm run docs`: writes the pages that are made from code. A unit test says when it is needed. */
import { writeFileSync } from 'node:fs';
import { generatedDocs } from './generated-docs.js';

for (const { path, url, text } of await generatedDocs()) {
  writeFileSync(url, text);
  console.log(`wrote ${path}`);
}
