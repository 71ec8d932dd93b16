import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { SetSubmitRequest, SubmitRequest } from './agent-contract.js';
import { agentOpenApi } from './agent-openapi.js';
import { AgentTargets } from './agent-targets.js';
import { TargetSettingsError } from './target.driver.js';

const DOCUMENT = resolve(import.meta.dirname, '../../../apps/fleet-agent/openapi.json');

describe("the agent contract's document", () => {
  it('is the one the schemas make (UPDATE_OPENAPI=1 writes it anew)', () => {
    const made = `${JSON.stringify(agentOpenApi(), null, 2)}\n`;
    if (process.env['UPDATE_OPENAPI'] === '1') writeFileSync(DOCUMENT, made);
    expect(JSON.parse(readFileSync(DOCUMENT, 'utf8'))).toEqual(JSON.parse(made));
  });

  it('has no reference that leads nowhere', () => {
    const text = JSON.stringify(agentOpenApi());
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(references)).toEqual(new Set(['#/components/schemas/Problem']));
  });
});

describe('a submission', () => {
  it('must say which version is to be brought', () => {
    const operation = { id: 'a', instanceId: 'i', verb: 'bring' };
    const body = { fence: { handOver: 1, epoch: 1 }, releases: {}, operations: [operation] };
    expect(SubmitRequest.safeParse(body).error?.issues).toMatchObject([
      { path: ['operations', 0, 'version'] },
    ]);
  });
});

describe('an operation on a set', () => {
  const problemsOf = (operation: object) =>
    SetSubmitRequest.safeParse({ fence: { handOver: 1, epoch: 1 }, operation }).error?.issues.map(
      ({ path }) => path.join('.'),
    ) ?? [];

  it.each<[object, string]>([
    [{ id: 'a', verb: 'createSet', set: 's' }, 'operation.size'],
    [{ id: 'a', verb: 'createSet', set: 's', size: 0 }, 'operation.size'],
    [{ id: 'a', verb: 'switch', set: 'Not A Slug' }, 'operation.set'],
    [{ id: 'a', verb: 'switch', set: 's', size: 2 }, 'operation'],
    [{ id: 'a', verb: 'weigh', percentage: 10 }, 'operation.version'],
    [{ id: 'a', verb: 'weigh', version: '1.0.0', percentage: 0 }, 'operation.percentage'],
    [{ id: 'a', verb: 'delete', set: 's' }, 'operation.verb'],
  ])('%j is refused at %s', (operation, where) => {
    expect(problemsOf(operation)).toEqual([where]);
  });

  it('needs no version where requests are spread by number again', () => {
    expect(problemsOf({ id: 'a', verb: 'weigh', percentage: null })).toEqual([]);
  });
});

describe('settings of an agent', () => {
  it.each([
    'http://169.254.169.254/latest',
    'http://0xa9fea9fe/',
    'http://2852039166/',
    'http://[::ffff:169.254.169.254]/',
    'http://0251.0376.0251.0376/',
    'http://metadata.google.internal./',
    'http://0/',
    'ftp://agent/',
    'http://user:secret@agent/',
    'http://agent/?token=secret',
    'agent',
  ])('%s is no url of an agent', (url) => {
    const targets = new AgentTargets({ env: {} });
    expect(() => targets.check({ url, component: 'api' })).toThrow(TargetSettingsError);
  });

  it('may be link-local where the operator says so', () => {
    const targets = new AgentTargets({ env: {}, allowLinkLocal: true });
    expect(() => targets.check({ url: 'http://169.254.1.1/', component: 'api' })).not.toThrow();
  });

  it('never carry a token as a value', () => {
    const targets = new AgentTargets({ env: {} });
    const settings = { url: 'http://agent/', component: 'api', tokenFrom: 'secret' };
    expect(() => targets.check(settings)).toThrow(TargetSettingsError);
  });
});
