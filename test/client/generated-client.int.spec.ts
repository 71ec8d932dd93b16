import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';
import ts from 'typescript';
import { ApiUnderTest } from '../../apps/orchestrator/src/inbound/api-under-test.contract.js';
import { openApiOf } from '../../apps/orchestrator/src/inbound/openapi.js';

const PROGRAM = join(import.meta.dirname, 'program', 'program.ts');
const TYPES = join(dirname(PROGRAM), 'api.d.ts');
const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2024,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ['lib.es2024.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
  types: [],
  // The generator's and the client's own declarations are theirs; ours are the two files.
  skipLibCheck: true,
};

let api: ApiUnderTest;
let types: string;
beforeAll(async () => {
  api = await ApiUnderTest.inMemory();
  const document = JSON.parse(JSON.stringify(openApiOf(api.app))) as OpenAPI3;
  // A field with a default is always answered, and need not be asked for.
  types = astToString(await openapiTS(document, { defaultNonNullable: false, silent: true }));
});
afterAll(() => api.close());

/** Read once: only the program differs from one compilation to the next. */
const libraries = new Map<string, ts.SourceFile | undefined>();

/** What the compiler says of the program over the generated types; nothing is written. */
function complaints(program = readFileSync(PROGRAM, 'utf8')): string[] {
  const files = new Map([
    [PROGRAM, program],
    [TYPES, types],
  ]);
  const host = ts.createCompilerHost(OPTIONS);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name);
    if (text !== undefined) return ts.createSourceFile(name, text, version);
    if (!libraries.has(name)) libraries.set(name, getSourceFile(name, version, ...rest));
    return libraries.get(name);
  };
  const compiled = ts.createProgram([PROGRAM, TYPES], OPTIONS, host);
  return ts
    .getPreEmitDiagnostics(compiled)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
}

/** The API behind the client, without a network. */
async function answered(request: Request): Promise<Response> {
  const { pathname, search } = new URL(request.url);
  const body = await request.text();
  const answer = await api.ask(request.method, `/${pathname}${search}`, {
    headers: Object.fromEntries(request.headers),
    ...(body === '' ? {} : { body }),
  });
  const hasBody = answer.status !== 204;
  return new Response(hasBody ? answer.text : null, {
    status: answer.status,
    headers: answer.headers,
  });
}

describe('a client generated from the OpenAPI document', () => {
  it('compiles with a program that uses every operation', () => {
    expect(complaints()).toEqual([]);
  });

  it('is strict: what the API does not take does not compile', () => {
    const program = readFileSync(PROGRAM, 'utf8');
    for (const [right, wrong, complaint] of [
      ["strategy: 'CANARY', canary", "strategy: 'YOLO', canary", '\'"YOLO"\' is not assignable'],
      ['body: { componentId, from', 'body: { from', "'componentId' is missing"],
      ['createUpgrade: created', 'createUpgrades: created', "'createUpgrades' does not exist"],
      ['?.successRate', '?.successRatio', "'successRatio' does not exist"],
    ] as const) {
      expect(program).toContain(right);
      const [said] = complaints(program.replace(right, wrong));
      expect(said).toContain(complaint);
    }
  });

  it('says what the API answers', async () => {
    const { useEverything } = (await import(PROGRAM)) as {
      useEverything: (
        fetch: typeof answered,
      ) => Promise<{ statuses: Record<string, number>; upgrade: object }>;
    };
    const { statuses, upgrade } = await useEverything(answered);
    expect(upgrade).toMatchObject({ strategy: 'CANARY', canaryPercentage: 25, batchSize: 5 });
    const with202 = Object.keys(statuses).filter((id) => statuses[id] === 202);
    expect(with202).toEqual(['startUpgrade', 'cancelUpgrade']);
    const refused = Object.entries(statuses).filter(([, status]) => status >= 400);
    expect(Object.fromEntries(refused)).toEqual({
      ...{ pauseUpgrade: 409, resumeUpgrade: 409, approveUpgrade: 409, promoteCanary: 409 },
      ...{ rollbackUpgrade: 409, revertUpgrade: 422 },
    });
    for (const [id, status] of Object.entries(statuses)) expect([id, status]).not.toEqual([id, 0]);
  });
});
