import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const LOADER = pathToFileURL(join(import.meta.dirname, 'typescript.mjs')).href;
const LIMIT_MS = 60_000;

interface Ended {
  readonly code: number | string | null | undefined;
  readonly said: string;
}

function run(tool: string, ...args: readonly string[]): Promise<Ended> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const flags = ['--conditions=source', `--import=${LOADER}`];
  const command = [...flags, join(import.meta.dirname, tool), ...args];
  return new Promise((ended) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) => {
      ended({ code: error === null ? 0 : error.code, said: stdout + stderr });
    });
  });
}

describe('what is typed wrongly is named, with what was expected; nothing is begun', () => {
  it.each([
    ['simulate.ts', ['--trace'], /^--trace: expected with --seed/m],
    ['chaos.ts', ['--kills', '2.5'], /^--kills: expected a whole number from 1, not 2\.5$/m],
    ['doctor.ts', ['--fxi'], /^Unknown option '--fxi'\n\nnpm run doctor -- \[--tenant/m],
    ['dead-letters.ts', ['list', 'upgrades'], /^<topic>: expected one of upgrade.progress.v1/m],
  ])(
    '%s %j',
    async (tool, args, answer) => {
      const { code, said } = await run(tool, ...args);
      expect(said).toMatch(answer);
      expect(code).toBe(2);
    },
    LIMIT_MS,
  );
});
